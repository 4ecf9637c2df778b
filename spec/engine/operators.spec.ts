import { describe, expect, it } from 'vitest';
import type { DStream } from '../../lib/engine/stream.ts';
import type { EngineContext } from '../../lib/engine/context.ts';
import { runStream } from '../../lib/testkit/stream-harness.ts';
import { type SparkCase, numberCases, pairCases, unionWithNothing } from './spark-cases.ts';

type Build<T> = (stream: DStream<T>, context: EngineContext) => DStream<unknown>;

const numberBuilds: Record<keyof typeof numberCases, Build<number>> = {
  map: (s) => s.map((x) => String(x)),
  flatMap: (s) => s.flatMap((x) => [x, 2 * x]),
  filter: (s) => s.filter((x) => x % 2 === 0),
  count: (s) => s.count(),
  union: (s) => s.union(s.map((x) => x + 4)),
  contextUnion: (s, context) =>
    context.union(
      s,
      s.map((x) => x + 4),
      s.map((x) => x + 8),
    ),
};

const pairBuilds: Record<keyof typeof pairCases, Build<string>> = {
  reduceByKey: (s) => s.mapToPair((x) => [x, 1]).reduceByKey((a, b) => a + b),
  mapValues: (s) =>
    s
      .mapToPair((x) => [x, 1])
      .reduceByKey((a, b) => a + b)
      .mapValues((v) => v + 10),
};

/** The same with every function async. */
const asyncBuilds: Partial<Record<keyof typeof numberCases, Build<number>>> = {
  map: (s) => s.map(async (x) => String(x)),
  flatMap: (s) => s.flatMap(async (x) => [x, 2 * x]),
  filter: (s) => s.filter(async (x) => x % 2 === 0),
};

const asyncPairBuilds: typeof pairBuilds = {
  reduceByKey: (s) => s.mapToPair(async (x) => [x, 1]).reduceByKey(async (a, b) => a + b),
  mapValues: (s) =>
    s
      .mapToPair(async (x) => [x, 1])
      .reduceByKey(async (a, b) => a + b)
      .mapValues(async (v) => v + 10),
};

async function check<T>(sparkCase: SparkCase<T>, build: Build<T>): Promise<void> {
  const { input, expected, order } = sparkCase;
  const given = await runStream({
    batchIntervalMillis: 1_000,
    inputs: [input],
    batches: expected.length,
    build: (context, stream) => build(stream, context),
  });
  const asSet = (batch: readonly unknown[] | null) => batch && new Set(batch);
  if (order === 'exact') expect(given).toEqual(expected);
  else expect(given.map(asSet)).toEqual(expected.map(asSet));
  expect(given.map((batch) => batch?.length)).toEqual(expected.map((batch) => batch.length));
}

const entriesOf = <K extends string, V>(record: Partial<Record<K, V>>) => Object.entries(record) as [K, V][];

describe('operators give what Spark Streaming gives', () => {
  it.each(entriesOf(numberBuilds))('%s', (name, build) => check(numberCases[name], build));
  it.each(entriesOf(pairBuilds))('%s', (name, build) => check(pairCases[name], build));
  it.each(entriesOf(asyncBuilds))('%s with async functions', (name, build) => check(numberCases[name], build));
  it.each(entriesOf(asyncPairBuilds))('%s with async functions', (name, build) => check(pairCases[name], build));

  it('refuses a union one of whose streams gives nothing', async () => {
    const run = runStream({
      batchIntervalMillis: 1_000,
      inputs: [unionWithNothing],
      batches: 4,
      build: (_context, s) => s.union(s.map((x) => x + 4)),
    });
    await expect(run).rejects.toThrow(/MR_CONFIG_INVALID: union at operators\.spec\.ts:\d+ got no batch from input/);
  });
});

describe('what a stream gives at a batch time', () => {
  it.each([
    ['map', (s: DStream<number>) => s.map((x) => x)],
    ['count', (s: DStream<number>) => s.count()],
    ['reduceByKey', (s: DStream<number>) => s.mapToPair((x) => [x, x]).reduceByKey((a) => a)],
  ] as const)('%s gives nothing where its parent gives nothing', async (_name, build) => {
    const given = await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[null, []]],
      batches: 2,
      build: (_context, s: DStream<number>): DStream<unknown> => build(s),
    });
    expect(given[0]).toBeNull();
    expect(given[1]).not.toBeNull();
  });

  it('is computed once, however many read it', async () => {
    const seen: number[] = [];
    await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[[1, 2, 3]]],
      batches: 1,
      build: (_context, s) => {
        const shared = s.map((x) => {
          seen.push(x);
          return x;
        });
        shared.foreachBatch(() => {});
        return shared.map((x) => x + 1).union(shared.filter((x) => x > 1));
      },
    });
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe('functions that are sometimes async', () => {
  it('keep the order of items when some of them return promises', async () => {
    const items = Array.from({ length: 20 }, (_, index) => index);
    const given = await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[items]],
      batches: 1,
      build: (_context, s) => s.map((x): number | Promise<number> => (x % 3 === 1 ? Promise.resolve(-x) : x)),
    });
    expect(given).toEqual([items.map((x) => (x % 3 === 1 ? -x : x))]);
  });

  it('reduce all values of all keys when some steps return promises', async () => {
    const items = Array.from({ length: 40 }, (_, index) => index);
    const given = await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[items]],
      batches: 1,
      build: (_context, s) =>
        s
          .mapToPair((x) => [x % 4, [x]])
          .reduceByKey((a, b): number[] | Promise<number[]> => {
            const both = [...a, ...b];
            return both.length % 3 === 0 ? Promise.resolve(both) : both;
          }),
    });
    const keys = [0, 1, 2, 3];
    expect(given).toEqual([keys.map((key) => [key, items.filter((x) => x % 4 === key)])]);
  });
});

describe('large partitions', () => {
  const items = Array.from({ length: 2_345 }, (_, index) => index);
  it.each([
    ['sync', (x: number): number | Promise<number> => x + 1],
    ['async', async (x: number) => x + 1],
    ['now and then async', (x: number): number | Promise<number> => (x % 700 === 5 ? Promise.resolve(x + 1) : x + 1)],
  ])('come through chains whole and in order: %s', async (_name, plusOne) => {
    const given = await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[items]],
      batches: 1,
      build: (_context, s) =>
        s
          .map(plusOne)
          .flatMap((x) => [x, -x])
          .filter((x) => x > 0)
          .map(plusOne),
    });
    expect(given).toEqual([items.map((x) => x + 2)]);
  });

  it('may be empty on the way', async () => {
    const given = await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[[1, 2]]],
      batches: 1,
      build: (context, s) => {
        const second = s.filter((x) => x === 2);
        const third = second.map((x) => x + 1);
        return context.union(
          second,
          third.map((x) => x * 10),
          third.map((x) => x * 100),
        );
      },
    });
    expect(given).toEqual([[2, 30, 300]]);
  });

  it('are reduced whole, behind a chain and behind a stream that others read too', async () => {
    const given = await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[items]],
      batches: 1,
      build: (_context, s) => {
        const pairs = s.map((x) => x).mapToPair((x) => [x % 2, x]);
        const sums = s.mapToPair((x) => [x % 2, x]).reduceByKey((a, b) => a + b);
        return sums.union(pairs.reduceByKey((a, b) => a + b)).union(pairs.filter(([, x]) => x === 2_344));
      },
    });
    const sum = (parity: number) => items.filter((x) => x % 2 === parity).reduce((a, b) => a + b, 0);
    const sums = [
      [0, sum(0)],
      [1, sum(1)],
    ];
    expect(given).toEqual([[...sums, ...sums, [0, 2_344]]]);
  });
});

describe('reduceByKey', () => {
  it('takes undefined for a value like any other', async () => {
    const given = await runStream({
      batchIntervalMillis: 1_000,
      inputs: [[[undefined, 'x', undefined]]],
      batches: 1,
      build: (_context, s) => s.mapToPair((x) => ['k', x]).reduceByKey((a, b) => `${a} ${b}`),
    });
    expect(given).toEqual([[['k', 'undefined x undefined']]]);
  });
});

describe('keys of pairs', () => {
  const pairsOf = (keys: readonly unknown[]) =>
    runStream({
      batchIntervalMillis: 1_000,
      inputs: [[keys]],
      batches: 1,
      build: (_context, s) => s.mapToPair((key) => [key as string, 1]).reduceByKey((a, b) => a + b),
    });

  it('are strings, finite numbers, bigints and booleans, and 1 is not "1"', async () => {
    const given = await pairsOf(['1', 1, 1n, true, '1', 1, 1n, true]);
    expect(given).toEqual([
      [
        ['1', 2],
        [1, 2],
        [1n, 2],
        [true, 2],
      ],
    ]);
  });

  it.each([
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ a: 1 }, 'an object (Object)'],
    [Symbol('s'), 'a symbol'],
    [[1], 'an array of 1'],
  ])('refuse %s, naming the operator', async (key, kind) => {
    const refused = await pairsOf(['fine', key]).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'MR_KEY_INVALID' });
    expect(String(refused)).toMatch(/mapToPair at operators\.spec\.ts:\d+ returned a pair whose key is /);
    expect(String(refused)).toContain(`key is ${kind}:`);
  });

  it('refuse what is no pair at all', async () => {
    const run = runStream({
      batchIntervalMillis: 1_000,
      inputs: [[['word']]],
      batches: 1,
      build: (_context, s) => s.mapToPair((word) => word as unknown as readonly [string, number]),
    });
    await expect(run).rejects.toThrow(/MR_KEY_INVALID: mapToPair at .* returned a string where a pair is needed/);
  });
});

describe('a function that throws', () => {
  const boom = new TypeError('boom');
  const fail = (): never => {
    throw boom;
  };
  it.each([
    ['map', (s: DStream<number>): DStream<unknown> => s.map(fail)],
    ['flatMap', (s: DStream<number>): DStream<unknown> => s.flatMap(() => 7 as unknown as number[])],
    ['filter', (s: DStream<number>): DStream<unknown> => s.map((x) => x).filter(async () => fail())],
    ['reduceByKey', (s: DStream<number>): DStream<unknown> => s.mapToPair((x) => [1, x]).reduceByKey(fail)],
    ['mapValues', (s: DStream<number>): DStream<unknown> => s.mapToPair((x) => [1, x]).mapValues(fail)],
  ] as const)('is named with its line: %s', async (name, build) => {
    const run = runStream({
      batchIntervalMillis: 1_000,
      inputs: [[[1, 2, 3]]],
      batches: 1,
      build: (_context, s) => build(s),
    });
    const failure: unknown = await run.catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: 'MR_HANDLER_FAILED' });
    expect(String(failure)).toMatch(
      new RegExp(`${name} at operators\\.spec\\.ts:\\d+ (failed: |returned a number where an iterable)`),
    );
    if (name !== 'flatMap') expect((failure as Error).cause).toBe(boom);
  });
});
