import {
  type KinesisClient,
  MergeShardsCommand,
  SplitShardCommand,
  CreateStreamCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { type Clients, createClients } from '../../../lib/app/clients.ts';
import { createAwsFanOut } from '../../../lib/kinesis/aws-fan-out.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import type { Codec } from '../../../lib/kinesis/codec/codec.ts';
import { createPollingReader } from '../../../lib/kinesis/polling-reader.ts';
import type { KinesisBench } from '../../../lib/testkit/conformance/kinesis-bench.ts';
import { kinesisSuite } from '../../../lib/testkit/conformance/kinesis-suite.ts';
import { readerSuite } from '../../../lib/testkit/conformance/reader-suite.ts';
import type { FakeAws } from '../../../lib/testkit/server/fake-aws.ts';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import { fanOutReaderOf } from '../../support/fan-out.ts';
import { testCredentials, testRegion } from '../../support/local-stack.ts';
import { type Transport, kinesisClient } from './aws-clients.ts';

const ways: readonly (readonly [Transport, Codec])[] = [
  ['HTTP/1.1', 'sdk'],
  ['HTTP/2', 'json'],
  ['HTTP/2 over TLS', 'cbor'],
];

describe.each(ways)('the fake AWS over %s, decoded by %s', (transport, codec) => {
  let aws: FakeAws;
  let client: KinesisClient;
  let clients: Clients;
  let streams = 0;
  const fellBack: string[] = [];

  beforeAll(async () => {
    // Streams show CREATING and UPDATING for a moment, and shards are listed on pages.
    aws = await startFakeAws({ transitionMillis: 1, listShardsPageSize: 2 });
    client = kinesisClient(aws, transport);
    clients = createClients({
      region: testRegion,
      credentials: testCredentials,
      kinesisEndpoint: transport.endsWith('TLS') ? aws.tlsEndpoint : aws.endpoint,
      certificateAuthority: aws.ca,
    });
  });

  afterAll(async () => {
    client.destroy();
    clients.destroy();
    await aws.stop();
  });

  const bench: KinesisBench = {
    async createStream(shardCount) {
      streams += 1;
      const streamName = `stream-${streams}`;
      const events = new EventBus();
      events.subscribe((event) => {
        if (event.type === 'codec.fellBack') fellBack.push(event.type);
      });
      const apiOf = (name: string) =>
        createAwsKinesis({ client, stream: { streamName: name }, clock: systemClock, events, codec });
      const api = apiOf(streamName);
      const untilActive = async () => {
        await expect
          .poll(async () => (await api.describeStream(new AbortController().signal)).status, { timeout: 60_000 })
          .toBe('ACTIVE');
      };
      await client.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: shardCount }));
      await untilActive();
      return {
        streamName,
        api,
        fanOut: createAwsFanOut({
          client,
          subscriptions: transport === 'HTTP/2' ? client : clients.subscriptions,
          stream: streamName,
          clock: systemClock,
          events,
          codec,
        }),
        clock: systemClock,
        missing: apiOf('missing'),
        async split(ShardToSplit) {
          const NewStartingHashKey = String(1n << 126n);
          await client.send(new SplitShardCommand({ StreamName: streamName, ShardToSplit, NewStartingHashKey }));
          await untilActive();
        },
        async merge(ShardToMerge, AdjacentShardToMerge) {
          await client.send(new MergeShardsCommand({ StreamName: streamName, ShardToMerge, AdjacentShardToMerge }));
          await untilActive();
        },
      };
    },
  };

  it.each(kinesisSuite(bench))('Kinesis: $name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  const readerCases = readerSuite(bench, ({ api, clock, streamName }, options) =>
    createPollingReader({ api, clock, streamName, random: systemRandom, events: new EventBus(), ...options }),
  );
  it.each(readerCases)('the polling reader: $name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it.each(readerSuite(bench, (subject) => fanOutReaderOf(subject)))('the fan-out reader: $name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('leaves no subscription open', async () => {
    await expect.poll(async () => (await aws.stats()).openStreams, { timeout: 60_000 }).toBe(0);
  });

  it('never made the codec fall back', () => {
    expect(fellBack).toEqual([]);
  });
});
