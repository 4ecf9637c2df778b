import { runStream } from '../../../lib/testkit/stream-harness.ts';
import type { CaseEntry, CaseRow, CaseTable } from './case-file.ts';
import { batches, numbers, ones, param } from './run-streams.ts';

const add = (a: number, b: number) => a + b;
const noBatch = /MR_CONFIG_INVALID.*got no batch/;

/** The first stream as [x, 1], the second as [x, "x"]. */
const sides = (s: Parameters<typeof ones>[0], s2: Parameters<typeof ones>[0]) =>
  [ones(s), ones(s2).mapValues(() => 'x')] as const;

/** Rows of BasicOperationsSuite: the stateless operators, and joins. */
export const basicCases: CaseTable = {
  S001: batches((s) => numbers(s).map(String)),
  S002: batches((s) => numbers(s).flatMap((x) => [x, 2 * x])),
  S003: batches((s) => numbers(s).filter((x) => x % 2 === 0)),
  S004: batches((s) => s.glom()),
  S005: batches((s) => numbers(s).mapPartitions((items) => [items.reduce(add, 0)])),
  S006: repartitioned(),
  S007: repartitioned(),
  S008: batches((s) => ones(s).groupByKey()),
  S009: batches((s) => ones(s).reduceByKey(add)),
  S010: batches((s) => numbers(s).reduce(add)),
  S011: batches((s) => s.count()),
  S012: batches((s) => numbers(s).countByValue()),
  S013: batches((s) =>
    ones(s)
      .reduceByKey(add)
      .mapValues((v) => v + 10),
  ),
  S014: batches((s) =>
    ones(s)
      .reduceByKey(add)
      .flatMapValues((v) => [v, v + 10]),
  ),
  S015: batches((s) => numbers(s).union(numbers(s).map((x) => x + 4))),
  S016: batches((s) => numbers(s).union(numbers(s).map((x) => x + 4)), noBatch),
  S017: batches((s, _row, _s2, context) =>
    context.union(
      numbers(s),
      numbers(s).map((x) => x + 4),
      numbers(s).map((x) => x + 8),
    ),
  ),
  S018: batches((s) => numbers(s).transform((batch) => batch.map(String))),
  S019: batches((s) => numbers(s).transform(() => null as never), /transform at .* returned null/),
  S020: batches((s) => numbers(s).transform((batch) => batch.map(String)), noBatch),
  S021: batches((s, _row, s2) => {
    const [a, b] = sides(s, s2);
    return a.transformWith(b, (left, right) => {
      const values = new Map(right.collect());
      return left.filter(([key]) => values.has(key)).map(([key, value]) => [key, [value, values.get(key)]]);
    });
  }),
  S022: batches((s, _row, s2) => s.transformWith(s2, (a, b) => [...a.collect(), ...b.collect()]), noBatch),
  S023: batches((s, _row, _s2, context) =>
    context.transform(
      [0, 4, 8].map((more) => numbers(s).map((x) => x + more)),
      (all) => all.flatMap((batch) => batch.collect()),
    ),
  ),
  S024: batches(
    (s, _row, _s2, context) => context.transform([numbers(s)], (all) => all.flatMap((batch) => batch.collect())),
    noBatch,
  ),
  S025: batches((s, _row, s2) => sides(s, s2)[0].cogroup(ones(s2).mapValues(() => 'x'))),
  S026: batches((s, _row, s2) => sides(s, s2)[0].join(ones(s2).mapValues(() => 'x'))),
  S027: batches((s, _row, s2) => sides(s, s2)[0].leftOuterJoin(ones(s2).mapValues(() => 'x'))),
  S028: batches((s, _row, s2) => sides(s, s2)[0].rightOuterJoin(ones(s2).mapValues(() => 'x'))),
  S029: batches((s, _row, s2) => sides(s, s2)[0].fullOuterJoin(ones(s2).mapValues(() => 'x'))),
};

/** `"range 1..100"` as numbers. */
function rangeOf(text: string): number[] {
  const [from = 0, to = 0] = (/(\d+)\.\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function repartitioned(): CaseEntry {
  return {
    run: async (row: CaseRow) => {
      const input = (row.input as string[][]).map((batch) => batch.flatMap(rangeOf));
      const given = await runStream<[number], readonly number[]>({
        batchIntervalMillis: param(row, 'batchMs'),
        inputs: [input],
        batches: input.length,
        build: (_context, s) => s.repartition(param(row, 'numPartitions')).glom(),
      });
      const elements = given.map((partitions) => (partitions ?? []).flat().toSorted((a, b) => a - b));
      return {
        expected: {
          partitionsPerBatch: given.map((partitions) => partitions?.length),
          elementSetPerBatch: elements.map((items) => {
            const text = `range ${items[0]}..${items.at(-1)}`;
            return JSON.stringify(rangeOf(text)) === JSON.stringify(items) ? text : items;
          }),
        },
      };
    },
  };
}
