import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { type KinesisClient, PutRecordsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';
import { programArguments } from '../support/programs.ts';

let kinesis: LocalService;
let dynamo: LocalService;
let kinesisClient: KinesisClient;
let dynamoClient: DynamoDBClient;
const workers: WorkerProcess[] = [];
let names = 0;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  kinesisClient = testKinesisClient(kinesis.endpoint);
  dynamoClient = new DynamoDBClient({ endpoint: dynamo.endpoint, region: testRegion, credentials: testCredentials });
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
});
afterAll(async () => {
  kinesisClient?.destroy();
  dynamoClient?.destroy();
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
});

type Line =
  | { readonly type: 'records'; readonly shardId: string; readonly numbers: readonly number[] }
  | { readonly type: 'lease.gained' | 'lease.lost' | 'lease.released'; readonly leaseKey: string }
  | { readonly type: 'ended' }
  | { readonly type: 'failed'; readonly message: string };

/** A worker in a process of its own, with what it has told. */
class WorkerProcess {
  readonly name: string;
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | NodeJS.Signals | null>;
  #errors = '';

  constructor(name: string, options: Readonly<Record<string, unknown>>) {
    this.name = name;
    const script = 'spec/integration/fixtures/worker.ts';
    const child = spawn(
      process.execPath,
      [...programArguments(script), JSON.stringify({ ...options, workerIdentifier: name })],
      {
        env: { PATH: process.env['PATH'] ?? '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child = child;
    this.#exit = new Promise((settle) => child.once('close', (code, signal) => settle(code ?? signal)));
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines.map((line) => JSON.parse(line) as Line));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    workers.push(this);
  }

  get numbers(): readonly number[] {
    return this.lines.flatMap((line) => (line.type === 'records' ? line.numbers : []));
  }

  get state(): unknown {
    return {
      name: this.name,
      records: this.numbers.length,
      lines: this.lines.filter((line) => line.type !== 'records'),
      errors: this.#errors,
    };
  }

  /** Sends SIGTERM and waits for the end; answers with the exit code. */
  terminate(): Promise<number | NodeJS.Signals | null> {
    this.#child.kill('SIGTERM');
    return this.#exit;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

/** An application over a stream of its own. */
async function application(shardCount: number) {
  names += 1;
  const streamName = `stream-${names}`;
  const tableName = `app-${names}`;
  await createTestStream(kinesis.endpoint, streamName, shardCount);
  const options = {
    applicationName: tableName,
    streamName,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: kinesis.endpoint,
    dynamoDBEndpoint: dynamo.endpoint,
    // Long enough that no worker loses a lease because the machine is busy: what it had not checkpointed would be repeated.
    failoverTimeMillis: 6_000,
    idleTimeBetweenReadsInMillis: 250,
    // These tests count leases; how they move by load is shown in balance.integration.spec.ts.
    leaseAssignmentStrategy: 'LEASE_COUNT_BASED',
  };
  return {
    streamName,
    tableName,
    start: (name: string) => new WorkerProcess(name, options),
    produced: new Produced(streamName),
  };
}

/** Puts numbered records, 50 at a time, until it is told to stop. */
class Produced {
  readonly #streamName: string;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;
  count = 0;

  constructor(streamName: string) {
    this.#streamName = streamName;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.put(50);
      await delay(250, undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
  }

  async put(count: number): Promise<void> {
    let Records = Array.from({ length: count }, (_, index) => ({
      Data: Buffer.from(String(this.count + index)),
      PartitionKey: `key ${this.count + index}`,
    }));
    this.count += count;
    while (Records.length > 0) {
      const answer = await kinesisClient.send(new PutRecordsCommand({ StreamName: this.#streamName, Records }));
      Records = Records.filter((_, index) => answer.Records?.[index]?.ErrorCode !== undefined);
    }
  }

  stop(): Promise<void> {
    this.#stopped.abort();
    return this.#running;
  }
}

interface Row {
  readonly owner: string | undefined;
  readonly checkpoint: string;
}

async function rows(tableName: string): Promise<ReadonlyMap<string, Row>> {
  const { Items = [] } = await dynamoClient.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }));
  return new Map(
    Items.filter((item) => item['checkpoint'] !== undefined).map((item) => [
      item['leaseKey']?.S ?? '',
      { owner: item['leaseOwner']?.S, checkpoint: item['checkpoint']?.S ?? '' },
    ]),
  );
}

async function leasesOf(tableName: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { owner = '', checkpoint } of (await rows(tableName)).values()) {
    if (checkpoint !== 'SHARD_END') counts[owner] = (counts[owner] ?? 0) + 1;
  }
  return counts;
}

async function until(seen: () => boolean | Promise<boolean>, what: () => unknown): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!(await seen())) {
    if (performance.now() > giveUpAt)
      throw new Error(`not seen after 60 s; the last state: ${JSON.stringify(await what())}`);
    await delay(50);
  }
}

async function untilShared(tableName: string, shares: Readonly<Record<string, number>>): Promise<void> {
  const textOf = (counts: Readonly<Record<string, number>>) =>
    Object.keys(counts)
      .sort()
      .map((owner) => `${owner} ${counts[owner]}`)
      .join(', ');
  await until(
    // The table is not there at first.
    async () => textOf(await leasesOf(tableName).catch(() => ({}))) === textOf(shares),
    async () => [await leasesOf(tableName), ...workers.map((worker) => worker.state)],
  );
}

/** Waits until every number was told by some worker, then says which came twice. */
async function repeatedWhenAllSeen(produced: Produced, all: readonly WorkerProcess[]): Promise<number[]> {
  const seen = () => all.flatMap((worker) => worker.numbers);
  await until(
    () => new Set(seen()).size === produced.count,
    () => [produced.count, ...all.map((worker) => worker.state)],
  );
  const numbers = seen();
  return [...new Set(numbers.filter((number, index) => numbers.indexOf(number) !== index))];
}

describe('workers in processes of their own', () => {
  it('share evenly, join without repeating anything, and at SIGTERM finish, release at once and exit with 0', async () => {
    const { tableName, start, produced } = await application(6);
    const a = start('a');
    await untilShared(tableName, { a: 6 });
    const b = start('b');
    await untilShared(tableName, { a: 3, b: 3 });
    const c = start('c');
    await untilShared(tableName, { a: 2, b: 2, c: 2 });
    // The rows name the next owner as soon as a handoff begins. One that is still under way when that owner stops is
    // completed all the same, and the lease then waits for F.
    await until(
      () => c.numbers.length > 0 && c.lines.filter(({ type }) => type === 'lease.gained').length === 2,
      () => c.state,
    );

    expect(await c.terminate()).toBe(0);
    expect((await leasesOf(tableName))['c']).toBeUndefined();
    expect(c.lines.at(-1)).toEqual({ type: 'ended' });
    await untilShared(tableName, { a: 3, b: 3 });
    await produced.stop();
    expect(await repeatedWhenAllSeen(produced, [a, b, c])).toEqual([]);

    expect(await Promise.all([a.terminate(), b.terminate()])).toEqual([0, 0]);
    // Nothing is left for the next one: what came last was checkpointed.
    const next = start('d');
    await untilShared(tableName, { d: 6 });
    await produced.put(20);
    expect(await repeatedWhenAllSeen(produced, [a, b, c, next])).toEqual([]);
  });

  it('take over from one that is killed: nothing is missing', async () => {
    const { tableName, start, produced } = await application(4);
    const a = start('a');
    const b = start('b');
    await untilShared(tableName, { a: 2, b: 2 });
    await until(
      () => a.numbers.length > 0 && b.numbers.length > 0,
      () => [a.state, b.state],
    );
    await b.kill();
    await untilShared(tableName, { a: 4 });
    await produced.stop();
    const repeated = await repeatedWhenAllSeen(produced, [a, b]);
    // Only what the killed one had told and not checkpointed may come again.
    const told = new Set(b.numbers);
    expect(repeated.filter((number) => !told.has(number))).toEqual([]);
    expect(await a.terminate()).toBe(0);
  });

  it('read a shard that ends during the run to its end, and then its children', async () => {
    const { streamName, tableName, start, produced } = await application(2);
    const a = start('a');
    const b = start('b');
    await untilShared(tableName, { a: 1, b: 1 });
    const parent = 'shardId-000000000000';
    const middle = String(2n ** 126n);
    await kinesisClient.send(
      new SplitShardCommand({ StreamName: streamName, ShardToSplit: parent, NewStartingHashKey: middle }),
    );
    await until(
      async () => (await rows(tableName)).get(parent)?.checkpoint === 'SHARD_END',
      async () => [...(await rows(tableName))],
    );
    expect([...(await rows(tableName)).keys()].sort()).toEqual(
      [0, 1, 2, 3].map((index) => `shardId-00000000000${index}`),
    );
    await until(
      () =>
        ['shardId-000000000002', 'shardId-000000000003'].every((child) =>
          [a, b].some((worker) => worker.lines.some((line) => line.type === 'records' && line.shardId === child)),
        ),
      () => [a.state, b.state],
    );
    await produced.stop();
    expect(await repeatedWhenAllSeen(produced, [a, b])).toEqual([]);
    expect(await Promise.all([a.terminate(), b.terminate()])).toEqual([0, 0]);
  });
});
