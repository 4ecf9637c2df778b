import { describe, expect, it } from 'vitest';
import type { Block } from '../../lib/block/block.ts';
import { chooseAssignmentPlan } from '../../lib/lease/plan/assignment-plan.ts';
import { Fleet, type Worker, wait } from './fleet.ts';

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

/** A worker that tells this CPU in each report. */
const busy = (percent: () => number) => () => ({ metrics: { C: [percent()] }, operatingRange: { C: [100] } });

describe('the options of assignment', () => {
  it('move a lease by a handoff unless isGracefulLeaseHandoffEnabled is false: then it is cut off', async () => {
    for (const isGracefulLeaseHandoffEnabled of [true, false]) {
      const fleet = new Fleet({ shardCount: 4 });
      const assignment = { isGracefulLeaseHandoffEnabled };
      const first = fleet.start('a', { assignment, handle: slowly(800) });
      await flow(fleet, 8);
      fleet.start('b', { assignment, handle: slowly(800) });
      await flow(fleet, 15);
      expect(leasesOf(fleet)).toEqual({ a: 2, b: 2 });
      const handoffs = first.eventsOf('lease.handoff').length;
      const losses = first.eventsOf('lease.lost').filter(({ reason }) => reason !== 'released').length;
      expect([handoffs, losses]).toEqual(isGracefulLeaseHandoffEnabled ? [2, 0] : [0, 2]);
      await fleet.clock.runUntil(() => fleet.allDelivered);
      expect(fleet.verdict.missing).toEqual([]);
    }
  });

  it('give the old owner gracefulLeaseHandoffTimeoutMillis to finish', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const assignment = { gracefulLeaseHandoffTimeoutMillis: 4_000 };
    const first = fleet.start('a', { assignment, handle: () => false });
    await flow(fleet, 5);
    const second = fleet.start('b', { assignment });
    await fleet.clock.runUntil(() => first.eventsOf('lease.handoff').length === 1, { atMostMillis: 30_000 });
    await fleet.clock.advance(3_000);
    expect(second.eventsOf('lease.gained')).toEqual([]);
    await fleet.clock.runUntil(() => second.eventsOf('lease.gained').length === 1, { atMostMillis: 4_000 });
  });

  it('balance in every so many looks of the leader as varianceBalancingFrequency says, its first one included', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const assignment = { varianceBalancingFrequency: 1_000_000 };
    const first = fleet.start('a', { assignment });
    await flow(fleet, 5);
    fleet.start('b', { assignment });
    await flow(fleet, 30);
    expect(leasesOf(fleet)).toEqual({ a: 4 });
    // The next leader counts anew: its first look was before the third worker came.
    await fleet.clock.runUntil(first.drain(), { atMostMillis: 5_000 });
    await flow(fleet, 5);
    const third = fleet.start('c', { assignment });
    await flow(fleet, 10);
    expect(leasesOf(fleet)).toEqual({ b: 4 });
    expect(third.eventsOf('lease.gained')).toEqual([]);
  });

  it('give no worker more than maxLeasesForWorker', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    fleet.start('a', { assignment: { maxLeasesForWorker: 3 } });
    await flow(fleet, 10);
    expect(leasesOf(fleet)).toEqual({ a: 3, '': 1 });
  });

  it('delete the leases of finished shards unless cleanupLeasesUponShardCompletion is false', async () => {
    for (const cleanupLeasesUponShardCompletion of [true, false]) {
      const fleet = new Fleet({ shardCount: 1 });
      fleet.start('a', { cleanupLeasesUponShardCompletion });
      await flow(fleet, 3);
      const [parent] = fleet.kinesis.openShards;
      fleet.kinesis.split(parent?.shardId ?? '');
      await flow(fleet, 130);
      const isThere = fleet.table.rows.some(({ leaseKey }) => leaseKey === parent?.shardId);
      expect(isThere).toBe(!cleanupLeasesUponShardCompletion);
    }
  });

  it('compare leases and shards every shardSyncIntervalMillis', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    let lists = 0;
    fleet.kinesis.intercept((call, proceed) => {
      if (call.operation === 'listShards') lists += 1;
      return proceed();
    });
    fleet.start('a', { shardSyncIntervalMillis: 5_000 });
    await fleet.clock.advance(5_000);
    const before = lists;
    await fleet.clock.advance(50_000);
    expect(lists - before).toBeGreaterThanOrEqual(9);
    expect(lists - before).toBeLessThanOrEqual(11);
  });
});

describe('the assignment by load', () => {
  it('moves leases away from a worker that reports more CPU than the others', async () => {
    const fleet = new Fleet({ shardCount: 8 });
    const plan = chooseAssignmentPlan('WORKER_UTILIZATION_AWARE');
    const cpuOf = (name: string) => 5 + 10 * (leasesOf(fleet)[name] ?? 0);
    fleet.start('a', { plan, measurements: busy(() => cpuOf('a')) });
    await flow(fleet, 5);
    expect(leasesOf(fleet)).toEqual({ a: 8 });
    fleet.start('b', { plan, measurements: busy(() => cpuOf('b')) });
    await flow(fleet, 90);
    const { a = 0, b = 0 } = leasesOf(fleet);
    expect([a + b, Math.abs(a - b) <= 2]).toEqual([8, true]);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });
});
