import path from 'node:path';
import { MillraceError } from '../../base/error.ts';
import { jsonLine } from '../json-line.ts';
import { namePartOf } from '../store/object-store.ts';
import { writeWholeFile } from '../whole-file.ts';
import { type GroupFiles, fileOf, placeBatchFile, settleFiles } from './batch-files.ts';
import { type Sink, type SinkContext, fencedError } from './sink.ts';

/** Options of {@link fileSink}. */
export interface FileSinkOptions<T> {
  /** What stands in the file for an item, without the end of the line. Default: the item as JSON; bigints become text. */
  readonly line?: (item: T) => string;
  /** The ending of the files' names, without the point: `jsonl`. */
  readonly suffix?: string;
}

/**
 * A sink that writes each batch to a file of its own, an item a line: `<folder>/<application>/<group>-<batch id>.jsonl`,
 * the id in twelve digits. A file appears whole or not at all, and is durable before the batch is committed. A batch that
 * is repeated leaves the same file, so that the files together hold every record once. Batches without items have no file.
 * After a rewind the files of the batches that it has taken back are set aside, as `.<name>.void`, and empty files are in their
 * places, so that who was paused and is no longer the holder cannot put one there. Guarantee: idempotent, with repeatable batches.
 * Writing rejects with `MR_SINK_FENCED` for a batch that a rewind has taken back, and where the folder has a later batch of the
 * group from before: then batch ids began anew, such as after `discardState`, and the sink needs another folder.
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
  // By group, the last batch that was void when its files were looked through.
  const settled = new Map<string, number>();
  return {
    name,
    guarantee: 'idempotent',
    repeatable: true,
    async write(items, context) {
      const { batchId, voided = [], signal } = context;
      signal.throwIfAborted();
      const files = filesOf(folder, suffix, context);
      const lastVoid = voided.at(-1)?.through ?? 0;
      if (settled.get(files.group) !== lastVoid) {
        if ((await settleFiles(files, { batchId, voided })) === 'late') throw fencedError(name, context);
        settled.set(files.group, lastVoid);
      }
      if (items.length === 0) return;
      await writeWholeFile(fileOf(files, batchId), linesOf(items, toLine, name), signal, async (unfinished, file) => {
        if ((await placeBatchFile(unfinished, file)) === 'late') throw fencedError(name, context);
      });
    },
  };
}

function filesOf(folder: string, suffix: string, { application, group }: SinkContext): GroupFiles {
  const own = application === undefined ? folder : path.join(folder, namePartOf(application));
  return { folder: own, group: namePartOf(group), suffix };
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

function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'writeTo' } });
}
