import { type KinesisClient, MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, createClients } from '../../lib/app/clients.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { createAwsFanOut } from '../../lib/kinesis/aws-fan-out.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { createPollingReader } from '../../lib/kinesis/polling-reader.ts';
import type { KinesisBench } from '../../lib/testkit/conformance/kinesis-bench.ts';
import { kinesisSuite } from '../../lib/testkit/conformance/kinesis-suite.ts';
import { readerSuite } from '../../lib/testkit/conformance/reader-suite.ts';
import { fanOutReaderOf } from '../support/fan-out.ts';
import {
  type LocalService,
  createTestStream,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
  waitForStreamStatus,
} from '../support/local-stack.ts';

let service: LocalService;
let arranging: KinesisClient;
let clients: Clients;
let streams = 0;
const seen: MillraceEvent[] = [];

beforeAll(async () => {
  service = await startKinesisLocal({ env: { REGISTER_STREAM_CONSUMER_DURATION: '20ms' } });
  arranging = testKinesisClient(service.endpoint);
  clients = createClients({ region: testRegion, credentials: testCredentials, kinesisEndpoint: service.endpoint });
});

afterAll(async () => {
  arranging.destroy();
  clients.destroy();
  await service.stop();
});

const bench: KinesisBench = {
  async createStream(shardCount) {
    streams += 1;
    const streamName = `stream-${streams}`;
    await createTestStream(service.endpoint, streamName, shardCount);
    const fanOut = createAwsFanOut({
      client: clients.kinesis,
      subscriptions: clients.subscriptions,
      stream: streamName,
      clock: systemClock,
      events: { publish: (event) => seen.push(event) },
    });
    const apiOf = (name: string) =>
      createAwsKinesis({
        client: clients.kinesis,
        stream: { streamName: name },
        clock: systemClock,
        events: new EventBus(),
      });
    return {
      streamName,
      api: apiOf(streamName),
      fanOut,
      clock: systemClock,
      missing: apiOf('missing'),
      async split(shardId) {
        const NewStartingHashKey = String(1n << 126n);
        await arranging.send(
          new SplitShardCommand({ StreamName: streamName, ShardToSplit: shardId, NewStartingHashKey }),
        );
        await waitForStreamStatus(arranging, streamName, 'ACTIVE');
      },
      async merge(shardId, adjacentShardId) {
        const merged = { ShardToMerge: shardId, AdjacentShardToMerge: adjacentShardId };
        await arranging.send(new MergeShardsCommand({ StreamName: streamName, ...merged }));
        await waitForStreamStatus(arranging, streamName, 'ACTIVE');
      },
    };
  },
};

describe('kinesis-local through the AWS adapter', () => {
  it.each(kinesisSuite(bench))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('the polling reader over kinesis-local', () => {
  const cases = readerSuite(bench, ({ api, clock, streamName }, options) =>
    createPollingReader({ api, clock, streamName, random: systemRandom, events: new EventBus(), ...options }),
  );
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('the fan-out reader over kinesis-local', () => {
  const events = { publish: (event: MillraceEvent) => seen.push(event) };
  // kinesis-local 0.6.2 accepts a subscription to a closed shard and then sends nothing at all, neither records nor the
  // end; and it sends empty events of a shard that the stream does not have.
  const isUnknownThere = ({ name }: { readonly name: string }) =>
    /exactly full|that is split|merged shards|whose end was read|shardGone/.test(name);
  const cases = readerSuite(bench, (subject) => fanOutReaderOf(subject, events));
  it('passes over the five cases of shards that it cannot end', () => {
    expect(cases.filter(isUnknownThere)).toHaveLength(5);
  });
  it.each(cases.filter((one) => !isUnknownThere(one)))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('decodes every event itself', () => {
    const types = new Set(seen.map((event) => event.type));
    expect([types.has('shard.subscribed'), types.has('codec.fellBack')]).toEqual([true, false]);
  });
});
