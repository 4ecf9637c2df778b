import { CreateStreamCommand, ListStreamConsumersCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ConsumerOptions, type MillraceEvent, createConsumer } from '../../lib/index.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import {
  startDynalite,
  startKinesisLocal,
  createTestStream,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';

const streamName = 'orders';

/** A fake AWS with a stream, and the options of an application that reads it by enhanced fan-out. */
async function setup(shards: number) {
  const aws = await startFakeAws({ transitionMillis: 20 });
  const client = testKinesisClient(aws.endpoint);
  onTestFinished(async () => {
    client.destroy();
    await aws.stop();
  });
  await client.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: shards }));
  const events: MillraceEvent[] = [];
  const options: ConsumerOptions = {
    applicationName: 'mailer',
    streamName,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: aws.endpoint,
    dynamoDBEndpoint: aws.endpoint,
    retrievalMode: 'FAN_OUT',
    failoverTimeMillis: 2_000,
    listener: (event) => events.push(event),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
  const consumers = async () =>
    (await client.send(new ListStreamConsumersCommand({ StreamARN: aws.stream(streamName).streamArn }))).Consumers ??
    [];
  return { aws, options, events, consumers };
}

function put(aws: LocalFakeAws, from: number, to: number): void {
  for (let number = from; number < to; number += 1) aws.stream(streamName).put(`key ${number}`, String(number));
}

const upTo = (count: number) => Array.from({ length: count }, (_, number) => number);
const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

describe('a consumer with retrievalMode FAN_OUT', () => {
  it('reads everything once, through a split, and goes on at its checkpoints', async () => {
    const { aws, options, events, consumers } = await setup(3);
    put(aws, 0, 500);
    const stream = aws.stream(streamName);
    stream.split(stream.shards[0]?.shardId ?? '');
    put(aws, 500, 1_000);
    const seen: number[] = [];
    const run = async () => {
      await createConsumer({ ...options, until: 'CAUGHT_UP' }).run(({ records }) => {
        seen.push(...records.map((record) => Number(record.text())));
      });
    };
    await run();
    expect(sorted(seen)).toEqual(upTo(1_000));
    put(aws, 1_000, 1_100);
    await run();
    expect(sorted(seen)).toEqual(upTo(1_100));
    expect((await consumers()).map(({ ConsumerName }) => ConsumerName)).toEqual(['mailer']);
    const calls = (await aws.stats()).calls;
    expect([calls['GetRecords'], calls['RegisterStreamConsumer']]).toEqual([undefined, 1]);
    expect(events.filter((event) => event.type === 'codec.fellBack')).toEqual([]);
    await expect.poll(async () => (await aws.stats()).openStreams, { timeout: 60_000 }).toBe(0);
  }, 180_000);

  it('ends at the tip that it saw at its start', async () => {
    const { aws, options } = await setup(1);
    put(aws, 0, 100);
    const seen: number[] = [];
    await createConsumer({ ...options, until: 'LATEST' }).run(({ records }) => {
      seen.push(...records.map((record) => Number(record.text())));
    });
    expect(seen).toEqual(upTo(100));
  }, 180_000);

  it('hands its shards to the next worker at a drain, which repeats nothing', async () => {
    const { aws, options } = await setup(2);
    put(aws, 0, 200);
    const seen: number[] = [];
    const handler = ({ records }: { readonly records: readonly { text(): string }[] }) => {
      seen.push(...records.map((record) => Number(record.text())));
    };
    const first = createConsumer(options);
    const running = first.run(handler);
    await expect.poll(() => seen.length, { timeout: 60_000 }).toBe(200);
    await first.drain();
    await running;
    put(aws, 200, 300);
    const second = createConsumer(options);
    const again = second.run(handler);
    await expect.poll(() => seen.length, { timeout: 60_000 }).toBe(300);
    await second.drain();
    await again;
    expect(sorted(seen)).toEqual(upTo(300));
  }, 180_000);

  it('deregisters its stream consumer at the end where it is told to', async () => {
    const { aws, options, consumers, events } = await setup(1);
    put(aws, 0, 10);
    await createConsumer({ ...options, until: 'CAUGHT_UP', deregisterConsumer: true }).run(() => {});
    expect(events.map((event) => event.type)).toContain('streamConsumer.deregistered');
    await expect.poll(async () => (await consumers()).length, { timeout: 60_000 }).toBe(0);
  }, 180_000);

  it('reads by polling where the stream takes no further consumer', async () => {
    const { aws, options, events } = await setup(1);
    put(aws, 0, 10);
    const fault = { kind: 'error', name: 'LimitExceededException' } as const;
    await aws.inject({ operation: 'RegisterStreamConsumer', effect: fault });
    const seen: number[] = [];
    await createConsumer({ ...options, until: 'CAUGHT_UP', onConsumerLimit: 'POLLING' }).run(({ records }) => {
      seen.push(...records.map((record) => Number(record.text())));
    });
    expect(seen).toEqual(upTo(10));
    expect(events.map((event) => event.type)).toContain('fanOut.fellBack');
  }, 180_000);
});

it('a consumer with retrievalMode FAN_OUT reads everything from kinesis-local and keeps its leases in dynalite', async () => {
  const [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  const client = testKinesisClient(kinesis.endpoint);
  onTestFinished(async () => {
    client.destroy();
    await Promise.all([kinesis.stop(), dynamo.stop()]);
  });
  await createTestStream(kinesis.endpoint, streamName, 2);
  const Records = upTo(200).map((number) => ({ Data: Buffer.from(String(number)), PartitionKey: String(number) }));
  await client.send(new PutRecordsCommand({ StreamName: streamName, Records }));
  const seen: number[] = [];
  await createConsumer({
    applicationName: 'mailer',
    streamName,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: kinesis.endpoint,
    dynamoDBEndpoint: dynamo.endpoint,
    retrievalMode: 'FAN_OUT',
    failoverTimeMillis: 2_000,
    until: 'CAUGHT_UP',
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  }).run(({ records }) => {
    seen.push(...records.map((record) => Number(record.text())));
  });
  expect(sorted(seen)).toEqual(upTo(200));
}, 180_000);
