import { describe, expect, it } from 'vitest';
import { distributionOf } from '../../../lib/monitor/snapshot/distribution.ts';
import { SnapshotFold } from '../../../lib/monitor/snapshot/fold.ts';
import type { Origin } from '../../../lib/monitor/snapshot/origin.ts';
import { Slots } from '../../../lib/monitor/snapshot/slots.ts';

const orders: Origin = { receiverId: 0, streamName: 'orders', workerIdentifier: 'w-1' };
const prices: Origin = { receiverId: 1, streamName: 'prices', workerIdentifier: 'w-1' };

function foldOf(): SnapshotFold {
  return new SnapshotFold({ startedAtMillis: 0, location: 'host-a', receivers: [orders, prices] });
}

const gained = (leaseKey: string, tenure = 1) =>
  ({ type: 'lease.gained', leaseKey, tenure, checkpoint: '1:0' }) as const;
const read = (shardId: string, records: number, millisBehindLatest = 0) =>
  ({ type: 'shard.read', shardId, records, bytes: records * 10, millisBehindLatest }) as const;

describe('the snapshot of shards and leases', () => {
  it('keeps apart shards of one name in two streams', () => {
    const fold = foldOf();
    fold.add(gained('shard-0'), 1_000, orders);
    fold.add(gained('shard-0'), 1_000, prices);
    fold.add(read('shard-0', 5, 700), 2_000, prices);
    const { shards, receivers } = fold.snapshot(3_000);
    expect(
      shards.map(({ streamName, records, millisBehindLatest }) => [streamName, records, millisBehindLatest]),
    ).toEqual([
      ['orders', 0, null],
      ['prices', 5, 700],
    ]);
    expect(receivers.map(({ name, shards: held, records }) => [name, held, records])).toEqual([
      ['KinesisReceiver-0', 1, 0],
      ['KinesisReceiver-1', 1, 5],
    ]);
  });

  it('knows of a shard owner, tenure, lineage, position and throttles, and forgets the owner with the lease', () => {
    const fold = foldOf();
    fold.add(gained('parent', 3), 1_000, orders);
    fold.add({ ...gained('child', 4), parents: ['parent'] }, 1_000, orders);
    fold.add({ type: 'lease.checkpointed', leaseKey: 'child', tenure: 4, checkpoint: '9:0' }, 2_000, orders);
    fold.add({ type: 'shard.throttled', shardId: 'child', delayMillis: 5 }, 2_500, orders);
    const [child, parent] = fold.snapshot(3_000).shards;
    expect(parent?.children).toEqual(['child']);
    expect(child).toMatchObject({ owner: 'w-1', tenure: 4, parents: ['parent'], position: '9:0', throttles: 1 });
    fold.add({ type: 'lease.lost', leaseKey: 'child', tenure: 3, reason: 'taken' }, 3_000, orders);
    expect(fold.snapshot(3_000).shards[0]?.owner).toBe('w-1');
    fold.add({ type: 'lease.lost', leaseKey: 'child', tenure: 4, reason: 'taken' }, 3_000, orders);
    expect(fold.snapshot(3_000).shards[0]).toMatchObject({ owner: null, state: 'gone', millisBehindLatest: null });
  });

  it('calls a shard gone that was given up, whatever its reader says afterwards', () => {
    const fold = foldOf();
    fold.add(gained('a'), 1_000, orders);
    fold.add({ type: 'lease.released', leaseKey: 'a', tenure: 1, to: 'w-2' }, 2_000, orders);
    fold.add({ type: 'shard.changed', shardId: 'a', from: 'draining', to: 'lost' }, 2_001, orders);
    expect(fold.snapshot(3_000).shards[0]).toMatchObject({ state: 'gone', owner: null });
  });

  it('shows a handoff while it is under way, and its end', () => {
    const fold = foldOf();
    fold.add({ type: 'lease.handoff', leaseKey: 'a', from: 'w-2', to: 'w-1' }, 1_000, orders);
    expect(fold.snapshot(1_000).leases[0]).toMatchObject({ owner: 'w-2', isMine: false, movingTo: 'w-1' });
    fold.add(gained('a'), 2_000, orders);
    expect(fold.snapshot(2_000).leases[0]).toMatchObject({ owner: 'w-1', isMine: true, movingTo: null });
    expect(fold.snapshot(2_000).moves.map(({ kind }) => kind)).toEqual(['gained', 'handoff']);
  });

  it('keeps a released lease with its next owner, though its loss is told too', () => {
    const fold = foldOf();
    fold.add(gained('a'), 1_000, orders);
    fold.add({ type: 'lease.released', leaseKey: 'a', tenure: 1, to: 'w-2' }, 2_000, orders);
    fold.add({ type: 'lease.lost', leaseKey: 'a', tenure: 1, reason: 'released' }, 2_000, orders);
    const { leases, totals } = fold.snapshot(2_000);
    expect(leases[0]).toMatchObject({ owner: 'w-2', isMine: false });
    expect(totals).toMatchObject({ leasesReleased: 1, leasesLost: 0 });
  });

  it('makes anew only the rows of shards that something happened to, in a list that is new only then', () => {
    const fold = foldOf();
    const names = Array.from({ length: 1_000 }, (_, index) => `shard-${`${index}`.padStart(4, '0')}`);
    for (const name of names) {
      fold.add(gained(name), 0, orders);
      fold.add(read(name, 1), 1_000, orders);
    }
    const rebuilt = (before: readonly unknown[], after: readonly unknown[]) => {
      const known = new Set(before);
      return after.filter((row) => !known.has(row)).length;
    };
    const first = fold.snapshot(4_000);
    const idle = fold.snapshot(4_500);
    expect([idle.shards, idle.leases, idle.moves, idle.commits]).toEqual([
      first.shards,
      first.leases,
      first.moves,
      first.commits,
    ]);
    expect(idle.shards).toBe(first.shards);
    expect(idle.leases).toBe(first.leases);
    fold.add(read('shard-0007', 1), 4_600, orders);
    fold.add({ type: 'lease.checkpointed', leaseKey: 'shard-0009', tenure: 1, checkpoint: '2:0' }, 4_600, orders);
    const busy = fold.snapshot(4_700);
    expect(rebuilt(first.shards, busy.shards)).toBe(2);
    expect(rebuilt(first.leases, busy.leases)).toBe(1);
    expect(first.shards[7]?.records).toBe(1);
    expect(busy.shards[7]?.records).toBe(2);
    // Rates are those of whole slots of 5 s: they change for all that were read, once.
    const later = fold.snapshot(5_000);
    expect(rebuilt(busy.shards, later.shards)).toBe(1_000);
    expect(later.shards[3]?.recordsPerSecond).toBe(0.2);
    expect(fold.snapshot(9_999).shards).toBe(later.shards);
    // A child names one parent, whose row is new with it.
    fold.add({ ...gained('shard-1000'), parents: ['shard-0001'] }, 9_999, orders);
    const split = fold.snapshot(9_999);
    expect(rebuilt(later.shards, split.shards)).toBe(2);
    expect(split.shards[1]?.children).toEqual(['shard-1000']);
  });

  it('stays bounded whatever comes', () => {
    const fold = foldOf();
    for (let index = 0; index < 12_000; index += 1) {
      fold.add(gained(`shard-${index}`), index, orders);
      fold.add({ type: 'lease.lost', leaseKey: `shard-${index}`, tenure: 1, reason: 'taken' }, index, orders);
      fold.add({ type: 'batch.submitted', group: 'g', batchTimeMillis: index, records: 1, blocks: 1 }, index);
    }
    const { shards, leases, moves, batches } = fold.snapshot(12_000);
    expect([shards.length, leases.length, moves.length, batches.active.length]).toEqual([1_000, 10_000, 200, 10_000]);
  });
});

describe('the snapshot of batches', () => {
  const group = 'application';
  const batch = (batchTimeMillis: number) => ({ group, batchTimeMillis, records: 4, blocks: 1 });
  const inputs = [{ streamName: 'orders', shardId: 'a', tenure: 1, after: '1:0', through: '5:0', records: 4 }];
  const name = 'foreachBatch at counts.ts:1';

  it('tells of the batch of a found plan, and of no other, that its records were read again', () => {
    const fold = foldOf();
    const plan = { group, batchId: 7, batchTimeMillis: 1_000, shards: 1, ranges: 1 };
    fold.add({ type: 'plan.found', ...plan }, 900);
    for (const batchTimeMillis of [1_000, 2_000]) {
      fold.add({ type: 'batch.submitted', ...batch(batchTimeMillis) }, batchTimeMillis);
      fold.add({ type: 'batch.started', batchId: 7, ...batch(batchTimeMillis), inputs }, batchTimeMillis);
    }
    fold.add({ type: 'batch.submitted', ...batch(1_000), group: 'another' }, 1_000);
    const figures = { schedulingDelayMillis: 10, processingDelayMillis: 8 };
    fold.add({ type: 'batch.completed', batchId: 7, ...batch(1_000), ...figures }, 2_000);
    const { active, completed } = fold.snapshot(2_000).batches;
    expect(completed.map(({ isReread }) => isReread)).toEqual([true]);
    expect(active.map(({ isReread }) => isReread)).toEqual([false, false]);
  });

  it('tells of a batch that waited, and whose blocks were dropped meanwhile, that they were read again', () => {
    const fold = foldOf();
    for (const time of [1_000, 2_000]) fold.add({ type: 'batch.submitted', ...batch(time) }, time);
    fold.add({ type: 'batch.reread', group, batchTimeMillis: 2_000, blocks: 1, records: 4 }, 5_000);
    expect(fold.snapshot(5_000).batches.active.map(({ isReread }) => isReread)).toEqual([false, true]);
    fold.add({ type: 'batch.started', batchId: 8, ...batch(2_000), inputs }, 5_010);
    const figures = { schedulingDelayMillis: 10, processingDelayMillis: 8 };
    fold.add({ type: 'batch.completed', batchId: 8, ...batch(2_000), ...figures }, 6_000);
    expect(fold.snapshot(6_000).batches.completed.map(({ isReread }) => isReread)).toEqual([true]);
  });

  it('follows a batch from its queue to its end, with ranges, outputs and the stage', () => {
    const fold = foldOf();
    fold.add({ type: 'batch.submitted', ...batch(1_000) }, 1_001);
    expect(fold.snapshot(1_001).batches.active[0]).toMatchObject({ status: 'QUEUED', batchId: null });
    fold.add({ type: 'batch.started', batchId: 7, ...batch(1_000), inputs }, 1_010);
    const output = { group, batchId: 7, batchTimeMillis: 1_000, outputId: 0, name };
    fold.add({ type: 'output.started', ...output, attempt: 1 }, 1_011);
    expect(fold.snapshot(1_011).stages.active[0]).toMatchObject({ description: name, inputRecords: 4 });
    fold.add({ type: 'output.completed', ...output, attempt: 1, durationMillis: 3, failureReason: 'no' }, 1_014);
    fold.add({ type: 'batch.failed', group, batchId: 7, message: 'no' }, 1_014);
    expect(fold.snapshot(1_014).batches.active[0]).toMatchObject({ status: 'PROCESSING', error: 'no' });
    fold.add({ type: 'output.started', ...output, attempt: 2 }, 1_015);
    fold.add({ type: 'output.completed', ...output, attempt: 2, durationMillis: 2 }, 1_017);
    const figures = { schedulingDelayMillis: 10, processingDelayMillis: 8 };
    fold.add({ type: 'batch.completed', batchId: 7, ...batch(1_000), ...figures }, 1_018);
    const { batches, stages, totals, commits } = fold.snapshot(1_018);
    expect(batches.active).toEqual([]);
    expect(batches.completed[0]).toMatchObject({ status: 'COMPLETED', totalDelayMillis: 18, inputs, attempts: 2 });
    expect(batches.completed[0]?.outputs).toMatchObject([{ status: 'COMPLETED', attempt: 2, durationMillis: 2 }]);
    expect(batches.statistics?.totalDelay).toMatchObject({ last: 18, median: 18 });
    expect([stages.totalCompleted, stages.totalFailed, stages.active.length]).toEqual([1, 1, 0]);
    expect(totals).toMatchObject({ receivedRecords: 4, processedRecords: 4 });
    expect(commits).toMatchObject([{ group, batchId: 7 }]);
  });

  it('tells a batch that failed for good from one that its next owner reads again', () => {
    const fold = foldOf();
    for (const [index, reason] of (['failed', 'lost'] as const).entries()) {
      fold.add({ type: 'batch.started', batchId: index, ...batch(index), inputs }, 5);
      const output = { group, batchId: index, batchTimeMillis: index, outputId: 0, name, attempt: 1 };
      fold.add({ type: 'output.started', ...output }, 6);
      fold.add({ type: 'batch.dropped', group, batchTimeMillis: index, reason, message: 'm' }, 7);
    }
    const { batches, stages } = fold.snapshot(8);
    expect(batches.completed.map(({ status }) => status)).toEqual(['DROPPED', 'FAILED']);
    expect([batches.totalFailed, batches.totalCompleted, batches.statistics]).toEqual([1, 0, null]);
    expect([stages.active.length, stages.totalFailed]).toEqual([0, 2]);
  });
});

describe('a distribution', () => {
  it("takes percentiles by Spark's rule", () => {
    expect(distributionOf([4, 1, 3, 2])).toEqual({ last: 2, min: 1, p25: 2, median: 3, p75: 4, max: 4, mean: 2.5 });
    expect(distributionOf([])).toBeNull();
  });
});

describe('slots', () => {
  it('count a silent slot as nothing, and only whole ones', () => {
    const slots = new Slots(1_000);
    slots.add(5, 1_100);
    slots.add(5, 1_900);
    slots.add(2, 3_500);
    expect(slots.ended(3_900)).toEqual([
      [2_000, 10],
      [3_000, 0],
    ]);
    expect(slots.perSecond(3_900)).toBe(5);
  });

  it('keep the last hundred, and stand a clock that jumps either way', () => {
    const slots = new Slots(1_000);
    slots.add(1, 1_000);
    slots.add(1, 1e12);
    slots.add(1, 5_000);
    expect(slots.ended(1e12 + 1_000)).toHaveLength(100);
    expect(slots.ended(1e12 + 1_000).at(-1)).toEqual([1e12 + 1_000, 2]);
  });
});
