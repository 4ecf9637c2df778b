import { describe, expect, it } from 'vitest';
import { KeptRecords } from '../../../lib/app/state/kept-records.ts';
import { LATEST, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { ShardProgress } from '../../../lib/engine/commit/manifest.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { awsError } from '../../../lib/testkit/aws-error.ts';
import { FakeKinesis } from '../../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

const shard0 = 'shardId-000000000000';
const hour = 3_600_000;
const { signal } = new AbortController();

function newStream() {
  const clock = new VirtualClock();
  const kinesis = new FakeKinesis({ clock, latencyMillis: 5, retentionPeriodHours: 24 });
  const kept = new KeptRecords({ api: kinesis.connect(), clock, random: seededRandom(1), events: new EventBus() });
  const since = (...places: ShardProgress[]) =>
    clock.runUntil(kept.since(places, signal), { atMostMillis: 10 * 60_000 });
  return { clock, kinesis, since };
}

const at = (sequenceNumber: string, shardId = shard0): ShardProgress => ({
  shardId,
  streamName: 'stream',
  position: positionOf(sequenceNumber, 0),
});
const beginning = (shardId: string): ShardProgress => ({ shardId, streamName: 'stream', position: TRIM_HORIZON });

describe('whether a stream still has what follows a place', () => {
  it('is so as long as its record is there; told is when that arrived', async () => {
    const { clock, kinesis, since } = newStream();
    const { sequenceNumber } = kinesis.putTo(shard0, 'x');
    const arrivalMillis = kinesis.nowMillis();
    await clock.advance(23 * hour);
    expect(await since(at(sequenceNumber))).toEqual(new Map([[shard0, arrivalMillis]]));
  });

  it('is refused once its record is trimmed, naming place, retention and remedy', async () => {
    const { clock, kinesis, since } = newStream();
    const { sequenceNumber } = kinesis.putTo(shard0, 'x');
    await clock.advance(25 * hour);
    kinesis.putTo(shard0, 'y');
    await expect(since(at(sequenceNumber))).rejects.toMatchObject({
      code: 'MR_POSITION_TRIMMED',
      message: `MR_POSITION_TRIMMED: what follows ${sequenceNumber}:0 in shard ${shard0} cannot all be read again: the stream keeps records for 24 h, and has trimmed there. Nothing was written; go back to a later version, or force it (force, --force) and give the program onTrimmedPosition: 'TRIM_HORIZON', which leaves out what is gone`,
      subject: { shard: shard0 },
    });
  });

  it('is refused where Kinesis refuses the number, or knows the shard no more', async () => {
    const { kinesis, since } = newStream();
    const { sequenceNumber } = kinesis.putTo(shard0, 'x');
    kinesis.failNext('getShardIterator', awsError('InvalidArgumentException', 'out of range'));
    await expect(since(at(sequenceNumber))).rejects.toMatchObject({ code: 'MR_POSITION_TRIMMED' });
    kinesis.split(shard0);
    kinesis.forget(shard0);
    await expect(since(at(sequenceNumber))).rejects.toMatchObject({ code: 'MR_POSITION_TRIMMED' });
  });

  it('names ten places, and how many more', async () => {
    const { clock, kinesis, since } = newStream();
    const numbers = Array.from({ length: 12 }, () => kinesis.putTo(shard0, 'x').sequenceNumber);
    await clock.advance(25 * hour);
    await expect(since(...numbers.map((number) => at(number)))).rejects.toThrow(
      new RegExp(`${numbers[9]}:0 in shard ${shard0} and 2 more cannot all`),
    );
  });

  it('takes a hundred empty pages for a place that is trimmed, and waits throttling out', async () => {
    const { kinesis, since } = newStream();
    const { sequenceNumber } = kinesis.putTo(shard0, 'x');
    const slow = awsError('ProvisionedThroughputExceededException', 'slow down');
    kinesis.failNext('getRecords', slow, 3);
    await since(at(sequenceNumber));
    let pages = 0;
    kinesis.intercept(async ({ operation }, proceed) => {
      const answer = (await proceed()) as { nextIterator?: string };
      if (operation !== 'getRecords') return answer;
      pages += 1;
      return { ...answer, records: [], millisBehindLatest: 5 };
    });
    await expect(since(at(sequenceNumber))).rejects.toMatchObject({ code: 'MR_POSITION_TRIMMED' });
    expect(pages).toBe(100);
  });

  it('passes other faults of Kinesis on', async () => {
    const { kinesis, since } = newStream();
    const { sequenceNumber } = kinesis.putTo(shard0, 'x');
    kinesis.failNext('getShardIterator', awsError('AccessDeniedException', 'no'));
    await expect(since(at(sequenceNumber))).rejects.toMatchObject({ code: 'MR_ACCESS_DENIED' });
  });

  it('is so of the beginning of a child that is younger than the retention, and of any shard of a young stream', async () => {
    const { clock, kinesis, since } = newStream();
    const created = kinesis.nowMillis();
    expect(await since(beginning(shard0))).toEqual(new Map([[shard0, created]]));
    await clock.advance(30 * hour);
    const [lower, upper] = kinesis.split(shard0);
    await clock.advance(20 * hour);
    expect([...(await since(beginning(lower), beginning(upper))).keys()]).toEqual([lower, upper]);
    expect(kinesis.callCount('listShards')).toBe(2);
    await expect(since(beginning(shard0))).rejects.toMatchObject({ code: 'MR_POSITION_TRIMMED' });
    await clock.advance(5 * hour);
    await expect(since(beginning(lower))).rejects.toThrow(`what follows TRIM_HORIZON in shard ${lower}`);
  });

  it('goes by the time that LATEST meant', async () => {
    const { clock, kinesis, since } = newStream();
    await clock.advance(30 * hour);
    const initialTimestampMillis = kinesis.nowMillis();
    const place = { ...beginning(shard0), position: LATEST, initialTimestampMillis };
    await clock.advance(20 * hour);
    expect(await since(place)).toEqual(new Map([[shard0, initialTimestampMillis]]));
    await clock.advance(5 * hour);
    await expect(since(place)).rejects.toThrow(`what follows LATEST in shard ${shard0}`);
  });

  it('is so of a time before the stream was made, while that is not longer ago than the retention', async () => {
    const { clock, kinesis, since } = newStream();
    const created = kinesis.nowMillis();
    const place = { ...beginning(shard0), position: LATEST, initialTimestampMillis: created - 100 * hour };
    await clock.advance(20 * hour);
    expect(await since(place)).toEqual(new Map([[shard0, created]]));
    expect(kinesis.callCount('listShards')).toBe(0);
    await clock.advance(5 * hour);
    await expect(since(place)).rejects.toThrow(`what follows LATEST in shard ${shard0}`);
  });

  it('asks nothing where nothing moves', async () => {
    const { kinesis, since } = newStream();
    expect(await since()).toEqual(new Map());
    expect(kinesis.callCount('describeStream')).toBe(0);
  });
});
