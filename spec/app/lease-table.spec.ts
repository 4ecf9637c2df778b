import {
  CreateTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, createClients } from '../../lib/app/clients.ts';
import { type LeaseTableSettings, createLeaseTable } from '../../lib/app/lease-table.ts';
import { systemClock } from '../../lib/base/clock.ts';
import type { WorkerRow } from '../../lib/lease/lease.ts';
import { type LocalService, startDynalite, testCredentials, testRegion } from '../support/local-stack.ts';

const never = new AbortController().signal;
const lock = { ownerName: 'w-1', leaseDurationMillis: 10_000, recordVersionNumber: 'v1', isReleased: false };
const row: WorkerRow = {
  workerIdentifier: 'w-1',
  lastUpdateSeconds: 1_800_000_000,
  reportCounter: 1,
  exclusive: false,
  metrics: { C: [12.5] },
  operatingRange: { C: [100] },
};

let dynamo: LocalService;
let clients: Clients;
let client: DynamoDBClient;
let names = 0;

beforeAll(async () => {
  dynamo = await startDynalite();
  clients = createClients({ region: testRegion, credentials: testCredentials, dynamoDBEndpoint: dynamo.endpoint });
  client = clients.dynamoDB;
}, 60_000);
afterAll(async () => {
  clients?.destroy();
  await dynamo?.stop();
});

/** The settings of an application that has no table yet. */
function application(coordinationTables: LeaseTableSettings['coordinationTables'] = 'auto'): LeaseTableSettings {
  names += 1;
  return {
    tableName: `app-${names}`,
    coordinationTables,
    coordinatorStateTableName: `app-${names}-locks`,
    workerMetricsTableName: `app-${names}-loads`,
  };
}

const open = (settings: LeaseTableSettings) => createLeaseTable(clients, settings, systemClock).open(never);

async function createTable(TableName: string, key: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: key, AttributeType: 'S' }],
      KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
    }),
  );
  await expect.poll(() => statusOf(TableName), { timeout: 60_000 }).toBe('ACTIVE');
}

/** The tables as a worker of KCL 3.0 to 3.4 makes them, with the row of the migration as it stands. */
async function createLegacyTables(settings: LeaseTableSettings, migration?: string): Promise<void> {
  await createTable(settings.coordinatorStateTableName, 'key');
  await createTable(settings.workerMetricsTableName, 'wid');
  if (migration !== undefined) await putMigration(settings, migration);
}

async function putMigration({ coordinatorStateTableName }: LeaseTableSettings, status: string): Promise<void> {
  const Item = { key: { S: 'TableMigration3.5' }, tm: { S: `TABLE_MIGRATION_STATUS_${status}` } };
  await client.send(new PutItemCommand({ TableName: coordinatorStateTableName, Item }));
}

/** The status of a table; `undefined` when there is none. */
async function statusOf(TableName: string): Promise<string | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName }))).Table?.TableStatus;
  } catch (thrown) {
    if ((thrown as Error).name === 'ResourceNotFoundException') return undefined;
    throw thrown;
  }
}

async function keysIn(TableName: string, key: string): Promise<readonly string[]> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }));
  return Items.map((item) => item[key]?.S ?? '').toSorted((a, b) => (a < b ? -1 : 1));
}

/** Writes the lock and a worker's row, and says where they went. */
async function homes(settings: LeaseTableSettings) {
  const table = createLeaseTable(clients, settings, systemClock);
  await table.open(never);
  expect(await table.writeLock(lock, { type: 'absent' }, never)).toBe(true);
  await table.putWorker(row, never);
  expect(await table.readLock(never)).toEqual(lock);
  expect((await table.scan(never)).workers).toEqual([row]);
  const isLegacy = (await statusOf(settings.coordinatorStateTableName)) !== undefined;
  return {
    single: await keysIn(settings.tableName, 'leaseKey'),
    ...(isLegacy
      ? {
          locks: await keysIn(settings.coordinatorStateTableName, 'key'),
          loads: await keysIn(settings.workerMetricsTableName, 'wid'),
        }
      : {}),
  };
}

describe('coordinationTables: auto', () => {
  it('uses the lease table and makes no other where there are none', async () => {
    expect(await homes(application())).toEqual({ single: ['Leader', 'w-1'] });
  });

  it('uses the tables of KCL 3.0 to 3.4 where they exist, by the names that the options give', async () => {
    const settings = application();
    await createLegacyTables(settings);
    expect(await homes(settings)).toEqual({ single: [], locks: ['Leader'], loads: ['w-1'] });
  });

  it.each(['DEPLOYED', 'PENDING'])('follows and does not lead while the migration is %s', async (status) => {
    const settings = application();
    await createLegacyTables(settings, status);
    expect(await open(settings)).toEqual({ created: true, coordination: { tables: 'legacy', mayLead: false } });
  });

  it('goes to the lease table when the migration is complete, also while it runs', async () => {
    const settings = application();
    await createLegacyTables(settings, 'INIT');
    const table = createLeaseTable(clients, settings, systemClock);
    expect((await table.open(never)).coordination).toEqual({ tables: 'legacy', mayLead: true });
    await putMigration(settings, 'COMPLETE');
    expect(await table.coordination(never)).toEqual({ tables: 'single', mayLead: true });
    expect(await homes(settings)).toEqual({
      single: ['Leader', 'w-1'],
      locks: ['TableMigration3.5'],
      loads: [],
    });
  });

  it('waits for a Java worker that has made the first table and not yet the second', async () => {
    const settings = application();
    await createTable(settings.coordinatorStateTableName, 'key');
    await expect(open(settings)).rejects.toMatchObject({
      code: 'MR_ENDPOINT_UNREACHABLE',
      reaction: 'restart',
      message: expect.stringContaining(settings.workerMetricsTableName) as string,
    });
    await createTable(settings.workerMetricsTableName, 'wid');
    expect((await open(settings)).coordination).toEqual({ tables: 'legacy', mayLead: true });
  });

  it('looks for no tables whose names, made of a long one, no table can have', async () => {
    const long = 'a'.repeat(250);
    const settings = { ...application(), coordinatorStateTableName: `${long}-CoordinatorState` };
    expect(await open(settings)).toEqual({ created: true, coordination: { tables: 'single', mayLead: true } });
  });
});

describe('coordinationTables: legacy', () => {
  it('makes the two tables and uses them, so that workers of KCL 3.0 to 3.4 can join', async () => {
    const settings = application('legacy');
    expect(await homes(settings)).toEqual({ single: [], locks: ['Leader'], loads: ['w-1'] });
    expect((await open(settings)).coordination).toEqual({ tables: 'legacy', mayLead: true });
  });

  it('is refused when the rows have been moved to the lease table', async () => {
    const settings = application('legacy');
    await createLegacyTables(settings, 'COMPLETE');
    await expect(open(settings)).rejects.toMatchObject({
      code: 'MR_CONFIG_INVALID',
      reaction: 'fatal',
      subject: { option: 'coordinationTables' },
    });
  });

  it('is refused by a table of another key, and writes nothing into it', async () => {
    const settings = application('legacy');
    await createTable(settings.coordinatorStateTableName, 'customer');
    await expect(open(settings)).rejects.toMatchObject({
      code: 'MR_TABLE_FOREIGN',
      message: expect.stringMatching(
        /its key is customer:HASH.* name another table with coordinatorStateTableName/,
      ) as string,
    });
    expect(await keysIn(settings.coordinatorStateTableName, 'customer')).toEqual([]);
  });
});

describe('coordinationTables: single', () => {
  it('uses the lease table whatever else exists', async () => {
    const settings = application('single');
    await createLegacyTables(settings, 'DEPLOYED');
    expect(await homes(settings)).toEqual({
      single: ['Leader', 'w-1'],
      locks: ['TableMigration3.5'],
      loads: [],
    });
  });
});
