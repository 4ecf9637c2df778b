import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import { createEngine } from '../../lib/engine/engine.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { EngineFeed } from '../../lib/receiver/feed/engine-feed.ts';
import { type BatchEngineMaker, batchEngineSuite } from '../../lib/testkit/conformance/batch-engine-suite.ts';

const builtIn: BatchEngineMaker = ({ source, clock, output }) => {
  const context = new EngineContext({ batchIntervalMillis: 1_000 });
  context.addInput('lines').foreachBatch(async (batch) => {
    for (const record of batch.collect()) await output(record.shardId, record.text());
  });
  const random = seededRandom(1);
  const plan = context.seal();
  return createEngine({ plan, source, clock, events: new EventBus(), random, maximumRetryAttempts: -1 });
};

const byHand: BatchEngineMaker = ({ source, clock, output }) =>
  new EngineFeed({
    source,
    engine: {
      async onBatch(batch) {
        for (const { records, shardId } of batch) for (const record of records) await output(shardId, record.text());
      },
    },
    batchIntervalMillis: 1_000,
    policy: {
      maximumRetryAttempts: -1,
      maximumRecordAgeInSeconds: -1,
      bisectBatchOnFunctionError: false,
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      then: 'STOP',
    },
    clock,
    random: seededRandom(1),
    events: new EventBus(),
    serviceTimeMillis: () => 0,
    retentionMillis: () => undefined,
    stallWatch: { begin: () => () => {} },
  });

describe.each([
  ['the built-in engine', builtIn],
  ['an engine that is fed', byHand],
])('%s', (_, make) => {
  it.each(batchEngineSuite(make))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
