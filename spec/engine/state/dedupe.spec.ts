import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import { fileState, memoryState } from '../../../lib/engine/state-store.ts';
import type { KeyedState } from '../../../lib/engine/state/keyed-state.ts';
import type { StepContext, StepNote, StatefulNode } from '../../../lib/engine/stateful-node.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import type { StreamNode } from '../../../lib/engine/node.ts';
import { HolderWorld } from '../commit/holders.ts';
import { startRig } from '../harness.ts';

/** The operator by itself: given batches of texts, and what it remembers. */
function operator(withinMillis: number, maximumIds?: number) {
  const context = new EngineContext({ batchIntervalMillis: 1_000, state: memoryState() });
  const limit = maximumIds === undefined ? {} : { maximumIds };
  const stream = context.queueStream<string>([]).dedupeBy('seen', (text) => text, { withinMillis, ...limit });
  const node = stream.node as StatefulNode<StreamNode> as unknown as StatefulNode<StreamNode, KeyedState>;
  const notes: StepNote[] = [];
  let memory = node.initial();
  return {
    node,
    notes,
    get memory() {
      return memory;
    },
    set memory(next: KeyedState) {
      memory = next;
    },
    async step(batchTimeMillis: number, items: readonly (readonly string[])[] | null) {
      const told: StepContext = {
        batchTimeMillis,
        zeroTimeMillis: 0,
        batchIntervalMillis: 1_000,
        isDue: true,
        signal: new AbortController().signal,
        breathe: () => undefined,
        tell: (note) => notes.push(note),
      };
      const step = await node.step(memory, [items], told);
      memory = step.memory;
      return step.given;
    },
  };
}

const ids = fc.array(fc.constantFrom('a', 'b', 'c', 'd', '__proto__'), { maxLength: 6 });
const batches = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 5 }), items: ids }), { maxLength: 40 });

describe('dedupeBy', () => {
  it('lets through, in their order and partitions, exactly the items whose id was not seen within the time', async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.integer({ min: 1, max: 6 }), async (rounds, within) => {
        const dedupe = operator(within * 1_000);
        const seen = new Map<string, number>();
        let time = 0;
        for (const { gap, items } of rounds) {
          time += gap * 1_000;
          const expected = items.filter((item) => {
            const before = seen.get(item);
            if (before !== undefined && time - before <= within * 1_000) return false;
            seen.set(item, time);
            return true;
          });
          const half = Math.ceil(items.length / 2);
          const given = await dedupe.step(time, [items.slice(0, half), items.slice(half)]);
          expect(given).toHaveLength(2);
          expect(given?.flat()).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('forgets ids when their time is over, also when nothing comes: its memory is bounded by time', async () => {
    const seen = operator(10_000);
    for (let batch = 1; batch <= 200; batch += 1) {
      await seen.step(batch * 1_000, [Array.from({ length: 20 }, (_, index) => `${batch}/${index}`)]);
      expect(seen.memory.entries.size).toBeLessThanOrEqual(11 * 20);
    }
    expect(await seen.step(212_000, null)).toBeNull();
    expect(seen.memory.entries.size).toBe(0);
  });

  it('remembers no more than maximumIds: the oldest are forgotten, and that is told', async () => {
    const seen = operator(1_000_000, 50);
    for (let batch = 1; batch <= 20; batch += 1) {
      await seen.step(batch * 2_000, [Array.from({ length: 10 }, (_, index) => `${batch}/${index}`)]);
      expect(seen.memory.entries.size).toBe(Math.min(50, batch * 10));
    }
    expect(seen.notes).toHaveLength(15);
    expect(seen.notes[0]).toEqual({ type: 'ids.forgotten', operator: 'seen', ids: 10, maximumIds: 50 });
    expect(await seen.step(42_000, [['20/1', '16/9', '15/0', '1/1']])).toEqual([['15/0', '1/1']]);
    // The timers hold what is remembered and no more: ids that were forgotten are not kept in another place.
    const { timers, entries } = seen.memory;
    expect(timers?.withoutFirst(1_000, (key) => entries.get(key)).keys).toHaveLength(50);
  });

  it('remembers what one batch holds beyond the limit only as far as the limit', async () => {
    const seen = operator(10_000, 3);
    expect(await seen.step(1_000, [['a', 'b', 'c', 'd', 'e', 'a']])).toEqual([['a', 'b', 'c', 'd', 'e']]);
    expect(seen.memory.entries.size).toBe(3);
  });

  it('is written down as what changed, and comes back as it was', async () => {
    const seen = operator(3_000, 4);
    const pieces: unknown[] = [];
    const snapshot = [...seen.node.persistence.snapshot(seen.memory)];
    for (let batch = 1; batch <= 9; batch += 1) {
      const before = seen.memory;
      await seen.step(batch * 1_000, [[`${batch}`, `${batch}'`, 'a']]);
      pieces.push(...(seen.node.persistence.changes(before, seen.memory) ?? []));
    }
    const again = operator(3_000, 4);
    again.memory = again.node.persistence.restore(snapshot, JSON.parse(JSON.stringify(pieces)) as unknown[]);
    const next = [['9', "9'", '8', '5', 'a']];
    expect(await again.step(10_000, next)).toEqual(await seen.step(10_000, next));
  });

  it('goes to both children of a shard, and is united with the other at a merge', async () => {
    const parent = operator(60_000);
    await parent.step(1_000, [['a', 'b']]);
    const [lower, upper] = parent.node.persistence.split(parent.memory, 1n << 127n);
    const [one, other] = [operator(60_000), operator(60_000)];
    one.memory = lower;
    other.memory = upper;
    expect(await one.step(2_000, [['a', 'b', 'c']])).toEqual([['c']]);
    expect(await other.step(2_000, [['a', 'b', 'd']])).toEqual([['d']]);
    const merged = operator(60_000);
    merged.memory = merged.node.persistence.merge(one.memory, other.memory);
    expect(await merged.step(3_000, [['a', 'b', 'c', 'd', 'e']])).toEqual([['e']]);
  });

  it('needs one shard only, keeps keys, takes async functions, and refuses ids that are none', async () => {
    const shown: unknown[] = [];
    const rig = startRig(
      (stream) =>
        stream
          .dedupeBy('retries', async (record) => record.text(), { withinMillis: 5_000 })
          .keyByPartitionKey()
          .dedupeBy('again', ([key]) => key, { withinMillis: 5_000 })
          .mapValues((record) => record.text())
          .groupByKey()
          .foreachBatch((batch, { group }) => void shown.push([group, ...batch.collect()])),
      { context: { state: memoryState() } },
    );
    rig.feed.push('shard-a', ['x', 'y', 'x']);
    rig.feed.push('shard-b', ['x']);
    await rig.clock.advance(1_000);
    expect(rig.eventsOf('engine.started')[0]?.scope).toBe('shard');
    expect(shown.map((one) => JSON.stringify(one)).toSorted()).toEqual([
      '["shard-a",["x",["x"]],["y",["y"]]]',
      '["shard-b",["x",["x"]]]',
    ]);
    rig.stopRun.abort(new Error('done'));
    const wrong = startRig(
      (stream) => stream.dedupeBy('x', () => undefined as never, { withinMillis: 1 }).foreachBatch(() => {}),
      { context: { state: memoryState() } },
    );
    wrong.feed.push('shard-a', ['x']);
    await wrong.clock.advance(1_000);
    await expect(wrong.running).rejects.toThrow(/MR_KEY_INVALID: an id of dedupeBy at dedupe\.spec\.ts:\d+.*undefined/);
  });

  it('tells of forgotten ids with group and batch', async () => {
    const rig = startRig(
      (stream) =>
        stream
          .dedupeBy('seen', (record) => record.text(), { withinMillis: 60_000, maximumIds: 2 })
          .foreachBatch(() => {}),
      { context: { state: memoryState() } },
    );
    rig.feed.push('shard-a', ['1', '2', '3']);
    await rig.clock.advance(1_000);
    expect(rig.eventsOf('ids.forgotten')).toEqual([
      { type: 'ids.forgotten', group: 'shard-a', batchId: 1, operator: 'seen', ids: 1, maximumIds: 2 },
    ]);
    rig.stopRun.abort(new Error('done'));
  });

  it.each([
    [{ withinMillis: 0 }, /needs withinMillis above 0: 0/],
    [undefined as never, /needs withinMillis above 0: undefined/],
    [{ withinMillis: Number.POSITIVE_INFINITY }, /needs withinMillis above 0/],
    [{ withinMillis: 5, maximumIds: 0 }, /needs maximumIds, a whole number of at least 1: 0/],
  ])('refuses %o', (options, why) => {
    const context = new EngineContext({ batchIntervalMillis: 1_000 });
    expect(() => context.addInput('lines').dedupeBy('x', (record) => record.text(), options)).toThrow(why);
  });

  it.each([
    ['its id', undefined, 'a b', /MR_CONFIG_INVALID.*the id of dedupeBy/],
    ['a store', undefined, 'x', /MR_CONFIG_INVALID.*dedupeBy/],
  ])('refuses a start without %s', (_what, _state, id, why) => {
    const state = id === 'x' ? {} : { state: fileState('/tmp/nowhere') };
    const context = new EngineContext({ batchIntervalMillis: 1_000, ...state });
    context
      .addInput('lines')
      .dedupeBy(id, (record) => record.text(), { withinMillis: 5 })
      .foreachBatch(() => {});
    expect(() => context.seal()).toThrow(why);
  });

  it('drops what was put twice also when the process died in between', async () => {
    const texts = ['a', 'b', 'a', 'c', 'b', 'd', 'a', 'd', 'e'];
    for (const step of ['processed', 'stateWritten', 'outputsDone', 'committed'] as const) {
      const world = new HolderWorld({ s: texts });
      const shown = new Map<number, readonly string[]>();
      const build = (alive: () => () => void) => (stream: DStream<KinesisRecord>) => {
        stream
          .map((record) => record.text())
          .dedupeBy('seen', (text) => text, { withinMillis: 60_000 })
          .foreachBatch(
            (batch) => {
              alive()();
              shown.set(batch.id, batch.collect());
            },
            { guarantee: 'idempotent', repeatable: true },
          );
      };
      const reading = { scope: 'shard', blockRecords: 2, blocksAtOnce: 1 } as const;
      let passes = 0;
      let reach = () => {};
      const first = await world.start(
        build(() => reach),
        {
          ...reading,
          diesAt: (event) => event.type === 'batch.step' && event.step === step && (passes += 1) === 2,
        },
      );
      reach = first.reachOutside;
      await first.readAll();
      const second = await world.start(
        build(() => reach),
        reading,
      );
      reach = second.reachOutside;
      await second.readAll();
      await world.clock.runUntil(second.running);
      expect([step, [...shown.values()].flat()]).toEqual([step, ['a', 'b', 'c', 'd', 'e']]);
    }
  });
});
