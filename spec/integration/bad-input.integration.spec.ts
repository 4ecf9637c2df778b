import { setTimeout as delay } from 'node:timers/promises';
import {
  type AttributeValue,
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsumerOptions, type MillraceEvent, createConsumer } from '../../lib/index.ts';
import { startGate } from '../support/gate.ts';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';

/**
 * What strangers do to a running worker: it goes on where that is right, and else it ends with an error that names the
 * thing. It never stops without a word.
 */
let kinesis: LocalService;
let dynamo: LocalService;
let producer: KinesisClient;
let tables: DynamoDBClient;
let names = 0;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  producer = testKinesisClient(kinesis.endpoint);
  tables = new DynamoDBClient({ endpoint: dynamo.endpoint, region: testRegion, credentials: testCredentials });
});

afterAll(async () => {
  producer?.destroy();
  tables?.destroy();
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
});

type Options = ConsumerOptions & { readonly streamName: string; readonly applicationName: string };

async function application(shards = 2): Promise<Options> {
  names += 1;
  const streamName = `stream-${names}`;
  await createTestStream(kinesis.endpoint, streamName, shards);
  return {
    applicationName: `app-${names}`,
    streamName,
    workerIdentifier: 'worker-1',
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: kinesis.endpoint,
    dynamoDBEndpoint: dynamo.endpoint,
    failoverTimeMillis: 4_000,
    idleTimeBetweenReadsInMillis: 200,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
}

/** A worker that runs; what it has seen, said, and ended with. */
interface Running {
  readonly seen: ReadonlySet<number>;
  readonly events: readonly MillraceEvent[];
  /** `done` or what it ended with; never rejects. */
  readonly ended: Promise<unknown>;
  readonly outcome: () => unknown;
  drain(): Promise<void>;
}

function start(options: Options): Running {
  const consumer = createConsumer(options);
  const seen = new Set<number>();
  const events: MillraceEvent[] = [];
  consumer.events.subscribe((event) => events.push(event));
  let outcome: unknown;
  const ended = consumer
    .run(({ records }) => {
      for (const record of records) seen.add(Number(record.text()));
    })
    .then(
      () => 'done',
      (thrown: unknown) => thrown,
    )
    .then((result) => (outcome = result));
  return {
    seen,
    events,
    ended,
    outcome: () => outcome,
    drain: async () => {
      await consumer.drain();
      await ended;
    },
  };
}

let produced = 0;

/** Puts that many records, spread over the shards; answers with their numbers. */
async function put({ streamName }: Options, count = 20): Promise<readonly number[]> {
  const numbers = Array.from({ length: count }, () => produced++);
  const Records = numbers.map((number) => ({ Data: Buffer.from(String(number)), PartitionKey: `key ${number}` }));
  const answer = await producer.send(new PutRecordsCommand({ StreamName: streamName, Records }));
  expect(answer.FailedRecordCount ?? 0).toBe(0);
  return numbers;
}

async function until(what: string, holds: () => boolean, state: () => unknown): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > giveUpAt)
      throw new Error(`waited 60 s for ${what}; last state: ${JSON.stringify(state())}`);
    await delay(20);
  }
}

async function sees(worker: Running, numbers: readonly number[]): Promise<void> {
  const missing = () => numbers.filter((number) => !worker.seen.has(number));
  const reached = () => missing().length === 0 || worker.outcome() !== undefined;
  await until('every record', reached, () => [missing(), String(worker.outcome())]);
  expect([missing(), worker.outcome()]).toEqual([[], undefined]);
}

async function running(options: Options): Promise<Running> {
  const worker = start(options);
  await sees(worker, await put(options));
  return worker;
}

/** What the worker ends with by itself. */
async function end(worker: Running): Promise<unknown> {
  await until(
    'the worker to end',
    () => worker.outcome() !== undefined,
    () => worker.events.slice(-5),
  );
  return worker.outcome();
}

async function putRow({ applicationName }: Options, Item: Record<string, AttributeValue>): Promise<void> {
  await tables.send(new PutItemCommand({ TableName: applicationName, Item }));
}

async function leases({ applicationName }: Options): Promise<readonly Record<string, AttributeValue>[]> {
  const { Items = [] } = await tables.send(new ScanCommand({ TableName: applicationName, ConsistentRead: true }));
  return Items.filter((item) => (item['entityType']?.S ?? 'LEASE') === 'LEASE');
}

describe('rows of others in the table of a running worker', () => {
  it('of kinds that it does not know stay as they are, and it goes on', async () => {
    await using gate = await startGate(dynamo.endpoint);
    const options = { ...(await application()), dynamoDBEndpoint: gate.endpoint };
    const worker = await running(options);
    const rows: Record<string, AttributeValue>[] = [
      { leaseKey: { S: 'of the future' }, entityType: { S: 'A_KIND_OF_THE_FUTURE' }, leaseOwner: { S: 'worker-1' } },
      { leaseKey: { S: '123456789012:orders:1700000000' }, entityType: { S: 'STREAM' }, streamId: { S: 'x' } },
      { leaseKey: { S: 'java-1' }, entityType: { S: 'WORKER_METRIC_STATS' }, sts: { S: 'damaged' } },
    ];
    for (const row of rows) await putRow(options, row);
    const scans = gate.count('Scan');
    await until(
      'the worker to look at them',
      () => gate.count('Scan') > scans + 2 || worker.outcome() !== undefined,
      () => [gate.count('Scan'), String(worker.outcome())],
    );
    await sees(worker, await put(options));
    for (const row of rows) {
      const Key = { leaseKey: row['leaseKey'] as AttributeValue };
      const { Item } = await tables.send(
        new GetItemCommand({ TableName: options.applicationName, Key, ConsistentRead: true }),
      );
      expect(Item).toEqual(row);
    }
    await worker.drain();
  });

  it.each<[string, Record<string, AttributeValue>, string]>([
    ['that is no lease and says nothing else', { customer: { S: 'a' } }, 'MR_TABLE_FOREIGN'],
    ['whose checkpoint is no position', { leaseCounter: { N: '1' }, checkpoint: { S: 'here' } }, 'MR_TABLE_FOREIGN'],
    ['without a counter', { entityType: { S: 'LEASE' }, checkpoint: { S: 'LATEST' } }, 'MR_TABLE_FOREIGN'],
    [
      'of a lease of several streams',
      { leaseCounter: { N: '1' }, checkpoint: { S: 'LATEST' }, streamName: { S: '1:orders:1' } },
      'MR_TABLE_KIND',
    ],
    [
      'of another stream',
      {
        leaseCounter: { N: '1' },
        checkpoint: { S: 'LATEST' },
        streamArn: { S: 'arn:aws:kinesis:us-east-1:000000000000:stream/other' },
      },
      'MR_STREAM_CHANGED',
    ],
  ])('one %s ends it with an error that names the row, and leaves its leases to others', async (_, parts, code) => {
    const options = await application();
    const worker = await running(options);
    await putRow(options, { leaseKey: { S: 'stranger' }, ...parts });
    const fault = await end(worker);
    expect(fault).toMatchObject({ code, subject: { lease: 'stranger' } });
    const mine = (await leases(options)).filter((item) => item['leaseKey']?.S !== 'stranger');
    expect(mine.map((item) => item['leaseOwner']?.S)).toEqual([undefined, undefined]);
    expect(mine.map((item) => item['checkpoint']?.S)).not.toContain('TRIM_HORIZON');
    expect(worker.events.filter(({ type }) => type === 'worker.stopped')).toHaveLength(1);
  });
});

describe('a table', () => {
  it('without the owner index, as KCL 2 makes them, serves all the same', async () => {
    const options = await application();
    await tables.send(
      new CreateTableCommand({
        TableName: options.applicationName,
        AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
        ProvisionedThroughput: { ReadCapacityUnits: 10, WriteCapacityUnits: 10 },
      }),
    );
    const first = await running(options);
    const second = start({ ...options, workerIdentifier: 'worker-2' });
    await until(
      'the second worker to start',
      () => second.events.some(({ type }) => type === 'worker.started'),
      () => [first.outcome(), second.outcome()],
    );
    await first.drain();
    await sees(second, await put(options));
    await second.drain();
    expect([first.outcome(), second.outcome()]).toEqual(['done', 'done']);
  });

  it('that is deleted ends the workers on it with an error that names the table', async () => {
    const options = await application();
    const worker = await running(options);
    await tables.send(new DeleteTableCommand({ TableName: options.applicationName }));
    expect(await end(worker)).toMatchObject({
      code: 'MR_TABLE_FOREIGN',
      subject: { table: options.applicationName },
      message: expect.stringMatching(/deleted/) as string,
    });
  });
});

describe('a permission that is lost', () => {
  it.each([['UpdateItem'], ['Scan'], ['PutItem']])(
    'for %s ends the worker with an error that names the call and the table',
    async (operation) => {
      const options = await application();
      await using gate = await startGate(dynamo.endpoint);
      const worker = await running({ ...options, dynamoDBEndpoint: gate.endpoint });
      gate.deny(operation);
      expect(await end(worker)).toMatchObject({
        code: 'MR_ACCESS_DENIED',
        subject: { table: options.applicationName },
        message: expect.stringContaining(operation) as string,
      });
    },
  );

  it.each([['Query'], ['GetItem']])('for %s ends a worker that does not lead', async (operation) => {
    const options = await application();
    const leader = await running(options);
    await using gate = await startGate(dynamo.endpoint);
    const worker = start({ ...options, workerIdentifier: 'worker-2', dynamoDBEndpoint: gate.endpoint });
    await until(
      'the worker to start',
      () => worker.events.some(({ type }) => type === 'worker.started'),
      () => [leader.outcome(), worker.outcome()],
    );
    gate.deny(operation);
    expect(await end(worker)).toMatchObject({
      code: 'MR_ACCESS_DENIED',
      subject: { table: options.applicationName },
      message: expect.stringContaining(operation) as string,
    });
    await sees(leader, await put(options));
    await leader.drain();
  });

  it('for GetRecords ends the worker with an error that names the call and the stream', async () => {
    const options = await application();
    await using gate = await startGate(kinesis.endpoint);
    const worker = await running({ ...options, kinesisEndpoint: gate.endpoint });
    gate.deny('GetRecords');
    expect(await end(worker)).toMatchObject({
      code: 'MR_ACCESS_DENIED',
      subject: { stream: expect.stringContaining(options.streamName) as string },
      message: expect.stringContaining('GetRecords') as string,
    });
    const owners = (await leases(options)).map((item) => item['leaseOwner']?.S);
    expect(owners).toEqual([undefined, undefined]);
  });
});

describe('two workers of one identifier', () => {
  it('are not both left: one ends with MR_WORKER_DUPLICATE, the other reads on, and no record is skipped', async () => {
    const options = await application(4);
    const first = await running(options);
    const second = start(options);
    const ended = () => [first, second].filter((worker) => worker.outcome() !== undefined);
    await until(
      'one of them to end',
      () => ended().length > 0,
      () => [first.events.slice(-3), second.events.slice(-3)],
    );
    const [gone] = ended() as [Running];
    expect(gone.outcome()).toMatchObject({ code: 'MR_WORKER_DUPLICATE', subject: { worker: 'worker-1' } });
    const left = gone === first ? second : first;
    await sees(left, await put(options));
    await left.drain();
    expect(left.outcome()).toBe('done');
  });
});
