import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadLetterStream } from '../../lib/app/dead-letter-stream.ts';
import { KinesisRecord } from '../../lib/block/record.ts';
import { type ConsumerOptions, StreamingContext, createAdmin, createConsumer, fileState } from '../../lib/index.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { awsOperationsOf, policiesOf } from '../support/iam-policies.ts';
import { createTestStream } from '../support/local-stack.ts';
import { readTree } from '../tidy/source.ts';

const policies = policiesOf(readFileSync('docs/iam.md', 'utf8'));
const sent = awsOperationsOf(readTree(['lib']).filter(({ path }) => !path.startsWith('lib/testkit/')));
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

const polling = 'Consume by polling';
const firstStart = 'The first start';
const fanOut = 'Enhanced fan-out';
const engine = 'An engine that counts once';
const put = 'Put records';

const besideOldJava = 'Beside Java workers of KCL 3.0 to 3.4';

/** What only happens in cases that this spec does not make: without the right, those cases fail as documented. */
const inOtherCases: Readonly<Record<string, string>> = {
  UpdateTable: 'a table without the index of owners',
  Query: 'a worker that does not lead, for a second or longer',
};

let aws: LocalFakeAws;
let options: ConsumerOptions;

beforeEach(async () => {
  aws = await startFakeAws();
  await createTestStream(aws.endpoint, 'orders', 2);
  for (const key of ['a', 'b', 'c', 'd']) aws.stream('orders').put(key, key);
  options = {
    applicationName: 'mailer',
    streamName: 'orders',
    region: 'us-east-1',
    credentials,
    kinesisEndpoint: aws.endpoint,
    dynamoDBEndpoint: aws.endpoint,
    until: 'CAUGHT_UP',
    failoverTimeMillis: 1_000,
    idleTimeBetweenReadsInMillis: 200,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
});
afterEach(() => aws.stop());

/** Denies every operation that Millrace sends and none of these policies allows. */
async function allowOnly(...headings: readonly string[]): Promise<void> {
  const allowed = allowedBy(headings);
  await aws.clearFaults();
  for (const operation of sent.filter((one) => !allowed.includes(one))) {
    await aws.inject({
      operation,
      effect: { kind: 'error', name: 'AccessDeniedException', message: 'denied by the test' },
    });
  }
}

function allowedBy(headings: readonly string[]): string[] {
  return headings.flatMap((heading) => policies.get(heading) ?? []).map((action) => action.split(':')[1] ?? '');
}

/** The operations that a piece of work calls, in order. */
async function calledBy(work: () => Promise<unknown>): Promise<string[]> {
  const before = (await aws.stats()).calls;
  await work();
  const after = (await aws.stats()).calls;
  return Object.keys(after)
    .filter((operation) => after[operation] !== before[operation])
    .toSorted();
}

async function consumeAll(given: ConsumerOptions): Promise<number> {
  let count = 0;
  await createConsumer(given).run(({ records }) => {
    count += records.length;
  });
  return count;
}

/** Compares: everything that is allowed is used, here or in another case that is named. */
function expectUsed(called: readonly string[], headings: readonly string[], unused: readonly string[] = []): void {
  const expected = allowedBy(headings).filter((one) => !(one in inOtherCases) && !unused.includes(one));
  expect(called).toEqual([...new Set(expected)].toSorted());
}

describe('the policies of docs/iam.md', () => {
  it('together allow exactly the operations that the code sends', () => {
    const allowed = [...policies.values()].flat().map((action) => action.split(':')[1] ?? '');
    // The one operation whose right has another name.
    const operations = allowed.map((one) => (one === 'ListBucket' ? 'ListObjectsV2' : one));
    // Transactions have no right of their own.
    expect([...new Set([...operations, 'TransactWriteItems'])].toSorted()).toEqual(sent);
  });

  it('suffice for polling, and hold nothing that is not called', async () => {
    await allowOnly(polling, firstStart);
    const first = await calledBy(async () => expect(await consumeAll(options)).toBe(4));
    await allowOnly(polling);
    aws.stream('orders').put('e', 'e');
    const second = await calledBy(async () => expect(await consumeAll(options)).toBe(1));
    expectUsed([...new Set([...first, ...second])].toSorted(), [polling, firstStart]);
    expect(second).not.toContain('CreateTable');
  });

  it('suffice for the index of a table that has none', async () => {
    const client = new DynamoDBClient({ endpoint: aws.endpoint, region: 'us-east-1', credentials });
    await client.send(
      new CreateTableCommand({
        TableName: 'mailer',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
      }),
    );
    client.destroy();
    await allowOnly(polling, firstStart);
    expect(await calledBy(async () => expect(await consumeAll(options)).toBe(4))).toContain('UpdateTable');
  });

  it('suffice beside Java workers that keep three tables, and for a drain there', async () => {
    await allowOnly(polling, besideOldJava);
    const given: ConsumerOptions = { ...options, coordinationTables: 'legacy', workerIdentifier: 'w-1' };
    const { until: _, ...endless } = given;
    let count = 0;
    const consumer = createConsumer(endless);
    const run = consumer.run(({ records }) => {
      count += records.length;
    });
    await expect.poll(() => count, { timeout: 60_000 }).toBe(4);
    await using admin = createAdmin(given);
    expect(await admin.drain('w-1')).toMatchObject({ workerIdentifier: 'w-1' });
    await run;
  });

  it('suffice for enhanced fan-out', async () => {
    await allowOnly(polling, firstStart, fanOut);
    const called = await calledBy(async () => {
      expect(await consumeAll({ ...options, retrievalMode: 'FAN_OUT', deregisterConsumer: true })).toBe(4);
    });
    expectUsed(called, [polling, firstStart, fanOut], ['GetRecords', 'GetShardIterator']);
  });

  it('suffice for an engine that counts once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-iam-'));
    await allowOnly(polling, firstStart, engine);
    const context = new StreamingContext({
      applicationName: 'mailer',
      batchIntervalMillis: 100,
      state: fileState(folder),
    });
    const { applicationName: _, ...stream } = options;
    let counted = 0;
    context
      .kinesisStream(stream)
      .count()
      .foreachBatch((batch) => {
        counted += batch.collect()[0] ?? 0;
      });
    const called = await calledBy(() => context.run());
    expect(counted).toBe(4);
    expect(called).toContain('PutItem');
    await using admin = createAdmin(options);
    const rewound = await calledBy(() => admin.state.rewind({ to: { versionsBack: 1 } }));
    expect(rewound).toEqual(expect.arrayContaining(['DescribeStreamSummary', 'PutItem']));
    rmSync(folder, { recursive: true, force: true });
  });

  it('suffice for looking, for moving and for draining', async () => {
    await allowOnly(polling, firstStart);
    await consumeAll(options);
    await allowOnly(polling);
    await using admin = createAdmin(options);
    expect(await admin.leases()).toHaveLength(2);
    expect(await admin.lag()).toHaveLength(2);
    expect(await admin.seek({ to: 'TRIM_HORIZON' })).toHaveLength(2);
    expect(await consumeAll(options)).toBe(4);
  });

  it('suffice for dead letters in a stream', async () => {
    await allowOnly(put);
    const record = new KinesisRecord({
      data: new TextEncoder().encode('x'),
      partitionKey: 'x',
      sequenceNumber: '1',
      subSequenceNumber: 0,
      shardId: 'shardId-1',
      streamName: 'bills',
      arrivalTimeMillis: 0,
    });
    const { region, kinesisEndpoint } = options as { region: string; kinesisEndpoint: string };
    const letters = deadLetterStream({ streamName: 'orders', region, credentials, kinesisEndpoint });
    const context = { shardId: 'shardId-1', error: new TypeError('bad'), attempts: 1, failedAtMillis: 0 };
    expectUsed(await calledBy(() => letters.write([record], context)), [put]);
  });

  it('without one of its actions, polling ends with the name of what is denied', async () => {
    await allowOnly(polling, firstStart);
    await aws.inject({
      operation: 'ListShards',
      effect: { kind: 'error', name: 'AccessDeniedException', message: 'no' },
    });
    await expect(consumeAll(options)).rejects.toMatchObject({ code: 'MR_ACCESS_DENIED' });
  });
});

describe('policiesOf', () => {
  it('refuses a wildcard', () => {
    const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:*'], Resource: '*' }] };
    expect(() => policiesOf(`## All\n\n\`\`\`json\n${JSON.stringify(policy)}\n\`\`\`\n`)).toThrow('an action for all');
  });
});
