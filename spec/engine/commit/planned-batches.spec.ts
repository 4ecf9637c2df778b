import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import type { BatchStep } from '../../../lib/event/event.ts';
import { type Holder, type HolderOptions, HolderWorld, atStep } from './holders.ts';

const scopes = ['shard', 'application'] as const;
const steps: readonly BatchStep[] = [
  'planned',
  'processed',
  'stateWritten',
  'outputsDone',
  'committed',
  'acknowledged',
];
const texts = (shard: string, count: number) => Array.from({ length: count }, (_, index) => `${shard}${index}`);

/** What the output was given, by group and batch id: every time the partitions as text. */
type Shown = Map<string, string[]>;

async function hold(world: HolderWorld, shown: Shown, options: HolderOptions): Promise<Holder> {
  let reachOutside = () => {};
  const holder = await world.start((stream) => {
    const items = stream.map((record) => record.text());
    if (options.scope === 'application') items.count().foreachBatch(() => {});
    items.foreachBatch(
      async (batch, { group }) => {
        const partitions: string[] = [];
        await batch.forEachPartition((partition) => void partitions.push(partition.join(' ')));
        reachOutside();
        const key = `${group} ${batch.id} ${batch.batchTimeMillis}`;
        shown.set(key, [...(shown.get(key) ?? []), partitions.join(' | ')]);
      },
      { repeatable: true },
    );
  }, options);
  reachOutside = holder.reachOutside;
  await holder.readAll();
  if (!holder.isDead) await world.clock.runUntil(holder.running);
  holder.die();
  return holder;
}

function expectWhole(shown: Shown, world: HolderWorld): void {
  // Every batch id of a group has one time and one content, however often it was shown.
  const ids = [...shown.keys()].map((key) => key.split(' ').slice(0, 2).join(' '));
  expect(new Set(ids).size).toBe(ids.length);
  for (const [key, contents] of shown) expect([key, new Set(contents).size]).toEqual([key, 1]);
  const all = Array.from(shown.values(), (contents) => contents[0] ?? '').flatMap((content) => content.split(/[ |]+/));
  for (const [shardId, { records }] of world.shards) {
    const mine = all.filter((text) => text.startsWith(shardId));
    expect(mine).toEqual(records.map((record) => record.text()));
  }
}

describe.each(scopes)('a batch that is planned, in %s scope', (scope) => {
  it('holds the same records in the same partitions when it is repeated, wherever its holders died', async () => {
    const cut = fc.record({
      blockRecords: fc.integer({ min: 1, max: 5 }),
      blocksAtOnce: fc.integer({ min: 1, max: 4 }),
    });
    const death = fc.record({ step: fc.constantFrom(...steps), times: fc.integer({ min: 1, max: 3 }), cut });
    await fc.assert(
      fc.asyncProperty(fc.array(death, { maxLength: 4 }), cut, async (deaths, lastCut) => {
        const world = new HolderWorld({ a: texts('a', 17), b: texts('b', 9), c: [] });
        const shown: Shown = new Map();
        for (const { step, times, cut: given } of deaths) {
          await hold(world, shown, { scope, ...given, diesAt: atStep(step, times) });
          await world.clock.advance(2_000);
        }
        await hold(world, shown, { scope, ...lastCut });
        expectWhole(shown, world);
      }),
      { numRuns: 12 },
    );
  });

  it('is found by the next holder, who says so and runs it before anything else', async () => {
    const world = new HolderWorld({ a: texts('a', 8) });
    const shown: Shown = new Map();
    const reading = { scope, blockRecords: 2, blocksAtOnce: 2 };
    await hold(world, shown, { ...reading, diesAt: atStep('processed', 2) });
    await world.clock.advance(5_000);
    const next = await hold(world, shown, { ...reading, blockRecords: 3, blocksAtOnce: 1 });
    const group = scope === 'shard' ? 'a' : 'application';
    expect(next.events.find((event) => event.type === 'plan.found')).toMatchObject({ group, batchId: 2, ranges: 2 });
    expect(shown.get(`${group} 2 2000`)).toEqual(['a4 a5 | a6 a7']);
    const planned = next.events.filter((event) => event.type === 'batch.step' && event.step === 'planned');
    expect(planned.map((event) => (event.type === 'batch.step' ? event.batchId : 0))).not.toContain(2);
  });

  it('does not keep a process from ending that stops before all of it is read', async () => {
    const world = new HolderWorld({ a: texts('a', 8) });
    const reading = { scope, blockRecords: 2, blocksAtOnce: 2 };
    await hold(world, new Map(), { ...reading, diesAt: atStep('processed', 1) });
    await world.clock.advance(5_000);
    const build = (stream: DStream<KinesisRecord>) => {
      if (scope === 'application') stream.count().foreachBatch(() => {});
      stream.foreachBatch(() => {}, { repeatable: true });
    };
    const next = await world.start(build, reading);
    await next.readOneAndDrain('a');
    await expect(world.clock.runUntil(next.running)).rejects.toThrow(/MR_DRAIN_TIMEOUT: batch 1 of .* was planned/);
    next.die();
    await world.clock.advance(5_000);
    const shown: Shown = new Map();
    await hold(world, shown, reading);
    expectWhole(shown, world);
  });

  it('is acknowledged in the ranges that the source handed out, each once', async () => {
    const world = new HolderWorld({ a: texts('a', 10) });
    await hold(world, new Map(), { scope, blockRecords: 3, blocksAtOnce: 1, diesAt: atStep('stateWritten', 2) });
    world.acked.length = 0;
    await world.clock.advance(2_000);
    await hold(world, new Map(), { scope, blockRecords: 5, blocksAtOnce: 1 });
    const { tenure } = world.shards.get('a') ?? {};
    const acked = world.acked.filter((range) => range.tenure === tenure);
    expect(acked.map((range) => range.through)).toEqual([...new Set(acked.map((range) => range.through))]);
    for (const [index, range] of acked.entries()) {
      if (index > 0) expect(range.after).toEqual(acked[index - 1]?.through);
    }
    expect(acked.at(-1)?.through.kind).toBe('SHARD_END');
  });
});

describe('a plan with records of a stream that the program reads no more', () => {
  it('ends the start by name, and waits for nothing', async () => {
    const world = new HolderWorld({ a: texts('a', 8) });
    const reading = { scope: 'application', blockRecords: 2, blocksAtOnce: 2 } as const;
    await hold(world, new Map(), { ...reading, inputs: ['lines', 'other'], diesAt: atStep('processed', 1) });
    await world.clock.advance(5_000);
    const next = world.start((stream) => stream.count().foreachBatch(() => {}), {
      ...reading,
      inputs: ['more', 'other'],
    });
    await expect(next).rejects.toThrow(/MR_CONFIG_INVALID: the next batch of application was planned.*"lines"/);
  });
});

describe('a plan of a zombie', () => {
  it('is refused by the lease of its shard, and its batch is dropped', async () => {
    const world = new HolderWorld({ a: texts('a', 4) });
    const shown: Shown = new Map();
    const row = world.shards.get('a')!;
    let isNext = false;
    const zombie = await hold(world, shown, {
      scope: 'shard',
      blockRecords: 2,
      blocksAtOnce: 1,
      diesAt: (event) => {
        // Another process has taken the lease just before the second plan.
        if (event.type === 'batch.started' && event.batchId === 2 && !isNext) {
          isNext = true;
          row.tenure += 1;
        }
        return false;
      },
    });
    expect(zombie.events.filter((event) => event.type === 'batch.dropped')).toHaveLength(1);
    expect([...shown.keys()]).toEqual(['a 1 1000']);
    await hold(world, shown, { scope: 'shard', blockRecords: 4, blocksAtOnce: 1 });
    expect([...shown.values()].flat().join(' ').trim()).toBe('a0 a1 a2 a3');
  });
});

describe('batches without a sink that needs it', () => {
  it.each(scopes)('are not planned: one write for each commit, in %s scope', async (scope) => {
    const world = new HolderWorld({ a: texts('a', 6) });
    const holder = await world.start(
      (stream) => {
        if (scope === 'application') stream.count().foreachBatch(() => {});
        else stream.foreachBatch(() => {});
      },
      { scope, blockRecords: 2, blocksAtOnce: 1 },
    );
    await holder.readAll();
    await world.clock.runUntil(holder.running);
    expect(holder.events.some((event) => event.type === 'batch.step' && event.step === 'planned')).toBe(false);
    expect(world.shards.get('a')?.writes ?? []).not.toContain('other');
    expect((await world.store.list('app/', new AbortController().signal)).some((name) => name.includes('/plan-'))).toBe(
      false,
    );
  });

  it('are planned with one more write for each commit, and the plans are removed with it', async () => {
    const world = new HolderWorld({ a: texts('a', 6) });
    await hold(world, new Map(), { scope: 'shard', blockRecords: 2, blocksAtOnce: 1 });
    const { writes } = world.shards.get('a')!;
    expect(writes).toEqual(['other', 'commit', 'other', 'commit', 'other', 'commit', 'other', 'commit']);
    const left = await world.store.list('app/', new AbortController().signal);
    expect(left.filter((name) => name.includes('/plan-'))).toEqual([]);
  });
});
