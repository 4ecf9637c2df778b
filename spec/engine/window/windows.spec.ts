import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineContext } from '../../../lib/engine/context.ts';
import { Evaluation } from '../../../lib/engine/evaluate.ts';
import { emptyMemory } from '../../../lib/engine/memory.ts';
import { memoryState } from '../../../lib/engine/state-store.ts';
import { StateSpec } from '../../../lib/engine/state/state-spec.ts';
import type { DStream, PairDStream } from '../../../lib/engine/stream.ts';
import type { InverseMemory } from '../../../lib/engine/window/inverse-step.ts';
import { windowStep } from '../../../lib/engine/window/window-step.ts';
import { runStream } from '../../../lib/testkit/stream-harness.ts';

const add = (a: number, b: number) => a + b;
const subtract = (a: number, b: number) => a - b;

type Pairs = readonly (readonly [string, number])[];

function run(batches: readonly Pairs[], build: (pairs: PairDStream<string, number>) => DStream<unknown>) {
  return runStream<[readonly [string, number]], unknown>({
    batchIntervalMillis: 1_000,
    inputs: [batches],
    batches: batches.length,
    build: (_context, s) => build(s.mapToPair((pair) => pair)),
  });
}

const batchesOfPairs = fc.array(
  fc.array(fc.tuple(fc.constantFrom('a', 'b', '__proto__', 'd'), fc.integer({ min: -50, max: 50 })), { maxLength: 5 }),
  { minLength: 1, maxLength: 40 },
);

/** Windows by the definition: the batches of (time - window, time] at each multiple of the slide. */
function windowsOf(batches: readonly Pairs[], window: number, slide: number): (Map<string, number> | null)[] {
  return batches.map((_, index) => {
    const time = index + 1;
    if (time % slide !== 0) return null;
    const sums = new Map<string, number>();
    for (const [key, value] of batches.slice(Math.max(0, time - window), time).flat()) {
      sums.set(key, (sums.get(key) ?? 0) + value);
    }
    return sums;
  });
}

const asMaps = (given: readonly (unknown[] | null)[]) =>
  given.map((batch) => batch && new Map(batch as [string, number][]));

describe('windows', () => {
  it('are what their definition says, with and without an inverse function, whatever window and slide', async () => {
    await fc.assert(
      fc.asyncProperty(
        batchesOfPairs,
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 7 }),
        async (batches, window, slide) => {
          const expected = windowsOf(batches, window, slide);
          const [w, s] = [window * 1_000, slide * 1_000];
          expect(asMaps(await run(batches, (pairs) => pairs.reduceByKeyAndWindow(add, w, s)))).toEqual(expected);
          expect(asMaps(await run(batches, (pairs) => pairs.reduceByKeyAndWindow(add, subtract, w, s)))).toEqual(
            expected,
          );
          const later = async (a: number, b: number) => a + b;
          const back = async (a: number, b: number) => a - b;
          expect(asMaps(await run(batches, (pairs) => pairs.reduceByKeyAndWindow(later, back, w, s)))).toEqual(
            expected,
          );
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  it('hand on the partitions of their batches as they are, without a copy of the data', async () => {
    const seen: unknown[] = [];
    const marks = Array.from({ length: 6 }, (_, index) => ({ index }));
    const given = await runStream<[object], readonly object[]>({
      batchIntervalMillis: 1_000,
      inputs: [marks.map((mark) => [mark])],
      batches: 6,
      build: (_context, s) => s.window(3_000).glom(),
    });
    for (const partition of given.at(-1) ?? []) seen.push(...partition);
    expect(seen).toEqual(marks.slice(3));
    expect(seen.every((item, index) => item === marks[3 + index])).toBe(true);
  });

  it('are rid of rounding errors from time to time', async () => {
    const tenths = Array.from({ length: 400 }, (_, index): Pairs => [['a', index % 7 === 0 ? 1e9 : 0.1]]);
    const given = await run(tenths, (pairs) => pairs.reduceByKeyAndWindow(add, subtract, 3_000));
    const [[, last]] = given.at(-1) as [[string, number]];
    const exact = tenths
      .slice(-3)
      .flat()
      .reduce((sum, [, value]) => sum + value, 0);
    expect(last).toBe(exact);
  });

  it('refuse lengths that are no multiple of the time between two batches, naming operator and line', async () => {
    const refused = (build: (pairs: PairDStream<string, number>) => DStream<unknown>) =>
      expect(run([[]], build)).rejects.toThrow(
        /MR_CONFIG_INVALID: the (window|slide) of \w+ at windows\.spec\.ts:\d+ is/,
      );
    await refused((pairs) => pairs.window(1_500));
    await refused((pairs) => pairs.window(2_000, 1_500));
    await refused((pairs) => pairs.window(Number.NaN));
    await refused((pairs) => pairs.window(0));
    await refused((pairs) => pairs.window(4_000, 2_000).window(3_000));
    await refused((pairs) => pairs.reduceByKeyAndWindow(add, subtract, 1_500));
  });

  it('and state by key need a state store where they must be carried on', () => {
    const builds: ((pairs: PairDStream<string, number>) => DStream<unknown>)[] = [
      (pairs) => pairs.updateStateByKey<number>('sums', (values, sum = 0) => values.reduce(add, sum)),
      (pairs) =>
        pairs.mapWithState(
          'sums',
          StateSpec.function(() => 1),
        ),
      (pairs) => pairs.reduceByKeyAndWindow(add, subtract, 2_000),
    ];
    for (const build of builds) {
      const context = new EngineContext({ batchIntervalMillis: 1_000 });
      build(context.addInput<string>('words').mapToPair((word) => [word, 1])).print();
      expect(() => context.seal()).toThrow(/MR_CONFIG_INVALID: \w+ at windows\.spec\.ts:\d+ keeps state/);
    }
  });
});

describe('what is remembered', () => {
  it('stays as large as the windows are, over 100,000 batches', async () => {
    const context = new EngineContext({ batchIntervalMillis: 1_000, state: memoryState() });
    const pairs = context.addInput<readonly [string, number]>('pairs').mapToPair((pair) => pair);
    const observed = [
      pairs.reduceByKeyAndWindow(add, subtract, 10_000),
      pairs.window(10_000, 5_000),
      pairs.mapWithState(
        'seen',
        StateSpec.function((_key: string, value: number | undefined, state) => {
          if (value !== undefined) state.update(value);
        }).timeout(10_000),
      ),
    ];
    const plan = context.seal(observed);
    const { signal } = new AbortController();
    let memory = emptyMemory;
    const sizes = new Set<string>();
    for (let batch = 1; batch <= 100_000; batch += 1) {
      const evaluation = new Evaluation({
        plan,
        head: { id: batch, batchTimeMillis: batch * 1_000, ranges: [] },
        zeroTimeMillis: 0,
        memory,
        // A new key in each batch, which nobody sees again.
        inputOf: () => [[[`key-${batch}`, batch]]],
        signal,
      });
      await evaluation.advance();
      memory = evaluation.nextMemory;
      if (batch % 10_000 === 0) sizes.add(sizesOf([...memory.values()]));
    }
    expect([...sizes]).toEqual(['inverse 10 keys 10 panes, window 10 panes, state 11 keys']);
  }, 120_000);

  it('is untouched by a batch whose state function throws, and by a function that changes state in place', async () => {
    const context = new EngineContext({ batchIntervalMillis: 1_000, state: memoryState() });
    const words = context.addInput<string>('words').mapToPair((word) => [word, 1]);
    const counts = words.updateStateByKey<{ n: number }>('counts', (values, state = { n: 0 }, key) => {
      if (key === 'bad') throw new Error('no such word');
      if (key === 'mutant') state.n += 1;
      return { n: state.n + values.length };
    });
    const plan = context.seal([counts]);
    const evaluate = (memory: typeof emptyMemory, texts: readonly string[]) =>
      new Evaluation({
        plan,
        head: { id: 1, batchTimeMillis: 1_000, ranges: [] },
        zeroTimeMillis: 0,
        memory,
        inputOf: () => [texts],
        signal: new AbortController().signal,
      });
    const first = evaluate(emptyMemory, ['a', 'mutant']);
    await first.advance();
    const memory = first.nextMemory;
    const before = structuredClone(await first.of(counts.node));
    for (const texts of [['a', 'bad'], ['mutant']]) {
      const failing = evaluate(memory, texts);
      await expect(failing.advance()).rejects.toThrow(/MR_HANDLER_FAILED: updateStateByKey at windows\.spec\.ts/);
      expect(failing.nextMemory).toBe(memory);
    }
    expect(before).toEqual(await first.of(counts.node));
  });
});

describe('a window at a batch time that is no multiple of the interval', () => {
  it('holds the batches of its whole length: an earlier run planned it under another interval', () => {
    const step = windowStep({ windowMillis: 2_000, slideMillis: 2_000 });
    const { signal } = new AbortController();
    const times = { batchTimeMillis: 3_500, batchIntervalMillis: 2_000, zeroTimeMillis: 0, isDue: true };
    const before = [1_500, 1_600, 3_000].map((timeMillis) => ({ timeMillis, content: [[timeMillis]] }));
    const { given } = step(before, [[[3_500]]], { ...times, signal, breathe: () => undefined });
    expect(given).toEqual([[1_600], [3_000], [3_500]]);
  });
});

function sizesOf(memories: readonly unknown[]): string {
  return memories
    .map((memory) => {
      if (Array.isArray(memory)) return `window ${memory.length} panes`;
      const { values, panes, entries } = memory as InverseMemory & { entries: ReadonlyMap<string, unknown> };
      return entries === undefined ? `inverse ${values.size} keys ${panes.length} panes` : `state ${entries.size} keys`;
    })
    .join(', ');
}
