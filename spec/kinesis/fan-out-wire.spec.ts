import { afterAll, describe, expect, it } from 'vitest';
import { createClients } from '../../lib/app/clients.ts';
import { systemClock } from '../../lib/base/clock.ts';
import type { EventOf, EventType, MillraceEvent } from '../../lib/event/event.ts';
import { createAwsFanOut } from '../../lib/kinesis/aws-fan-out.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { eventFrame, exceptionFrame, jsonEvent } from '../../lib/testkit/server/event-stream.ts';
import type { FakeFaultEffect } from '../../lib/testkit/server/faults.ts';
import { startFakeAws } from '../../lib/testkit/server/start.ts';
import { fanOutReaderOf } from '../support/fan-out.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';

const streamName = 'orders';
const shardId = 'shardId-000000000000';
type Way = 'HTTP/1.1' | 'HTTP/2';

/** Tests run side by side, so what they have started is ended after all of them. */
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  await Promise.all(closing.map((close) => close()));
});

async function setup(way: Way, codec: 'json' | 'sdk' = 'json') {
  const aws = await startFakeAws({ limits: false });
  const clients = createClients({
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: way === 'HTTP/2' ? aws.tlsEndpoint : aws.endpoint,
    certificateAuthority: aws.ca,
  });
  closing.push(async () => {
    clients.destroy();
    await aws.stop();
  });
  await clients.kinesis.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: 1 }));
  const seen: MillraceEvent[] = [];
  const events = { publish: (event: MillraceEvent) => seen.push(event) };
  const { kinesis: client, subscriptions } = clients;
  const api = createAwsKinesis({ client, stream: { streamName }, clock: systemClock, events, codec });
  const common = { clock: systemClock, events, codec };
  const fanOut = createAwsFanOut({ client, subscriptions, stream: streamName, ...common });
  const reader = fanOutReaderOf({ api, fanOut, clock: systemClock, streamName }, events);
  const controller = new AbortController();
  const pages = reader.open(shardId, { type: 'TRIM_HORIZON' }, controller.signal)[Symbol.asyncIterator]();
  /** Reads until so many records have come. */
  const read = async (count: number) => {
    const texts: string[] = [];
    while (texts.length < count) {
      const next = await pages.next();
      if (next.done === true) break;
      texts.push(...next.value.records.map((record) => record.text()));
    }
    return texts;
  };
  const eventsOf = <T extends EventType>(type: T) => seen.filter((event): event is EventOf<T> => event.type === type);
  return { aws, stream: aws.stream(streamName), read, pages, controller, eventsOf };
}

const damages: readonly (readonly [string, FakeFaultEffect])[] = [
  ['is cut in the middle of a frame', { kind: 'cut', afterBytes: 400, how: 'stream' }],
  ['loses its connection in the middle of a frame', { kind: 'cut', afterBytes: 400, how: 'connection' }],
  ['has a frame whose checksum is wrong', { kind: 'corrupt', atByte: 400 }],
  ['has a frame that lies about its length', { kind: 'corrupt', atByte: 1 }],
  ['is garbage', { kind: 'body', body: '<html>busy</html>' }],
  ['has an event that is no JSON', { kind: 'body', body: jsonEvent('SubscribeToShardEvent', Buffer.from('{"Rec')) }],
  ['has an event of another shape', { kind: 'body', body: jsonEvent('SubscribeToShardEvent', Buffer.from('{"a":1}')) }],
  ['has a message of an unknown kind', { kind: 'body', body: eventFrame({ ':message-type': 'riddle' }) }],
  ['ends in an exception of the service', { kind: 'body', body: exceptionFrame('InternalFailureException', 'oh') }],
];

describe.concurrent.each<Way>(['HTTP/1.1', 'HTTP/2'])('an event stream over %s', (way) => {
  it.concurrent.each(damages)(
    'that %s costs no record and repeats none',
    async (_, effect) => {
      const { aws, stream, read, eventsOf } = await setup(way);
      for (const text of ['a', 'b', 'c']) stream.put('k', text);
      await aws.inject({ operation: 'SubscribeToShard', times: 1, effect });
      expect(await read(3)).toEqual(['a', 'b', 'c']);
      stream.put('k', 'd');
      expect(await read(1)).toEqual(['d']);
      const ends = eventsOf('shard.subscriptionEnded');
      expect(ends.map((event) => event.reason)).toEqual(['failed']);
      expect(eventsOf('fault.seen').map((event) => event.code)).toEqual(['MR_ENDPOINT_UNREACHABLE']);
    },
    60_000,
  );

  it.concurrent('decoded by the SDK brings the same, with the children at the end', async () => {
    const { stream, read, pages } = await setup(way, 'sdk');
    for (const text of ['a', 'b']) stream.put('k', text);
    expect(await read(2)).toEqual(['a', 'b']);
    const children = stream.split(shardId);
    for (;;) {
      const next = await pages.next();
      if (next.done === true || next.value.end === undefined) continue;
      expect(next.value.end.childShards.map((child) => child.shardId)).toEqual(children);
      break;
    }
  }, 60_000);

  it.concurrent('is closed at the service when nobody reads it any more', async () => {
    const { aws, stream, read, controller } = await setup(way);
    stream.put('k', 'a');
    await read(1);
    expect((await aws.stats()).openStreams).toBe(1);
    controller.abort(new Error('enough'));
    await expect.poll(async () => (await aws.stats()).openStreams, { timeout: 60_000 }).toBe(0);
  }, 90_000);

  it.concurrent('of which nobody takes anything holds the service back, and loses nothing', async () => {
    const { aws, stream, read } = await setup(way);
    stream.put('k', 'first');
    expect(await read(1)).toEqual(['first']);
    for (let count = 0; count < 40; count += 1) stream.put('k', String(count).padEnd(500_000));
    const sent = async () => (await aws.stats()).bytesSent;
    let before = -1;
    await expect
      .poll(
        async () => {
          const now = await sent();
          const stands = now === before;
          before = now;
          return stands;
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(true);
    // 20 MB of records, 27 MB in base64. What was sent is in windows and buffers of the system.
    expect(before).toBeGreaterThan(500_000);
    expect(before).toBeLessThan(16_000_000);
    expect((await read(40)).map((text) => text.trim())).toEqual(
      Array.from({ length: 40 }, (_, count) => String(count)),
    );
  }, 120_000);
});

describe('all subscriptions to an encrypted endpoint', () => {
  it('share one session of HTTP/2, beside the connections of calls', async () => {
    const { aws, stream, read } = await setup('HTTP/2');
    stream.put('k', 'a');
    await read(1);
    expect((await aws.stats()).connections).toMatchObject({ http2: 1 });
  });

  it('are no subscriptions when the endpoint answers with something else', async () => {
    const { aws, pages, eventsOf } = await setup('HTTP/2');
    const effect = { kind: 'error', name: 'ignored', statusCode: 200, message: 'x' } as const;
    await aws.inject({ operation: 'SubscribeToShard', times: 1, effect });
    await pages.next();
    expect(eventsOf('fault.seen').map((event) => event.message)).toEqual([
      expect.stringContaining(
        'SubscribeToShard was answered with application/x-amz-json-1.1, not with an event stream',
      ),
    ]);
  }, 60_000);
});
