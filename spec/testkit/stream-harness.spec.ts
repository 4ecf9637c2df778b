import { describe, expect, it } from 'vitest';
import { runStream } from '../../lib/testkit/index.ts';

describe('runStream', () => {
  it('answers what the stream gave per batch time, null where it gave none and empty beyond the input', async () => {
    const given = await runStream({
      batchIntervalMillis: 500,
      inputs: [[[1, 2, 3], null, []]],
      batches: 5,
      build: (_context, numbers) => numbers.map((n) => n * 10),
    });
    expect(given).toEqual([[10, 20, 30], null, [], [], []]);
  });

  it('runs only as many batches as asked', async () => {
    const given = await runStream({
      batchIntervalMillis: 500,
      inputs: [[['a'], ['b'], ['c']]],
      batches: 2,
      build: (_context, texts) => texts,
    });
    expect(given).toEqual([['a'], ['b']]);
  });

  it('gives each input stream its own batches', async () => {
    const given = await runStream({
      batchIntervalMillis: 500,
      inputs: [
        [[1], [2, 3]],
        [['x', 'y'], []],
      ],
      batches: 2,
      build: (_context, numbers, texts) => numbers.map((n) => String(n)).union(texts),
    });
    expect(given).toEqual([
      ['1', 'x', 'y'],
      ['2', '3'],
    ]);
  });

  it('runs declared outputs in order at exact multiples of the interval', async () => {
    const seen: unknown[] = [];
    await runStream({
      batchIntervalMillis: 500,
      inputs: [[[1], [2]]],
      batches: 2,
      build: (_context, numbers) => {
        numbers.foreachBatch((batch) => seen.push(['first', batch.id, batch.batchTimeMillis, batch.collect()]));
        numbers.print();
        numbers.foreachBatch((batch) => seen.push(['second', batch.id]));
        return numbers;
      },
    });
    expect(seen).toEqual([
      ['first', 1, 500, [1]],
      ['second', 1],
      ['first', 2, 1_000, [2]],
      ['second', 2],
    ]);
  });

  it('rejects with the error of building', async () => {
    const run = runStream({
      batchIntervalMillis: 0.5,
      inputs: [[[1]]],
      batches: 1,
      build: (_context, numbers) => numbers,
    });
    await expect(run).rejects.toThrow('MR_CONFIG_INVALID: batchIntervalMillis is 0.5');
  });
});
