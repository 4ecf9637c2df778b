import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TRIM_HORIZON } from '../../../lib/base/position.ts';
import { AwsDynamo } from '../../../lib/lease/dynamo/aws-dynamo.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { ownerIndexName } from '../../../lib/lease/lease-table.ts';
import { checkpointLease, renewLease } from '../../../lib/lease/lease-write.ts';
import { leaseTableSuite } from '../../../lib/testkit/conformance/lease-table-suite.ts';
import { heldLease } from '../../../lib/testkit/conformance/lease-write-cases.ts';
import { type RawItem, RawTables, type RawTable, rawLease } from './raw-table.ts';

const never = new AbortController().signal;
let tables: RawTables;

beforeAll(async () => {
  tables = await RawTables.start();
}, 60_000);

afterAll(async () => {
  await tables[Symbol.asyncDispose]();
});

async function openTable(): Promise<RawTable> {
  const raw = tables.next();
  await raw.table.open(never);
  return raw;
}

describe('DynamoLeaseTable as a lease table', () => {
  const cases = leaseTableSuite({
    createTable() {
      const raw = tables.next();
      return Promise.resolve({ table: raw.table, seed: (lease) => raw.put(rawLease(lease)) });
    },
  });

  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('DynamoLeaseTable', () => {
  it('leaves attributes alone that it does not know', async () => {
    const raw = await openTable();
    const foreign: RawItem = { somethingNew: { M: { deep: { L: [{ N: '1' }] } } }, bytes: { B: Uint8Array.of(9) } };
    await raw.put({ ...rawLease(heldLease), ...foreign });
    const fence = { leaseKey: heldLease.leaseKey, leaseCounter: 7, tenure: 5 };
    await raw.table.write(renewLease(fence), never);
    await raw.table.write(checkpointLease({ ...fence, leaseCounter: 8 }, TRIM_HORIZON), never);
    expect(await raw.get(heldLease.leaseKey)).toMatchObject({ ...foreign, leaseCounter: { N: '9' } });
  });

  it('scans all pages of a large table', async () => {
    const raw = await openTable();
    const keys = Array.from({ length: 60 }, (_, index) => `shardId-${String(index).padStart(12, '0')}`);
    const padding = { S: 'x'.repeat(60_000) };
    await Promise.all(keys.map((leaseKey) => raw.put({ ...rawLease({ ...heldLease, leaseKey }), padding })));
    const onePage = await raw.all();
    expect(onePage.length).toBeLessThan(keys.length);
    const { leases } = await raw.table.scan(never);
    expect(leases.map((lease) => lease.leaseKey).toSorted()).toEqual(keys);
  }, 60_000);

  it('asks the owner index for all its pages', async () => {
    const raw = await openTable();
    const keys = Array.from({ length: 700 }, (_, index) => `${index}-${'k'.repeat(900)}`);
    const leaseOwner = 'o'.repeat(1_000);
    const write = (leaseKey: string) => raw.put(rawLease({ ...heldLease, leaseKey, leaseOwner }));
    for (let start = 0; start < keys.length; start += 50) {
      await Promise.all(keys.slice(start, start + 50).map(write));
    }
    const onePage = await new AwsDynamo(tables.client, raw.tableName).queryOwnerPage(
      ownerIndexName,
      leaseOwner,
      undefined,
      never,
    );
    expect(onePage?.items.length).toBeLessThan(keys.length);
    expect((await raw.table.listKeysOwnedBy(leaseOwner, never))?.toSorted()).toEqual(keys.toSorted());
  }, 60_000);

  it('says so when the table has no owner index, as those of KCL 2 have none', async () => {
    const raw = tables.next();
    await tables.create(raw, {
      AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
    });
    await raw.put(rawLease(heldLease));
    expect(await raw.table.listKeysOwnedBy('me', never)).toBeUndefined();
  });

  it('takes rows for leases by entityType, LEASE or absent, and skips KCL’s other rows', async () => {
    const raw = await openTable();
    const { entityType: _, ...withoutType } = rawLease({ ...heldLease, leaseKey: 'absent' });
    await raw.put(withoutType);
    await raw.put(rawLease({ ...heldLease, leaseKey: 'present' }));
    for (const item of otherRows) await raw.put(item);
    const { leases, workers } = await raw.table.scan(never);
    expect(leases.map((lease) => lease.leaseKey).toSorted()).toEqual(['absent', 'present']);
    expect(workers).toEqual([
      {
        workerIdentifier: 'java-worker',
        lastUpdateSeconds: 1_700_000_000,
        exclusive: false,
        metrics: { C: [12.5, -1] },
        operatingRange: { C: [100] },
      },
    ]);
    expect(await raw.table.get('Leader', never)).toBeUndefined();
  });

  it('removes the row of a Java worker by the lut that was seen, and no other row', async () => {
    const raw = await openTable();
    for (const item of otherRows) await raw.put(item);
    const [row] = (await raw.table.scan(never)).workers;
    await raw.table.deleteWorker({ ...row!, lastUpdateSeconds: row!.lastUpdateSeconds - 1 }, never);
    await raw.table.deleteWorker({ ...row!, reportCounter: Number.MAX_SAFE_INTEGER }, never);
    for (const workerIdentifier of ['Leader', 'Migration3.0']) {
      await raw.table.deleteWorker({ ...row!, workerIdentifier }, never);
    }
    expect(await raw.all()).toHaveLength(otherRows.length);
    await raw.table.deleteWorker(row!, never);
    expect(await raw.all()).toHaveLength(otherRows.length - 1);
    expect(await raw.get('java-worker')).toBeUndefined();
  });

  it('refuses a worker that is named like a row of KCL’s own', async () => {
    const raw = await openTable();
    for (const item of otherRows) await raw.put(item);
    const row = {
      workerIdentifier: 'Leader',
      lastUpdateSeconds: 1,
      reportCounter: 1,
      exclusive: false,
      metrics: {},
      operatingRange: {},
    };
    await expect(raw.table.putWorker(row, never)).rejects.toMatchObject({ code: 'MR_CONFIG_INVALID' });
    expect(await raw.get('Leader')).toEqual(otherRows[0]);
  });

  it.each<[string, string, string[]]>([
    ['another hash key', 'id', []],
    ['a range key', 'leaseKey', ['at']],
  ])('refuses a table with %s and writes nothing to it', async (_, hashKey, rangeKeys) => {
    const raw = tables.next();
    await tables.create(raw, {
      AttributeDefinitions: [hashKey, ...rangeKeys].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: hashKey, KeyType: 'HASH' },
        ...rangeKeys.map((name) => ({ AttributeName: name, KeyType: 'RANGE' as const })),
      ],
    });
    await expect(raw.table.open(never)).rejects.toMatchObject({
      code: 'MR_TABLE_FOREIGN',
      message: expect.stringContaining(raw.tableName),
      subject: { table: raw.tableName },
    });
    expect(await raw.all()).toEqual([]);
  });

  it('refuses a table whose leaseKey is no text', async () => {
    const raw = tables.next();
    await tables.create(raw, {
      AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'N' }],
      KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
    });
    await expect(raw.table.open(never)).rejects.toMatchObject({ code: 'MR_TABLE_FOREIGN' });
  });

  it('says MR_TABLE_KIND for leases of several streams', async () => {
    const raw = await openTable();
    const leaseKey = '123456789012:orders:1700000000:shardId-000000000000';
    await raw.put({
      ...rawLease({ ...heldLease, leaseKey }),
      streamName: { S: '123456789012:orders:1700000000' },
      shardId: { S: 'shardId-000000000000' },
    });
    const error = { code: 'MR_TABLE_KIND', subject: { table: raw.tableName, lease: leaseKey } };
    await expect(raw.table.scan(never)).rejects.toMatchObject(error);
    await expect(raw.table.get(leaseKey, never)).rejects.toMatchObject(error);
  });

  it.each<[string, RawItem]>([
    ['without a counter', damaged('leaseCounter')],
    ['without a checkpoint', damaged('checkpoint')],
    ['with a counter that is text', { ...rawLease(heldLease), leaseCounter: { S: '7' } }],
    ['with a checkpoint that is no position', { ...rawLease(heldLease), checkpoint: { S: 'latest' } }],
    ['with an empty checkpoint', { ...rawLease(heldLease), checkpoint: { S: '' } }],
    ['with a pending checkpoint that is no position', { ...rawLease(heldLease), pendingCheckpoint: { S: '-1' } }],
  ])('says MR_TABLE_FOREIGN, with table and row, for a row %s', async (_, item) => {
    const raw = await openTable();
    await raw.put(item);
    const error = {
      code: 'MR_TABLE_FOREIGN',
      subject: { table: raw.tableName, lease: heldLease.leaseKey },
      message: expect.stringContaining(heldLease.leaseKey),
    };
    await expect(raw.table.scan(never)).rejects.toMatchObject(error);
    await expect(raw.table.get(heldLease.leaseKey, never)).rejects.toMatchObject(error);
  });

  it('reads both forms of pendingCheckpointState, and drops both with the next checkpoint', async () => {
    const raw = await openTable();
    const pending = { ...heldLease, pendingCheckpoint: TRIM_HORIZON } satisfies Lease;
    const fence = { leaseKey: heldLease.leaseKey, leaseCounter: 7, tenure: 5 };
    for (const [state, expected] of [
      [{ B: Uint8Array.of(1, 2, 255) }, Uint8Array.of(1, 2, 255)],
      [{ N: '0' }, undefined],
    ] as const) {
      await raw.put({ ...rawLease(pending), pendingCheckpointState: state });
      const lease = await raw.table.get(heldLease.leaseKey, never);
      expect(lease?.pendingCheckpoint).toEqual(TRIM_HORIZON);
      expect(lease?.pendingCheckpointState && Uint8Array.from(lease.pendingCheckpointState)).toEqual(expected);
      await raw.table.write(checkpointLease(fence, TRIM_HORIZON), never);
      const names = Object.keys((await raw.get(heldLease.leaseKey)) ?? {});
      expect(names.filter((name) => name.startsWith('pending'))).toEqual([]);
    }
  });
});

function damaged(without: string): RawItem {
  const { [without]: _, ...rest } = rawLease(heldLease);
  return rest;
}

/** The other rows of a KCL 3.5 table (kcl.md 1.3). */
const otherRows: readonly RawItem[] = [
  {
    leaseKey: { S: 'Leader' },
    entityType: { S: 'LEADER' },
    ownerName: { S: 'java-worker' },
    leaseDuration: { S: '120000' },
    recordVersionNumber: { S: 'b9bd1a4e-1a0e-4f0e-9c51-2f3d3f1d8d51' },
  },
  { leaseKey: { S: 'Migration3.0' }, entityType: { S: 'CLIENT_VERSION_MIGRATION' }, cv: { S: 'CLIENT_VERSION_3X' } },
  {
    leaseKey: { S: 'TableMigration3.5' },
    entityType: { S: 'TABLE_MIGRATION' },
    tm: { S: 'TABLE_MIGRATION_STATUS_COMPLETE' },
  },
  { leaseKey: { S: '123456789012:orders:1700000000' }, entityType: { S: 'STREAM' }, streamId: { S: 'x' } },
  { leaseKey: { S: 'something' }, entityType: { S: 'A_KIND_OF_THE_FUTURE' } },
  {
    leaseKey: { S: 'java-worker' },
    entityType: { S: 'WORKER_METRIC_STATS' },
    lut: { N: '1700000000' },
    sts: { M: { C: { L: [{ N: '12.5' }, { N: '-1' }] } } },
    opr: { M: { C: { L: [{ N: '100' }] } } },
    sup: { N: '1' },
    slu: { N: '1700000000' },
  },
];
