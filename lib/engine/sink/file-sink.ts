import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { MillraceError } from '../../base/error.ts';
import { jsonLine } from '../json-line.ts';
import { namePartOf } from '../store/object-store.ts';
import { unfinishedSuffix, writeWholeFile } from '../whole-file.ts';
import type { Sink, SinkContext } from './sink.ts';

/** Options of {@link fileSink}. */
export interface FileSinkOptions<T> {
  /** What stands in the file for an item, without the end of the line. Default: the item as JSON; bigints become text. */
  readonly line?: (item: T) => string;
  /** The ending of the files' names, without the point: `jsonl`. */
  readonly suffix?: string;
}

const batchDigits = 12;

/**
 * A sink that writes each batch to a file of its own, an item a line: `<folder>/<application>/<group>-<batch id>.jsonl`,
 * the id in twelve digits. A file appears whole or not at all, and is durable before the batch is committed. A batch that
 * is repeated puts the same file in the place of the first, so that the files together hold every record once. Empty
 * batches have no file. Guarantee: idempotent, with repeatable batches.
 * @throws MillraceError `MR_CONFIG_INVALID` without a folder, and for a suffix that is no part of a name
 */
export function fileSink<T>(folder: string, options: FileSinkOptions<T> = {}): Sink<T> {
  const { suffix = 'jsonl', line } = options;
  if (typeof folder !== 'string' || folder === '') {
    throw invalid(`fileSink() needs the path of a folder; it was given ${typeof folder}`);
  }
  if (!/^\w[\w.-]*$/.test(suffix)) {
    throw invalid(`suffix is ${JSON.stringify(suffix)}: give letters, digits, points and dashes, such as jsonl`);
  }
  const name = `file:${path.resolve(folder)}`;
  const toLine = line ?? ((item: T) => jsonLine(item, name));
  const tidied = new Set<string>();
  return {
    name,
    guarantee: 'idempotent',
    repeatable: true,
    async write(items, context) {
      context.signal.throwIfAborted();
      const place = placeOf(folder, context);
      if (!tidied.has(place.group)) {
        await removeUnfinished(place);
        tidied.add(place.group);
      }
      if (items.length === 0) return;
      const file = path.join(place.folder, `${place.group}-${digits(context.batchId)}.${suffix}`);
      await writeWholeFile(file, linesOf(items, toLine, name), context.signal);
    },
  };
}

interface Place {
  readonly folder: string;
  readonly group: string;
}

function placeOf(folder: string, { application, group }: SinkContext): Place {
  const own = application === undefined ? folder : path.join(folder, namePartOf(application));
  return { folder: own, group: namePartOf(group) };
}

/** What a holder before this one left half way; should it still live, it cannot finish it any more. */
async function removeUnfinished({ folder, group }: Place): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(`.${group}-`) || !name.endsWith(unfinishedSuffix)) continue;
    // Groups may begin alike: `a` and `a-b`.
    if (/^\d+\./.test(name.slice(group.length + 2))) await rm(path.join(folder, name), { force: true });
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}

function* linesOf<T>(items: readonly T[], toLine: (item: T) => string, name: string): Generator<string> {
  for (const item of items) {
    const line = toLine(item);
    if (typeof line === 'string' && !line.includes('\n')) {
      yield line;
      continue;
    }
    throw invalid(
      `the function line of ${name} gave ${typeof line === 'string' ? 'two lines' : typeof line}: give one`,
    );
  }
}

function digits(batchId: number): string {
  return batchId.toString().padStart(batchDigits, '0');
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'writeTo' } });
}
