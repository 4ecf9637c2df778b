import { pathToFileURL } from 'node:url';
import path from 'node:path';

/** One replacement in one source file. */
export interface Replacement {
  /** From the root of the repository. */
  readonly file: string;
  /** Must be there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/**
 * The options of Node that replace a piece of source as a module is loaded. The hook is registered before tsx's own, so that
 * tsx compiles what the hook gives it. A piece that is not there exactly once ends the process.
 */
export function mutantOptions(root: string, { file, find, replace }: Replacement): readonly string[] {
  const target = pathToFileURL(path.join(root, file)).href;
  const hook = [
    `const target = ${JSON.stringify(target)}, find = ${JSON.stringify(find)}, replace = ${JSON.stringify(replace)};`,
    'export async function load(url, context, next) {',
    '  const loaded = await next(url, context);',
    "  if (url.split('?')[0] !== target) return loaded;",
    '  const parts = String(loaded.source).split(find);',
    "  if (parts.length !== 2) throw new Error(`the mutant's text is there ${parts.length - 1} times, not once`);",
    '  return { ...loaded, source: parts.join(replace) };',
    '}',
  ].join('\n');
  const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hook))});`;
  return ['--import', dataUrl(register)];
}

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
