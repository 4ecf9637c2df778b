import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CliProcess, cliEnvironment } from '../cli/run-cli.ts';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';

let kinesis: LocalService;
let dynamo: LocalService;
let kinesisClient: KinesisClient;
let dynamoClient: DynamoDBClient;
const running: CliProcess[] = [];

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  kinesisClient = testKinesisClient(kinesis.endpoint);
  dynamoClient = new DynamoDBClient({ endpoint: dynamo.endpoint, region: testRegion, credentials: testCredentials });
});
afterEach(() => {
  for (const cli of running.splice(0)) if (cli.child.exitCode === null) cli.child.kill('SIGKILL');
});
afterAll(async () => {
  kinesisClient?.destroy();
  dynamoClient?.destroy();
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
});

function consume(stream: string, workerIdentifier: string, ...more: readonly string[]): CliProcess {
  const endpoints = ['--kinesis-endpoint', kinesis.endpoint, '--dynamodb-endpoint', dynamo.endpoint];
  const names = ['--stream-name', stream, '--application-name', stream, '--worker-identifier', workerIdentifier];
  const fast = ['--failover-time-millis', '6000', '--idle-time-between-reads-in-millis', '200'];
  const one = new CliProcess(['consume', ...names, ...endpoints, ...fast, ...more], cliEnvironment);
  running.push(one);
  return one;
}

/** How many leases each worker reads, and the load that each tells. */
async function lookAt(tableName: string) {
  // The table is not there at first.
  const scan = dynamoClient.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }));
  const items = (await scan.catch(() => undefined))?.Items ?? [];
  const leases: Record<string, number> = {};
  const load: Record<string, readonly number[]> = {};
  for (const item of items) {
    if (item['checkpoint'] !== undefined) {
      const owner = item['checkpointOwner']?.S ?? item['leaseOwner']?.S ?? '';
      leases[owner] = (leases[owner] ?? 0) + 1;
    }
    const series = item['sts']?.M?.['C']?.L;
    if (series !== undefined) load[item['leaseKey']?.S ?? ''] = series.map((value) => Number(value.N));
  }
  return { leases, load };
}

type Look = Awaited<ReturnType<typeof lookAt>>;

async function until(stream: string, seen: (look: Look) => boolean): Promise<Look> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const look = await lookAt(stream);
    if (seen(look)) return look;
    if (performance.now() > giveUpAt) throw new Error(`not seen after 60 s; the last state: ${JSON.stringify(look)}`);
    await delay(200);
  }
}

let number = 0;

async function put(stream: string, count: number): Promise<void> {
  const Records = Array.from({ length: count }, () => {
    number += 1;
    return { Data: Buffer.from(`line ${number}`), PartitionKey: `key ${number}` };
  });
  await kinesisClient.send(new PutRecordsCommand({ StreamName: stream, Records }));
}

describe('two processes of millrace consume', () => {
  it('share the shards by the load that each measures of itself, and repeat nothing', async () => {
    const stream = 'by-load';
    await createTestStream(kinesis.endpoint, stream, 6);
    await put(stream, 60);
    const first = consume(stream, 'first');
    await until(stream, ({ leases }) => leases['first'] === 6);
    const second = consume(stream, 'second');
    // Evenly, give or take one: loads are compared, and those of two processes are never quite the same.
    const { load } = await until(
      stream,
      ({ leases: { first: one = 0, second: two = 0 } }) => one + two === 6 && Math.abs(one - two) <= 2,
    );
    for (const name of ['first', 'second']) {
      const series = load[name] ?? [];
      expect(series.length).toBeGreaterThan(0);
      expect(series.filter((percent) => percent <= 0 || percent > 100)).toEqual([]);
    }
    // Two processes of one machine tell what each of them does, not what the machine does.
    expect(load['first']).not.toEqual(load['second']);

    await put(stream, 60);
    await first.until(() => first.records.length + second.records.length >= number);
    first.child.kill('SIGTERM');
    expect([await first.exit(), first.stderr]).toEqual([0, '']);
    await until(stream, ({ leases }) => leases['second'] === 6);
    second.child.kill('SIGTERM');
    expect([await second.exit(), second.stderr]).toEqual([0, '']);
    const seen = [...first.records, ...second.records].map((record) => record.data);
    expect(new Set(seen).size).toBe(number);
    expect(seen.length).toBe(number);
  });
});
