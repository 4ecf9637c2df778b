import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Everything below this folder is Millrace itself, in the sources as in the built package. */
const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/** How many frames of ours may lie between the user's line and the place that asks for it. */
const framesToSearch = 30;

/**
 * Where the program called us: `counts.ts:12`, as Spark names operators. `unknown` when the stack does not tell.
 * Frames of Millrace itself are skipped, so helpers built on operators still name the user's line.
 */
export function creationSite(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = framesToSearch;
  const stack = new Error('for its stack').stack ?? '';
  Error.stackTraceLimit = limit;
  return siteOf(stack, packageFolder);
}

/** The first frame of a stack that lies outside `ownFolder`, as `file:line`. */
export function siteOf(stack: string, ownFolder: string): string {
  for (const frame of stack.split('\n').slice(1)) {
    const found = /(?:\(|at (?:async )?)((?:file:\/\/)?[^()]+?):(\d+):\d+\)?$/.exec(frame.trim());
    if (found === null) continue;
    const file = pathOf(found[1] as string);
    if (file === undefined || file.startsWith(ownFolder)) continue;
    return `${path.basename(file)}:${found[2]}`;
  }
  return 'unknown';
}

function pathOf(text: string): string | undefined {
  if (text.startsWith('node:')) return undefined;
  if (!text.startsWith('file://')) return text;
  try {
    return fileURLToPath(text);
  } catch {
    return undefined;
  }
}
