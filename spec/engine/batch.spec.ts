import { describe, expect, it } from 'vitest';
import { Batch } from '../../lib/engine/batch.ts';
import { renderPrint } from '../../lib/engine/print.ts';

const batchOf = <T>(...partitions: T[][]) => new Batch({ id: 7, batchTimeMillis: 2_000, ranges: [], partitions });

describe('a batch', () => {
  it('counts, collects and takes over its partitions', () => {
    const batch = batchOf([1, 2], [], [3, 4]);
    expect([batch.partitions, batch.count(), batch.isEmpty()]).toEqual([3, 4, false]);
    expect(batch.collect()).toEqual([1, 2, 3, 4]);
    expect([batch.take(0), batch.take(3), batch.take(9)]).toEqual([[], [1, 2, 3], [1, 2, 3, 4]]);
    expect(batchOf([], []).isEmpty()).toBe(true);
  });

  it('keeps items that are arrays whole', () => {
    expect(batchOf([[1, [2]]], [[3, [4]]]).collect()).toEqual([
      [1, [2]],
      [3, [4]],
    ]);
  });

  it('gives the greatest first, the earlier of equals before the later', () => {
    const pairs = batchOf<[string, number]>(
      [
        ['a', 1],
        ['b', 3],
      ],
      [
        ['c', 2],
        ['d', 3],
      ],
    );
    expect(pairs.top(3, (x, y) => x[1] - y[1])).toEqual([
      ['b', 3],
      ['d', 3],
      ['c', 2],
    ]);
  });

  it('sorts by numbers, texts and dates, both ways, without touching itself', () => {
    const batch = batchOf([10, 9], [100]);
    expect(batch.sortBy((n) => n).collect()).toEqual([9, 10, 100]);
    expect(batch.sortBy((n) => n, 'descending').collect()).toEqual([100, 10, 9]);
    expect(batch.sortBy((n) => String(n)).collect()).toEqual([10, 100, 9]);
    expect(batch.sortBy((n) => new Date(-n)).collect()).toEqual([100, 10, 9]);
    expect(batch.collect()).toEqual([10, 9, 100]);
  });

  it('maps and filters within partitions and keeps what it is', () => {
    const mapped = batchOf([1, 2], [3])
      .map((n) => `${n}`)
      .filter((text) => text !== '2');
    expect([mapped.id, mapped.batchTimeMillis, mapped.partitions, mapped.collect()]).toEqual([7, 2_000, 2, ['1', '3']]);
  });

  it('visits partitions one after the other, and stops at the first failure', async () => {
    const seen: unknown[] = [];
    await batchOf([1], [2, 3]).forEachPartition(async (items, index) => {
      await Promise.resolve();
      seen.push(index, [...items]);
    });
    expect(seen).toEqual([0, [1], 1, [2, 3]]);
    let visits = 0;
    const visit = () => {
      visits += 1;
      throw new Error('first');
    };
    await expect(batchOf([1], [2]).forEachPartition(visit)).rejects.toThrow('first');
    expect(visits).toBe(1);
  });

  it.each([-1, 1.5, Number.NaN])('refuses to take %s items', (n) => {
    expect(() => batchOf([1]).take(n)).toThrow(`MR_CONFIG_INVALID: batch.take(${n})`);
    expect(() => batchOf([1]).top(n, () => 0)).toThrow(`MR_CONFIG_INVALID: batch.top(${n})`);
  });
});

describe('print', () => {
  const ruler = '-------------------------------------------';

  it('has the layout of Spark, and dots when there is an eleventh item', () => {
    const items = Array.from({ length: 11 }, (_, index) => [`w${index}`, index]);
    const text = renderPrint(1_431_637_482_000, items, 10);
    const lines = text.split('\n');
    expect(lines.slice(0, 5)).toEqual([ruler, 'Time: 1431637482000 ms', ruler, '(w0,0)', '(w1,1)']);
    expect(lines.slice(12)).toEqual(['(w9,9)', '...', '', '']);
    expect(renderPrint(0, items.slice(0, 10), 10)).not.toContain('...');
  });

  it('shows an empty batch as its header', () => {
    expect(renderPrint(2_000, [], 10)).toBe(`${ruler}\nTime: 2000 ms\n${ruler}\n\n`);
  });

  it('escapes control characters, and keeps an item on its line', () => {
    const text = renderPrint(1, ['a\nb\u001b[31m', { key: 'x\ny', deep: [1, { n: 2n }] }, null, undefined, true], 10);
    expect(text.split('\n').slice(3, 8)).toEqual([
      'a\\x0ab\\x1b[31m',
      "{ key: 'x\\ny', deep: [ 1, { n: 2n } ] }",
      'null',
      'undefined',
      'true',
    ]);
  });
});
