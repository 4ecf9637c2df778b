import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError, messageOf } from '../base/error.ts';

/**
 * Loads the handler of `--module`: the default export of a file, or its export `handler`.
 * @throws MillraceError `MR_CONFIG_INVALID` for a file that cannot be loaded, and for one that exports neither
 */
export async function loadHandler(file: string): Promise<unknown> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(pathToFileURL(path.resolve(file)).href)) as Record<string, unknown>;
  } catch (cause) {
    throw unusable(`--module ${JSON.stringify(file)} cannot be loaded (${messageOf(cause)}): mend it`, cause);
  }
  const handler = exported['default'] ?? exported['handler'];
  if (handler !== undefined) return handler;
  const names = Object.keys(exported).join(', ') || 'nothing';
  throw unusable(
    `--module ${JSON.stringify(file)} exports ${names}: give it a default export, a function of a batch`,
    undefined,
  );
}

function unusable(message: string, cause: unknown): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'module' }, cause });
}
