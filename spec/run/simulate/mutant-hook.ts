import { pathToFileURL } from 'node:url';
import path from 'node:path';

/** A replacement in a source file. */
export interface Replacement {
  /** From the root of the repository. */
  readonly file: string;
  /** Must be there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/**
 * The options of Node that replace pieces of source as their modules are loaded. The hook is registered before tsx's own, so
 * that tsx compiles what the hook gives it. A piece that is not there exactly once ends the process.
 */
export function mutantOptions(root: string, replacements: readonly Replacement[]): readonly string[] {
  const edits = replacements.map(({ file, find, replace }) => {
    return { url: pathToFileURL(path.join(root, file)).href, find, replace };
  });
  const hook = [
    `const edits = ${JSON.stringify(edits)};`,
    'export async function load(url, context, next) {',
    '  const loaded = await next(url, context);',
    "  const own = edits.filter((edit) => edit.url === url.split('?')[0]);",
    '  if (own.length === 0) return loaded;',
    '  let source = String(loaded.source);',
    '  for (const { find, replace } of own) {',
    '    const parts = source.split(find);',
    "    if (parts.length !== 2) throw new Error(`the mutant's text is there ${parts.length - 1} times, not once`);",
    '    source = parts.join(replace);',
    '  }',
    '  return { ...loaded, source };',
    '}',
  ].join('\n');
  const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hook))});`;
  return ['--import', dataUrl(register)];
}

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
