import { describe, expect, it, vi } from 'vitest';
import { BlockLanes } from '../../lib/app/block-lanes.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { deferred } from '../../lib/base/service.ts';

describe('the lanes of a run', () => {
  it('do the work of one shard one after the other, in order, also what a job adds before it waits', async () => {
    const lanes = new BlockLanes(systemClock);
    const seen: string[] = [];
    const all = deferred<void>();
    lanes.add('a', async () => {
      lanes.add('a', async () => {
        seen.push('third');
        all.resolve();
      });
      seen.push('first begins');
      await Promise.resolve();
      seen.push('first ends');
    });
    lanes.add('a', async () => {
      seen.push('second begins');
      await Promise.resolve();
      seen.push('second ends');
    });
    await all.promise;
    expect(seen).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'third']);
  });

  it('do the work of two shards side by side, and take work again after they were idle', async () => {
    const lanes = new BlockLanes(systemClock);
    const other = deferred<void>();
    const done = deferred<void>();
    const seen: string[] = [];
    lanes.add('a', async () => {
      await other.promise;
      seen.push('a goes on');
    });
    lanes.add('b', async () => {
      seen.push('b');
      other.resolve();
    });
    await vi.waitUntil(() => seen.length === 2);
    lanes.add('a', async () => {
      seen.push('a again');
      done.resolve();
    });
    await done.promise;
    expect(seen).toEqual(['b', 'a goes on', 'a again']);
  });
});
