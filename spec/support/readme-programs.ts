import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

/** A heading of a document with the TypeScript program under it. */
export interface DocumentedProgram {
  readonly heading: string;
  /** The program, with `millrace` replaced by this repository's sources. */
  readonly source: string;
}

/** The programs of a document: every fence marked `ts`, in order. */
export function programsOf(document: string): readonly DocumentedProgram[] {
  const programs: DocumentedProgram[] = [];
  let heading = '';
  const text = readFileSync(document, 'utf8');
  for (const match of text.matchAll(/^#+ (?<heading>.+)$|^```ts\n(?<source>[\s\S]*?)^```$/gm)) {
    const { heading: found, source } = match.groups as { heading?: string; source?: string };
    if (found !== undefined) heading = found;
    if (source !== undefined) programs.push({ heading, source: withSources(source) });
  }
  return programs;
}

function withSources(source: string): string {
  return source.replaceAll("from 'millrace'", `from '${pathToFileURL(resolve('lib/index.ts')).href}'`);
}
