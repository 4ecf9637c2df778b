import { setTimeout as delay } from 'node:timers/promises';
import {
  type AttributeValue,
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DescribeTableCommand,
  type DescribeTableCommandOutput,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { inject } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { type Clients, createClients } from '../../../lib/app/clients.ts';
import { positionToRow } from '../../../lib/base/position.ts';
import { AwsDynamo } from '../../../lib/lease/dynamo/aws-dynamo.ts';
import { CoordinationRows } from '../../../lib/lease/dynamo/coordination-tables.ts';
import { DynamoLeaseTable } from '../../../lib/lease/dynamo/dynamo-lease-table.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { startDynamoDBLocal } from '../../support/dynamodb-local.ts';
import {
  type DynaliteOptions,
  type LocalService,
  startDynalite,
  testCredentials,
  testRegion,
} from '../../support/local-stack.ts';

/** An item as it stands in DynamoDB. */
export type RawItem = Record<string, AttributeValue>;

/** One table of an emulator: as Millrace sees it, and as it is. */
export interface RawTable {
  readonly tableName: string;
  readonly table: DynamoLeaseTable;
  put(item: RawItem): Promise<void>;
  get(leaseKey: string): Promise<RawItem | undefined>;
  all(): Promise<readonly RawItem[]>;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** What stands in for DynamoDB in a suite: the unit suite does without Java. */
    readonly dynamoEmulator: 'dynalite' | 'DynamoDB Local';
  }
}

/** How often a new table is asked whether it is ACTIVE; every 20 ms. */
const maximumStatusQuestions = 3_000;

const emulators = { dynalite: () => startDynalite(), 'DynamoDB Local': () => startDynamoDBLocal() };

/** An emulator with any number of tables. */
export class RawTables implements AsyncDisposable {
  readonly #service: LocalService;
  readonly #clients: Clients;
  #made = 0;

  private constructor(service: LocalService) {
    this.#service = service;
    this.#clients = createClients({
      region: testRegion,
      credentials: testCredentials,
      dynamoDBEndpoint: service.endpoint,
    });
  }

  /** The emulator of this suite; dynalite wherever tables are to be slow, since no other takes its time. */
  static async start(options?: DynaliteOptions): Promise<RawTables> {
    if (options !== undefined) return new RawTables(await startDynalite(options));
    return new RawTables(await emulators[inject('dynamoEmulator')]());
  }

  /** An emulator that the caller has started; it is stopped with the tables. */
  static on(service: LocalService): RawTables {
    return new RawTables(service);
  }

  get client(): DynamoDBClient {
    return this.#clients.dynamoDB;
  }

  /** A table that is not created yet. */
  next(): RawTable {
    this.#made += 1;
    const tableName = `table-${this.#made}`;
    const { client } = this;
    return {
      tableName,
      table: leaseTableOf(client, tableName),
      put: async (item) => void (await client.send(new PutItemCommand({ TableName: tableName, Item: item }))),
      get: async (leaseKey) =>
        (
          await client.send(
            new GetItemCommand({ TableName: tableName, Key: { leaseKey: { S: leaseKey } }, ConsistentRead: true }),
          )
        ).Item,
      all: async () => (await client.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }))).Items ?? [],
    };
  }

  /** A table made by somebody else; waits until it is ACTIVE. */
  async create(table: RawTable, input: Omit<CreateTableCommandInput, 'TableName'>): Promise<void> {
    await this.client.send(
      new CreateTableCommand({ BillingMode: 'PAY_PER_REQUEST', ...input, TableName: table.tableName }),
    );
    for (let asked = 0; (await this.describe(table)).Table?.TableStatus !== 'ACTIVE'; asked += 1) {
      if (asked === maximumStatusQuestions) throw new Error(`table ${table.tableName} is still not ACTIVE`);
      await delay(20);
    }
  }

  describe({ tableName }: RawTable): Promise<DescribeTableCommandOutput> {
    return this.client.send(new DescribeTableCommand({ TableName: tableName }));
  }

  async delete({ tableName }: RawTable): Promise<void> {
    await this.client.send(new DeleteTableCommand({ TableName: tableName }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#clients.destroy();
    await this.#service.stop();
  }
}

/**
 * A lease row written by hand from kcl.md 1.1 (and, from `tenure` on, the glossary of Millrace's own attributes), apart
 * from the code under test.
 */
export function rawLease(lease: Lease): RawItem {
  const { checkpoint, subSequenceNumber } = positionToRow(lease.checkpoint);
  const item: RawItem = {
    leaseKey: { S: lease.leaseKey },
    entityType: { S: 'LEASE' },
    leaseCounter: { N: `${lease.leaseCounter}` },
    ownerSwitchesSinceCheckpoint: { N: `${lease.ownerSwitchesSinceCheckpoint}` },
    checkpoint: { S: checkpoint },
    checkpointSubSequenceNumber: { N: `${subSequenceNumber}` },
  };
  const put = (name: string, value: AttributeValue | undefined) => {
    if (value !== undefined) item[name] = value;
  };
  const text = (value: string | undefined) => (value === undefined ? undefined : { S: value });
  const number = (value: number | undefined) => (value === undefined ? undefined : { N: `${value}` });
  const set = (values: readonly string[]) => (values.length === 0 ? undefined : { SS: [...values] });
  put('leaseOwner', text(lease.leaseOwner));
  put('checkpointOwner', text(lease.checkpointOwner));
  put('parentShardId', set(lease.parentShardIds));
  put('childShardIds', set(lease.childShardIds));
  put('startingHashKey', text(lease.hashKeyRange?.startingHashKey));
  put('endingHashKey', text(lease.hashKeyRange?.endingHashKey));
  put('throughputKBps', number(lease.throughputKBps));
  if (lease.pendingCheckpoint !== undefined) {
    const pending = positionToRow(lease.pendingCheckpoint);
    put('pendingCheckpoint', { S: pending.checkpoint });
    put('pendingCheckpointSubSequenceNumber', { N: `${pending.subSequenceNumber}` });
  }
  if (lease.pendingCheckpointState !== undefined) put('pendingCheckpointState', { B: lease.pendingCheckpointState });
  put('tenure', number(lease.tenure));
  put('initialTimestampMillis', number(lease.initialTimestampMillis));
  put('streamArn', text(lease.streamArn));
  put('streamCreatedAt', number(lease.streamCreatedAtMillis));
  if (lease.firstSyncEnded) put('firstSyncEnded', { BOOL: true });
  put('engineState', text(lease.engineState));
  put('engineInherit', set(lease.engineInherit ?? []));
  put('caughtUpAtMillis', number(lease.caughtUpAtMillis));
  return item;
}

/** The lease table as the application makes it, with the tables of KCL 3.0 to 3.4 beside it where they exist. */
function leaseTableOf(client: DynamoDBClient, tableName: string): DynamoLeaseTable {
  const dynamo = new AwsDynamo(client, tableName);
  const rows = new CoordinationRows({
    single: dynamo,
    coordinatorState: new AwsDynamo(client, `${tableName}-CoordinatorState`),
    workerMetrics: new AwsDynamo(client, `${tableName}-WorkerMetricStats`),
  });
  return new DynamoLeaseTable(dynamo, rows, systemClock);
}
