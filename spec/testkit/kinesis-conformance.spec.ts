import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { fanOutReaderOf } from '../support/fan-out.ts';
import { createPollingReader } from '../../lib/kinesis/polling-reader.ts';
import type { KinesisBench } from '../../lib/testkit/conformance/kinesis-bench.ts';
import { kinesisSuite } from '../../lib/testkit/conformance/kinesis-suite.ts';
import { readerSuite } from '../../lib/testkit/conformance/reader-suite.ts';
import { connectFanOut } from '../../lib/testkit/fake-fan-out-calls.ts';
import { FakeFanOut } from '../../lib/testkit/fake-fan-out.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const bench: KinesisBench = {
  createStream(shardCount) {
    const clock = new VirtualClock();
    const fake = new FakeKinesis({ clock, shardCount, streamName: 'orders', listShardsPageSize: 2, latencyMillis: 3 });
    const missing = new FakeKinesis({ clock, streamName: 'missing' });
    missing.delete();
    return Promise.resolve({
      streamName: 'orders',
      api: fake.connect(),
      fanOut: connectFanOut(new FakeFanOut({ fake, clock }), fake.streamName),
      clock,
      missing: missing.connect(),
      split: (shardId) => Promise.resolve(void fake.split(shardId)),
      merge: (shardId, adjacentShardId) => Promise.resolve(void fake.merge(shardId, adjacentShardId)),
    });
  },
};

describe('FakeKinesis as Kinesis', () => {
  it.each(kinesisSuite(bench))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('the polling reader over FakeKinesis', () => {
  const cases = readerSuite(bench, ({ api, clock, streamName }, options) =>
    createPollingReader({ api, clock, streamName, random: seededRandom(1), events: new EventBus(), ...options }),
  );
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe('the fan-out reader over FakeKinesis', () => {
  const cases = readerSuite(bench, (subject) => fanOutReaderOf(subject));
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
