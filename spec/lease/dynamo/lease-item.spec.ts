import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { assignLease, beginTenure, checkpointLease, releaseLease, renewLease } from '../../../lib/lease/lease-write.ts';
import { type InitialPosition, childLease, planShardSync } from '../../../lib/lease/plan/shard-sync-plan.ts';
import { type RawItem, type RawTable, RawTables } from './raw-table.ts';

/**
 * The rows as they stand in DynamoDB, attribute by attribute and type by type, against kcl.md 1.1 and 1.3: what a Java
 * worker of the same application reads.
 */
const never = new AbortController().signal;
const stream = {
  streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders',
  streamCreatedAtMillis: 1_700_000_000_123,
};
const shard = {
  shardId: 'shardId-000000000000',
  parentShardIds: ['shardId-000000000009'],
  startingHashKey: '0',
  endingHashKey: '340282366920938463463374607431768211455',
  startingSequenceNumber: '49590338271490256608559692538361571095921575989136588898',
};
const serviceTimeMillis = 1_700_000_100_456;
let tables: RawTables;

beforeAll(async () => {
  tables = await RawTables.start();
}, 60_000);

afterAll(async () => {
  await tables[Symbol.asyncDispose]();
});

/** The row of a new lease, where nothing but the position depends on the initial position. */
const newRow: RawItem = {
  leaseKey: { S: 'shardId-000000000000' },
  entityType: { S: 'LEASE' },
  leaseCounter: { N: '0' },
  ownerSwitchesSinceCheckpoint: { N: '0' },
  checkpoint: { S: 'TRIM_HORIZON' },
  checkpointSubSequenceNumber: { N: '0' },
  parentShardId: { SS: ['shardId-000000000009'] },
  startingHashKey: { S: '0' },
  endingHashKey: { S: '340282366920938463463374607431768211455' },
  streamArn: { S: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders' },
  streamCreatedAt: { N: '1700000000123' },
  firstSyncEnded: { BOOL: true },
};

async function firstLease(initialPosition: InitialPosition): Promise<{ raw: RawTable; lease: Lease }> {
  const raw = tables.next();
  await raw.table.open(never);
  const plan = planShardSync({ stream, shards: [shard], leases: [], initialPosition, serviceTimeMillis });
  const [lease] = plan.create;
  await raw.table.createIfAbsent(lease!, never);
  return { raw, lease: lease! };
}

describe('the row of a new lease', () => {
  it.each<[InitialPosition, RawItem]>([
    [{ type: 'TRIM_HORIZON' }, {}],
    [{ type: 'LATEST' }, { checkpoint: { S: 'LATEST' }, initialTimestampMillis: { N: '1700000100456' } }],
    [
      { type: 'AT_TIMESTAMP', timestampMillis: 1_600_000_000_000 },
      { checkpoint: { S: 'AT_TIMESTAMP' }, initialTimestampMillis: { N: '1600000000000' } },
    ],
  ])('at %o has exactly the attributes of KCL and our own', async (initialPosition, parts) => {
    const { raw } = await firstLease(initialPosition);
    expect(await raw.get(shard.shardId)).toEqual({ ...newRow, ...parts });
  });

  it('of a shard without parents has no parentShardId, since DynamoDB has no empty sets', async () => {
    const raw = tables.next();
    await raw.table.open(never);
    await raw.table.createIfAbsent(childLease({ ...shard, parentShardIds: [] }, stream), never);
    const { parentShardId: _, ...rest } = newRow;
    expect(await raw.get(shard.shardId)).toEqual(rest);
  });
});

describe('the row of a held lease', () => {
  it('is KCL’s after each step of its life: begin, renew, checkpoint, SHARD_END, release, assign', async () => {
    const { raw, lease } = await firstLease({ type: 'TRIM_HORIZON' });
    const rows: RawItem[] = [];
    const write = async (one: Parameters<typeof raw.table.write>[0]): Promise<Lease> => {
      const written = await raw.table.write(one, never);
      expect(written.outcome).toBe('applied');
      rows.push((await raw.get(shard.shardId))!);
      return written.lease!;
    };
    const fenceAt = (leaseCounter: number) => ({ leaseKey: shard.shardId, leaseCounter, tenure: 2 });
    const assigned = await write(assignLease(lease, 'me'));
    await write(beginTenure(assigned, 'me', () => 0));
    await write(renewLease(fenceAt(2)));
    const position = positionOf('49590338271490256608559692538361571095921575989136588898', 4);
    await write(checkpointLease(fenceAt(3), position, { engineState: '{}', caughtUpAtMillis: 1_700_000_200_000 }));
    const handed = await write(releaseLease(fenceAt(4), 'other'));
    await write(assignLease(handed, 'third'));
    await write(checkpointLease(fenceAt(6), SHARD_END));
    await write(releaseLease(fenceAt(7), undefined));

    const tenure = { N: '2' };
    const mine: RawItem = { ...newRow, leaseOwner: { S: 'me' } };
    const read: RawItem = {
      ...mine,
      tenure,
      leaseCounter: { N: '4' },
      checkpoint: { S: '49590338271490256608559692538361571095921575989136588898' },
      checkpointSubSequenceNumber: { N: '4' },
      engineState: { S: '{}' },
      caughtUpAtMillis: { N: '1700000200000' },
    };
    const { leaseOwner: _, ...unowned } = read;
    const atEnd: RawItem = { checkpoint: { S: 'SHARD_END' }, checkpointSubSequenceNumber: { N: '0' } };
    const switches = (count: string): RawItem => ({ ownerSwitchesSinceCheckpoint: { N: count } });
    expect(rows).toEqual([
      { ...mine, leaseCounter: { N: '1' } },
      { ...mine, leaseCounter: { N: '2' }, tenure },
      { ...mine, leaseCounter: { N: '3' }, tenure },
      read,
      { ...read, ...switches('1'), leaseOwner: { S: 'other' }, leaseCounter: { N: '5' } },
      { ...read, ...switches('2'), leaseOwner: { S: 'third' }, leaseCounter: { N: '6' } },
      { ...read, ...atEnd, leaseOwner: { S: 'third' }, leaseCounter: { N: '7' } },
      { ...unowned, ...atEnd, leaseCounter: { N: '8' } },
    ]);
  });
});

describe('the row of a worker', () => {
  it('is a WorkerMetricStats that KCL takes for valid, with our two attributes', async () => {
    const raw = tables.next();
    await raw.table.open(never);
    const row = {
      workerIdentifier: 'me',
      lastUpdateSeconds: 1_700_000_000,
      reportCounter: 1_700_000_000_123,
      metrics: {},
      operatingRange: {},
    };
    await raw.table.putWorker({ ...row, exclusive: true }, never);
    const item = {
      leaseKey: { S: 'me' },
      entityType: { S: 'WORKER_METRIC_STATS' },
      lut: { N: '1700000000' },
      sts: { M: {} },
      opr: { M: {} },
      sup: { N: '1' },
      slu: { N: '1700000000' },
      reportCounter: { N: '1700000000123' },
    };
    expect(await raw.get('me')).toEqual({ ...item, exclusive: { BOOL: true } });
    await raw.table.putWorker({ ...row, exclusive: false }, never);
    expect(await raw.get('me')).toEqual(item);
  });
});

describe('the table', () => {
  it('is made on demand with KCL’s key and its owner index in one call', async () => {
    const raw = tables.next();
    expect(await raw.table.open(never)).toMatchObject({ created: true });
    const { Table: table } = await tables.describe(raw);
    expect(table).toMatchObject({
      KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
      BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    });
    expect(table?.AttributeDefinitions?.toSorted((a, b) => (a.AttributeName! < b.AttributeName! ? -1 : 1))).toEqual([
      { AttributeName: 'leaseKey', AttributeType: 'S' },
      { AttributeName: 'leaseOwner', AttributeType: 'S' },
    ]);
    expect(table?.GlobalSecondaryIndexes).toMatchObject([
      {
        IndexName: 'LeaseOwnerToLeaseKeyIndex',
        KeySchema: [
          { AttributeName: 'leaseOwner', KeyType: 'HASH' },
          { AttributeName: 'leaseKey', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ]);
  });

  it('is made again when the one of that name is on its way out', async () => {
    const raw = slowTables.next();
    await raw.table.open(never);
    await slowTables.delete(raw);
    expect((await slowTables.describe(raw)).Table?.TableStatus).toBe('DELETING');
    expect(await raw.table.open(never)).toMatchObject({ created: true });
    expect(await raw.table.scan(never)).toEqual({ leases: [], workers: [] });
  });

  it('is made once by two workers that start together, and both wait until it is ACTIVE', async () => {
    const raw = slowTables.next();
    const opened = await Promise.all([raw.table.open(never), raw.table.open(never)]);
    expect(opened.filter(({ created }) => created)).toHaveLength(1);
    await raw.table.createIfAbsent(childLease(shard, stream), never);
    expect((await raw.table.get(shard.shardId, never))?.checkpoint).toEqual(TRIM_HORIZON);
  });

  let slowTables: RawTables;
  beforeAll(async () => {
    slowTables = await RawTables.start({ createTableMillis: 300, deleteTableMillis: 300 });
  }, 60_000);
  afterAll(async () => {
    await slowTables[Symbol.asyncDispose]();
  });
});
