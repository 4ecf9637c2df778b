import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchTimeFor,
  firstTickState,
  hurriedTime,
  maximumCatchUpTicks,
  missedWhileDown,
  planTicks,
  afterDowntime,
} from '../../lib/engine/tick-plan.ts';
import { runTicker } from '../../lib/engine/ticker.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { startTimes } from './spark-cases.ts';

describe('planTicks', () => {
  it.each(startTimes)('starts as Spark does: $firstMillis after $nowMillis', (row) => {
    const state = firstTickState(row.nowMillis, row.periodMillis);
    expect(planTicks(state, row.firstMillis - 1, row.periodMillis).due).toEqual([]);
    expect(planTicks(state, row.firstMillis, row.periodMillis).due).toEqual([row.firstMillis]);
  });

  it('makes up for every tick that was missed', () => {
    const plan = planTicks(firstTickState(0, 100), 357, 100);
    expect(plan).toMatchObject({ due: [100, 200, 300], waitMillis: 43 });
    expect(planTicks(plan.state, 399, 100).due).toEqual([]);
    expect(planTicks(plan.state, 400, 100).due).toEqual([400]);
  });

  it('gives only the newest ticks after a very long gap', () => {
    const { due } = planTicks(firstTickState(0, 1_000), 86_400_000, 1_000);
    expect(due).toHaveLength(maximumCatchUpTicks);
    expect(due.at(-1)).toBe(86_400_000);
  });

  it('goes on after the last time, one tick an interval, when the clock is put back by a day', () => {
    const day = 86_400_000;
    const interval = 1_000;
    let { state } = planTicks(firstTickState(day, interval), day + 1_000, interval);
    const times: number[] = [];
    for (let now = 1_500; now < 5_000; now += 250) {
      const plan = planTicks(state, now, interval);
      times.push(...plan.due);
      ({ state } = plan);
    }
    expect(times).toEqual([day + 2_000, day + 3_000, day + 4_000]);
    const back = planTicks(state, day + 5_500, interval);
    expect(back.due).toEqual([day + 5_000]);
  });

  it('gives strictly growing exact multiples whatever the clock does, and never waits longer than an interval', () => {
    const jumps = fc.array(fc.integer({ min: -5_000_000, max: 5_000_000 }), { maxLength: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), jumps, (interval, deltas) => {
        let now = 10_000_000;
        let state = firstTickState(now, interval);
        let last = now;
        for (const delta of deltas) {
          now = Math.max(0, now + delta);
          const plan = planTicks(state, now, interval);
          expect(plan.due.length).toBeLessThanOrEqual(maximumCatchUpTicks);
          expect(plan.waitMillis).toBeGreaterThan(0);
          expect(plan.waitMillis).toBeLessThanOrEqual(interval);
          for (const time of plan.due) {
            expect(time % interval).toBe(0);
            expect(time).toBeGreaterThan(last);
            last = time;
          }
          ({ state } = plan);
        }
      }),
    );
  });
});

describe('hurriedTime', () => {
  it('is the tick to come, or the one after the last batch', () => {
    const grid = { zeroTimeMillis: 0, batchIntervalMillis: 1_000 };
    expect(hurriedTime(grid, 1_234, 0)).toBe(2_000);
    expect(hurriedTime(grid, 1_000, 1_000)).toBe(2_000);
    expect(hurriedTime(grid, 1_234, 2_000)).toBe(3_000);
  });
});

describe('batchTimeFor', () => {
  it('is the tick, after the last time, where the interval is that of the zero time', () => {
    const grid = { zeroTimeMillis: 5_000, batchIntervalMillis: 1_000 };
    expect(batchTimeFor(grid, 9_000, 8_000)).toBe(9_000);
    expect(batchTimeFor(grid, 9_000, 20_000)).toBe(21_000);
  });

  it('is a whole number of intervals after the zero time, not before the tick and after the last time', () => {
    const millis = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(millis, fc.integer({ min: 1, max: 5_000 }), millis, millis, (zero, interval, tick, past) => {
        const last = zero + past;
        const time = batchTimeFor({ zeroTimeMillis: zero, batchIntervalMillis: interval }, tick, last);
        expect((time - zero) % interval).toBe(0);
        expect(time).toBeGreaterThan(last);
        expect(time).toBeGreaterThanOrEqual(tick);
        expect(time).toBeLessThan(Math.max(tick, last + 1) + interval);
      }),
    );
  });
});

describe('missedWhileDown', () => {
  it('is whole intervals before the time that has come, also where the last one was committed under another', () => {
    expect(missedWhileDown(9_000, 20_000, 2_000, 'run')).toEqual([10_000, 12_000, 14_000, 16_000, 18_000]);
    expect(missedWhileDown(9_000, 19_000, 2_000, 'run')).toEqual([11_000, 13_000, 15_000, 17_000]);
  });
});

describe('afterDowntime', () => {
  const late = [1_000, 2_000, 3_000];

  it('gives every time that was missed, the newest, or none', () => {
    expect(afterDowntime(late, 'run')).toEqual(late);
    expect(afterDowntime(late, 'coalesce')).toEqual([3_000]);
    expect(afterDowntime(late, 'skip')).toEqual([]);
  });

  it('gives a time that has just come, whatever is done about missed ones', () => {
    for (const onDowntime of ['run', 'coalesce', 'skip'] as const) {
      expect(afterDowntime([1_000], onDowntime)).toEqual([1_000]);
      expect(afterDowntime([], onDowntime)).toEqual([]);
    }
  });
});

describe('runTicker', () => {
  const start = (clock: VirtualClock) => {
    const ticks: number[] = [];
    const ending = new AbortController();
    const ended = runTicker(
      { clock, intervalMillis: 100, onDowntime: 'run', onTick: (time) => ticks.push(time) },
      ending.signal,
    );
    return { ticks, ending, ended };
  };

  it('ticks at exact multiples of the interval and ends with its signal, leaving no timer', async () => {
    const clock = new VirtualClock({ startWallMillis: 1_050 });
    const { ticks, ending, ended } = start(clock);
    await clock.advance(250);
    expect(ticks).toEqual([1_100, 1_200, 1_300]);
    ending.abort();
    await ended;
    await clock.advance(500);
    expect(ticks).toHaveLength(3);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps ticking when the wall clock jumps', async () => {
    const clock = new VirtualClock({ startWallMillis: 1_000_000 });
    const { ticks, ending, ended } = start(clock);
    await clock.advance(200);
    clock.jumpWall(-86_400);
    await clock.advance(300);
    clock.jumpWall(+86_400);
    await clock.advance(200);
    const gaps = ticks.slice(1).map((time, index) => time - ticks[index]!);
    expect(ticks.length).toBeGreaterThanOrEqual(5);
    expect(gaps.every((gap) => gap > 0 && gap % 100 === 0)).toBe(true);
    ending.abort();
    await ended;
  });
});
