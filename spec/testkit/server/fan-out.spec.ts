import {
  CreateStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  type KinesisClient,
  ListStreamConsumersCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  type SubscribeToShardEventStream,
} from '@aws-sdk/client-kinesis';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FakeFault } from '../../../lib/testkit/server/faults.ts';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import { type Transport, kinesisClient } from './aws-clients.ts';

const StreamName = 'orders';
const ShardId = 'shardId-000000000000';
const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${StreamName}`;

async function setup(transport: Transport = 'HTTP/2', faults: readonly FakeFault[] = []) {
  const clock = new VirtualClock();
  const aws = await startFakeAws({ clock });
  const client = kinesisClient(aws, transport);
  onTestFinished(async () => {
    client.destroy();
    await aws.stop();
  });
  await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'reader' }));
  for (const fault of faults) await aws.inject(fault);
  return { clock, aws, client, stream: aws.stream(StreamName), ConsumerARN: Consumer?.ConsumerARN ?? '' };
}

async function subscribe(
  client: KinesisClient,
  ConsumerARN: string,
  sequenceNumber?: string,
  abortSignal = new AbortController().signal,
) {
  const StartingPosition =
    sequenceNumber === undefined
      ? { Type: 'TRIM_HORIZON' as const }
      : { Type: 'AFTER_SEQUENCE_NUMBER' as const, SequenceNumber: sequenceNumber };
  const command = new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition });
  const { EventStream } = await client.send(command, { abortSignal });
  if (EventStream === undefined) throw new Error('no event stream');
  return eventsOf(EventStream);
}

async function* eventsOf(stream: AsyncIterable<SubscribeToShardEventStream>) {
  for await (const { SubscribeToShardEvent } of stream) {
    if (SubscribeToShardEvent !== undefined) yield SubscribeToShardEvent;
  }
}

async function next(events: AsyncGenerator<SubscribeToShardEvent>): Promise<SubscribeToShardEvent> {
  const { value, done } = await events.next();
  if (done === true) throw new Error('the stream has ended');
  return value;
}

const textsOf = (event: SubscribeToShardEvent) =>
  (event.Records ?? []).map((record) => Buffer.from(record.Data ?? []).toString());

describe.each<Transport>(['HTTP/1.1', 'HTTP/2', 'HTTP/2 over TLS'])('a subscription over %s', (transport) => {
  it('brings records as they are put, and the children at the end of the shard', async () => {
    const { client, stream, ConsumerARN } = await setup(transport);
    stream.put('k', 'one');
    const events = await subscribe(client, ConsumerARN);
    expect(textsOf(await next(events))).toEqual(['one']);
    stream.put('k', 'two');
    const second = await next(events);
    expect(textsOf(second)).toEqual(['two']);
    expect(second.MillisBehindLatest).toBe(0);
    expect(second.ContinuationSequenceNumber).toMatch(/^\d{56}$/);
    const children = stream.split(ShardId);
    const last = await next(events);
    expect(last.ChildShards?.map((child) => child.ShardId)).toEqual(children);
    expect(last.ChildShards?.[0]?.ParentShards).toEqual([ShardId]);
    expect(last.ContinuationSequenceNumber).toBeUndefined();
    expect((await events.next()).done).toBe(true);
  });

  it('is ended after 5 minutes, and goes on behind its continuation number', async () => {
    const { clock, client, stream, ConsumerARN } = await setup(transport);
    stream.put('k', 'one');
    const events = await subscribe(client, ConsumerARN);
    const { ContinuationSequenceNumber } = await next(events);
    // Read meanwhile, since the SDK may break off a stream that ends before it was read.
    const reading = (async () => {
      for await (const event of events) expect(textsOf(event)).toEqual([]);
    })();
    await clock.advance(300_000);
    await reading;
    stream.put('k', 'two');
    const again = await subscribe(client, ConsumerARN, ContinuationSequenceNumber);
    expect(textsOf(await next(again))).toEqual(['two']);
    await again.return(undefined);
  });
});

describe('a subscription', () => {
  it('is refused within 5 s, then taken over: the old one ends with ResourceInUseException', async () => {
    const { clock, client, ConsumerARN } = await setup();
    const first = await subscribe(client, ConsumerARN);
    await next(first);
    const inUse = { name: 'ResourceInUseException' };
    await expect(subscribe(client, ConsumerARN)).rejects.toMatchObject(inUse);
    await clock.advance(5_000);
    const second = await subscribe(client, ConsumerARN);
    await next(second);
    await expect(
      (async () => {
        for await (const _ of first);
      })(),
    ).rejects.toMatchObject(inUse);
    await second.return(undefined);
  });

  it('is forgotten when its caller goes', async () => {
    const { aws, client, ConsumerARN } = await setup();
    const caller = new AbortController();
    const events = await subscribe(client, ConsumerARN, undefined, caller.signal);
    await next(events);
    expect((await aws.stats()).openStreams).toBe(1);
    caller.abort();
    await expect.poll(async () => (await aws.stats()).openStreams, { timeout: 60_000 }).toBe(0);
  });

  it.each<[string, FakeFault['effect']]>([
    ['that is cut in the middle of a frame', { kind: 'cut', afterBytes: 200 }],
    ['whose stream is reset', { kind: 'cut', afterBytes: 300, how: 'stream' }],
    ['with a wrong checksum', { kind: 'corrupt', atByte: 250 }],
    ['that begins with garbage', { kind: 'body', body: Buffer.from([0, 0, 0, 16, ...Buffer.alloc(12, 1)]) }],
  ])('%s ends with an error', async (_, effect) => {
    const fault: FakeFault = { operation: 'SubscribeToShard', subject: { shardId: ShardId }, times: 1, effect };
    const { clock, client, stream, ConsumerARN } = await setup('HTTP/2', [fault]);
    stream.put('k', 'some text that makes the event longer than the place of the fault');
    const broken = async () => {
      for await (const _event of await subscribe(client, ConsumerARN));
    };
    await expect(broken()).rejects.toThrow();
    await clock.advance(10_000);
    const events = await subscribe(client, ConsumerARN);
    expect(textsOf(await next(events))).toHaveLength(1);
    await events.return(undefined);
  });
});

describe('the consumers of a stream', () => {
  it('are listed, described and deregistered', async () => {
    const { client, ConsumerARN } = await setup();
    await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'another' }));
    const first = await client.send(new ListStreamConsumersCommand({ StreamARN, MaxResults: 1 }));
    expect(first.Consumers?.map((consumer) => consumer.ConsumerName)).toEqual(['another']);
    const second = await client.send(new ListStreamConsumersCommand({ StreamARN, NextToken: first.NextToken }));
    expect(second.Consumers?.map((consumer) => consumer.ConsumerName)).toEqual(['reader']);
    expect(second.NextToken).toBeUndefined();
    const described = await client.send(new DescribeStreamConsumerCommand({ StreamARN, ConsumerName: 'reader' }));
    expect(described.ConsumerDescription).toMatchObject({ ConsumerARN, ConsumerStatus: 'ACTIVE', StreamARN });
    expect(described.ConsumerDescription?.ConsumerCreationTimestamp).toEqual(new Date(Date.UTC(2026, 0, 1)));
    await client.send(new DeregisterStreamConsumerCommand({ ConsumerARN }));
    await expect(client.send(new DescribeStreamConsumerCommand({ ConsumerARN }))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});
