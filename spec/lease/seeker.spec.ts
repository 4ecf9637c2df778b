import { beforeEach, describe, expect, it } from 'vitest';
import { AT_TIMESTAMP, LATEST, SHARD_END, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { Shard } from '../../lib/kinesis/shard.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { keptTime } from '../../lib/lease/plan/kept-time.ts';
import type { SeekTarget } from '../../lib/lease/plan/seek-plan.ts';
import { type SeekOptions, seekLeases } from '../../lib/lease/seeker.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { startKeeper } from './keeper-bench.ts';

const never = new AbortController().signal;
const stream = { streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders', streamCreatedAtMillis: 1_000 };
const shard = (shardId: string, parentShardIds: string[] = [], isClosed = false): Shard => ({
  shardId,
  parentShardIds,
  startingHashKey: '0',
  endingHashKey: '9',
  startingSequenceNumber: '1',
  ...(isClosed ? { endingSequenceNumber: '9' } : {}),
});
/** As Kinesis may give them: a child of shard b before its parent. */
const shards = [shard('c', ['b']), shard('a'), shard('b', [], true)];
const lease = (leaseKey: string, more: Partial<Lease> = {}): Lease => ({
  leaseKey,
  leaseCounter: 7,
  leaseOwner: 'me',
  ownerSwitchesSinceCheckpoint: 0,
  checkpoint: positionOf('5'),
  parentShardIds: [],
  childShardIds: [],
  ...stream,
  ...more,
});

let clock: VirtualClock;
let table: FakeLeaseTable;

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
});

const seek = (target: SeekTarget, more: Partial<SeekOptions> = {}) =>
  clock.runUntil(seekLeases({ table, stream, shards, target, dryRun: false, ...more }, never));
const row = (leaseKey: string) => table.rows.find((one) => one.leaseKey === leaseKey);

describe('a seek', () => {
  it('back to the oldest record moves all, parents first, and leases again what was finished and cleaned up', async () => {
    table.putRow(lease('c', { caughtUpAtMillis: 5 }));
    table.putRow(lease('a', { checkpoint: SHARD_END }));
    const moves = await seek({ type: 'TRIM_HORIZON' });
    expect(moves).toEqual([
      { shardId: 'b', to: 'TRIM_HORIZON', applied: true },
      { shardId: 'c', from: '5:0', to: 'TRIM_HORIZON', evicted: 'me', applied: true },
      { shardId: 'a', from: 'SHARD_END', to: 'TRIM_HORIZON', evicted: 'me', applied: true },
    ]);
    expect(row('b')).toMatchObject({ checkpoint: TRIM_HORIZON, firstSyncEnded: true, ...stream });
    expect(row('c')).toMatchObject({ checkpoint: TRIM_HORIZON, leaseCounter: 8 });
    expect(row('c')).not.toHaveProperty('leaseOwner');
    expect(row('c')).not.toHaveProperty('caughtUpAtMillis');
  });

  it('to the newest records leaves what is finished alone, and says what LATEST means', async () => {
    table.putRow(lease('a', { checkpoint: SHARD_END }));
    const moves = await seek({ type: 'LATEST', timestampMillis: 42 });
    expect(moves.map(({ shardId }) => shardId)).toEqual(['c']);
    expect(row('c')).toMatchObject({ checkpoint: LATEST, initialTimestampMillis: 42 });
    expect(row('a')).toMatchObject({ leaseCounter: 7, checkpoint: SHARD_END });
  });

  it('moves the named shards alone, and nothing in a dry run', async () => {
    for (const key of ['a', 'b', 'c']) table.putRow(lease(key));
    const target = { type: 'AT_TIMESTAMP', timestampMillis: 42 } as const;
    const planned = await seek(target, { only: ['a'], dryRun: true });
    expect(planned).toEqual([{ shardId: 'a', from: '5:0', to: 'AT_TIMESTAMP', evicted: 'me', applied: false }]);
    expect(row('a')).toMatchObject({ leaseCounter: 7, leaseOwner: 'me' });
    await seek(target, { only: ['a'] });
    expect(row('a')).toMatchObject({ checkpoint: AT_TIMESTAMP, initialTimestampMillis: 42, leaseCounter: 8 });
    expect(row('c')).toMatchObject({ leaseCounter: 7 });
  });

  it('to a time that the stream has says so in rows that begin at once, and forgets what was said before', async () => {
    for (const key of ['a', 'b']) table.putRow(lease(key, { caughtUpAtMillis: 5 }));
    table.putRow(lease('c', { parentShardIds: ['b'], caughtUpAtMillis: 5 }));
    const kept = keptTime(42, { serviceTimeMillis: 1_000_000, retentionMillis: 2_000_000, streamCreatedAtMillis: 41 });
    await seek({ type: 'AT_TIMESTAMP', timestampMillis: 42, ...kept });
    expect(row('a')).toMatchObject({ initialTimestampMillis: 42, caughtUpAtMillis: 42 });
    expect(row('b')).toMatchObject({ initialTimestampMillis: 42, caughtUpAtMillis: 42 });
    expect(row('c')).toMatchObject({ initialTimestampMillis: 42 });
    expect(row('c')).not.toHaveProperty('caughtUpAtMillis');
  });

  it.each([
    ['past retention', 7_999_999, 1_000_000, {}],
    ['close to it', 8_599_999, 1_000_000, {}],
    ['that it has', 5_000_000, 10_000_000, { caughtUpAtMillis: 5_000_000 }],
    ['before the stream was made', 400, 10_000_000, { caughtUpAtMillis: 1_000 }],
  ])('to a time %s promises what the stream has', (_, timestampMillis, retentionMillis, kept) => {
    const input = { serviceTimeMillis: 9_000_000, retentionMillis, streamCreatedAtMillis: 1_000 };
    expect(keptTime(timestampMillis, input)).toEqual(kept);
  });

  it('takes the lease from an owner that goes on writing, which then writes nothing more', async () => {
    for (const key of ['b', 'c']) table.putRow(lease(key, { checkpoint: SHARD_END }));
    table.putRow(lease('a'));
    const { keeper, lost } = startKeeper(table, clock);
    const held = await clock.runUntil(keeper.begin('a', never));
    let writes = 0;
    table.intercept = async (call) => {
      // The owner is quicker: its checkpoint lands between the seek's read and its write, three times.
      if (call.name !== 'write' || call.write.clear.length < 4 || writes >= 3) return;
      writes += 1;
      const checkpoint = positionOf(String(10 + writes));
      await keeper.ask({ type: 'checkpoint', leaseKey: 'a', tenure: held!.tenure!, checkpoint });
    };
    const moves = await seek({ type: 'TRIM_HORIZON' }, { only: ['a'] });
    expect(moves).toEqual([{ shardId: 'a', from: '13:0', to: 'TRIM_HORIZON', evicted: 'me', applied: true }]);
    const late = keeper.ask({ type: 'checkpoint', leaseKey: 'a', tenure: held!.tenure!, checkpoint: positionOf('99') });
    expect(await clock.runUntil(late)).toBe('lost');
    expect(lost).toMatchObject([{ leaseKey: 'a', reason: 'taken' }]);
    expect(row('a')).toMatchObject({ checkpoint: TRIM_HORIZON });
  });

  it('is refused before anything is written where an engine keeps state', async () => {
    table.putRow(lease('a'));
    table.putRow(lease('c', { engineState: '{"batch":1}' }));
    await expect(seek({ type: 'TRIM_HORIZON' })).rejects.toMatchObject({ code: 'MR_SEEK_STATE' });
    expect(row('a')).toMatchObject({ leaseCounter: 7 });
    expect(row('b')).toBeUndefined();
  });

  it('is refused for a shard that the stream does not have, and for another stream', async () => {
    table.putRow(lease('a'));
    await expect(seek({ type: 'TRIM_HORIZON' }, { only: ['a', 'x'] })).rejects.toThrow(
      /shards: x is not in the stream/,
    );
    const other = { stream: { ...stream, streamCreatedAtMillis: 2_000 } };
    await expect(seek({ type: 'TRIM_HORIZON' }, other)).rejects.toMatchObject({ code: 'MR_STREAM_CHANGED' });
  });
});
