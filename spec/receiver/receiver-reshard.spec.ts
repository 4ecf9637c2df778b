import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import type { Block } from '../../lib/block/block.ts';
import { Fleet, type Worker, wait } from './fleet.ts';
import { historyFaults } from './history.ts';

const shard = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** Acks after a while, so that there is always something unfinished. */
const slowly = (millis: number) => (_: Block, worker: Worker) => wait(worker, millis);

describe('a shard that ends', () => {
  it('is at SHARD_END only after its last ack, and after the leases of its children exist', async () => {
    const fleet = new Fleet();
    let open = 0;
    fleet.put(20, shard(0));
    const worker = fleet.start('a', {
      blockMaxRecords: 10,
      handle: async (block, self) => {
        while (self.blocks.indexOf(block) >= open) await wait(self, 100);
      },
    });
    await fleet.clock.runUntil(() => worker.blocks.length === 2);
    fleet.put(5, shard(0));
    fleet.kinesis.split(shard(0));
    await fleet.clock.runUntil(() => worker.blocks.length === 3);
    expect(worker.blocks[2]?.range.through.kind).toBe('SHARD_END');
    open = 2;
    await fleet.clock.advance(20_000);
    expect(fleet.checkpoints).toEqual({ [shard(0)]: `${fleet.produced[19]?.sequenceNumber}:0` });
    let childrenAtEnd: number | undefined;
    fleet.table.intercept = (call) => {
      const isEnd = call.name === 'write' && call.write.set.checkpoint?.kind === 'SHARD_END';
      if (isEnd) childrenAtEnd = fleet.table.rows.length - 1;
    };
    open = 3;
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === 'SHARD_END');
    expect(childrenAtEnd).toBe(2);
    expect(fleet.owners[shard(0)]).toBe('');
  });

  it('may be empty: its end is a block without records, and its children are read', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a');
    await fleet.clock.advance(3_000);
    fleet.kinesis.split(shard(0));
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === 'SHARD_END');
    expect(worker.blocks).toHaveLength(1);
    expect(worker.blocks[0]).toMatchObject({ records: [], bytes: 0 });
    fleet.put(20);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it.each([0, 300, 600, 900])(
    'has its children taken up at once, %i ms after some look at the leases',
    async (millis) => {
      const fleet = new Fleet();
      fleet.put(4);
      const worker = fleet.start('a');
      await fleet.clock.runUntil(() => worker.blocks.length > 0);
      await fleet.clock.advance(5_000 + millis);
      const children: readonly string[] = fleet.kinesis.split(shard(0));
      await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === 'SHARD_END');
      const endedAtMillis = fleet.clock.monotonicMillis();
      const begun = () =>
        worker.eventsOf('shard.changed').filter(({ shardId, to }) => children.includes(shardId) && to === 'starting');
      await fleet.clock.runUntil(() => begun().length === 2);
      // Leases are looked at once a second.
      expect(fleet.clock.monotonicMillis() - endedAtMillis).toBeLessThan(100);
    },
  );

  it.each([0, 300, 600, 900])(
    'has the child of a merge that waits for it begin at once, %i ms after some look at its row',
    async (millis) => {
      const fleet = new Fleet({ shardCount: 2 });
      let isOpen = false;
      const worker = fleet.start('a', {
        handle: async (block) => {
          while (block.shardId === shard(1) && !isOpen) await wait(worker, 10);
        },
      });
      fleet.put(1, shard(1));
      await fleet.clock.runUntil(() => worker.blocks.length > 0);
      const merged: string = fleet.kinesis.merge(shard(0), shard(1));
      const states = () => worker.eventsOf('shard.changed').filter(({ shardId }) => shardId === merged);
      await fleet.clock.runUntil(() => fleet.owners[merged] === 'a');
      await fleet.clock.advance(5_000 + millis);
      expect(states()).toEqual([]);
      isOpen = true;
      await fleet.clock.runUntil(() => fleet.checkpoints[shard(1)] === 'SHARD_END');
      const endedAtMillis = fleet.clock.monotonicMillis();
      await fleet.clock.runUntil(() => states().length > 0);
      // The rows of parents are looked at once a second.
      expect(fleet.clock.monotonicMillis() - endedAtMillis).toBeLessThan(100);
    },
  );

  it('does not hold the checkpoints of other shards up while its children cannot be leased', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.start('a');
    await fleet.clock.advance(3_000);
    fleet.table.intercept = (call) => {
      if (call.name === 'createIfAbsent') throw new MillraceError('MR_THROTTLED', 'injected');
    };
    fleet.kinesis.split(shard(0));
    await fleet.clock.advance(30_000);
    fleet.put(5, shard(1));
    await fleet.clock.advance(10_000);
    expect(fleet.checkpoints[shard(1)]).toBe(`${fleet.produced[4]?.sequenceNumber}:0`);
    fleet.table.intercept = () => {};
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === 'SHARD_END');
  });

  it('does not hold a drain up beyond its deadline while its children cannot be leased', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a');
    await fleet.clock.advance(3_000);
    fleet.table.intercept = (call) => {
      if (call.name === 'createIfAbsent') throw new MillraceError('MR_THROTTLED', 'injected');
    };
    fleet.kinesis.split(shard(0));
    await fleet.clock.advance(5_000);
    await expect(fleet.clock.runUntil(worker.drain(8_000), { atMostMillis: 9_000 })).rejects.toMatchObject({
      code: 'MR_DRAIN_TIMEOUT',
    });
    expect(fleet.owners[shard(0)]).toBe('');
  });

  it('is closed after its children are leased when it is gone past retention', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a');
    await fleet.clock.advance(3_000);
    fleet.put(3, shard(0));
    await fleet.clock.runUntil(() => fleet.allDelivered);
    await fleet.clock.runUntil(worker.drain());
    const children = fleet.kinesis.split(shard(0));
    fleet.kinesis.forget(shard(0));
    fleet.put(10);
    const next = fleet.start('b');
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(next.eventsOf('shard.gone')).toEqual([{ type: 'shard.gone', shardId: shard(0) }]);
    expect(fleet.checkpoints[shard(0)]).toBe('SHARD_END');
    expect(Object.keys(fleet.checkpoints)).toEqual([shard(0), ...children]);
  });

  it('is waited for by the child of a merge, as is its other parent', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(10, shard(0));
    fleet.put(10, shard(1));
    let isOpen = false;
    const worker = fleet.start('a', {
      handle: async (block, self) => {
        while (block.shardId === shard(1) && !isOpen) await wait(self, 100);
      },
    });
    await fleet.clock.runUntil(() => fleet.allDelivered);
    const child = fleet.kinesis.merge(shard(0), shard(1));
    fleet.put(10);
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === 'SHARD_END');
    await fleet.clock.advance(20_000);
    expect(fleet.owners[child]).toBe('a');
    expect(worker.blocks.some((block) => block.shardId === child)).toBe(false);
    isOpen = true;
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
  });
});

describe('resharding during a run', () => {
  it('keeps the order when a shard is merged whose parent nobody has read yet', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    await fleet.clock.advance(1);
    fleet.put(10, shard(0));
    const [, upper] = fleet.kinesis.split(shard(0));
    fleet.put(10, upper);
    const child = fleet.kinesis.merge(upper, shard(1));
    fleet.put(10, child);
    // Shard 1 is empty and ends long before shard 0 does.
    fleet.start('a', { handle: (block, worker) => wait(worker, block.shardId === shard(0) ? 5_000 : 10) });
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
  });

  it.each([1, 2, 3])('loses and repeats nothing with %i receivers', async (workers) => {
    const fleet = new Fleet({ shardCount: 3 });
    for (let index = 0; index < workers; index += 1) fleet.start(`worker ${index}`, { handle: slowly(300) });
    const step = async () => {
      fleet.put(20);
      await fleet.clock.advance(700);
    };
    for (let round = 0; round < 4; round += 1) await step();
    const [, upper] = fleet.kinesis.split(shard(0));
    await step();
    // Two shards that only came to be at the same time, and are closed before anybody has read them.
    fleet.kinesis.merge(upper, shard(1));
    await step();
    const [lower] = fleet.kinesis.split(shard(2));
    await step();
    fleet.kinesis.split(lower);
    for (let round = 0; round < 4; round += 1) await step();
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 120_000 });
    await fleet.clock.advance(15_000);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
    const ended = Object.entries(fleet.checkpoints).filter(([, checkpoint]) => checkpoint === 'SHARD_END');
    expect(ended).toHaveLength(5);
    const owners = new Set(Object.values(fleet.owners).filter((owner) => owner !== ''));
    expect(owners.size).toBe(workers);
  });
});
