import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { sleep } from '../../lib/base/clock.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

describe('VirtualClock', () => {
  it('fires timers in the order of their due times, equal ones in the order of their making', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 20 }), { maxLength: 30 }), async (delays) => {
        const clock = new VirtualClock();
        const fired: { delay: number; index: number; at: number }[] = [];
        for (const [index, delay] of delays.entries()) {
          clock.timer(delay, () => fired.push({ delay, index, at: clock.monotonicMillis() }));
        }
        await clock.advance(20);
        const expected = delays
          .map((delay, index) => ({ delay, index, at: delay }))
          .toSorted((a, b) => a.delay - b.delay || a.index - b.index);
        expect(fired).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('lets a chain of promises settle between two timers', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const chain = async () => {
      await sleep(clock, 10);
      for (let step = 0; step < 100; step += 1) await Promise.resolve();
      seen.push(`chain at ${clock.monotonicMillis()}`);
      await sleep(clock, 5);
      seen.push(`end at ${clock.monotonicMillis()}`);
    };
    void chain();
    clock.timer(12, () => seen.push('timer at 12'));
    await clock.advance(100);
    expect(seen).toEqual(['chain at 10', 'timer at 12', 'end at 15']);
  });

  it('runs until a promise has settled and answers its value', async () => {
    const clock = new VirtualClock();
    const value = await clock.runUntil(sleep(clock, 5_000).then(() => 'done'));
    expect([value, clock.monotonicMillis()]).toEqual(['done', 5_000]);
  });

  it('throws what the awaited promise throws', async () => {
    const clock = new VirtualClock();
    const failing = sleep(clock, 10).then(() => Promise.reject(new Error('broken')));
    await expect(clock.runUntil(failing)).rejects.toThrow('broken');
  });

  it('stops at the earliest time at which a predicate holds', async () => {
    const clock = new VirtualClock();
    let count = 0;
    const tick = () => {
      count += 1;
      clock.timer(100, tick);
    };
    clock.timer(100, tick);
    await clock.runUntil(() => count === 3);
    expect(clock.monotonicMillis()).toBe(300);
  });

  it('gives up after the allowed time', async () => {
    const clock = new VirtualClock();
    await expect(clock.runUntil(sleep(clock, 2_000), { atMostMillis: 1_000 })).rejects.toThrow(
      'not reached after 1000 ms',
    );
    expect(clock.monotonicMillis()).toBe(1_000);
  });

  it('says so when no timer is left that could help', async () => {
    const clock = new VirtualClock();
    await expect(clock.runUntil(() => false)).rejects.toThrow('virtual time stands still');
  });

  it('moves the wall clock alone when it jumps, and forgets cancelled timers', async () => {
    const clock = new VirtualClock({ startWallMillis: 1_000 });
    const cancel = clock.timer(10, () => expect.unreachable());
    cancel();
    clock.jumpWall(-500);
    await clock.advance(10);
    expect([clock.wallMillis(), clock.monotonicMillis(), clock.pendingTimers]).toEqual([510, 10, 0]);
  });
});
