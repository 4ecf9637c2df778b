import { describe, expect, it } from 'vitest';
import { AT_TIMESTAMP, LATEST, formatPosition, positionOf } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import type { InitialPosition } from '../../lib/lease/plan/shard-sync-plan.ts';
import { awsError } from '../../lib/testkit/aws-error.ts';
import { Fleet, type Worker, type WorkerOptions, wait } from './fleet.ts';

const shard0 = 'shardId-000000000000';
const hour = 3_600_000;
/** The service time at which each fleet begins. */
const startMillis = new Fleet().kinesis.nowMillis();

/** A fleet whose worker has finished ten records and was drained; then nobody reads for so many hours. */
async function rested(hours: number, during: (fleet: Fleet) => void = () => {}) {
  const fleet = new Fleet({ retentionPeriodHours: 24 });
  fleet.put(10);
  const first = fleet.start('a');
  await fleet.clock.runUntil(() => fleet.table.rows[0]?.caughtUpAtMillis !== undefined);
  expect(fleet.isCheckpointed).toBe(true);
  await fleet.clock.runUntil(first.drain());
  during(fleet);
  await fleet.clock.advance(hours * hour);
  return fleet;
}

function leaseOf(fleet: Fleet): Lease {
  const lease = fleet.table.rows.find((row) => row.leaseKey === shard0);
  if (lease === undefined) throw new Error('no row');
  return lease;
}

/** Starts a worker and lets it read for a while; answers with it and the code of the fault that the shard failed with. */
async function resumed(fleet: Fleet, options: WorkerOptions = {}) {
  const worker = fleet.start('b', options);
  await fleet.clock.advance(60_000);
  expect(worker.outcome).toBeUndefined();
  return { worker, fault: worker.eventsOf('shard.failed')[0]?.code };
}

describe('the time at which a shard was read to its tip', () => {
  it('is stored with a checkpoint that is at the tip', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    fleet.start('a');
    await fleet.clock.advance(10_000);
    fleet.put(10);
    const before = fleet.kinesis.nowMillis();
    await fleet.clock.advance(20_000);
    const { caughtUpAtMillis } = leaseOf(fleet);
    expect(caughtUpAtMillis).toBeGreaterThan(before - 1_000);
    expect(caughtUpAtMillis).toBeLessThanOrEqual(fleet.kinesis.nowMillis());
  });

  it('is stored at least hourly on an idle shard, and then not more often', async () => {
    const fleet = new Fleet();
    fleet.put(1);
    const worker = fleet.start('a');
    await fleet.clock.advance(10_000);
    const writes = worker.eventsOf('lease.checkpointed').length;
    await fleet.clock.advance(3 * hour);
    const later = worker.eventsOf('lease.checkpointed').length - writes;
    expect([2, 3]).toContain(later);
    expect(fleet.kinesis.nowMillis() - (leaseOf(fleet).caughtUpAtMillis ?? 0)).toBeLessThan(1.1 * hour);
  });
});

describe('a checkpoint behind the retention', () => {
  it('fails the shard with MR_POSITION_TRIMMED when records after it may be gone', async () => {
    const fleet = await rested(30, (one) => one.put(5));
    fleet.put(3);
    const { worker, fault } = await resumed(fleet);
    expect(fault).toBe('MR_POSITION_TRIMMED');
    expect(worker.blocks).toEqual([]);
    expect(worker.eventsOf('shard.positionTrimmed')).toMatchObject([{ shardId: shard0, retentionMillis: 24 * hour }]);
    const { sequenceNumber } = fleet.produced[9] as { sequenceNumber: string };
    expect(fleet.checkpoints).toEqual({ [shard0]: formatPosition(positionOf(sequenceNumber, 0)) });
  });

  it('is told when the shard is opened (docs/guarantees.md: 20 ms), before a record of it is handed out', async () => {
    const fleet = await rested(30, (one) => one.put(5));
    fleet.put(3);
    const sinceMillis = fleet.clock.monotonicMillis();
    const worker = fleet.start('b', { onTrimmedPosition: 'TRIM_HORIZON' });
    await fleet.clock.runUntil(() => worker.eventsOf('shard.positionTrimmed').length > 0);
    expect(worker.blocks).toEqual([]);
    const tookMillis = fleet.clock.monotonicMillis() - sinceMillis;
    expect(tookMillis).toBeLessThan(100);
  });

  it('goes on with the oldest record that is left where that is the policy', async () => {
    const fleet = await rested(30, (one) => one.put(5));
    fleet.put(3);
    const { worker, fault } = await resumed(fleet, { onTrimmedPosition: 'TRIM_HORIZON' });
    expect(fault).toBeUndefined();
    expect(worker.eventsOf('shard.positionTrimmed')).toHaveLength(1);
    expect(worker.blocks.flatMap((block) => block.records.map((record) => record.text()))).toEqual(['15', '16', '17']);
  });

  it('is lost also when nothing has come since, as nobody can know that', async () => {
    const { fault } = await resumed(await rested(30));
    expect(fault).toBe('MR_POSITION_TRIMMED');
  });

  it('is lost also when Kinesis refuses its number', async () => {
    const fleet = await rested(30);
    fleet.kinesis.failNext('getShardIterator', awsError('InvalidArgumentException', 'out of range'));
    const { fault } = await resumed(fleet);
    expect(fault).toBe('MR_POSITION_TRIMMED');
  });

  it('is right when the stream still has its own record, whatever the row says of the tip', async () => {
    const fleet = new Fleet({ retentionPeriodHours: 24 });
    fleet.put(10);
    const first = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.table.rows[0]?.checkpoint.kind === 'SEQUENCE');
    await fleet.clock.runUntil(first.drain());
    // As a worker of Java leaves it, which moves the checkpoint and not the time.
    fleet.table.putRow({ ...leaseOf(fleet), caughtUpAtMillis: fleet.kinesis.nowMillis() - 50 * hour });
    fleet.put(5);
    const { worker, fault } = await resumed(fleet);
    expect(fault).toBeUndefined();
    expect(worker.eventsOf('shard.positionTrimmed')).toEqual([]);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('is right within the retention, though the shard was idle and its record is gone', async () => {
    const fleet = await rested(20);
    fleet.kinesis.trim(shard0);
    fleet.put(5);
    const { worker, fault } = await resumed(fleet);
    expect([fault, worker.eventsOf('shard.positionTrimmed')]).toEqual([undefined, []]);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });
});

describe('an engine that begins behind the checkpoint, after a rewind or with an old store,', () => {
  /** Ten records are finished, and ten more; then an engine wants to begin behind the first ten, so many hours later. */
  async function takenBack(hours: number) {
    const fleet = new Fleet({ retentionPeriodHours: 24 });
    fleet.put(10);
    const first = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.isCheckpointed && fleet.allDelivered);
    fleet.put(10);
    await fleet.clock.runUntil(() => fleet.isCheckpointed && fleet.allDelivered);
    await fleet.clock.runUntil(first.drain());
    await fleet.clock.advance(hours * hour);
    fleet.put(3);
    const { sequenceNumber } = fleet.produced[9] as { sequenceNumber: string };
    const position = positionOf(sequenceNumber, 0);
    return { position, ...(await resumed(fleet, { startAt: async () => position })) };
  }

  it('is given what follows as long as its own record is there', async () => {
    const { worker, fault } = await takenBack(23);
    expect([fault, worker.eventsOf('shard.positionTrimmed')]).toEqual([undefined, []]);
    expect(worker.numbers).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]);
  });

  it('fails with MR_POSITION_TRIMMED when that is gone, whatever the row says of its own place', async () => {
    const { worker, fault, position } = await takenBack(25);
    expect(fault).toBe('MR_POSITION_TRIMMED');
    expect(worker.blocks).toEqual([]);
    expect(worker.eventsOf('shard.failed')[0]?.message).toContain(
      `the record at ${formatPosition(position)} in shard ${shard0}, to which the application was taken back, is older than the 24 h`,
    );
  });
});

describe('a checkpoint that was never at the tip', () => {
  /** A worker that has finished the first page of a shard, was behind all the time, and was stopped. */
  async function behind() {
    const fleet = new Fleet({ retentionPeriodHours: 24 });
    fleet.put(10_005);
    const first = fleet.start('a', { handle: (block) => block.records.length === 10_000 });
    await fleet.clock.runUntil(() => fleet.table.rows[0]?.checkpoint.kind === 'SEQUENCE');
    first.abort(new Error('stopped'));
    await fleet.clock.runUntil(first.ended);
    return fleet;
  }

  it('is lost when its record is gone: those that it was behind by may be, too', async () => {
    const fleet = await behind();
    await fleet.clock.advance(30 * hour);
    fleet.put(3);
    const { worker, fault } = await resumed(fleet);
    expect(fault).toBe('MR_POSITION_TRIMMED');
    expect(worker.blocks).toEqual([]);
    expect(fleet.verdict.missing).toHaveLength(3);
  });

  it('is right as long as its record is there', async () => {
    const fleet = await behind();
    await fleet.clock.advance(20 * hour);
    const { fault } = await resumed(fleet);
    expect([fault, fleet.verdict.missing]).toEqual([undefined, []]);
  });

  it('is not judged in a row that Java has written, which does not say', async () => {
    const fleet = await behind();
    const { caughtUpAtMillis: _, ...row } = leaseOf(fleet);
    fleet.table.putRow(row);
    await fleet.clock.advance(30 * hour);
    const { fault } = await resumed(fleet);
    expect(fault).toBeUndefined();
  });
});

describe('a reader that was held up for longer than the retention', () => {
  /** A worker whose handler hangs at its first block for so long; meanwhile five records are put, and three later. */
  async function heldUp(minutes: number, options: WorkerOptions = {}) {
    const fleet = new Fleet({ retentionPeriodHours: 0.25 });
    fleet.put(10);
    const handle = async (block: Block, worker: Worker) => {
      if (worker.blocks[0] === block) await wait(worker, minutes * 60_000);
    };
    const worker = fleet.start('a', { handle, maxUnackedBlocks: 1, ...options });
    await fleet.clock.runUntil(() => worker.blocks.length > 0);
    await fleet.clock.advance(10_000);
    fleet.put(5);
    await fleet.clock.advance((minutes - 1) * 60_000);
    fleet.put(3);
    await fleet.clock.advance(2 * 60_000);
    return { fleet, worker };
  }

  it('fails the shard with MR_POSITION_TRIMMED when what it had not read is gone', async () => {
    const { fleet, worker } = await heldUp(20);
    // Told again after the cool-down: the row keeps that it was behind.
    expect(worker.eventsOf('shard.failed').map(({ code }) => code)).toEqual([
      'MR_POSITION_TRIMMED',
      'MR_POSITION_TRIMMED',
    ]);
    expect(worker.numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const { sequenceNumber } = fleet.produced[9] as { sequenceNumber: string };
    expect(fleet.checkpoints).toEqual({ [shard0]: formatPosition(positionOf(sequenceNumber, 0)) });
  });

  it('tells it, and goes on with the oldest record that is left, where that is the policy', async () => {
    const { worker } = await heldUp(20, { onTrimmedPosition: 'TRIM_HORIZON' });
    expect(worker.eventsOf('shard.positionTrimmed')).toHaveLength(1);
    expect(worker.eventsOf('shard.failed')).toEqual([]);
    expect(worker.numbers.slice(10)).toEqual([15, 16, 17]);
  });

  it('goes on within the retention, and repeats nothing', async () => {
    const { fleet, worker } = await heldUp(12);
    expect(worker.eventsOf('shard.positionTrimmed')).toEqual([]);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });
});

describe('a lease that was never checkpointed', () => {
  /** A worker that begins at a place and finishes nothing of the five records that come then; nobody reads for so many hours. */
  async function begun(initialPosition: InitialPosition, hours: number) {
    const fleet = new Fleet({ retentionPeriodHours: 24 });
    await fleet.clock.advance(30 * hour);
    const first = fleet.start('a', { initialPosition, handle: () => false });
    await fleet.clock.runUntil(() => first.eventsOf('shard.changed').some(({ to }) => to === 'reading'));
    fleet.put(5);
    await fleet.clock.runUntil(() => first.blocks.length > 0);
    first.abort(new Error('stopped'));
    await fleet.clock.runUntil(first.ended);
    await fleet.clock.advance(hours * hour);
    fleet.put(3);
    return fleet;
  }

  it('fails the shard when what LATEST meant is older than the retention', async () => {
    const fleet = await begun({ type: 'LATEST' }, 30);
    const { initialTimestampMillis } = leaseOf(fleet);
    const { worker, fault } = await resumed(fleet);
    expect(fault).toBe('MR_POSITION_TRIMMED');
    expect(worker.blocks).toEqual([]);
    expect(worker.eventsOf('shard.positionTrimmed')).toMatchObject([
      { checkpoint: 'LATEST', caughtUpAtMillis: initialTimestampMillis, retentionMillis: 24 * hour },
    ]);
    expect(leaseOf(fleet)).toMatchObject({ checkpoint: LATEST, initialTimestampMillis });
  });

  it('goes on with the oldest record that is left where that is the policy, and says so', async () => {
    const fleet = await begun({ type: 'LATEST' }, 30);
    const { worker, fault } = await resumed(fleet, { onTrimmedPosition: 'TRIM_HORIZON' });
    expect([fault, worker.eventsOf('shard.positionTrimmed').length]).toEqual([undefined, 1]);
    expect(worker.blocks[0]).toMatchObject({ followsGap: true });
    expect(worker.numbers).toEqual([5, 6, 7]);
  });

  it('goes on within the retention where it began', async () => {
    const { worker, fault } = await resumed(await begun({ type: 'LATEST' }, 20));
    expect([fault, worker.eventsOf('shard.positionTrimmed')]).toEqual([undefined, []]);
    expect(worker.numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('fails the shard, too, for a time that a user gave and the stream still kept then', async () => {
    const { fault } = await resumed(
      await begun({ type: 'AT_TIMESTAMP', timestampMillis: startMillis + 20 * hour }, 30),
    );
    expect(fault).toBe('MR_POSITION_TRIMMED');
  });

  it.each([
    ['a time that was older than the retention when it was given', startMillis + 2 * hour],
    ['a time that was as old as the retention, by the clock of whoever gave it', startMillis + 6 * hour + 5_000],
  ])('promises nothing by %s', async (_, timestampMillis) => {
    const fleet = await begun({ type: 'AT_TIMESTAMP', timestampMillis }, 0.1);
    const { worker, fault } = await resumed(fleet);
    expect([fault, worker.eventsOf('shard.positionTrimmed')]).toEqual([undefined, []]);
    expect(fleet.verdict.missing).toEqual([]);
  });

  it('is the oldest record at TRIM_HORIZON, whenever that is', async () => {
    const { worker, fault } = await resumed(await begun({ type: 'TRIM_HORIZON' }, 30));
    expect([fault, worker.eventsOf('shard.positionTrimmed')]).toEqual([undefined, []]);
    expect(worker.numbers).toEqual([5, 6, 7]);
  });

  it.each([LATEST, AT_TIMESTAMP])(
    'is not judged in a row of Java, which does not say what %o means',
    async (checkpoint) => {
      const fleet = await begun({ type: 'LATEST' }, 30);
      const { initialTimestampMillis: _, caughtUpAtMillis: __, tenure: ___, ...row } = leaseOf(fleet);
      fleet.table.putRow({ ...row, checkpoint });
      const { worker, fault } = await resumed(fleet);
      expect([fault, worker.eventsOf('shard.positionTrimmed')]).toEqual([undefined, []]);
    },
  );

  it('keeps when an idle shard was last at its tip', async () => {
    const fleet = new Fleet({ retentionPeriodHours: 2 });
    const first = fleet.start('a', { initialPosition: { type: 'LATEST' } });
    await fleet.clock.advance(2.2 * hour);
    await fleet.clock.runUntil(first.drain());
    expect(leaseOf(fleet).checkpoint).toEqual(LATEST);
    await fleet.clock.advance(0.8 * hour);
    fleet.put(5);
    const { worker, fault } = await resumed(fleet);
    expect([fault, worker.eventsOf('shard.positionTrimmed')]).toEqual([undefined, []]);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('is overtaken by the retention also while a worker reads nothing, for throttling', async () => {
    const fleet = new Fleet({ retentionPeriodHours: 0.25 });
    const worker = fleet.start('a', { initialPosition: { type: 'LATEST' } });
    await fleet.clock.advance(60_000);
    fleet.put(5);
    const slow = awsError('ProvisionedThroughputExceededException', 'slow down');
    const heal = fleet.kinesis.intercept(({ operation }, proceed) =>
      operation === 'getRecords' ? Promise.reject(slow) : proceed(),
    );
    await fleet.clock.advance(20 * 60_000);
    heal();
    await fleet.clock.advance(60_000);
    expect(worker.eventsOf('shard.failed')[0]?.code).toBe('MR_POSITION_TRIMMED');
    expect(worker.blocks).toEqual([]);
  });
});
