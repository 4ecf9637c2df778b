import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { DeleteStreamCommand, type KinesisClient, PutRecordsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CliProcess, cliEnvironment } from '../cli/run-cli.ts';
import { freePort } from '../support/child-server.ts';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
  waitForStreamStatus,
} from '../support/local-stack.ts';

/** Fast enough for a test, with everything else as it is for users. */
const fast = ['--failover-time-millis', '3000', '--idle-time-between-reads-in-millis', '200'];

let kinesis: LocalService;
let dynamo: LocalService;
let kinesisClient: KinesisClient;
let dynamoClient: DynamoDBClient;
const running: CliProcess[] = [];
let names = 0;

beforeAll(async () => {
  // A deleted stream stays DELETING for long enough to be looked at.
  [kinesis, dynamo] = await Promise.all([startKinesisLocal({ deleteStreamMillis: 8_000 }), startDynalite()]);
  kinesisClient = testKinesisClient(kinesis.endpoint);
  dynamoClient = new DynamoDBClient({ endpoint: dynamo.endpoint, region: testRegion, credentials: testCredentials });
});
afterEach(() => {
  for (const cli of running.splice(0)) if (cli.child.exitCode === null) cli.child.kill('SIGKILL');
});
afterAll(async () => {
  kinesisClient.destroy();
  dynamoClient.destroy();
  await Promise.all([kinesis.stop(), dynamo.stop()]);
});

function cli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = cliEnvironment,
  detached = false,
): CliProcess {
  const one = new CliProcess(args, env, detached);
  running.push(one);
  return one;
}

interface Names {
  readonly stream: string;
  readonly application: string;
}

function freshNames(): Names {
  names += 1;
  return { stream: `orders-${names}`, application: `counts-${names}` };
}

function consume(some: Names, ...more: string[]): CliProcess {
  return cli([...plainArguments(some, kinesis.endpoint, dynamo.endpoint), ...fast, ...more]);
}

function plainArguments({ stream, application }: Names, kinesisEndpoint: string, dynamoDBEndpoint: string): string[] {
  const endpoints = ['--kinesis-endpoint', kinesisEndpoint, '--dynamodb-endpoint', dynamoDBEndpoint];
  return ['consume', '--stream-name', stream, '--application-name', application, ...endpoints];
}

/** A run whose output nobody reads, with a block under way that is larger than a pipe can hold. */
async function consumeUnread(...more: string[]): Promise<CliProcess> {
  const some = freshNames();
  await createTestStream(kinesis.endpoint, some.stream, 1);
  await put(some.stream, ...Array.from({ length: 4 }, () => 'x'.repeat(200_000)));
  const one = consume(some, '--log-level', 'debug', ...more);
  one.child.stdout?.pause();
  await one.until(() => one.stderr.includes('"event":"block.sealed"'));
  return one;
}

async function put(stream: string, ...data: readonly (string | Uint8Array)[]): Promise<void> {
  const records = data.map((one, index) => ({ Data: Buffer.from(one), PartitionKey: String(index) }));
  const answer = await kinesisClient.send(new PutRecordsCommand({ StreamName: stream, Records: records }));
  expect(answer.FailedRecordCount ?? 0).toBe(0);
}

async function rows(table: string) {
  return (await dynamoClient.send(new ScanCommand({ TableName: table, ConsistentRead: true }))).Items ?? [];
}

function numbered(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `line ${from + index}`);
}

const sorted = (texts: readonly string[]) => [...texts].sort();

/** The last line on stderr, which is the error. */
function errorLine(one: CliProcess): string {
  return one.stderr.trimEnd().split('\n').at(-1) ?? '';
}

describe('millrace consume', () => {
  it('prints every record once over two runs, checkpoints what it printed and frees its leases', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 2);
    await put(some.stream, ...numbered(0, 200));
    const first = consume(some, '--until', 'CAUGHT_UP');
    expect([await first.exit(), first.complaints]).toEqual([0, '']);
    expect(sorted(first.records.map((record) => record.data))).toEqual(sorted(numbered(0, 200)));
    for (const shardId of new Set(first.records.map((record) => record.shardId))) {
      const inShard = first.records.filter((record) => record.shardId === shardId);
      const places = inShard.map((record) => BigInt(record.sequenceNumber));
      expect(places).toEqual([...places].sort((a, b) => (a < b ? -1 : 1)));
    }

    const leases = (await rows(some.application)).filter((row) => row['checkpoint'] !== undefined);
    expect(leases.length).toBe(2);
    for (const lease of leases) {
      expect(lease['leaseOwner']).toBeUndefined();
      const last = first.records.filter((record) => record.shardId === lease['leaseKey']?.S).at(-1);
      expect(lease['checkpoint']?.S).toBe(last?.sequenceNumber);
    }

    await put(some.stream, ...numbered(200, 10));
    const second = consume(some, '--until', 'CAUGHT_UP');
    expect([await second.exit(), second.complaints]).toEqual([0, '']);
    expect(sorted(second.records.map((record) => record.data))).toEqual(sorted(numbered(200, 10)));
  });

  it('prints a record that is not UTF-8 as base64', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 1);
    await put(some.stream, Uint8Array.of(0xff, 0x00), '\u00e9\u001b');
    const one = consume(some, '--until', 'CAUGHT_UP');
    expect(await one.exit()).toBe(0);
    expect(one.records).toMatchObject([
      { encoding: 'base64', data: '/wA=' },
      { encoding: 'utf8', data: '\u00e9\u001b' },
    ]);
  });

  it('drains on SIGINT and on SIGTERM with 0, and the next run repeats nothing', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 2);
    const seen: string[] = [];
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      await put(some.stream, ...numbered(seen.length, 50));
      const one = consume(some);
      await one.until(() => one.records.length >= 50);
      one.child.kill(signal);
      expect([await one.exit(), one.complaints]).toEqual([0, '']);
      seen.push(...one.records.map((record) => record.data));
    }
    expect(sorted(seen)).toEqual(sorted(numbered(0, 100)));
    for (const lease of await rows(some.application)) expect(lease['leaseOwner']).toBeUndefined();
  });

  it('aborts at the second signal with 128 and its number', async () => {
    const one = await consumeUnread();
    one.child.kill('SIGINT');
    await one.until(() => one.stderr.includes('"to":"draining"'));
    one.child.kill('SIGTERM');
    expect(await one.exitUnread()).toBe(143);
  });

  it('lets a program finish its records at Ctrl-C, which reaches every process of the terminal', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 1);
    await put(some.stream, ...numbered(0, 5));
    const script =
      'console.log("up"); process.stdin.resume().on("end", () => setTimeout(() => console.log("done"), 1000))';
    const program = ['--exec', process.execPath, '--', '-e', script];
    const given = [...plainArguments(some, kinesis.endpoint, dynamo.endpoint), ...fast, ...program];
    const one = cli(given, cliEnvironment, true);
    await one.until(() => one.stdout.includes('up'));
    process.kill(-(one.child.pid as number), 'SIGINT');
    expect(await one.exit()).toBe(0);
    expect(one.stdout).toBe('up\ndone\n');
    const checkpoints = (await rows(some.application)).flatMap(({ checkpoint }) => checkpoint?.S ?? []);
    expect(checkpoints).toEqual([expect.stringMatching(/^\d+$/)]);
  });

  it('ends with 7 when what was read could not be printed before the deadline of the drain', async () => {
    const one = await consumeUnread('--shutdown-grace-millis', '500');
    one.child.kill('SIGTERM');
    expect(await one.exitUnread()).toBe(7);
    expect(one.stderr).toContain('millrace: MR_DRAIN_TIMEOUT: ');
  });

  it('goes on with the children of a shard that is split while it runs', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 1);
    await put(some.stream, ...numbered(0, 10));
    const one = consume(some);
    await one.until(() => one.records.length >= 10);
    const parent = one.records[0]?.shardId;
    await kinesisClient.send(
      new SplitShardCommand({
        StreamName: some.stream,
        ShardToSplit: parent,
        NewStartingHashKey: '170141183460469231731687303715884105728',
      }),
    );
    await waitForStreamStatus(kinesisClient, some.stream, 'ACTIVE');
    await put(some.stream, ...numbered(10, 20));
    await one.until(() => one.records.length >= 30);
    one.child.kill('SIGTERM');
    expect([await one.exit(), one.complaints]).toEqual([0, '']);
    expect(sorted(one.records.map((record) => record.data))).toEqual(sorted(numbered(0, 30)));
    const leases = await rows(some.application);
    expect(leases.find((lease) => lease['leaseKey']?.S === parent)?.['checkpoint']?.S).toBe('SHARD_END');
    expect(leases.filter((lease) => lease['checkpoint'] !== undefined).length).toBe(3);
  });

  it('ends with 0 when the reader closes the pipe, and the next run prints what it had not taken', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 1);
    await put(some.stream, ...numbered(0, 5));
    const one = consume(some);
    await one.until(() => one.records.length >= 5);
    one.child.stdout?.destroy();
    await put(some.stream, ...numbered(5, 20));
    expect([await one.exit(), one.complaints]).toEqual([0, '']);

    const next = consume(some, '--until', 'CAUGHT_UP');
    expect([await next.exit(), next.complaints]).toEqual([0, '']);
    expect(sorted(next.records.map((record) => record.data))).toEqual(sorted(numbered(5, 20)));
  });
});

describe('millrace consume refuses', () => {
  /** Begun before the others, which need not wait for its 30 seconds. */
  let unanswered: { readonly one: CliProcess; readonly endpoint: string; readonly startedAtMillis: number };

  beforeAll(async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const one = new CliProcess(plainArguments(freshNames(), endpoint, dynamo.endpoint), cliEnvironment);
    unanswered = { one, endpoint, startedAtMillis: performance.now() };
  });
  afterAll(() => {
    if (unanswered.one.child.exitCode === null) unanswered.one.child.kill('SIGKILL');
  });

  it.each([
    [
      'an unknown option',
      ['--max-recrods', '5'],
      'MR_CONFIG_UNKNOWN: unknown option "--max-recrods": did you mean --max-records?',
    ],
    [
      'a wrong type',
      ['--max-records', 'many'],
      'MR_CONFIG_INVALID: maxRecords (--max-records) is "many": give a whole number',
    ],
    [
      'a time without a zone',
      ['--initial-position', '2026-01-31T12:00:00'],
      'MR_CONFIG_INVALID: initialPosition (--initial-position) is "2026-01-31T12:00:00", a time without a zone: add one',
    ],
    ['a feature of a later version', ['--streams', 'a'], 'MR_CONFIG_INVALID: --streams is not in this version yet'],
    ['attempts below -1', ['--on-failure-maximum-retry-attempts', '-2'], 'is "-2": give -1 for no limit'],
    ['a level that does not exist', ['--log-level', 'loud'], '--log-level is "loud": give debug, info, warn, error'],
    ['a file that is not there', ['--config', 'no/such.json'], 'the configuration file "no/such.json" cannot be read'],
  ])('%s with 2', async (_, args, says) => {
    const one = consume(freshNames(), ...args);
    expect(await one.exit()).toBe(2);
    expect(one.stdout).toBe('');
    expect(one.stderr.split('\n').length).toBe(2);
    expect(one.stderr).toContain(says);
  });

  it('a stream that does not exist with 3, by its name, and makes no table for it', async () => {
    const some = freshNames();
    const one = consume(some);
    expect(await one.exit()).toBe(3);
    expect(errorLine(one)).toMatch(/^millrace: MR_STREAM_NOT_FOUND: .*orders-\d+ does not exist.*create it/);
    await expect(dynamoClient.send(new DescribeTableCommand({ TableName: some.application }))).rejects.toThrow();
  });

  it('a stream that is being deleted, and one that was made again, with 3', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 1);
    const first = consume(some, '--until', 'CAUGHT_UP');
    expect([await first.exit(), first.complaints]).toEqual([0, '']);

    await kinesisClient.send(new DeleteStreamCommand({ StreamName: some.stream }));
    await waitForStreamStatus(kinesisClient, some.stream, 'DELETING');
    const deleting = consume(some, '--json');
    expect(await deleting.exit()).toBe(3);
    expect(JSON.parse(errorLine(deleting))).toMatchObject({
      code: 'MR_STREAM_NOT_ACTIVE',
      exitCode: 3,
      subject: { stream: some.stream },
      msg: expect.stringContaining('is DELETING') as string,
    });

    await createAgain(some.stream);
    const before = await rows(some.application);
    const again = consume(some);
    expect(await again.exit()).toBe(3);
    expect(errorLine(again)).toContain('millrace: MR_STREAM_CHANGED: ');
    expect(errorLine(again)).toContain(some.stream);
    expect(await rows(some.application)).toEqual(before);
  });

  it('a table of something else with 3, and writes nothing into it', async () => {
    const some = freshNames();
    await createTestStream(kinesis.endpoint, some.stream, 1);
    await dynamoClient.send(
      new CreateTableCommand({
        TableName: some.application,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'customer', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'customer', KeyType: 'HASH' }],
      }),
    );
    const table = { TableName: some.application };
    await waitUntilTableExists({ client: dynamoClient, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, table);
    await dynamoClient.send(
      new PutItemCommand({ TableName: some.application, Item: { customer: { S: 'a' }, orders: { N: '3' } } }),
    );
    const one = consume(some);
    expect(await one.exit()).toBe(3);
    expect(errorLine(one)).toContain('millrace: MR_TABLE_FOREIGN: ');
    expect(errorLine(one)).toContain(some.application);
    expect(await rows(some.application)).toEqual([{ customer: { S: 'a' }, orders: { N: '3' } }]);
    const { Table: after } = await dynamoClient.send(new DescribeTableCommand(table));
    expect(after?.GlobalSecondaryIndexes).toBeUndefined();
  });

  it('to work without credentials with 4', async () => {
    const some = freshNames();
    const one = cli(plainArguments(some, kinesis.endpoint, dynamo.endpoint), {
      AWS_REGION: testRegion,
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    expect(await one.exit()).toBe(4);
    expect(errorLine(one)).toContain('millrace: MR_CREDENTIALS_MISSING: ');
  });

  it('a call that is denied with 4, naming the call', async () => {
    const denying = await denyingServer();
    try {
      const some = freshNames();
      const { port } = denying.address() as AddressInfo;
      const endpoint = `http://127.0.0.1:${port}`;
      const one = cli(plainArguments(some, endpoint, endpoint));
      expect(await one.exit()).toBe(4);
      expect(errorLine(one)).toContain('millrace: MR_ACCESS_DENIED: ');
      expect(errorLine(one)).toContain('DescribeStreamSummary');
    } finally {
      denying.close();
      denying.closeAllConnections();
    }
  });

  it('an endpoint that does not answer with 5, after 30 seconds, by its address', async () => {
    const { one, endpoint, startedAtMillis } = unanswered;
    expect(await one.exit(110_000)).toBe(5);
    expect((await one.endedAtMillis) - startedAtMillis).toBeGreaterThanOrEqual(25_000);
    expect(errorLine(one)).toContain('millrace: MR_ENDPOINT_UNREACHABLE: ');
    expect(errorLine(one)).toContain(endpoint.replace('http://', ''));
  });
});

/** Makes the stream again as soon as the old one is gone. */
async function createAgain(stream: string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    try {
      await createTestStream(kinesis.endpoint, stream, 1);
      return;
    } catch (thrown) {
      if ((thrown as Error).name !== 'ResourceInUseException' || performance.now() > giveUpAt) throw thrown;
      await delay(100);
    }
  }
}

/** A service that allows nothing, in the words of AWS. */
async function denyingServer(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const target = String(request.headers['x-amz-target']);
      const body = {
        __type: 'com.amazon.coral.service#AccessDeniedException',
        Message: `User: arn:aws:iam::123456789012:user/test is not authorized to perform: ${target.replace(/^.*\./, '')}`,
      };
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
