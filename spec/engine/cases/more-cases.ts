import { StreamingContext } from '../../../lib/app/streaming-context.ts';
import type { DemandLimit } from '../../../lib/block/block-source.ts';
import { piecesOfChanges, restoreKeys, snapshotOfKeys } from '../../../lib/engine/state/keyed-persistence.ts';
import { KeyedEdit, type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import { StateSpec } from '../../../lib/engine/state/state-spec.ts';
import { firstTickState } from '../../../lib/engine/tick-plan.ts';
import { runStream } from '../../../lib/testkit/stream-harness.ts';
import { startRig } from '../harness.ts';
import type { CaseRow, CaseTable } from './case-file.ts';
import { param } from './run-streams.ts';

/** Rows about inputs, rates and versions that need more than a graph over batches. */
export const moreCases: CaseTable = {
  S071: { run: created },
  S078: { run: stored, given: ['map'] },
  S192: { run: published },
  S194: { run: restarted },
  S198: { run: floors, given: ['t', 'd', 'zero'] },
  S216: { run: noFailures },
  S219: { run: silence },
  S244: { run: received },
};

/** State that a program begins with is there before any data. */
async function created(row: CaseRow) {
  const spec = StateSpec.function(() => undefined).initialState(row.input as [number, string][]);
  const run = (build: 'mapped' | 'states') =>
    runStream<[string], unknown>({
      batchIntervalMillis: param(row, 'time'),
      inputs: [[[]]],
      batches: 1,
      build: (_context, s) => {
        const mapped = s.mapToPair<number, string>(() => [0, '']).mapWithState('row', spec as never);
        return build === 'mapped' ? mapped : mapped.stateSnapshots().repartition(param(row, 'partitions')).glom();
      },
    });
  const [parts] = await run('states');
  const pairs = (parts as [number, string][][]).flat().toSorted(([a], [b]) => a - b);
  const touched = initialKeyedState(row.input as [number, string][], param(row, 'time')).entries;
  return {
    expected: {
      states: pairs.map(([key, value]) => [key, value, touched.get(key)?.touchedMillis]),
      mapped: (await run('mapped'))[0],
      numPartitions: parts?.length,
    },
  };
}

/** Versions made one of the other, each stored and read back: the words of the row name them. */
function stored(row: CaseRow) {
  const reload = (state: KeyedState) => restoreKeys(JSON.parse(JSON.stringify([...snapshotOfKeys(state)])) as never);
  const change = (
    state: KeyedState,
    puts: readonly (readonly [number, number, number])[],
    gone: readonly number[] = [],
  ) => {
    let next = state;
    for (const [key, value, time] of puts) {
      const edit = new KeyedEdit(next, time);
      edit.set(key, value, edit.get(key), true);
      // What a batch changed, stored and applied to what was stored before, is the version that it made.
      next = restoreKeys([...snapshotOfKeys(next), ...piecesOfChanges(edit.changes)]);
    }
    const edit = new KeyedEdit(next, 0);
    for (const key of gone) edit.remove(key);
    return reload(edit.next());
  };
  const m1 = change(initialKeyedState(), [
    [1, 100, 1],
    [2, 200, 2],
  ]);
  const m2 = change(m1, [
    [3, 300, 3],
    [4, 400, 4],
  ]);
  const m3 = change(m2, [[3, 600, 3]], [2]);
  const all = Array.from(m3.entries, ([key, { value, touchedMillis }]) => [key, value, touchedMillis] as const);
  // There are no chains of deltas that would have to be made shorter.
  const shouldCompact = false;
  return {
    expected: (row.expected as { map: string }[]).map(({ map }) => ({
      map,
      shouldCompact,
      all: all.toSorted(([a], [b]) => Number(a) - Number(b)),
    })),
  };
}

/** The rates that the estimator comes to are those that the source is told. */
async function published(row: CaseRow) {
  const rates = row.input as number[];
  const rig = startRig(
    (stream) => stream.foreachBatch(() => new Promise<void>((resolve) => void rig.clock.timer(500, resolve))),
    { context: { backpressure: { minRate: 1 } } },
  );
  const told: (number | undefined)[] = [];
  rig.feed.demand = ({ recordsPerSecond }: DemandLimit) => void told.push(recordsPerSecond);
  // A batch of n records that takes half a second is a pace of 2n a second.
  for (const rate of [rates[0]!, ...rates]) {
    rig.feed.push('shard-0', Array.from({ length: rate / 2 }, String));
    await rig.clock.advance(1_000);
  }
  rig.feed.end();
  await rig.clock.runUntil(rig.running);
  return { expected: told.filter((rate) => rate !== undefined) };
}

/** A receiver that ends by itself is started again. */
async function restarted() {
  const context = new StreamingContext({ batchIntervalMillis: 20 });
  let started = 0;
  const again = new Promise<void>((resolve) => {
    context
      .receiverStream<number>({
        receive: async ({ signal }) => {
          started += 1;
          if (started === 1) return;
          resolve();
          await new Promise((end) => signal.addEventListener('abort', end, { once: true }));
        },
      })
      .foreachBatch(() => {});
  });
  context.start();
  await again;
  await context.stop();
  return { expected: { receiverStartedEvents: started } };
}

/** The multiple at or before a time, counted from another zero. */
function floors(row: CaseRow) {
  const lines = row.expected as { t: number; d: number; zero: number }[];
  return {
    expected: lines.map((line) => {
      const { t, d, zero } = line;
      return { ...line, r: firstTickState(t - zero, d).lastTickMillis + zero };
    }),
  };
}

async function noFailures() {
  const rig = startRig((stream) => stream.foreachBatch(() => {}));
  rig.feed.push('shard-0', ['a']);
  await rig.clock.advance(1_000);
  rig.feed.end();
  await rig.clock.runUntil(rig.running);
  if (rig.eventsOf('batch.completed').length !== 1) throw new Error('the batch was not done');
  return { expected: { failureReasons: Object.fromEntries(rig.eventsOf('batch.failed').entries()) } };
}

async function silence() {
  const context = new StreamingContext({ batchIntervalMillis: 10 });
  let events = 0;
  const done = new Promise<void>((resolve) => {
    context.generatorStream(() => [1]).foreachBatch(() => resolve());
  });
  context.events.subscribe(() => (events += 1));
  context.start();
  await done;
  await context.stop();
  const before = events;
  if (before === 0) throw new Error('nothing was told while it ran');
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { expected: { 'events after stop': events - before } };
}

/** A receiver of the program's own hands in text by text. */
async function received(row: CaseRow) {
  const context = new StreamingContext({ batchIntervalMillis: 20 });
  const lines = (row.input as number[]).map(String);
  const seen: string[] = [];
  let stored = 0;
  const done = new Promise<void>((resolve) => {
    context
      .receiverStream<string>({
        receive: async ({ store, signal }) => {
          for (const line of lines) {
            await store([line]);
            stored += 1;
          }
          await new Promise((end) => signal.addEventListener('abort', end, { once: true }));
        },
      })
      .foreachBatch((batch) => {
        seen.push(...batch.collect());
        if (seen.length >= lines.length) resolve();
      });
  });
  context.start();
  await done;
  await context.stop({ gracefully: true });
  return { expected: { elementsInOrder: seen, totalReceived: stored, totalProcessed: seen.length } };
}
