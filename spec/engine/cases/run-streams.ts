import type { EngineContext } from '../../../lib/engine/context.ts';
import type { DStream, PairDStream } from '../../../lib/engine/stream.ts';
import { type InputBatches, runStream } from '../../../lib/testkit/stream-harness.ts';
import type { CaseEntry, CaseRow } from './case-file.ts';

type Batches = InputBatches<unknown>;

/** A graph on the row's input streams. */
export type Build = (s: DStream<never>, row: CaseRow, s2: DStream<never>, context: EngineContext) => DStream<unknown>;

/** How many batch times a row runs: as many as it expects, each as long as one of the stream asked about. */
function batchesOf(row: CaseRow): number {
  const { batchMs, slideMs = batchMs } = row.params as { batchMs: number; slideMs?: number };
  const expected = Array.isArray(row.expected) ? row.expected.length : 0;
  const inputs = (row.input as Batches | undefined)?.length ?? 0;
  return Math.max((expected * slideMs) / batchMs, expected === 0 ? inputs : 0);
}

/** What a graph gives over the row's input: the times at which it gives something. */
export async function runBuild(row: CaseRow, build: Build, batches = batchesOf(row)): Promise<unknown[]> {
  const inputs = [row.input as Batches, (row.input2 ?? []) as Batches];
  const given = await runStream<[never, never], unknown>({
    batchIntervalMillis: row.params['batchMs'] as number,
    inputs: (row.input2 === undefined ? inputs.slice(0, 1) : inputs) as never,
    batches,
    build: (context, s, s2) => build(s, row, s2, context),
  });
  return given.filter((batch) => batch !== null);
}

/** A row that is a graph over batches. */
export function batches(build: Build, says?: RegExp): CaseEntry {
  return {
    run: async (row) => ({ expected: await runBuild(row, build) }),
    ...(says === undefined ? {} : { says }),
  };
}

/** The pairs [item, 1] of a stream of texts. */
export function ones(s: DStream<never>): PairDStream<string, number> {
  return (s as DStream<unknown> as DStream<string>).mapToPair((x) => [x, 1]);
}

/** The stream as one of pairs already. */
export function pairs(s: DStream<never>): PairDStream<string, number> {
  return (s as DStream<unknown> as DStream<[string, number]>).mapToPair((pair) => pair);
}

/** The stream as one of numbers. */
export function numbers(s: DStream<never>): DStream<number> {
  return s as DStream<unknown> as DStream<number>;
}

/** A number of the row's parameters. */
export function param(row: CaseRow, name: string): number {
  return row.params[name] as number;
}
