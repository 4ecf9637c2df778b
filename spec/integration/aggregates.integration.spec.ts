import { type KinesisClient, ListShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { type KinesisRecord, createConsumer } from '../../lib/index.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { type Producer, createProducer } from '../../lib/kinesis/producer.ts';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';

const streamName = 'orders';
const { signal } = new AbortController();
let kinesis: LocalService;
let dynamo: LocalService;
let client: KinesisClient;
let producer: Producer;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  client = testKinesisClient(kinesis.endpoint);
  await createTestStream(kinesis.endpoint, streamName, 2);
  const events = { publish: () => {} };
  const api = createAwsKinesis({ client, stream: { streamName }, clock: systemClock, events });
  producer = createProducer({ api, clock: systemClock, random: seededRandom(1), aggregation: { maxBytes: 4_000 } });
});
afterAll(async () => {
  client?.destroy();
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
});

const entriesOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({
    partitionKey: `customer-${from + index}`,
    data: Buffer.from(JSON.stringify({ number: from + index })),
  }));

/** What one run of an application hands over, to the tip. */
async function readAll(codec: 'json' | 'cbor' | 'sdk', applicationName: string): Promise<readonly KinesisRecord[]> {
  const records: KinesisRecord[] = [];
  const consumer = createConsumer({
    applicationName,
    streamName,
    codec,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: kinesis.endpoint,
    dynamoDBEndpoint: dynamo.endpoint,
    failoverTimeMillis: 2_000,
    idleTimeBetweenReadsInMillis: 200,
    until: 'CAUGHT_UP',
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  await consumer.run(({ records: batch }) => void records.push(...batch.map((record) => record.detach())));
  return records;
}

const numberOf = (record: KinesisRecord) => record.json<{ number: number }>().number;
const placeOf = (one: { shardId: string; sequenceNumber: string; subSequenceNumber: number }) =>
  `${one.shardId} ${one.sequenceNumber}:${one.subSequenceNumber}`;

describe('aggregates over the wire', () => {
  it.each(['json', 'cbor', 'sdk'] as const)('are put, and taken apart by the codec %s', async (codec) => {
    const before = await readAll(codec, `app-${codec}`);
    const receipts = await producer.putAll(entriesOf(500), signal);
    expect(new Set(receipts.map((receipt) => receipt.sequenceNumber)).size).toBeLessThan(50);
    const records = await readAll(codec, `app-${codec}`);
    // What was there before was checkpointed, and does not come again.
    expect(records).toHaveLength(500);
    const byNumber = new Map(records.map((record) => [numberOf(record), record]));
    for (const [number, receipt] of receipts.entries()) {
      const record = byNumber.get(number) as KinesisRecord;
      expect(placeOf(record)).toBe(placeOf(receipt));
      expect(record.partitionKey).toBe(`customer-${number}`);
    }
    expect(before.length % 500).toBe(0);
  });

  it('all arrive when a shard was split behind the back of their producer', async () => {
    await readAll('json', 'app-split');
    const { Shards } = await client.send(new ListShardsCommand({ StreamName: streamName }));
    const range = Shards?.[0]?.HashKeyRange;
    const middle = (BigInt(range?.StartingHashKey ?? '') + BigInt(range?.EndingHashKey ?? '')) / 2n + 1n;
    const ShardToSplit = Shards?.[0]?.ShardId;
    await client.send(
      new SplitShardCommand({ StreamName: streamName, ShardToSplit, NewStartingHashKey: String(middle) }),
    );
    await producer.putAll(entriesOf(400, 1_000), signal);
    const numbers = new Set((await readAll('json', 'app-split')).map(numberOf));
    expect([...numbers].toSorted((a, b) => a - b)).toEqual(entriesOf(400).map((_, index) => 1_000 + index));
  });
});
