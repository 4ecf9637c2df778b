import { describe, expect, it } from 'vitest';
import { deferred } from '../../lib/base/service.ts';
import type { BatchOrder, BatchOutcome } from '../../lib/engine/batch-run.ts';
import { Line } from '../../lib/engine/line.ts';
import { emptyMemory } from '../../lib/engine/memory.ts';
import { BlockFeed } from './feed.ts';

const completed: BatchOutcome = { tag: 'completed', memory: emptyMemory };

function lineOf(run: (order: BatchOrder) => Promise<BatchOutcome>, zeroTimeMillis = 0) {
  const faults: unknown[] = [];
  const line = new Line({
    batchIntervalMillis: 1_000,
    group: 'shard-a',
    zeroTimeMillis,
    isShared: false,
    emptyBatches: false,
    run,
    hurriedTime: (last) => last + 1_000,
    onFault: (thrown) => void faults.push(thrown),
  });
  return { line, faults, feed: new BlockFeed() };
}

describe('a line', () => {
  it('runs nothing more once a batch has failed for good, whatever is offered', async () => {
    const gate = deferred();
    const runs: number[] = [];
    const { line, faults, feed } = lineOf(async (order) => {
      runs.push(order.batchId);
      await gate.promise;
      throw new Error('for good');
    });
    line.offer(feed.push('shard-a', ['a1']));
    line.tick(1_000);
    line.offer(feed.push('shard-a', ['a2']));
    line.tick(2_000);
    gate.resolve();
    await line.settled();
    line.offer(feed.push('shard-a', ['a3']));
    line.tick(3_000);
    line.hurry();
    await line.settled();
    expect(runs).toEqual([1]);
    expect(faults).toEqual([new Error('for good')]);
  });

  it('makes no batch at a time before its streams begin, whatever the clock says', async () => {
    const times: number[] = [];
    const { line, feed } = lineOf(async ({ batchTimeMillis }) => {
      times.push(batchTimeMillis);
      return completed;
    }, 60_000);
    // The clock was set back by a minute after the start.
    line.offer(feed.push('shard-a', ['a1']));
    line.tick(1_000);
    line.offer(feed.push('shard-a', ['a2']));
    line.tick(2_000);
    await line.settled();
    expect(times).toEqual([61_000, 62_000]);
  });

  it('gives the number of a dropped batch to the next one', async () => {
    const ids: number[] = [];
    const { line, feed } = lineOf(async (order) => {
      ids.push(order.batchId);
      return ids.length === 1 ? { tag: 'dropped' } : completed;
    });
    for (let tick = 1; tick <= 3; tick += 1) {
      line.offer(feed.push('shard-a', ['x']));
      line.tick(tick * 1_000);
    }
    await line.settled();
    expect(ids).toEqual([1, 1, 2]);
  });

  it('is over only when the last block of its shard is finished', async () => {
    const gate = deferred();
    const { line, feed } = lineOf(async () => {
      await gate.promise;
      return completed;
    });
    line.offer(feed.push('shard-a', ['a1']));
    line.offer(feed.push('shard-a', [], { last: true }));
    line.tick(1_000);
    expect(line.isOver).toBe(false);
    gate.resolve();
    await line.settled();
    expect(line.isOver).toBe(true);
  });
});
