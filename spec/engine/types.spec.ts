import { describe, expectTypeOf, it } from 'vitest';
import type { KinesisRecord } from '../../lib/block/record.ts';
import type { Batch } from '../../lib/engine/batch.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import type { PairKey } from '../../lib/engine/key.ts';
import type { OperatorContext } from '../../lib/engine/node.ts';
import type { DStream, PairDStream } from '../../lib/engine/stream.ts';
import { runStream } from '../../lib/testkit/stream-harness.ts';

const lines = () => new EngineContext({ batchIntervalMillis: 1_000 }).addInput('lines');

describe('the types of the stream builder', () => {
  it('infers a word count without annotations', () => {
    const counts = lines()
      .flatMap((r) => r.text().split(' '))
      .mapToPair((w) => [w, 1])
      .reduceByKey((a, b) => a + b);
    expectTypeOf(counts).toEqualTypeOf<PairDStream<string, number>>();
  });

  it('gives records unless the input says otherwise', () => {
    expectTypeOf(lines()).toEqualTypeOf<DStream<KinesisRecord>>();
    expectTypeOf(new EngineContext({ batchIntervalMillis: 1 }).addInput<number>('n')).toEqualTypeOf<DStream<number>>();
  });

  it('sees through async functions', () => {
    const words = lines().flatMap(async (r) => [r.partitionKey]);
    expectTypeOf(words).toEqualTypeOf<DStream<string>>();
    expectTypeOf(words.map(async (w) => w.length)).toEqualTypeOf<DStream<number>>();
    expectTypeOf(words.mapToPair(async (w) => [w, w.length])).toEqualTypeOf<PairDStream<string, number>>();
  });

  it('narrows by a type guard, and keeps pairs pairs otherwise', () => {
    const mixed = lines().map((r) => (r.data.length > 3 ? r.text() : r.data.length));
    expectTypeOf(mixed.filter((item) => typeof item === 'string')).toEqualTypeOf<DStream<string>>();
    const pairs = lines().mapToPair((r) => [r.partitionKey, 1n]);
    expectTypeOf(pairs.filter(([, n]) => n > 0n)).toEqualTypeOf<PairDStream<string, bigint>>();
    expectTypeOf(pairs.mapValues(String)).toEqualTypeOf<PairDStream<string, string>>();
    expectTypeOf(pairs.union(pairs)).toEqualTypeOf<PairDStream<string, bigint>>();
  });

  it('refuses keys that could not meet', () => {
    expectTypeOf<{ key: string }>().not.toExtend<PairKey>();
    expectTypeOf<Parameters<DStream<string>['mapToPair']>[0]>().toEqualTypeOf<
      (item: string, context: OperatorContext) => readonly [PairKey, unknown] | PromiseLike<readonly [PairKey, unknown]>
    >();
  });

  it('hands outputs a batch of the items', () => {
    lines()
      .map((r) => r.data.length)
      .foreachBatch((batch, { group, attempt, signal }) => {
        expectTypeOf(batch).toEqualTypeOf<Batch<number>>();
        expectTypeOf({ group, attempt, signal }).toEqualTypeOf<{
          group: string;
          attempt: number;
          signal: AbortSignal;
        }>();
      });
  });

  it('keeps pairs pairs, and marks the side of a join that may lack the key', () => {
    const stream = lines();
    const counts = stream.mapToPair((r) => [r.partitionKey, 1]);
    const names = stream.mapToPair((r) => [r.partitionKey, 'x']);
    expectTypeOf(counts.repartition(2)).toEqualTypeOf<PairDStream<string, number>>();
    expectTypeOf(counts.groupByKey()).toEqualTypeOf<PairDStream<string, readonly number[]>>();
    expectTypeOf(counts.flatMapValues((n) => [String(n)])).toEqualTypeOf<PairDStream<string, string>>();
    expectTypeOf(counts.join(names)).toEqualTypeOf<PairDStream<string, readonly [number, string]>>();
    expectTypeOf(counts.leftOuterJoin(names)).toEqualTypeOf<
      PairDStream<string, readonly [number, string | undefined]>
    >();
    expectTypeOf(counts.cogroup(names)).toEqualTypeOf<
      PairDStream<string, readonly [readonly number[], readonly string[]]>
    >();
    expectTypeOf(lines().keyByPartitionKey()).toEqualTypeOf<PairDStream<string, KinesisRecord>>();
  });

  it('has keyed operators on items that are fit as keys only', () => {
    const texts = lines().map((r) => r.partitionKey);
    expectTypeOf(texts.countByValue()).toEqualTypeOf<PairDStream<string, number>>();
    expectTypeOf(texts.distinct()).toEqualTypeOf<DStream<string>>();
    // @ts-expect-error -- a record is no key
    expectTypeOf(lines().distinct()).not.toBeAny();
    // @ts-expect-error -- texts have no partition key
    expectTypeOf(texts.keyByPartitionKey()).not.toBeAny();
    expectTypeOf(texts.transform((batch) => [batch.count()])).toEqualTypeOf<DStream<number>>();
  });

  it('tells the harness the item type of each input', () => {
    const run = () =>
      runStream({
        batchIntervalMillis: 1_000,
        inputs: [
          [[1, 2], null, []],
          [['a'], ['b']],
        ],
        batches: 2,
        build: (_context, numbers, texts) => {
          expectTypeOf(numbers).toEqualTypeOf<DStream<number>>();
          expectTypeOf(texts).toEqualTypeOf<DStream<string>>();
          return numbers.mapToPair((n) => [n, true]);
        },
      });
    expectTypeOf(run).returns.resolves.toEqualTypeOf<((readonly [number, boolean])[] | null)[]>();
  });
});
