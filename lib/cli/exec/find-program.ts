import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Environment } from '../../app/config/environment.ts';
import { MillraceError } from '../../base/error.ts';

/**
 * Finds a program as a shell would, without one: a name with a slash is a path, any other is looked for along `PATH`.
 * Answers with its path. A program that is not there is a slip of the command line, and would otherwise look like a
 * handler that fails, which is tried again without end.
 * @throws MillraceError `MR_CONFIG_INVALID` when there is none that may be executed
 */
export async function findProgram(name: string, env: Environment): Promise<string> {
  const folders = name.includes('/') ? [''] : (env['PATH'] ?? '').split(path.delimiter);
  for (const folder of name === '' ? [] : folders) {
    const candidate = folder === '' ? path.resolve(name) : path.join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  const where = name.includes('/') ? 'is no file that may be executed' : 'is in no folder of PATH';
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `--exec ${JSON.stringify(name)} ${where}: give a program alone, and its arguments behind --`,
    { subject: { option: 'exec' } },
  );
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
