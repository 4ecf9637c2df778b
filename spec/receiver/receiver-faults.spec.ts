import { describe, expect, it } from 'vitest';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';
import { Fleet, wait } from './fleet.ts';
import { historyFaults } from './history.ts';

const isRead = (operation: string) => operation === 'getShardIterator' || operation === 'getRecords';

/** Makes a shard fail for good for some workers, or for all; answers with what counts the attempts, and with the cure. */
function breakShard(fleet: Fleet, shardId: string, workers?: readonly string[]) {
  let attempts = 0;
  const mend = fleet.kinesis.intercept((call, proceed) => {
    const isHit = isRead(call.operation) && call.shardId === shardId && (workers?.includes(call.caller) ?? true);
    if (!isHit) return proceed();
    attempts += 1;
    return Promise.reject(awsError('InvalidArgumentException'));
  });
  return { mend, attempts: () => attempts };
}

const unreachable = (fleet: Fleet) =>
  fleet.kinesis.intercept((call, proceed) =>
    isRead(call.operation) ? Promise.reject(networkError('ECONNREFUSED')) : proceed(),
  );

describe('a shard that cannot be read for good', () => {
  it('goes to a worker that can read it, while the others go on, and nothing is missing or repeated', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const bad = fleet.kinesis.openShards[2]?.shardId as string;
    breakShard(fleet, bad, ['a']);
    const first = fleet.start('a');
    fleet.put(40);
    await fleet.clock.runUntil(() => first.eventsOf('shard.failed').length === 1);
    const second = fleet.start('b');
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 60_000 });
    await fleet.clock.advance(60_000);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
    expect(first.hasEnded).toBe(false);
    expect(first.eventsOf('shard.failed')[0]).toMatchObject({ shardId: bad, code: 'MR_CONFIG_INVALID' });
    expect(second.blocks.some(({ shardId }) => shardId === bad)).toBe(true);
  });

  it('finishes what was read of it before, so that nothing is repeated', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const bad = fleet.kinesis.openShards[0]?.shardId as string;
    const first = fleet.start('a', { handle: (_, worker) => wait(worker, 4_000) });
    await fleet.clock.advance(2_000);
    fleet.put(5, bad);
    await fleet.clock.runUntil(() => first.blocks.length === 1);
    const { mend } = breakShard(fleet, bad, ['a']);
    fleet.start('b');
    await fleet.clock.runUntil(() => first.eventsOf('shard.failed').length === 1);
    fleet.put(5, bad);
    await fleet.clock.runUntil(() => fleet.allDelivered && fleet.isCheckpointed, { atMostMillis: 120_000 });
    mend();
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    const ways = first.eventsOf('shard.changed').filter(({ shardId }) => shardId === bad);
    expect(ways.slice(-2)).toMatchObject([{ to: 'draining' }, { from: 'draining', to: 'failed' }]);
  });

  it('is held and left alone for the cool-down where there is nobody else, then read on', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const bad = fleet.kinesis.openShards[1]?.shardId as string;
    const { mend, attempts } = breakShard(fleet, bad);
    fleet.put(10, bad);
    fleet.put(10, fleet.kinesis.openShards[0]?.shardId);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => worker.eventsOf('shard.failed').length === 1);
    await fleet.clock.advance(50_000);
    expect(attempts()).toBe(1);
    expect(fleet.owners[bad]).toBe('a');
    expect(worker.eventsOf('lease.gained').filter(({ leaseKey }) => leaseKey === bad)).toHaveLength(2);
    expect(worker.numbers).toHaveLength(10);
    mend();
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 15_000 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('is read at once when it comes back after another worker has got further with it', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const bad = fleet.kinesis.openShards[0]?.shardId as string;
    const { mend } = breakShard(fleet, bad, ['a']);
    fleet.put(10, bad);
    const first = fleet.start('a');
    const second = fleet.start('b');
    await fleet.clock.runUntil(() => first.eventsOf('shard.failed').length === 1 || fleet.owners[bad] === 'b');
    await fleet.clock.runUntil(() => fleet.allDelivered && fleet.isCheckpointed, { atMostMillis: 60_000 });
    expect(first.eventsOf('shard.failed')).toHaveLength(1);
    mend();
    await fleet.clock.runUntil(second.drain());
    fleet.put(10, bad);
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 20_000 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(first.blocks.some(({ shardId }) => shardId === bad)).toBe(true);
  });

  it('does not go to and fro between workers that all fail', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const bad = fleet.kinesis.openShards[0]?.shardId as string;
    const workers = ['a', 'b', 'c'].map((name) => fleet.start(name));
    await fleet.clock.advance(60_000);
    const { attempts } = breakShard(fleet, bad);
    const before = workers.flatMap((worker) => worker.eventsOf('lease.gained')).length;
    await fleet.clock.advance(55_000);
    const gained = workers.flatMap((worker) => worker.eventsOf('lease.gained').map(({ leaseKey }) => leaseKey));
    expect(gained.slice(before).filter((leaseKey) => leaseKey === bad).length).toBeLessThanOrEqual(4);
    expect(attempts()).toBeLessThanOrEqual(4);
    expect(workers.every((worker) => !worker.hasEnded)).toBe(true);
  });

  it('does not keep a drain from a clean end', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    breakShard(fleet, fleet.kinesis.openShards[0]?.shardId as string);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => worker.eventsOf('shard.failed').length === 1);
    await fleet.clock.runUntil(worker.drain());
    expect(worker.outcome).toBe('resolved');
    expect(Object.values(fleet.owners)).toEqual(['', '']);
  });
});

describe('a receiver all of whose reading fails', () => {
  it('gives its leases up, is started again, and goes on without a gap', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(20);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.allDelivered && fleet.isCheckpointed);
    const restore = unreachable(fleet);
    await fleet.clock.runUntil(() => worker.eventsOf('receiver.restarting').length === 1, { atMostMillis: 600_000 });
    expect(worker.eventsOf('receiver.restarting')).toMatchObject([
      { code: 'MR_ENDPOINT_UNREACHABLE', restart: 1, delayMillis: 2_000 },
    ]);
    expect(Object.values(fleet.owners)).toEqual(['', '']);
    restore();
    fleet.put(20);
    await fleet.clock.runUntil(() => fleet.allDelivered && fleet.isCheckpointed, { atMostMillis: 60_000 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(historyFaults(fleet)).toEqual([]);
    expect(worker.eventsOf('shard.failed')).toEqual([]);
    await fleet.clock.runUntil(worker.drain());
    expect(worker.outcome).toBe('resolved');
  });

  it('acks nothing of the time before: blocks that were out come again', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a', { handle: async (_, self) => wait(self, 1_000_000) });
    await fleet.clock.advance(2_000);
    fleet.put(3);
    await fleet.clock.runUntil(() => worker.blocks.length === 1);
    const [old] = worker.blocks;
    const restore = unreachable(fleet);
    await fleet.clock.runUntil(() => worker.eventsOf('receiver.restarting').length === 1, { atMostMillis: 900_000 });
    restore();
    expect(old?.signal.aborted).toBe(true);
    await fleet.clock.runUntil(() => worker.blocks.length === 2, { atMostMillis: 60_000 });
    worker.receiver.ack(old?.range as never);
    await fleet.clock.advance(10_000);
    expect(fleet.isCheckpointed).toBe(false);
    worker.receiver.ack(worker.blocks[1]?.range as never);
    await fleet.clock.runUntil(() => fleet.isCheckpointed);
  });

  it('ends with its fault when maxReceiverRestarts are used up; the waits double', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a', { maxReceiverRestarts: 3, receiverRestartDelayMillis: 500 });
    await fleet.clock.advance(5_000);
    unreachable(fleet);
    await fleet.clock.runUntil(worker.ended, { atMostMillis: 3_600_000 });
    expect(worker.outcome).toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
    expect(worker.eventsOf('receiver.restarting').map(({ delayMillis }) => delayMillis)).toEqual([500, 1_000, 2_000]);
    expect(Object.values(fleet.owners)).toEqual(['']);
  });

  it('ends at once when it is asked to while it waits for its restart', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a', { receiverRestartDelayMillis: 3_600_000 });
    await fleet.clock.advance(5_000);
    unreachable(fleet);
    await fleet.clock.runUntil(() => worker.eventsOf('receiver.restarting').length === 1, { atMostMillis: 600_000 });
    await fleet.clock.runUntil(worker.drain(), { atMostMillis: 1_000 });
    expect(worker.outcome).toBe('resolved');
  });
});
