import { describe, expect, it } from 'vitest';
import type { Block } from '../../lib/block/block.ts';
import { Fleet, type Worker, noAnswer, wait } from './fleet.ts';
import { historyFaults } from './history.ts';

const slowly = (millis: number) => (_: Block, worker: Worker) => wait(worker, millis);

function leasesOf(fleet: Fleet): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const owner of Object.values(fleet.owners)) counts[owner] = (counts[owner] ?? 0) + 1;
  return counts;
}

/** Puts a record into every shard, again and again, while time passes. */
async function flow(fleet: Fleet, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    for (const { shardId } of fleet.kinesis.openShards) fleet.put(1, shardId);
    await fleet.clock.advance(1_000);
  }
}

describe('workers of one application', () => {
  it('share the shards evenly when they start together', async () => {
    const fleet = new Fleet({ shardCount: 6 });
    for (const name of ['a', 'b', 'c']) fleet.start(name);
    await flow(fleet, 10);
    expect(leasesOf(fleet)).toEqual({ a: 2, b: 2, c: 2 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
  });

  it('drain a surplus before they give it away: a joining worker repeats nothing', async () => {
    const fleet = new Fleet({ shardCount: 6 });
    fleet.start('a', { handle: slowly(1_500) });
    await flow(fleet, 10);
    const second = fleet.start('b', { handle: slowly(1_500) });
    await flow(fleet, 10);
    fleet.start('c', { handle: slowly(1_500) });
    await flow(fleet, 15);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(leasesOf(fleet)).toEqual({ a: 2, b: 2, c: 2 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
    // Moving is no loss.
    expect(second.eventsOf('lease.lost')).toEqual([]);
  });

  it('give a surplus away after 30 s although its blocks are not finished', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const first = fleet.start('a', { handle: () => false });
    await flow(fleet, 5);
    const signals = first.blocks.map((block) => block.signal);
    const second = fleet.start('b');
    await fleet.clock.runUntil(() => second.eventsOf('lease.gained').length === 1, { atMostMillis: 45_000 });
    await flow(fleet, 5);
    expect(second.numbers.length).toBeGreaterThan(5);
    expect(fleet.verdict.missing).toEqual([]);
    expect(signals.filter((signal) => signal.aborted).length).toBeGreaterThan(0);
    expect(signals.filter((signal) => !signal.aborted).length).toBeGreaterThan(0);
  });

  it('take over from one that is killed: nothing is skipped, what came since the checkpoint is repeated', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const first = fleet.start('a', { checkpointIntervalMillis: 5_000 });
    fleet.start('b', { checkpointIntervalMillis: 5_000 });
    await flow(fleet, 20);
    const before = fleet.checkpoints;
    first.process.kill();
    await flow(fleet, 20);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(leasesOf(fleet)).toEqual({ b: 4 });
    const mine = new Set(first.blocks.map((block) => block.shardId));
    const shouldRepeat = fleet.produced.flatMap((put, number) => {
      const checkpoint = before[put.shardId]?.split(':')[0];
      const isNew = checkpoint === undefined || BigInt(put.sequenceNumber) > BigInt(checkpoint);
      return mine.has(put.shardId) && isNew && first.numbers.includes(number) ? [number] : [];
    });
    expect(shouldRepeat.length).toBeGreaterThan(0);
    expect(fleet.verdict).toEqual({ missing: [], repeated: shouldRepeat });
    expect(historyFaults(fleet)).toEqual([]);
  });

  it('take over from a worker within F and two seconds', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.start('a');
    await fleet.clock.advance(100);
    const second = fleet.start('b');
    await flow(fleet, 10);
    second.process.kill();
    await fleet.clock.runUntil(() => leasesOf(fleet)['a'] === 2, { atMostMillis: 12_000 });
    expect(leasesOf(fleet)).toEqual({ a: 2 });
  });

  it('take over from the leader within 2 F and two seconds', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const leader = fleet.start('a');
    await fleet.clock.advance(100);
    fleet.start('b');
    await flow(fleet, 10);
    leader.process.kill();
    const before = fleet.clock.monotonicMillis();
    await fleet.clock.runUntil(() => leasesOf(fleet)['b'] === 2, { atMostMillis: 22_000 });
    expect(fleet.clock.monotonicMillis() - before).toBeLessThanOrEqual(22_000);
  });

  it('hand over at once at a drain, and repeat nothing', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const first = fleet.start('a', { handle: slowly(400) });
    fleet.start('b', { handle: slowly(400) });
    await flow(fleet, 10);
    await fleet.clock.runUntil(first.drain(), { atMostMillis: 2_000 });
    expect(leasesOf(fleet)).toEqual({ b: 4 });
    await flow(fleet, 5);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
  });

  it('give leases at a stop straight to those that they have seen alive since its beginning, without a leader', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.start('a');
    await fleet.clock.advance(15_000);
    const second = fleet.start('b', { handle: (_, worker) => wait(worker, 6_000) });
    await fleet.clock.runUntil(() => Object.values(fleet.owners).includes('b'), { atMostMillis: 60_000 });
    await fleet.clock.advance(30_000);
    fleet.put(20);
    await fleet.clock.runUntil(() => second.blocks.length > 0);
    await fleet.clock.runUntil(second.drain());
    expect(second.eventsOf('lease.released').map(({ to }) => to)).toEqual(['a']);
  });

  it('abort the blocks of a lost lease; later acks are harmless, and the next owner goes on at the checkpoint', async () => {
    const fleet = new Fleet();
    const held: Block[] = [];
    const first = fleet.start('a', {
      handle: (block) => {
        if (held.length === 0 && block.records.length === 5) return true;
        held.push(block);
        return false;
      },
    });
    fleet.put(5);
    await fleet.clock.runUntil(() => fleet.isCheckpointed && fleet.allDelivered);
    fleet.put(3);
    await fleet.clock.runUntil(() => held.length === 1);
    first.process.pause();
    const second = fleet.start('b');
    await fleet.clock.runUntil(() => second.blocks.length > 0);
    expect(second.numbers).toEqual([5, 6, 7]);
    fleet.put(4);
    await fleet.clock.advance(15_000);
    first.process.resume();
    await fleet.clock.advance(100);
    expect(held[0]?.signal).toMatchObject({ aborted: true, reason: { code: 'MR_LEASE_LOST' } });
    const row = fleet.table.rows[0];
    for (const block of held) first.receiver.ack(block.range);
    await fleet.clock.advance(2_000);
    expect(fleet.table.rows[0]?.checkpoint).toEqual(row?.checkpoint);
    expect(fleet.table.rows[0]?.leaseOwner).toBe('b');
    expect(first.hasEnded).toBe(false);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [5, 6, 7] });
  });

  it('do not take the ack of a lost tenure for one of the next, when the same worker reads the same records again', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const worker = fleet.start('a', { handle: () => false });
    await fleet.clock.runUntil(() => worker.blocks.length === 1);
    fleet.table.intercept = () => {
      throw noAnswer();
    };
    await fleet.clock.runUntil(() => worker.eventsOf('lease.lost').length === 1);
    fleet.table.intercept = () => {};
    await fleet.clock.runUntil(() => worker.blocks.length === 2);
    const [before, now] = worker.blocks as [Block, Block];
    expect(now.range).toEqual({ ...before.range, tenure: now.tenure });
    worker.receiver.ack(before.range);
    expect(await fleet.clock.runUntil(worker.receiver.commit(before.range))).toBe('lost');
    await fleet.clock.advance(10_000);
    expect(Object.values(fleet.checkpoints)).toEqual(['TRIM_HORIZON']);
    worker.receiver.ack(now.range);
    await fleet.clock.runUntil(() => fleet.isCheckpointed);
  });

  it('hand out nothing that was read before a pause of more than F', async () => {
    const fleet = new Fleet();
    const first = fleet.start('a');
    fleet.put(3);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    // Paused between the page and the seal of its block.
    fleet.put(3);
    await fleet.clock.runUntil(() => first.eventsOf('shard.read').length === 2);
    expect(first.numbers).toHaveLength(3);
    first.process.pause();
    const second = fleet.start('b');
    await fleet.clock.runUntil(() => second.numbers.length >= 3);
    await fleet.clock.advance(5_000);
    const handedOut = first.numbers.length;
    first.process.resume();
    await fleet.clock.advance(300);
    expect(first.numbers).toHaveLength(handedOut);
  });

  it('hand out nothing that was sealed before a pause of more than F, at the very moment of waking up', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const worker = fleet.start('a', { drinks: false });
    const blocks = worker.receiver.blocks[Symbol.asyncIterator]();
    await fleet.clock.runUntil(() => worker.eventsOf('block.sealed').length === 1);
    worker.process.pause();
    await fleet.clock.advance(11_000);
    // Its timers have not fired yet, so nothing but the clock knows.
    let handedOut: Block | undefined;
    void blocks.next().then((next) => {
      if (next.done !== true) handedOut = next.value;
    });
    await fleet.clock.advance(0);
    expect(handedOut).toBeUndefined();
    worker.process.resume();
    // The lease is taken again, and its records are read again.
    await fleet.clock.runUntil(() => handedOut !== undefined);
    expect(handedOut?.tenure).toBeGreaterThan(worker.eventsOf('lease.gained')[0]?.tenure ?? Infinity);
  });

  it('keep a short lease over a table that answers again shortly before it expires', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const worker = fleet.start('a', { failoverTimeMillis: 2_000 });
    await flow(fleet, 5);
    for (let round = 0; round < 10; round += 1) {
      fleet.table.intercept = () => {
        throw noAnswer();
      };
      // The last renewal is up to F/3 old.
      await fleet.clock.advance(1_000);
      fleet.table.intercept = () => {};
      await fleet.clock.advance(3_000 + 70 * round);
    }
    expect(worker.eventsOf('lease.lost')).toEqual([]);
  });

  it('keep their leases over a table that cannot be reached for less than F', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const workers = [fleet.start('a'), fleet.start('b')];
    await flow(fleet, 10);
    fleet.table.intercept = () => {
      throw noAnswer();
    };
    await flow(fleet, 6);
    fleet.table.intercept = () => {};
    await flow(fleet, 10);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    for (const worker of workers) expect(worker.eventsOf('lease.lost')).toEqual([]);
    expect(leasesOf(fleet)).toEqual({ a: 1, b: 1 });
  });

  it('lose their leases over a table that cannot be reached for more than F, stop, and go on afterwards', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const workers = [fleet.start('a'), fleet.start('b')];
    await flow(fleet, 10);
    fleet.table.intercept = () => {
      throw noAnswer();
    };
    await flow(fleet, 12);
    const counts = workers.map((worker) => worker.numbers.length);
    await flow(fleet, 20);
    expect(workers.map((worker) => worker.numbers.length)).toEqual(counts);
    fleet.table.intercept = () => {};
    await flow(fleet, 15);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict.missing).toEqual([]);
    expect(historyFaults(fleet)).toEqual([]);
    expect(workers.every((worker) => worker.eventsOf('lease.lost').length === 1)).toBe(true);
    expect(leasesOf(fleet)).toEqual({ a: 1, b: 1 });
    expect(workers.some((worker) => worker.hasEnded)).toBe(false);
  });

  it('survive answers of the table that are lost after the write was applied', async () => {
    const fleet = new Fleet({ shardCount: 3 });
    let call = 0;
    fleet.table.intercept = () => {
      call += 1;
      if (call % 5 !== 0) return undefined;
      return () => {
        throw noAnswer();
      };
    };
    fleet.start('a');
    fleet.start('b');
    await flow(fleet, 60);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict.missing).toEqual([]);
    expect(historyFaults(fleet)).toEqual([]);
    for (const worker of fleet.workers) expect(worker.eventsOf('lease.lost')).toEqual([]);
  });

  it('give a lease to the one that lives when the target of a move dies', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.start('a', { handle: slowly(2_000) });
    await flow(fleet, 5);
    const second = fleet.start('b');
    await fleet.clock.runUntil(() => fleet.table.workerRows.length === 2);
    second.process.kill();
    await flow(fleet, 40);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(leasesOf(fleet)).toEqual({ a: 2 });
    expect(fleet.verdict.missing).toEqual([]);
  });
});
