import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamingContext } from '../../lib/index.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
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
const words = Array.from({ length: 60 }, (_, index) => `word-${index}`);

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  await createTestStream(kinesis.endpoint, 'lines', 3);
  await createTestStream(kinesis.endpoint, 'others', 1);
  await put('lines', words);
  await put('others', ['x', 'y']);
});

afterAll(() => Promise.all([kinesis?.stop(), dynamo?.stop()]));

async function put(stream: string, texts: readonly string[]): Promise<void> {
  const client = testKinesisClient(kinesis.endpoint);
  const Records = texts.map((text) => ({ Data: Buffer.from(text), PartitionKey: text }));
  await client.send(new PutRecordsCommand({ StreamName: stream, Records }));
  client.destroy();
}

const streamOptions = (streamName: string) => ({
  streamName,
  region: testRegion,
  credentials: testCredentials,
  kinesisEndpoint: kinesis.endpoint,
  dynamoDBEndpoint: dynamo.endpoint,
  failoverTimeMillis: 4_000,
  idleTimeBetweenReadsInMillis: 200,
});

async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!condition() && performance.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(condition()).toBe(true);
}

describe('several receivers of one context', () => {
  it.each([
    ['shard', 'three-by-shard', 3],
    ['application', 'three-by-application', 3],
    // One more than there are shards: the last stands by, and that is no fault.
    ['application', 'four-by-application', 4],
  ] as const)('share the shards in %s scope: %s', { timeout: 240_000 }, async (scope, applicationName, receivers) => {
    const context = new StreamingContext({ applicationName, batchIntervalMillis: 200 });
    const seen: string[] = [];
    const events: MillraceEvent[] = [];
    context.events.subscribe((event) => void events.push(event));
    const texts = context.kinesisStream(streamOptions('lines'), { receivers }).map((record) => record.text());
    texts.foreachBatch((batch) => void seen.push(...batch.collect()));
    if (scope === 'application') texts.count().foreachBatch(() => {});
    context.start();
    const failed = context.awaitTermination().then(() => 'ended early');
    expect(await Promise.race([failed, until(() => seen.length >= words.length)])).toBe(undefined);
    await context.stop({ gracefully: true });
    expect(seen.toSorted()).toEqual(words.toSorted());
    const gained = events.flatMap((event) => (event.type === 'lease.gained' ? [event.leaseKey] : []));
    expect(new Set(gained).size).toBe(3);
    const workers = events.flatMap((event) => (event.type === 'worker.started' ? [event.workerIdentifier] : []));
    expect(new Set(workers).size).toBe(receivers);
  });
});

describe('several Kinesis streams of one context', () => {
  it('are read side by side, each with a lease table of its own, and can be united', { timeout: 240_000 }, async () => {
    const run = async () => {
      const context = new StreamingContext({ applicationName: 'both-streams', batchIntervalMillis: 200 });
      const seen: string[] = [];
      const lines = context.kinesisStream({ ...streamOptions('lines'), until: 'CAUGHT_UP' });
      const others = context.kinesisStream({ ...streamOptions('others'), until: 'CAUGHT_UP' });
      lines
        .union(others)
        .map((record) => `${record.streamName} ${record.text()}`)
        .foreachBatch((batch) => void seen.push(...batch.collect()));
      await context.run();
      return seen.toSorted();
    };
    const expected = [...words.map((word) => `lines ${word}`), 'others x', 'others y'].toSorted();
    expect(await run()).toEqual(expected);
    // All was acknowledged to the stream that it came from: the next run finds nothing.
    expect(await run()).toEqual([]);
  });
});
