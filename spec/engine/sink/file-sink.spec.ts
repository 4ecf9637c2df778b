import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileSink } from '../../../lib/engine/sink/file-sink.ts';
import type { SinkContext } from '../../../lib/engine/sink/sink.ts';
import { type SinkItem, sinkSuite } from '../../../lib/testkit/conformance/sink-suite.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-file-sink-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function filesIn(place: string): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

const context: SinkContext = {
  application: 'app',
  group: 'shard-0',
  batchId: 12,
  batchTimeMillis: 1_000,
  fence: { kind: 'tenure', number: 3 },
  partition: 0,
  attempt: 1,
  signal: new AbortController().signal,
};

let failing = false;
describe('fileSink', () => {
  const cases = sinkSuite({
    shows: 'batches',
    createTarget: async () => {
      const place = await mkdtemp(path.join(folder, 'target-'));
      const line = (item: SinkItem) => {
        if (failing && item[0] === 'key 200') {
          failing = false;
          throw new Error('half way');
        }
        return JSON.stringify(item);
      };
      return {
        open: () => fileSink<SinkItem>(place, { line }),
        failNextWrite: () => {
          failing = true;
        },
        shown: async () => {
          const files = (await filesIn(place)).filter((file) => !path.basename(file).startsWith('.'));
          const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
          return texts.flatMap((text) => text.trim().split('\n')).map((text) => JSON.parse(text) as SinkItem);
        },
      };
    },
  });
  it.each(cases.map((one) => [one.name, one.run] as const))('%s', async (_name, run) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('names files by application, group and batch id, and leaves nothing unfinished', async () => {
    const sink = fileSink<number>(folder, { suffix: 'txt', line: String });
    await sink.write([1, 2], context);
    await sink.write([], { ...context, batchId: 13 });
    expect(await filesIn(folder)).toEqual([path.join(folder, 'app', 'shard-0-000000000012.txt')]);
    expect(await readFile(path.join(folder, 'app', 'shard-0-000000000012.txt'), 'utf8')).toBe('1\n2\n');
  });

  it('removes what a holder before left half way, of its own group alone', async () => {
    await fileSink(folder).write([1], context);
    const left = ['.shard-0-000000000011.jsonl.ab12.unfinished', '.shard-0-1-000000000011.jsonl.ab12.unfinished'];
    for (const name of left) await writeFile(path.join(folder, 'app', name), 'half');
    await fileSink(folder).write([1], context);
    const names = (await filesIn(folder)).map((file) => path.basename(file));
    expect(names.toSorted()).toEqual([left[1], 'shard-0-000000000012.jsonl']);
  });

  it('writes bigints as text, and refuses what no line can hold', async () => {
    await fileSink(folder).write([{ n: 1n }], context);
    expect(await readFile(path.join(folder, 'app', 'shard-0-000000000012.jsonl'), 'utf8')).toBe('{"n":"1"}\n');
    await expect(fileSink(folder).write([undefined], context)).rejects.toThrow(
      /MR_CONFIG_INVALID.*was given undefined/,
    );
    const twoLines = fileSink(folder, { line: () => 'a\nb' });
    await expect(twoLines.write([1], context)).rejects.toThrow(/MR_CONFIG_INVALID.*gave two lines: give one/);
  });

  it('tells what the file system refuses, and writes nothing', async () => {
    await fileSink(folder).write([1], context);
    const file = path.join(folder, 'app', 'shard-0-000000000013.jsonl');
    await expect(fileSink(path.join(folder, 'app', 'shard-0-000000000012.jsonl')).write([1], context)).rejects.toThrow(
      /ENOTDIR|EEXIST/,
    );
    expect(await filesIn(folder)).not.toContain(file);
    await chmod(folder, 0o700);
  });

  it.each(['', undefined as unknown as string])('needs a folder: %o', (given) => {
    expect(() => fileSink(given)).toThrow(/MR_CONFIG_INVALID.*path of a folder/);
  });

  it.each(['a/b', '.txt', ''])('needs a suffix that is part of a name: %o', (suffix) => {
    expect(() => fileSink(folder, { suffix })).toThrow(/MR_CONFIG_INVALID.*suffix is/);
  });
});
