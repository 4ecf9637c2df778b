import { type KinesisClient, MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, createClients } from '../../lib/app/clients.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { createPollingReader } from '../../lib/kinesis/polling-reader.ts';
import type { KinesisBench } from '../../lib/testkit/conformance/kinesis-bench.ts';
import { kinesisSuite } from '../../lib/testkit/conformance/kinesis-suite.ts';
import { readerSuite } from '../../lib/testkit/conformance/reader-suite.ts';
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

beforeAll(async () => {
  service = await startKinesisLocal();
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
