import { describe, expect, it } from 'vitest';
import type { DStream } from '../../lib/engine/stream.ts';
import { runStream } from '../../lib/testkit/stream-harness.ts';

const batchIntervalMillis = 1_000;

/** Runs two inputs of pairs, a batch each, through what `build` makes of them. */
const joined = async (
  lefts: readonly (readonly [string, number])[] | null,
  rights: readonly (readonly [string, string])[],
  build: (left: ReturnType<typeof pairs<number>>, right: ReturnType<typeof pairs<string>>) => DStream<unknown>,
) =>
  (
    await runStream({
      batchIntervalMillis,
      inputs: [[lefts], [rights]],
      batches: 1,
      build: (_context, a, b) => build(pairs(a), pairs(b)),
    })
  )[0];

function pairs<V>(stream: DStream<readonly [string, V]>) {
  return stream.mapToPair((pair) => pair);
}

const lefts = [
  ['a', 1],
  ['b', 2],
  ['a', 3],
] as const;
const rights = [
  ['a', 'x'],
  ['c', 'y'],
] as const;

describe('joins of two streams at the same time', () => {
  it('pair every value with every value of the key', async () => {
    expect(await joined(lefts, [...rights, ['a', 'z']], (l, r) => l.join(r))).toEqual([
      ['a', [1, 'x']],
      ['a', [1, 'z']],
      ['a', [3, 'x']],
      ['a', [3, 'z']],
    ]);
  });

  it('give undefined where a side lacks the key, if they are outer joins', async () => {
    const left = [
      ['a', [1, 'x']],
      ['a', [3, 'x']],
      ['b', [2, undefined]],
    ];
    expect(await joined(lefts, rights, (l, r) => l.leftOuterJoin(r))).toEqual(left);
    expect(await joined(lefts, rights, (l, r) => l.rightOuterJoin(r))).toEqual([
      ['a', [1, 'x']],
      ['a', [3, 'x']],
      ['c', [undefined, 'y']],
    ]);
    expect(await joined(lefts, rights, (l, r) => l.fullOuterJoin(r))).toEqual([...left, ['c', [undefined, 'y']]]);
  });

  it('cogroup keeps the values apart, of keys like __proto__ too', async () => {
    expect(await joined([['__proto__', 1]], rights, (l, r) => l.cogroup(r))).toEqual([
      ['__proto__', [[1], []]],
      ['a', [[], ['x']]],
      ['c', [[], ['y']]],
    ]);
  });

  it('refuse a stream that gives no batch, and name both', async () => {
    await expect(joined(null, rights, (l, r) => l.join(r))).rejects.toThrow(
      /MR_CONFIG_INVALID: join at pairs\.spec\.ts:\d+ got no batch from mapToPair at pairs\.spec\.ts:\d+/,
    );
  });
});

/** What one batch of numbers becomes, with the partitions that the harness cuts it into: two. */
const one = async (items: readonly number[] | null, build: (stream: DStream<number>) => DStream<unknown>) =>
  (await runStream({ batchIntervalMillis, inputs: [[items]], batches: 1, build: (_context, s) => build(s) }))[0];

describe('operators over partitions and batches', () => {
  it.each([
    ['glom', (s) => s.glom(), [[1, 2], [3]]],
    ['mapPartitions', (s) => s.mapPartitions((items, { partition }) => [partition, items.length]), [0, 2, 1, 1]],
    ['an async mapPartitions', (s) => s.mapPartitions(async (items) => [items.length]), [2, 1]],
    ['repartition', (s) => s.repartition(4).glom(), [[1], [2], [3], []]],
    ['reduce', (s) => s.reduce((a, b) => a * 10 + b), [123]],
    ['an async reduce', (s) => s.reduce(async (a, b) => a * 10 + b), [123]],
    [
      'countByValue',
      (s) => s.map((n) => n % 2).countByValue(),
      [
        [1, 2],
        [0, 1],
      ],
    ],
    ['distinct', (s) => s.map((n) => n % 2).distinct(), [1, 0]],
    [
      'flatMapToPair',
      (s) => s.flatMapToPair((n) => [[n, 'x'] as const]).mapValues((v) => v + v),
      [
        [1, 'xx'],
        [2, 'xx'],
        [3, 'xx'],
      ],
    ],
    [
      'flatMapValues',
      (s) =>
        s
          .mapToPair((n) => [n, n])
          .flatMapValues((n) => [n, -n])
          .filter(([key]) => key < 2),
      [
        [1, 1],
        [1, -1],
      ],
    ],
    [
      'mapPartitionsToPair',
      (s) => s.mapPartitionsToPair((items) => items.map((n) => [n, 0] as const)),
      [
        [1, 0],
        [2, 0],
        [3, 0],
      ],
    ],
    [
      'groupByKey',
      (s) => s.mapToPair((n) => [n % 2, n]).groupByKey(),
      [
        [1, [1, 3]],
        [0, [2]],
      ],
    ],
    ['transform', (s) => s.transform((batch) => batch.sortBy((n) => -n)), [3, 2, 1]],
    [
      'transform with an array',
      (s) => s.transform(async (batch, { batchTimeMillis }) => [batch.count(), batchTimeMillis]),
      [3, 1_000],
    ],
    ['transformToPair', (s) => s.transformToPair((batch) => [[batch.count(), true] as const]), [[3, true]]],
    ['transformWith', (s) => s.transformWith(s.map(String), (a, b) => [...a.collect(), ...b.take(1)]), [1, 2, 3, '1']],
    [
      'combineByKey',
      (s) =>
        s
          .mapToPair((n) => [n % 2, n])
          .combineByKey(
            (n) => `${n}`,
            (c, n) => `${c},${n}`,
            (a, b) => `${a};${b}`,
          ),
      [
        [1, '1;3'],
        [0, '2'],
      ],
    ],
  ] as const satisfies readonly (readonly [string, (s: DStream<number>) => DStream<unknown>, unknown])[])(
    '%s',
    async (_name, build, expected) => {
      expect(await one([1, 2, 3], build)).toEqual(expected);
    },
  );

  it.each([
    ['reduce', (s: DStream<number>) => s.reduce((a, b) => a + b), []],
    ['count', (s: DStream<number>) => s.count(), [0]],
    ['distinct', (s: DStream<number>) => s.distinct(), []],
  ] as const)('of an empty batch: %s', async (_name, build, expected) => {
    expect(await one([], build)).toEqual(expected);
    expect(await one(null, build)).toBeNull();
  });

  it.each([
    [
      'null from transform',
      (s: DStream<number>) => s.transform(() => null as never),
      /transform at .* returned null where a batch or an array/,
    ],
    [
      'a number from mapPartitions',
      (s: DStream<number>) => s.mapPartitions(() => 7 as never),
      /mapPartitions at .* returned a number/,
    ],
    [
      'an object as an item to count',
      (s: DStream<number>) => s.map((n) => ({ n }) as never).countByValue(),
      /MR_KEY_INVALID: countByValue at/,
    ],
    [
      'a key that is NaN',
      (s: DStream<number>) => s.transformToPair(() => [[Number.NaN, 1] as const]),
      /MR_KEY_INVALID: transformToPair at .* key is NaN/,
    ],
  ] as const)('refuse %s, naming the operator', async (_name, build, message) => {
    await expect(one([1], build)).rejects.toThrow(message);
  });

  it('refuse what is no function, at once and with its name', () => {
    const build = (s: DStream<number>) => s.map('text' as never);
    return expect(one([1], build)).rejects.toThrow('MR_CONFIG_INVALID: map() needs a function; it was given string');
  });
});
