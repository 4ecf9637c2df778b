import { describe, expect, it } from 'vitest';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import { parsePointer } from '../../../lib/engine/commit/pointer.ts';
import { StateSpec } from '../../../lib/engine/state/state-spec.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { type Holder, HolderWorld } from './holders.ts';

type Scope = 'shard' | 'application';
const scopes = ['shard', 'application'] as const;
const { signal } = new AbortController();
const texts = (count: number) => Array.from({ length: count }, (_, index) => `a${index}`);

interface Shown {
  readonly counts: Map<string, number>;
  /** Of each batch that was shown, in order: id and time. */
  readonly batches: (readonly [id: number, timeMillis: number])[];
}

function counting(shown: Shown, { scope, repeatable = false }: { scope: Scope; repeatable?: boolean }) {
  return (stream: DStream<KinesisRecord>) => {
    stream
      .keyByPartitionKey()
      .mapValues((record) => record.text())
      .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
      .foreachBatch(
        (batch) => {
          for (const [text, count] of batch.collect()) shown.counts.set(text, count);
          shown.batches.push([batch.id, batch.batchTimeMillis]);
        },
        { repeatable },
      );
    if (scope === 'application') stream.count().foreachBatch(() => {});
  };
}

const reading = (scope: Scope) => ({ scope, blockRecords: 2, blocksAtOnce: 1 }) as const;
const manifests = async (world: HolderWorld) =>
  (await world.store.list('app/', signal)).filter((name) => name.includes('/manifest-'));
const committedBy = (holder: Holder) =>
  holder.events.flatMap((event) => (event.type === 'batch.step' && event.step === 'committed' ? [event.batchId] : []));

function pointerOf(world: HolderWorld, scope: Scope) {
  const text = scope === 'shard' ? world.shards.get('a')?.state : world.epochPlace.row?.pointer;
  return parsePointer(text ?? '', 'row');
}

describe.each(scopes)('a batch that changes nothing, in %s scope', (scope) => {
  it.each([false, true])(
    'is committed without an object of state, under an id and a time of its own (planned: %s)',
    async (repeatable) => {
      const world = new HolderWorld({ a: texts(10) });
      const shown: Shown = { counts: new Map(), batches: [] };
      const first = await world.start(counting(shown, { scope, repeatable }), reading(scope));
      await first.readBlocks(3);
      const before = await manifests(world);
      await world.clock.advance(20_000);
      expect(await manifests(world)).toEqual(before);
      expect((await world.store.list('app/', signal)).filter((name) => name.includes('/plan-'))).toEqual([]);
      expect(committedBy(first).slice(-20)).toEqual(Array.from({ length: 20 }, (_, index) => index + 4));
      expect(pointerOf(world, scope)).toMatchObject({ batchId: 23, batchTimeMillis: 23_000 });
      first.die();
      await world.clock.advance(3_000);
      // A clock that went back must not bring the times of those batches again.
      world.clock.jumpWall(-15_000);
      const second = await world.start(counting(shown, { scope, repeatable }), reading(scope));
      await second.readAll();
      await world.clock.runUntil(second.running);
      second.die();
      expect(shown.counts).toEqual(new Map(texts(10).map((text) => [text, 1])));
      expect(shown.batches.map(([id]) => id)).toEqual(shown.batches.map((_, index) => index + 1));
      const times = shown.batches.map(([, time]) => time);
      expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
    },
  );

  it('is not one whose timers or windows take something away: that is written, once', async () => {
    const world = new HolderWorld({ a: texts(10) });
    const ended: string[] = [];
    const shown: number[] = [];
    const first = await world.start((stream) => {
      stream
        .keyByPartitionKey()
        .mapWithState(
          'seen',
          StateSpec.function((key: string, value: KinesisRecord | undefined, state) => {
            if (value === undefined) ended.push(key);
            else state.update(1);
          }).timeout(5_000),
        )
        .foreachBatch(() => {});
      stream.window(4_000).foreachBatch((batch) => void shown.push(batch.count()));
      if (scope === 'application') stream.count().foreachBatch(() => {});
    }, reading(scope));
    await first.readBlocks(2);
    await world.clock.advance(10_000);
    const settled = await manifests(world);
    const { manifest } = pointerOf(world, scope);
    expect(ended.toSorted()).toEqual(['a0', 'a1', 'a2', 'a3']);
    expect(shown.at(-1)).toBe(0);
    await world.clock.advance(10_000);
    expect([await manifests(world), pointerOf(world, scope).manifest]).toEqual([settled, manifest]);
    first.die();
    await world.clock.advance(3_000);
    const count = ended.length;
    const second = await world.start((stream) => {
      stream
        .keyByPartitionKey()
        .mapWithState(
          'seen',
          StateSpec.function((key: string, value: KinesisRecord | undefined) => {
            if (value === undefined) ended.push(key);
          }).timeout(5_000),
        )
        .foreachBatch(() => {});
      stream.window(4_000).foreachBatch(() => {});
      if (scope === 'application') stream.count().foreachBatch(() => {});
    }, reading(scope));
    await world.clock.advance(10_000);
    expect(ended).toHaveLength(count);
    second.die();
  });
});
