import { chmod, link, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
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
          return texts.flatMap((text) => text.split('\n').slice(0, -1)).map((text) => JSON.parse(text) as SinkItem);
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

  describe('after a rewind', () => {
    const holder = (number: number) => ({ kind: 'tenure', number }) as const;
    const at = (batchId: number, more: Partial<SinkContext> = {}): SinkContext => ({ ...context, batchId, ...more });
    const fifth = { fence: holder(4), voided: [{ from: 3, through: 5 }] };
    const shown = async () => {
      const place = path.join(folder, 'app');
      const names = (await readdir(place)).filter((name) => !name.startsWith('.')).toSorted();
      const texts = await Promise.all(names.map((name) => readFile(path.join(place, name), 'utf8')));
      return texts.join('').split('\n').slice(0, -1).map(Number);
    };
    const fenced = /MR_SINK_FENCED/;

    /** The batches 1 to 4 by one holder; then back to 2 with a relocation of id 5, and two batches by the next. */
    async function rewound() {
      const zombie = fileSink<number>(folder);
      for (const id of [1, 2, 3, 4]) await zombie.write([id], at(id));
      const next = fileSink<number>(folder);
      await next.write([30], at(6, fifth));
      return { zombie, next };
    }

    it('shows nothing of the batches that were taken back, and keeps their files aside', async () => {
      await rewound();
      expect(await shown()).toEqual([1, 2, 30]);
      const names = (await readdir(path.join(folder, 'app'))).filter((name) => name.startsWith('.'));
      expect(names.toSorted()).toEqual(['.shard-0-000000000003.jsonl.void', '.shard-0-000000000004.jsonl.void']);
    });

    it('does so also where the first batch has no items, and for another program that gives no suffix of before', async () => {
      const zombie = fileSink<number>(folder);
      for (const id of [1, 2, 3]) await zombie.write([id], at(id));
      await fileSink<number>(folder, { suffix: 'txt' }).write([], at(6, fifth));
      expect(await shown()).toEqual([1, 2]);
    });

    it('refuses a holder of before, whether it has written before or not', async () => {
      const { zombie } = await rewound();
      for (const late of [3, 4, 5]) {
        await expect(zombie.write([late], at(late)), `batch ${late}`).rejects.toThrow(fenced);
        await expect(fileSink<number>(folder).write([late], at(late)), `batch ${late}`).rejects.toThrow(fenced);
      }
      expect(await shown()).toEqual([1, 2, 30]);
      expect((await readdir(path.join(folder, 'app'))).filter((name) => name.endsWith('.unfinished'))).toEqual([]);
    });

    it('refuses one that was paused in the midst of its write', async () => {
      let pause: (() => Promise<void>) | undefined = async () => {
        pause = undefined;
        await fileSink<number>(folder).write([30], at(6, fifth));
      };
      let other: Promise<void> | undefined;
      const zombie = fileSink<number>(folder, {
        line: (item) => {
          if (item === 5) other = pause?.();
          return String(item);
        },
      });
      for (const id of [1, 2, 3, 4]) await zombie.write([id], at(id));
      // The next holder may come before or after the file of the first: neither shows what was taken back.
      await zombie.write([5], at(5)).catch((thrown: unknown) => expect(String(thrown)).toMatch(fenced));
      await other;
      expect(await shown()).toEqual([1, 2, 30]);
    });

    it('goes on in the same process under another tenure, and the one before ends there', async () => {
      const { zombie } = await rewound();
      await zombie.write([31], at(7, fifth));
      await expect(zombie.write([5], at(5))).rejects.toThrow(fenced);
      await zombie.write([32], at(8, fifth));
      expect(await shown()).toEqual([1, 2, 30, 31, 32]);
    });

    it('shows again what a second one goes forward to', async () => {
      await rewound();
      await fileSink<number>(folder).write([60], at(9, { fence: holder(5), voided: [{ from: 5, through: 8 }] }));
      expect(await shown()).toEqual([1, 2, 3, 4, 60]);
    });

    it('ends in the same when the one that sets files aside dies on the way', async () => {
      await rewound();
      const place = path.join(folder, 'app');
      // As if it had given the second name, and not put the empty file in the place yet.
      const [three, aside] = ['shard-0-000000000003.jsonl', '.shard-0-000000000003.jsonl.void'];
      await rm(path.join(place, three));
      await link(path.join(place, aside), path.join(place, three));
      expect(await shown()).toEqual([1, 2, 3, 30]);
      await fileSink<number>(folder).write([31], at(7, fifth));
      expect(await shown()).toEqual([1, 2, 30, 31]);
    });

    it('makes no empty files for more void batches than a paused holder may be in', async () => {
      await fileSink<number>(folder).write([1], at(1));
      const voided = [{ from: 1, through: 1_000_000 }];
      await fileSink<number>(folder).write([2], at(1_000_001, { fence: holder(4), voided }));
      expect(await shown()).toEqual([2]);
      expect((await readdir(path.join(folder, 'app'))).length).toBe(1_000 + 3);
    });
  });

  it('writes over no file of a batch that was put out before its ids began anew', async () => {
    for (const id of [1, 2, 3]) await fileSink<number>(folder).write([id], { ...context, batchId: id });
    await expect(fileSink<number>(folder).write([9], { ...context, batchId: 1 })).rejects.toThrow(/MR_SINK_FENCED/);
    expect(await readFile(path.join(folder, 'app', 'shard-0-000000000001.jsonl'), 'utf8')).toBe('1\n');
  });

  it('writes a batch that is repeated by a changed program as that has it', async () => {
    await fileSink<number>(folder).write([1], context);
    await fileSink<number>(folder, { line: (item) => `number ${item}` }).write([1], context);
    expect(await readFile(path.join(folder, 'app', 'shard-0-000000000012.jsonl'), 'utf8')).toBe('number 1\n');
  });

  it.each(['', undefined as unknown as string])('needs a folder: %o', (given) => {
    expect(() => fileSink(given)).toThrow(/MR_CONFIG_INVALID.*path of a folder/);
  });

  it.each(['a/b', '.txt', ''])('needs a suffix that is part of a name: %o', (suffix) => {
    expect(() => fileSink(folder, { suffix })).toThrow(/MR_CONFIG_INVALID.*suffix is/);
  });
});
