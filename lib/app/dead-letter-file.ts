import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { KinesisRecord } from '../block/record.ts';
import type { DeadLetter, DeadLetterContext } from '../receiver/dead-letter.ts';
import { deadLetterLine } from './dead-letter-line.ts';

/**
 * A dead letter that appends one JSON line for each record to a file: the fields of `millrace consume` and then
 * `error { name, message }`, `attempts` and `failedAt`. The file is made with mode 0600, because it holds record
 * data. `write` resolves after the data is on the disk (fsync).
 */
export function deadLetterFile(path: string): DeadLetter {
  // One write at a time: two shards may fail together, and their lines must not mix.
  let last: Promise<void> = Promise.resolve();
  return {
    write(records, context) {
      const next = last.then(() => append(path, deadLetterLines(records, context)));
      last = next.catch(() => {});
      return next;
    },
  };
}

function deadLetterLines(records: readonly KinesisRecord[], context: DeadLetterContext): string {
  return records.map((record) => `${deadLetterLine(record, context)}\n`).join('');
}

async function append(path: string, lines: string): Promise<void> {
  const file = await open(path, 'a+', 0o600);
  try {
    const isNew = (await file.stat()).size === 0;
    await file.appendFile((await endsInsideLine(file)) ? `\n${lines}` : lines);
    await file.sync();
    if (isNew) await syncFolder(dirname(path));
  } finally {
    await file.close();
  }
}

/** A crash can leave half a line; the next one then begins on a line of its own. */
async function endsInsideLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}

/** A new file survives a power cut only when its folder's entry is on the disk too. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // Windows opens no folders; there the entry is safe with the file.
  }
}
