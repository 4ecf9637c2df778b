import { describe, expect, it } from 'vitest';
import { TRIM_HORIZON } from '../../lib/base/position.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { awsError } from '../../lib/testkit/aws-error.ts';
import { Fleet, type WorkerOptions } from './fleet.ts';

const parent = 'shardId-000000000000';
const hour = 3_600_000;

/**
 * A worker that has read a shard to its end, which was split, and leased its children, which nobody begins: their rows are as
 * its end left them. It is stopped then.
 */
async function endedParent(options: { readonly puts?: number; readonly ageHours?: number } = {}) {
  const { puts = 10, ageHours = 0 } = options;
  const fleet = new Fleet({ retentionPeriodHours: 24 });
  await fleet.clock.advance(30 * hour);
  fleet.put(puts);
  await fleet.clock.advance(ageHours * hour);
  const worker = fleet.start('a');
  await fleet.clock.runUntil(() => fleet.allDelivered && worker.eventsOf('shard.changed').length > 1);
  const children = fleet.kinesis.split(parent);
  // It is cut off with the write that would begin a child's tenure.
  fleet.table.intercept = (call) => {
    const isBegun = call.name === 'write' && call.write.set.tenure !== undefined && call.write.leaseKey !== parent;
    if (isBegun) throw awsError('ProvisionedThroughputExceededException', 'slow down');
  };
  await fleet.clock.runUntil(() => fleet.checkpoints[parent] === 'SHARD_END');
  worker.abort(new Error('stopped'));
  await fleet.clock.runUntil(worker.ended);
  fleet.table.intercept = () => {};
  return { fleet, children };
}

/** Starts a worker and lets it read for a while; answers with it and how its shards failed. */
async function resumed(fleet: Fleet, options: WorkerOptions = {}) {
  const worker = fleet.start('b', options);
  await fleet.clock.advance(60_000);
  const faults = worker.eventsOf('shard.failed').map(({ shardId, code }) => [shardId, code]);
  return { worker, faults, trimmed: worker.eventsOf('shard.positionTrimmed') };
}

function rowOf(fleet: Fleet, leaseKey: string): Lease {
  return fleet.table.rows.find((row) => row.leaseKey === leaseKey) as Lease;
}

describe('a child that is begun after its first records were trimmed', () => {
  it('fails with MR_POSITION_TRIMMED, and none of its records is handed out', async () => {
    const { fleet, children } = await endedParent();
    fleet.put(10);
    await fleet.clock.advance(30 * hour);
    fleet.put(10);
    const { worker, faults, trimmed } = await resumed(fleet);
    expect(new Set(faults.map(String))).toEqual(new Set(children.map((child) => `${child},MR_POSITION_TRIMMED`)));
    expect(trimmed[0]).toMatchObject({ checkpoint: 'TRIM_HORIZON', retentionMillis: 24 * hour });
    expect(worker.eventsOf('shard.failed')[0]?.message).toMatch(
      /^MR_POSITION_TRIMMED: shard shardId-00000000000[12] began, .* than the 24 h .* its first records may be lost; set onTrimmedPosition/,
    );
    expect(worker.blocks).toEqual([]);
    expect(rowOf(fleet, children[0]).checkpoint).toEqual(TRIM_HORIZON);
  });

  it('goes on with the oldest record that is left where that is the policy, and says so', async () => {
    const { fleet, children } = await endedParent();
    fleet.put(10);
    await fleet.clock.advance(30 * hour);
    fleet.put(10);
    const { worker, faults, trimmed } = await resumed(fleet, { onTrimmedPosition: 'TRIM_HORIZON' });
    expect([faults, trimmed.map(({ shardId }) => shardId).sort()]).toEqual([[], [...children]]);
    expect(worker.blocks.every(({ followsGap }) => followsGap === true)).toBe(true);
    expect([...worker.numbers].sort((a, b) => a - b)).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
  });

  it('is told also where the sync has leased it, and its parent was never seen to have a record', async () => {
    const { fleet, children } = await endedParent({ puts: 0 });
    // As when the worker died between the leases of the two, and the rows were mended by hand.
    for (const child of children) fleet.table.deleteRow(child);
    const synced = fleet.start('s', { handle: () => false, drinks: false });
    await fleet.clock.runUntil(() => fleet.table.rows.length === 3);
    synced.abort(new Error('stopped'));
    await fleet.clock.runUntil(synced.ended);
    fleet.put(10);
    await fleet.clock.advance(30 * hour);
    const { faults } = await resumed(fleet);
    expect(new Set(faults.map(String))).toEqual(new Set(children.map((child) => `${child},MR_POSITION_TRIMMED`)));
  });

  it('is not read before Kinesis has said how old it is', async () => {
    const { fleet } = await endedParent();
    fleet.put(10);
    await fleet.clock.advance(30 * hour);
    fleet.put(10);
    const heal = fleet.kinesis.intercept(({ operation }, proceed) =>
      operation === 'listShards' ? Promise.reject(awsError('LimitExceededException', 'slow down')) : proceed(),
    );
    const held = await resumed(fleet);
    expect([held.faults, held.worker.blocks]).toEqual([[], []]);
    heal();
    await fleet.clock.runUntil(() => held.worker.eventsOf('shard.failed').length > 0);
    expect(held.worker.eventsOf('shard.failed')[0]?.code).toBe('MR_POSITION_TRIMMED');
    expect(held.worker.blocks).toEqual([]);
  });
});

describe('no alarm is given for', () => {
  it('a child that is begun within the retention of its beginning', async () => {
    const { fleet } = await endedParent();
    fleet.put(10);
    await fleet.clock.advance(23 * hour);
    const { faults, trimmed } = await resumed(fleet);
    expect([faults, trimmed, fleet.verdict]).toEqual([[], [], { missing: [], repeated: [] }]);
  });

  it.each([0, 10])('a child of a shard whose last record is older than the retention (%i records)', async (puts) => {
    const { fleet, children } = await endedParent({ puts, ageHours: 23 });
    fleet.put(10);
    await fleet.clock.advance(2 * hour);
    const since = fleet.kinesis.nowMillis() - 24 * hour;
    for (const child of children) expect(rowOf(fleet, child).caughtUpAtMillis).toBeLessThan(since);
    const { faults, trimmed, worker } = await resumed(fleet);
    expect([faults, trimmed]).toEqual([[], []]);
    expect(worker.numbers).toHaveLength(10);
  });

  it('a child of a child, when both are younger than the retention', async () => {
    const { fleet, children } = await endedParent({ puts: 0 });
    const first = fleet.start('f');
    await fleet.clock.runUntil(() => fleet.owners[children[0]] === 'f');
    fleet.kinesis.split(children[0]);
    await fleet.clock.runUntil(() => fleet.checkpoints[children[0]] === 'SHARD_END');
    fleet.put(10);
    const { faults, trimmed } = await resumed(fleet);
    expect([faults, trimmed, first.eventsOf('shard.failed')]).toEqual([[], [], []]);
    expect(fleet.verdict.missing).toEqual([]);
  });

  it('a child that was read within the retention, and never had a record', async () => {
    const { fleet, children } = await endedParent({ puts: 0 });
    await fleet.clock.advance(20 * hour);
    const { worker } = await resumed(fleet);
    await fleet.clock.runUntil(worker.drain());
    expect(rowOf(fleet, children[0]).checkpoint).toEqual(TRIM_HORIZON);
    await fleet.clock.advance(20 * hour);
    fleet.put(10);
    const next = await resumed(fleet);
    expect([next.faults, next.trimmed, fleet.verdict.missing]).toEqual([[], [], []]);
  });

  it('a new application at TRIM_HORIZON on shards of any age, whose parents are gone or are read first', async () => {
    const fleet = new Fleet({ retentionPeriodHours: 24, shardCount: 2 });
    fleet.put(10);
    fleet.kinesis.split(parent);
    fleet.put(10);
    await fleet.clock.advance(20 * hour);
    fleet.kinesis.split('shardId-000000000001');
    await fleet.clock.advance(20 * hour);
    fleet.put(10);
    const { worker, faults, trimmed } = await resumed(fleet);
    expect([faults, trimmed]).toEqual([[], []]);
    expect(worker.numbers).toHaveLength(10);
  });

  it('a child of a service that does not list by time', async () => {
    const { fleet } = await endedParent({ ageHours: 23 });
    fleet.put(10);
    await fleet.clock.advance(2 * hour);
    const { shards } = fleet.kinesis;
    fleet.kinesis.intercept(({ operation }, proceed) =>
      operation === 'listShards' ? Promise.resolve({ shards }) : proceed(),
    );
    const { faults, trimmed, worker } = await resumed(fleet);
    expect([faults, trimmed]).toEqual([[], []]);
    expect(worker.numbers).toHaveLength(10);
  });

  it('a child whose row Java has made, which does not say', async () => {
    const { fleet, children } = await endedParent();
    for (const child of children) {
      const { caughtUpAtMillis: _, ...row } = rowOf(fleet, child);
      fleet.table.putRow(row);
    }
    await fleet.clock.advance(30 * hour);
    fleet.put(10);
    const { faults, trimmed } = await resumed(fleet);
    expect([faults, trimmed]).toEqual([[], []]);
  });
});

describe('a child that is read', () => {
  it('is lost when throttling holds its reader up for longer than the retention, before its first record', async () => {
    const fleet = new Fleet({ retentionPeriodHours: 0.25 });
    fleet.put(1);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.allDelivered);
    const [child] = fleet.kinesis.split(parent);
    await fleet.clock.runUntil(() => fleet.owners[child] === 'a');
    await fleet.clock.advance(10_000);
    fleet.put(10, child);
    const heal = fleet.kinesis.intercept(({ operation }, proceed) =>
      operation === 'getRecords'
        ? Promise.reject(awsError('ProvisionedThroughputExceededException', 'slow down'))
        : proceed(),
    );
    await fleet.clock.advance(20 * 60_000);
    heal();
    await fleet.clock.advance(60_000);
    expect(worker.eventsOf('shard.failed').map(({ shardId, code }) => [shardId, code])).toContainEqual([
      child,
      'MR_POSITION_TRIMMED',
    ]);
  });
});
