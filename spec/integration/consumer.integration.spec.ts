import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ConsumerOptions,
  type MillraceEvent,
  StreamingContext,
  createConsumer,
  deadLetterFile,
} from '../../lib/index.ts';
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
let client: KinesisClient;
let names = 0;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  client = testKinesisClient(kinesis.endpoint);
});
afterAll(async () => {
  client?.destroy();
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
});

/** A stream with records, numbered from 0, and the options of an application that reads it. */
async function application(shards: number, records: number): Promise<ConsumerOptions & { streamName: string }> {
  names += 1;
  const streamName = `stream-${names}`;
  await createTestStream(kinesis.endpoint, streamName, shards);
  await put(streamName, 0, records);
  return {
    applicationName: `app-${names}`,
    streamName,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: kinesis.endpoint,
    dynamoDBEndpoint: dynamo.endpoint,
    failoverTimeMillis: 2_000,
    idleTimeBetweenReadsInMillis: 200,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
}

async function put(streamName: string, from: number, count: number): Promise<void> {
  if (count === 0) return;
  const Records = numbers(from, count).map((number) => ({
    Data: Buffer.from(JSON.stringify({ number })),
    PartitionKey: `key ${number}`,
  }));
  const answer = await client.send(new PutRecordsCommand({ StreamName: streamName, Records }));
  expect(answer.FailedRecordCount ?? 0).toBe(0);
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const numberOf = (record: { json<T>(): T }) => record.json<{ number: number }>().number;

async function until(seen: () => boolean, what: () => unknown): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!seen()) {
    if (performance.now() > giveUpAt) throw new Error(`not seen after 60 s; the last state: ${JSON.stringify(what())}`);
    await delay(20);
  }
}

/** Everything that is left to read, to the tip. */
async function rest(options: ConsumerOptions): Promise<number[]> {
  const seen: number[] = [];
  await createConsumer({ ...options, until: 'CAUGHT_UP' }).run(
    ({ records }) => void seen.push(...records.map(numberOf)),
  );
  return sorted(seen);
}

describe('createConsumer().run', () => {
  it('gives every record to the handler, in order within a shard, tells events, and is refused a second time', async () => {
    const options = await application(2, 60);
    const consumer = createConsumer({ ...options, until: 'CAUGHT_UP', maxRecords: 7 });
    const events: MillraceEvent[] = [];
    consumer.events.subscribe((event) => events.push(event));
    const seen = new Map<string, number[]>();
    await consumer.run(({ records, shardId, signal, block }) => {
      expect(signal.aborted).toBe(false);
      expect(block.shardId).toBe(shardId);
      seen.set(shardId, [...(seen.get(shardId) ?? []), ...records.map(numberOf)]);
    });
    expect(seen.size).toBe(2);
    expect(sorted([...seen.values()].flat())).toEqual(numbers(0, 60));
    for (const inShard of seen.values()) expect(inShard).toEqual(sorted(inShard));
    const types = new Set(events.map((event) => event.type));
    for (const type of [
      'table.created',
      'worker.started',
      'lease.gained',
      'block.sealed',
      'lease.checkpointed',
      'lease.released',
      'worker.stopped',
    ]) {
      expect([...types]).toContain(type);
    }
    await expect(consumer.run(() => {})).rejects.toMatchObject({ code: 'MR_CONFIG_INVALID' });
    expect(await rest(options)).toEqual([]);
  });

  it('tries a failing block again, and goes on when it works', async () => {
    const options = await application(1, 10);
    let failures = 3;
    const seen: number[] = [];
    await createConsumer({ ...options, until: 'CAUGHT_UP' }).run(({ records }) => {
      if (failures > 0) {
        failures -= 1;
        throw new Error('not now');
      }
      seen.push(...records.map(numberOf));
    });
    expect(seen).toEqual(numbers(0, 10));
  });

  it('ends with MR_HANDLER_FAILED at STOP, and checkpoints nothing of the failed block', async () => {
    const options = await application(1, 10);
    const run = createConsumer({
      ...options,
      blockMaxRecords: 4,
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      onFailure: { maximumRetryAttempts: 1, then: 'STOP' },
    }).run(({ records }) => {
      if (records.some((record) => numberOf(record) === 5)) throw new Error('five');
    });
    await expect(run).rejects.toMatchObject({ code: 'MR_HANDLER_FAILED', message: expect.stringContaining('five') });
    expect(await rest(options)).toEqual([4, 5, 6, 7, 8, 9]);
  });

  it('leaves out with SKIP, and writes to a dead letter file, what keeps failing; nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-'));
    const file = join(folder, 'failed.jsonl');
    try {
      for (const then of ['SKIP', deadLetterFile(file)] as const) {
        const options = await application(1, 12);
        const seen: number[] = [];
        // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
        const onFailure = { maximumRetryAttempts: 0, bisectBatchOnFunctionError: true, then };
        await createConsumer({ ...options, until: 'CAUGHT_UP', onFailure }).run(({ records }) => {
          if (records.some((record) => numberOf(record) === 7)) throw new Error('seven');
          seen.push(...records.map(numberOf));
        });
        expect(seen).toEqual(numbers(0, 12).filter((number) => number !== 7));
        expect(await rest(options)).toEqual([]);
      }
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
        { data: '{"number":7}', error: { message: 'seven' } },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('drains: finishes what it read, and the next consumer repeats nothing', async () => {
    const options = await application(2, 40);
    const consumer = createConsumer({ ...options, blockMaxRecords: 5 });
    const seen: number[] = [];
    const run = consumer.run(async ({ records }) => {
      await delay(50);
      seen.push(...records.map(numberOf));
    });
    await until(
      () => seen.length > 0,
      () => seen,
    );
    await consumer.drain();
    await run;
    expect(sorted([...seen, ...(await rest(options))])).toEqual(numbers(0, 40));
  });

  it('ends at once with the reason of its signal, and rejects with MR_ABORTED after stop()', async () => {
    const options = await application(1, 3);
    const end = new AbortController();
    const first = createConsumer(options);
    let isHeld = false;
    const held = first.run(
      ({ signal }) => {
        isHeld = true;
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('told to end'))));
      },
      { signal: end.signal },
    );
    await until(
      () => isHeld,
      () => isHeld,
    );
    end.abort(new Error('enough'));
    await expect(held).rejects.toThrow('enough');
    const second = createConsumer(options);
    let calls = 0;
    const stopped = second.run(() => void (calls += 1));
    await until(
      () => calls > 0,
      () => calls,
    );
    await Promise.all([second.stop(), expect(stopped).rejects.toMatchObject({ code: 'MR_ABORTED' })]);
    expect(await rest(options)).toEqual([]);
  });
});

describe('a handler that is deaf to its signal', () => {
  it('does not keep a drained run from ending when its lease was lost', async () => {
    const options = await application(1, 3);
    const consumer = createConsumer(options);
    const signals: AbortSignal[] = [];
    const run = consumer.run(({ signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    });
    await until(
      () => signals.length > 0,
      () => signals,
    );
    await takeAway(options.applicationName);
    await until(
      () => signals[0]?.aborted === true,
      () => signals,
    );
    await consumer.drain();
    await run;
    expect(signals[0]?.reason).toMatchObject({ code: 'MR_LEASE_LOST' });
  });
});

/** Takes the epoch of an application, as another process does whose holder was silent. */
async function takeEpoch(applicationName: string): Promise<void> {
  const access = { endpoint: dynamo.endpoint, region: testRegion, credentials: testCredentials };
  const dynamoClient = new DynamoDBClient(access);
  await dynamoClient.send(
    new UpdateItemCommand({
      TableName: `${applicationName}-Engine`,
      Key: { applicationName: { S: applicationName } },
      UpdateExpression: 'ADD epoch :one, #counter :one',
      ExpressionAttributeNames: { '#counter': 'counter' },
      ExpressionAttributeValues: { ':one': { N: '1' } },
    }),
  );
  dynamoClient.destroy();
}

/** Gives all leases of a table to another worker, as a client that knows no fence would. */
async function takeAway(tableName: string): Promise<void> {
  const dynamoClient = new DynamoDBClient({
    endpoint: dynamo.endpoint,
    region: testRegion,
    credentials: testCredentials,
  });
  const { Items = [] } = await dynamoClient.send(new ScanCommand({ TableName: tableName, ConsistentRead: true }));
  for (const { leaseKey, checkpoint } of Items) {
    if (leaseKey === undefined || checkpoint === undefined) continue;
    await dynamoClient.send(
      new UpdateItemCommand({
        TableName: tableName,
        Key: { leaseKey },
        UpdateExpression: 'SET leaseOwner = :other ADD leaseCounter :one',
        ExpressionAttributeValues: { ':other': { S: 'somebody' }, ':one': { N: '1' } },
      }),
    );
  }
  dynamoClient.destroy();
}

describe('createConsumer().blocks', () => {
  it('gives blocks to a loop; what was acked before it was left is not read again, the rest is', async () => {
    const options = await application(1, 20);
    for await (const block of createConsumer({ ...options, blockMaxRecords: 5 }).blocks()) {
      if (block.records.some((record) => numberOf(record) === 10)) break;
      await block.ack();
    }
    const thrown = (async () => {
      for await (const block of createConsumer({ ...options, blockMaxRecords: 5 }).blocks()) {
        if (block.records.some((record) => numberOf(record) === 15)) throw new Error('fifteen');
        expect(block.records.map(numberOf)).toEqual(numbers(10, 5));
        await block.ack();
      }
    })();
    await expect(thrown).rejects.toThrow('fifteen');
    expect(await rest(options)).toEqual(numbers(15, 5));
  });

  it('ends with a bounded run, and by drain()', async () => {
    const options = await application(2, 20);
    const seen: number[] = [];
    for await (const block of createConsumer({ ...options, until: 'LATEST' }).blocks()) {
      seen.push(...block.records.map(numberOf));
      await block.ack();
    }
    expect(sorted(seen)).toEqual(numbers(0, 20));
    await put(options.streamName, 20, 5);
    const consumer = createConsumer(options);
    let drained: Promise<void> | undefined;
    for await (const block of consumer.blocks()) {
      seen.push(...block.records.map(numberOf));
      await block.ack();
      if (seen.length === 25) drained = consumer.drain();
    }
    await drained;
    expect(await rest(options)).toEqual([]);
    expect(sorted(seen)).toEqual(numbers(0, 25));
  });
});

describe('StreamingContext', () => {
  const words = (record: { json<T>(): T }): [string, number] => [numberOf(record) % 2 === 0 ? 'even' : 'odd', 1];

  it('counts by key in shard scope and gives the batches to foreachBatch', async () => {
    const { applicationName, ...stream } = await application(2, 50);
    const context = new StreamingContext({ applicationName, batchIntervalMillis: 300 });
    const totals = new Map<string, number>();
    context
      .kinesisStream({ ...stream, until: 'CAUGHT_UP' })
      .mapToPair(words)
      .reduceByKey((a, b) => a + b, { partial: true })
      .foreachBatch((batch) => {
        for (const [word, count] of batch.collect()) totals.set(word, (totals.get(word) ?? 0) + count);
      });
    await context.run();
    expect(Object.fromEntries(totals)).toEqual({ even: 25, odd: 25 });
    expect(await rest({ ...stream, applicationName })).toEqual([]);
  });

  it('counts in application scope, one process at a time: a second one waits, and goes on when the first has ended', async () => {
    const { applicationName, ...stream } = await application(2, 30);
    const make = (workerIdentifier: string) => {
      const context = new StreamingContext({ applicationName, batchIntervalMillis: 300 });
      const counts: number[] = [];
      const events: string[] = [];
      context.events.subscribe(({ type }) => void events.push(type));
      context
        .kinesisStream({ ...stream, workerIdentifier })
        .count()
        .foreachBatch((batch) => void counts.push(...batch.collect()));
      return { context, counts, events };
    };
    const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
    const first = make('first');
    const running = first.context.run();
    await until(
      () => total(first.counts) === 30,
      () => first.counts,
    );
    const second = make('second');
    const waiting = second.context.run();
    await until(
      () => second.events.includes('engine.standby'),
      () => second.events,
    );
    // A worker that is no engine would get no shard beside it, and is told so.
    const plain = createConsumer({ ...stream, applicationName, workerIdentifier: 'plain' });
    await expect(plain.run(() => {})).rejects.toMatchObject({
      code: 'MR_ENGINE_NOT_ALONE',
      message: expect.stringContaining('"first"'),
    });
    await put(stream.streamName, 30, 10);
    await until(
      () => total(first.counts) === 40,
      () => first.counts,
    );
    expect(second.counts).toEqual([]);
    await first.context.drain();
    await running;
    await put(stream.streamName, 40, 5);
    await until(
      () => total(second.counts) === 5,
      () => second.counts,
    );
    // Empty batches count 0; every record is counted once.
    expect(first.counts).toContain(0);
    // Another process takes the epoch, as one that waited would from a holder that was paused.
    await takeEpoch(applicationName);
    await expect(waiting).rejects.toMatchObject({ code: 'MR_EPOCH_LOST' });
  });
});
