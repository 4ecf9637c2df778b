import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EventBus } from '../../lib/event/bus.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { kinesisLimitsSuite } from '../../lib/testkit/conformance/kinesis-limits-suite.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { startFakeAws } from '../../lib/testkit/server/start.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { kinesisClient } from './server/aws-clients.ts';

describe('FakeKinesis', () => {
  const cases = kinesisLimitsSuite({
    createStream(shardCount, listShardsPageSize) {
      const clock = new VirtualClock();
      const api = new FakeKinesis({ clock, shardCount, listShardsPageSize }).connect();
      return Promise.resolve({ api, pass: (millis) => clock.advance(millis) });
    },
  });
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('the fake AWS over the wire', () => {
  const cases = kinesisLimitsSuite({
    async createStream(ShardCount, listShardsPageSize) {
      const clock = new VirtualClock();
      const aws = await startFakeAws({ clock, listShardsPageSize });
      const client = kinesisClient(aws);
      onTestFinished(async () => {
        client.destroy();
        await aws.stop();
      });
      await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount }));
      const api = createAwsKinesis({ client, stream: { streamName: 'orders' }, clock, events: new EventBus() });
      return { api, pass: (millis) => clock.advance(millis) };
    },
  });
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
