import { type AttributeValue, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LeaderLock, WorkerRow } from '../../../lib/lease/lease.ts';
import { heldLease } from '../../../lib/testkit/conformance/lease-write-cases.ts';
import { type RecordedVersion, recordedLayouts, recordedMoments } from '../../interop/recorded-rows.ts';
import { type Row, type TableRows, keyOf } from '../../interop/tables.ts';
import { type RawItem, type RawTable, RawTables, rawLease } from './raw-table.ts';

/** The rows that are no leases, in KCL's single table and in the two more tables of 3.0 to 3.4 (kcl.md 1.3). */
const never = new AbortController().signal;
const versions = Object.keys(recordedLayouts) as RecordedVersion[];
const lock: LeaderLock = {
  ownerName: 'me',
  leaseDurationMillis: 10_000,
  recordVersionNumber: 'b9bd1a4e-1a0e-4f0e-9c51-2f3d3f1d8d51',
  isReleased: false,
};
const worker: WorkerRow = {
  workerIdentifier: 'me',
  lastUpdateSeconds: 1_700_000_000,
  reportCounter: 5,
  failoverTimeMillis: 10_000,
  exclusive: false,
  metrics: { C: [12.5, -1, 0.25] },
  operatingRange: { C: [100] },
};
const migrationKey = 'TableMigration3.5';

let tables: RawTables;
beforeAll(async () => {
  tables = await RawTables.start();
}, 90_000);
afterAll(async () => {
  await tables?.[Symbol.asyncDispose]();
});

async function singleTable(): Promise<RawTable> {
  const raw = tables.next();
  await raw.table.open(never);
  return raw;
}

/** Makes KCL's two more tables, if told to, before the lease table is opened. */
async function withLegacyTables(...suffixes: ('-CoordinatorState' | '-WorkerMetricStats')[]): Promise<RawTable> {
  const raw = tables.next();
  for (const suffix of suffixes) {
    const AttributeName = suffix === '-CoordinatorState' ? 'key' : 'wid';
    await tables.create(
      { ...raw, tableName: raw.tableName + suffix },
      {
        AttributeDefinitions: [{ AttributeName, AttributeType: 'S' }],
        KeySchema: [{ AttributeName, KeyType: 'HASH' }],
      },
    );
  }
  return raw;
}

const bothTables = ['-CoordinatorState', '-WorkerMetricStats'] as const;

async function put(raw: RawTable, suffix: string, Item: RawItem): Promise<void> {
  await tables.client.send(new PutItemCommand({ TableName: raw.tableName + suffix, Item }));
}

async function rows(raw: RawTable, suffix = ''): Promise<readonly RawItem[]> {
  const { Items = [] } = await tables.client.send(
    new ScanCommand({ TableName: raw.tableName + suffix, ConsistentRead: true }),
  );
  return Items;
}

describe('the lock row', () => {
  const item: RawItem = {
    leaseKey: { S: 'Leader' },
    entityType: { S: 'LEADER' },
    ownerName: { S: 'me' },
    leaseDuration: { S: '10000' },
    recordVersionNumber: { S: lock.recordVersionNumber },
  };

  it('has KCL’s attributes, the duration as text', async () => {
    const raw = await singleTable();
    expect(await raw.table.writeLock(lock, { type: 'absent' }, never)).toBe(true);
    expect(await raw.get('Leader')).toEqual(item);
  });

  it('that was released without being deleted is free, is taken once, and is then not free', async () => {
    const raw = await singleTable();
    await raw.put({ ...item, ownerName: { S: 'java-1' }, isReleased: { S: '1' }, data: { B: Uint8Array.of(1) } });
    expect(await raw.table.readLock(never)).toEqual({ ...lock, ownerName: 'java-1', isReleased: true });
    const taken = await Promise.all([1, 2, 3].map(() => raw.table.writeLock(lock, { type: 'released' }, never)));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await raw.table.readLock(never)).toEqual(lock);
    expect((await raw.get('Leader'))!['isReleased']).toBeUndefined();
  });

  it.each<AttributeValue>([{ S: '0' }, { N: '1' }, { BOOL: true }])(
    'with isReleased %o is held',
    async (isReleased) => {
      const raw = await singleTable();
      await raw.put({ ...item, isReleased });
      expect((await raw.table.readLock(never))?.isReleased).toBe(false);
      expect(await raw.table.writeLock(lock, { type: 'released' }, never)).toBe(false);
    },
  );

  it.each(['ownerName', 'recordVersionNumber', 'leaseDuration'])(
    'without %s is an error that names it, for nobody could ever take it',
    async (missing) => {
      const raw = await singleTable();
      const { [missing]: _, ...rest } = item;
      await raw.put(rest);
      await expect(raw.table.readLock(never)).rejects.toMatchObject({
        code: 'MR_TABLE_FOREIGN',
        subject: { table: raw.tableName },
        message: expect.stringContaining('Leader') as string,
      });
    },
  );

  it('is no place for a worker of that name', async () => {
    const raw = await singleTable();
    await raw.table.writeLock(lock, { type: 'absent' }, never);
    const leader = { ...worker, workerIdentifier: 'Leader' };
    await expect(raw.table.putWorker(leader, never)).rejects.toMatchObject({ code: 'MR_CONFIG_INVALID' });
    await raw.table.deleteWorker(leader, never);
    expect(await raw.get('Leader')).toEqual(item);
  });
});

describe('the row of a worker', () => {
  it('has KCL’s attributes and types, and comes back as it was', async () => {
    const raw = await singleTable();
    await raw.table.putWorker(worker, never);
    expect(await raw.get('me')).toEqual({
      leaseKey: { S: 'me' },
      entityType: { S: 'WORKER_METRIC_STATS' },
      lut: { N: '1700000000' },
      sts: { M: { C: { L: [{ N: '12.5' }, { N: '-1' }, { N: '0.25' }] } } },
      opr: { M: { C: { L: [{ N: '100' }] } } },
      sup: { N: '1' },
      slu: { N: '1700000000' },
      reportCounter: { N: '5' },
      failoverTimeMillis: { N: '10000' },
    });
    expect((await raw.table.scan(never)).workers).toEqual([worker]);
  });

  it('is read although it is damaged: such a worker is just no candidate', async () => {
    const raw = await singleTable();
    await raw.put({ leaseKey: { S: 'java-1' }, entityType: { S: 'WORKER_METRIC_STATS' }, sts: { S: 'x' } });
    await raw.put({
      leaseKey: { S: 'java-2' },
      entityType: { S: 'WORKER_METRIC_STATS' },
      lut: { S: '1' },
      opr: { M: { C: { N: '1' } } },
    });
    const { workers } = await raw.table.scan(never);
    expect(workers.toSorted((a, b) => (a.workerIdentifier < b.workerIdentifier ? -1 : 1))).toEqual([
      { workerIdentifier: 'java-1', lastUpdateSeconds: 0, exclusive: false, metrics: {}, operatingRange: {} },
      { workerIdentifier: 'java-2', lastUpdateSeconds: 0, exclusive: false, metrics: {}, operatingRange: { C: [] } },
    ]);
  });
});

describe('the layout', () => {
  it.each([
    [undefined, 'legacy', true],
    ['TABLE_MIGRATION_STATUS_INIT', 'legacy', true],
    ['TABLE_MIGRATION_STATUS_DEPLOYED', 'legacy', false],
    ['TABLE_MIGRATION_STATUS_PENDING', 'legacy', false],
    ['TABLE_MIGRATION_STATUS_OF_THE_FUTURE', 'legacy', false],
    ['TABLE_MIGRATION_STATUS_COMPLETE', 'single', true],
  ] as const)('at %s is %s, where to lead is %s', async (status, expected, mayLead) => {
    const raw = await withLegacyTables(...bothTables);
    if (status !== undefined) await put(raw, '-CoordinatorState', { key: { S: migrationKey }, tm: { S: status } });
    expect((await raw.table.open(never)).coordination).toEqual({ tables: expected, mayLead });
  });

  it('is found again from the row that the migration moved into the lease table', async () => {
    const raw = await withLegacyTables(...bothTables);
    await raw.table.open(never);
    await raw.put({
      leaseKey: { S: migrationKey },
      entityType: { S: 'TABLE_MIGRATION' },
      tm: { S: 'TABLE_MIGRATION_STATUS_COMPLETE' },
    });
    expect(await raw.table.coordination(never)).toEqual({ tables: 'single', mayLead: true });
  });

  it('of three tables puts into the lease table nothing but leases, since 3.0 to 3.4 cannot bear other rows', async () => {
    const raw = await withLegacyTables(...bothTables);
    await raw.table.open(never);
    await raw.put(rawLease(heldLease));
    await raw.table.putWorker(worker, never);
    await raw.table.writeLock(lock, { type: 'absent' }, never);
    expect((await rows(raw)).map((row) => row['leaseKey'])).toEqual([{ S: heldLease.leaseKey }]);
    expect(await rows(raw, '-WorkerMetricStats')).toMatchObject([{ wid: { S: 'me' }, lut: { N: '1700000000' } }]);
    expect(await rows(raw, '-CoordinatorState')).toMatchObject([{ key: { S: 'Leader' }, ownerName: { S: 'me' } }]);
    expect(await raw.table.readLock(never)).toEqual(lock);
    expect((await raw.table.scan(never)).workers).toEqual([worker]);
    await raw.table.deleteWorker({ ...worker, reportCounter: 4 }, never);
    expect(await rows(raw, '-WorkerMetricStats')).toHaveLength(1);
    await raw.table.deleteWorker(worker, never);
    expect(await raw.table.deleteLock(lock, never)).toBe(true);
    expect([await rows(raw, '-WorkerMetricStats'), await rows(raw, '-CoordinatorState')]).toEqual([[], []]);
  });
});

describe.each(versions)('the coordination rows that KCL %s wrote', (version) => {
  const moments = Object.entries(recordedMoments(version)).filter(([, byTable]) => lockOf(byTable) !== undefined);

  it.each(moments)('are read at the moment "%s"', async (_moment, byTable) => {
    const raw = await withLegacyTables(...(recordedLayouts[version] === 'legacy' ? bothTables : []));
    await raw.table.open(never);
    for (const [suffix, items] of Object.entries(byTable)) for (const item of items) await put(raw, suffix, item);
    const row = lockOf(byTable) as Row;
    expect(await raw.table.readLock(never)).toEqual({
      ownerName: row['ownerName']?.S,
      leaseDurationMillis: Number(row['leaseDuration']?.S),
      recordVersionNumber: row['recordVersionNumber']?.S,
      isReleased: false,
    });
    const { workers } = await raw.table.scan(never);
    expect(workers.toSorted((a, b) => (a.workerIdentifier < b.workerIdentifier ? -1 : 1))).toEqual(
      workersOf(byTable).map((one) => ({
        workerIdentifier: keyOf(one),
        lastUpdateSeconds: Number(one['lut']?.N),
        exclusive: false,
        metrics: { C: one['sts']?.M?.['C']?.L?.map((value) => Number(value.N)) },
        operatingRange: { C: [100] },
      })),
    );
  });
});

function lockOf(byTable: TableRows): Row | undefined {
  return Object.values(byTable)
    .flat()
    .find((row) => keyOf(row) === 'Leader');
}

function workersOf(byTable: TableRows): readonly Row[] {
  return Object.values(byTable)
    .flat()
    .filter((row) => row['lut'] !== undefined)
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
