import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

/** One text file of the repository; `path` is relative to its root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A broken house rule: where, which, and what to do instead. */
export interface Finding {
  readonly file: string;
  /** From 1; 0 when the rule speaks of the whole file. */
  readonly line: number;
  readonly rule: string;
  readonly remedy: string;
}

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

/** The files below some folders of the repository whose names end in `.ts`, `.tsx` or another ending, in order of path. */
export function readTree(folders: readonly string[], endings: readonly string[] = ['.ts', '.tsx']): SourceFile[] {
  const files = folders.flatMap((folder) => listFolder(folder));
  return read(files.filter((file) => endings.some((ending) => file.endsWith(ending))));
}

/** The documents: the Markdown files of the root and of `docs/`. */
export function readDocuments(): SourceFile[] {
  const top = readdirSync(repositoryRoot).filter((file) => file.endsWith('.md'));
  return [...read(top), ...readTree(['docs'], ['.md'])];
}

function read(files: readonly string[]): SourceFile[] {
  return [...files].sort().map((file) => ({ path: file, text: readFileSync(path.join(repositoryRoot, file), 'utf8') }));
}

function listFolder(folder: string): string[] {
  return readdirSync(path.join(repositoryRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(repositoryRoot, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => !file.includes('node_modules/') && !file.startsWith('docs/reference/'));
}

/** One line per finding: file, line, rule, remedy. Tests compare the lines with `[]`, so that a failure shows all of them. */
export function describeFindings(findings: readonly Finding[]): string[] {
  return findings.map(({ file, line, rule, remedy }) => `${file}:${line} ${rule}. Remedy: ${remedy}`);
}

/** The line, from 1, of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let index = text.indexOf('\n'); index !== -1 && index < offset; index = text.indexOf('\n', index + 1)) line += 1;
  return line;
}

/** Every match of a global pattern in the text, as findings. */
export function findAll(
  file: SourceFile,
  searched: string,
  pattern: RegExp,
  say: (match: RegExpExecArray) => { rule: string; remedy: string },
): Finding[] {
  return [...searched.matchAll(pattern)].map((match) => ({
    file: file.path,
    line: lineAt(searched, match.index),
    ...say(match),
  }));
}
