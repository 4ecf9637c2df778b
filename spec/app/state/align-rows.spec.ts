import { beforeEach, describe, expect, it } from 'vitest';
import {
  AT_TIMESTAMP,
  LATEST,
  type Position,
  SHARD_END,
  TRIM_HORIZON,
  positionOf,
} from '../../../lib/base/position.ts';
import { alignRows, endedRows } from '../../../lib/app/state/align-rows.ts';
import type { StateTables } from '../../../lib/app/state/state-tables.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import type { MillraceEvent } from '../../../lib/event/event.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { FakeLeaseTable } from '../../../lib/testkit/fake-lease-table.ts';

const { signal } = new AbortController();
const streamName = 'lines';
let table: FakeLeaseTable;
let tables: StateTables;
let told: MillraceEvent[];
let events: EventBus;

beforeEach(() => {
  table = new FakeLeaseTable();
  told = [];
  events = new EventBus();
  events.subscribe((event) => told.push(event));
  tables = {
    leases: async () => table.rows,
    lease: async (leaseKey) => table.get(leaseKey, signal),
    writeLease: (write) => table.write(write, signal),
    // The leases alone are looked at.
    epochRow: () => Promise.reject(new Error('not asked')),
    createLease: () => Promise.reject(new Error('not asked')),
    writeEpoch: () => Promise.reject(new Error('not asked')),
    open: () => Promise.reject(new Error('not asked')),
    identityOf: () => Promise.reject(new Error('not asked')),
  };
});

function put(leaseKey: string, checkpoint: Position, more: Partial<Lease> = {}): void {
  const lease: Lease = {
    leaseKey,
    leaseCounter: 4,
    leaseOwner: 'old',
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint,
    parentShardIds: [],
    childShardIds: [],
    ...more,
  };
  table.putRow(lease);
}

const progress = (shardId: string, position: Position, initialTimestampMillis?: number) => ({
  shardId,
  streamName,
  position,
  ...(initialTimestampMillis === undefined ? {} : { initialTimestampMillis }),
});
const row = (leaseKey: string) => table.rows.find((lease) => lease.leaseKey === leaseKey);

describe('the leases of an application with one commit for all shards', () => {
  it('are brought back where they are further than the commit, and it is told', async () => {
    put('ahead', positionOf(9n));
    put('ended', SHARD_END);
    put('behind', positionOf(1n));
    put('done', positionOf(1n));
    put('same', positionOf(5n));
    const five = positionOf(5n);
    const shards = [
      ...['ahead', 'ended', 'behind', 'same', 'gone'].map((key) => progress(key, five)),
      progress('done', SHARD_END),
    ];
    await alignRows({ tables, streamName, shards, events }, signal);
    for (const key of ['ahead', 'ended']) {
      expect(row(key)).toMatchObject({ checkpoint: five, leaseCounter: 5 });
      expect(row(key)).not.toHaveProperty('leaseOwner');
    }
    for (const key of ['behind', 'done', 'same'])
      expect(row(key)).toMatchObject({ leaseCounter: 4, leaseOwner: 'old' });
    expect(told.map((event) => event.type === 'fault.seen' && [event.code, event.subject.shard])).toEqual([
      ['MR_FOREIGN_WORKER', 'ahead'],
      ['MR_FOREIGN_WORKER', 'ended'],
    ]);
  });

  it('mean by LATEST and a time what the commit says, where a seek was not finished', async () => {
    put('time', TRIM_HORIZON);
    put('latest', positionOf(7n), { initialTimestampMillis: 1 });
    put('as it was', LATEST, { initialTimestampMillis: 3 });
    const shards = [progress('time', AT_TIMESTAMP, 42), progress('latest', LATEST, 43), progress('as it was', LATEST)];
    await alignRows({ tables, streamName, shards, events }, signal);
    expect(row('time')).toMatchObject({ checkpoint: AT_TIMESTAMP, initialTimestampMillis: 42 });
    expect(row('latest')).toMatchObject({ checkpoint: LATEST, initialTimestampMillis: 43 });
    expect(row('as it was')).toMatchObject({ leaseCounter: 4, initialTimestampMillis: 3 });
  });

  it('of another stream are left alone', async () => {
    put('ahead', positionOf(9n));
    const shards = [{ ...progress('ahead', positionOf(5n)), streamName: 'other' }];
    await alignRows({ tables, streamName, shards, events }, signal);
    expect(row('ahead')).toMatchObject({ leaseCounter: 4 });
  });

  it('that say that their shards have ended, or are gone, let the manifest forget these', async () => {
    put('open', positionOf(9n));
    put('ended', SHARD_END);
    const shards = ['open', 'ended', 'gone'].map((key) => progress(key, SHARD_END));
    expect((await endedRows(tables, shards, signal)).map(({ shardId }) => shardId)).toEqual(['ended', 'gone']);
  });
});
