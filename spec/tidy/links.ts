import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Finding, type SourceFile, lineAt, repositoryRoot } from './source.ts';

/** Links of documents to files that do not exist, or to headings that their file does not have. */
export function linkFindings(files: readonly SourceFile[], exists = isInRepository): Finding[] {
  const anchors = new Map(files.map(({ path: file, text }) => [file, anchorsOf(text)]));
  return files.flatMap(({ path: file, text }) =>
    Array.from(text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g), ({ index, 1: to = '', 2: anchor }) => {
      const target = to === '' ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), to));
      const line = lineAt(text, index);
      if (!exists(target)) return [{ file, line, rule: `${target} does not exist`, remedy: 'correct the link' }];
      if (anchor === undefined || anchors.get(target)?.has(anchor) !== false) return [];
      return [{ file, line, rule: `${target} has no heading #${anchor}`, remedy: 'correct the link' }];
    }).flat(),
  );
}

/** The anchors of headings, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function isInRepository(file: string): boolean {
  return !file.startsWith('..') && existsSync(path.join(repositoryRoot, file));
}
