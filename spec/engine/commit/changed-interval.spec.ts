import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BatchStep } from '../../../lib/event/event.ts';
import { type Holder, type HolderOptions, HolderWorld, atStep } from './holders.ts';

const scopes = ['shard', 'application'] as const;
/** A multiple of every interval below, as a window's slide must be. */
const slideMillis = 42_000;
const intervals = [700, 1_000, 1_500, 2_000, 3_000] as const;
const steps: readonly BatchStep[] = ['planned', 'processed', 'stateWritten', 'outputsDone', 'committed'];
const texts = (shard: string, count: number) => Array.from({ length: count }, (_, index) => `${shard}${index}`);

/** What the program showed: the last count of each text, and the texts of each window by its time. */
interface Shown {
  readonly counts: Map<string, number>;
  readonly windows: Map<number, readonly string[]>;
  /** Times of the batches of each group, by id. */
  readonly times: Map<string, number>;
}

async function hold(world: HolderWorld, shown: Shown, options: HolderOptions): Promise<Holder> {
  let reachOutside = () => {};
  const { scope } = options;
  const holder = await world.start((stream) => {
    const items = stream.map((record) => record.text());
    const pairs = stream.keyByPartitionKey().mapValues((record) => record.text());
    const counts = pairs.updateStateByKey<number>('counts', (values, count = 0) => count + values.length);
    counts.foreachBatch(
      (batch, { group }) => {
        reachOutside();
        for (const [text, count] of batch.collect()) shown.counts.set(text, count);
        shown.times.set(`${group} ${batch.id}`, batch.batchTimeMillis);
      },
      { repeatable: true },
    );
    const window = (scope === 'application' ? items.repartition(1) : items).window(slideMillis, slideMillis);
    window.foreachBatch((batch, { group }) => {
      reachOutside();
      if (group === 'a' || group === 'application') shown.windows.set(batch.batchTimeMillis, batch.collect());
    });
    if (scope === 'application') stream.count().foreachBatch(() => {});
  }, options);
  reachOutside = holder.reachOutside;
  await holder.readAll();
  if (!holder.isDead) await world.clock.runUntil(holder.running);
  holder.die();
  return holder;
}

const newShown = (): Shown => ({ counts: new Map(), windows: new Map(), times: new Map() });

describe.each(scopes)('a batch interval that changes over stored state, in %s scope', (scope) => {
  it('leaves no record uncounted and counts none twice, in state and in windows, wherever its holders died', async () => {
    const run = fc.record({
      batchIntervalMillis: fc.constantFrom(...intervals),
      step: fc.constantFrom(...steps),
      times: fc.integer({ min: 1, max: 4 }),
      restMillis: fc.integer({ min: 0, max: 9_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...intervals),
        async (runs, last) => {
          const world = new HolderWorld({ a: texts('a', 13), b: texts('b', 5) });
          const shown = newShown();
          const reading = { scope, blockRecords: 2, blocksAtOnce: 1 };
          for (const { step, times, batchIntervalMillis, restMillis } of runs) {
            await hold(world, shown, { ...reading, batchIntervalMillis, diesAt: atStep(step, times) });
            await world.clock.advance(2_000 + restMillis);
          }
          const lingerMillis = scope === 'application' ? 2 * slideMillis : 0;
          await hold(world, shown, { ...reading, batchIntervalMillis: last, lingerMillis });
          const all = [...texts('a', 13), ...texts('b', 5)];
          expect(Object.fromEntries(shown.counts)).toEqual(Object.fromEntries(all.map((text) => [text, 1])));
          const times = [...shown.times].filter(([key]) => !key.startsWith('b ')).map(([, time]) => time);
          expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
          if (scope === 'application') {
            expect([...shown.windows.values()].flat().toSorted()).toEqual(all.toSorted());
          }
        },
      ),
      {
        numRuns: 8,
        examples: [
          // The plan of batch 2 is found: its time lies between those of the new interval.
          [[{ batchIntervalMillis: 1_000, step: 'processed', times: 2, restMillis: 0 }], 3_000],
          // Its windows end at times of the first program's, which the ticks of the second never meet.
          [[{ batchIntervalMillis: 3_000, step: 'committed', times: 2, restMillis: 0 }], 2_000],
        ],
      },
    );
  });
});

describe('a window that has another length or slide than the one whose batches are stored', () => {
  const batchIntervalMillis = 1_000;
  type Length = readonly [windowMillis: number, slideMillis: number];

  /** Which texts each batch had, by its time, and each window. */
  async function run(world: HolderWorld, [windowMillis, everyMillis]: Length, diesAt?: HolderOptions['diesAt']) {
    const batches = new Map<number, readonly string[]>();
    const windows = new Map<number, readonly string[]>();
    const holder = await world.start(
      (stream) => {
        const items = stream.map((record) => record.text());
        items.foreachBatch((batch) => void batches.set(batch.batchTimeMillis, batch.collect()));
        items
          .window(windowMillis, everyMillis)
          .foreachBatch((batch) => void windows.set(batch.batchTimeMillis, batch.collect()));
        stream.count().foreachBatch(() => {});
      },
      {
        scope: 'application',
        blockRecords: 1,
        blocksAtOnce: 1,
        batchIntervalMillis,
        lingerMillis: 12_000,
        ...(diesAt === undefined ? {} : { diesAt }),
      },
    );
    await holder.readAll();
    if (!holder.isDead) await world.clock.runUntil(holder.running);
    holder.die();
    return { batches, windows };
  }

  it.each([
    { name: 'shorter', first: [6_000, 6_000], second: [4_000, 2_000] },
    { name: 'longer', first: [4_000, 2_000], second: [6_000, 3_000] },
  ] as const)('holds the batches of its own length at its own times: $name', async ({ first, second }) => {
    const world = new HolderWorld({ a: texts('a', 20) });
    const before = await run(world, first, atStep('committed', 7));
    await world.clock.advance(2_000);
    const after = await run(world, second);
    const [windowMillis, everyMillis] = second;
    const isIn = (time: number, end: number) => time > end - windowMillis && time <= end;
    expect(after.windows.size).toBeGreaterThan(5);
    for (const [end, held] of after.windows) {
      expect(end % everyMillis).toBe(0);
      const own = [...after.batches].filter(([time]) => isIn(time, end)).flatMap(([, items]) => items);
      // What the first program no longer needed is gone.
      const stored = [...before.batches].filter(([time]) => isIn(time, end)).flatMap(([, items]) => items);
      const ofBefore = held.filter((text) => !own.includes(text));
      expect(held.slice(ofBefore.length)).toEqual(own);
      expect(stored).toEqual(expect.arrayContaining(ofBefore));
      expect(new Set(held).size).toBe(held.length);
    }
    const shown = new Set([...before.windows.values(), ...after.windows.values()].flat());
    expect([...shown].toSorted()).toEqual(texts('a', 20).toSorted());
  });
});
