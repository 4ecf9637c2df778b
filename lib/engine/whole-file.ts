import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { systemRandom } from '../base/random.ts';

/** How many characters are written at once. */
const charactersAtOnce = 1 << 20;

/** The ending of files on their way; their names begin with a point. */
export const unfinishedSuffix = '.unfinished';

/**
 * Writes lines to a file that appears whole or not at all, and is durable when it resolves: under another name in the same
 * folder first, flushed, given its name by `place`, and the folder flushed. Unless told otherwise it is put in the place of a
 * file of the name.
 * @throws the signal's reason; what the file system throws; what `place` throws
 */
export async function writeWholeFile(
  file: string,
  lines: Iterable<string>,
  signal: AbortSignal,
  place: (unfinished: string, file: string) => Promise<void> = rename,
): Promise<void> {
  const folder = path.dirname(file);
  const made = await mkdir(folder, { recursive: true });
  const unfinished = path.join(folder, `.${path.basename(file)}.${systemRandom.hex(8)}${unfinishedSuffix}`);
  try {
    await writeDurably(unfinished, lines, signal);
    signal.throwIfAborted();
    await place(unfinished, file);
  } catch (thrown) {
    await rm(unfinished, { force: true });
    throw thrown;
  }
  await syncFolder(folder);
  // A folder that was made is itself an entry of the one above.
  for (let above = folder; made !== undefined && above.length >= made.length; above = path.dirname(above)) {
    await syncFolder(path.dirname(above));
  }
}

async function writeDurably(file: string, lines: Iterable<string>, signal: AbortSignal): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for (const text of inPieces(lines)) {
      signal.throwIfAborted();
      await handle.write(text);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the entries of a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder, and writes its entries down by itself.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function* inPieces(lines: Iterable<string>): Generator<string> {
  let text = '';
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < charactersAtOnce) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}
