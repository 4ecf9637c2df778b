import { describe, expect, it } from 'vitest';
import type { Clock } from '../../lib/base/clock.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { runBatch } from '../../lib/engine/batch-run.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import { emptyMemory } from '../../lib/engine/memory.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { BlockFeed } from './feed.ts';

/** Runs one batch of ten blocks on a clock and answers after how many of them other work of the process had a turn. */
async function turnsBetweenBlocks(clock: Clock): Promise<number[]> {
  const feed = new BlockFeed();
  const context = new EngineContext({ batchIntervalMillis: 1_000 });
  let seen = 0;
  context
    .addInput('lines')
    .map(() => (seen += 1))
    .foreachBatch(() => {});
  const blocks = Array.from({ length: 10 }, (_, index) => feed.push('shard-a', [`${index}`]));
  const turns: number[] = [];
  let over = false;
  const watch = () => {
    turns.push(seen);
    if (!over) setImmediate(watch);
  };
  setImmediate(watch);
  const fields = {
    plan: context.seal(),
    source: feed,
    clock,
    random: seededRandom(1),
    events: new EventBus(),
    printTarget: undefined,
    maximumRetryAttempts: 0,
    pace: { completed: () => {} },
    retryBackoff: { baseMillis: 1, capMillis: 1 },
    stalledAfterMillis: 300_000,
  };
  const order = {
    group: 'shard-a',
    batchId: 1,
    batchTimeMillis: 1_000,
    zeroTimeMillis: 0,
    memory: emptyMemory,
    blocks,
  };
  await runBatch(fields, order, new AbortController().signal);
  over = true;
  return turns;
}

describe('a batch that takes long', () => {
  it('lets other work of the process have its turn between blocks', async () => {
    let now = 0;
    const slow: Clock = {
      wallMillis: () => now,
      monotonicMillis: () => (now += 60),
      timer: () => () => {},
    };
    expect(await turnsBetweenBlocks(slow)).toContain(5);
  });

  it('does not pause while it is quick', async () => {
    expect(await turnsBetweenBlocks(new VirtualClock())).toEqual([]);
  });
});
