import { describe, expect, it } from 'vitest';
import { monitorBench } from '../../bench/monitor.ts';
import { defaultMonitorBench, measureMonitor, verdictOf } from '../../bench/monitor/measure.ts';
import { medianInterval } from '../../bench/statistics.ts';

const small = { ...defaultMonitorBench, shards: 3, records: 100, rounds: 1, roundMillis: 200 };

describe('the bench of the monitor', () => {
  it('compares a receiver that is watched with itself while it is not, while somebody looks', async () => {
    const figures = await measureMonitor(small);
    expect(figures).toMatchObject({ ...small, budgetPercent: 3, overheadPercent: expect.any(Number) as number });
    const { overheadPercent, spreadPercent, quartilesPercent, bareMbPerCpuSecond, watchedMbPerCpuSecond } = figures;
    expect(figures.alonePercent).toSatisfy(Number.isFinite);
    // One round tells nothing, and that is said.
    expect(figures).toMatchObject({ intervalPercent: null, aloneIntervalPercent: null, verdict: 'unknown' });
    expect(overheadPercent).toBeGreaterThanOrEqual(spreadPercent[0]);
    expect(overheadPercent).toBeLessThanOrEqual(spreadPercent[1]);
    expect(quartilesPercent[0]).toBeLessThanOrEqual(quartilesPercent[1]);
    expect(Math.min(bareMbPerCpuSecond, watchedMbPerCpuSecond)).toBeGreaterThan(0);
    // Somebody did look: a whole state is some kilobytes, and each of two rounds was scraped.
    expect(figures.followedBytes).toBeGreaterThan(5_000);
    expect(figures.scrapes).toBeGreaterThanOrEqual(2);
    expect(figures.eventsOfSlice).toBeGreaterThan(0);
  }, 120_000);

  it('has 40 shards and one browser by default, and takes less than three minutes', () => {
    const { options } = monitorBench;
    expect(options).toMatchObject({ shards: { fallback: 40 }, browsers: { fallback: 1 } });
    const { rounds, roundMillis } = defaultMonitorBench;
    expect(4 * (rounds + 1) * roundMillis).toBeLessThan(160_000);
  });

  it('says what an interval tells of the budget', () => {
    expect([verdictOf([-1, 2.9]), verdictOf([2, 4]), verdictOf([3.1, 4]), verdictOf(null)]).toEqual([
      'within',
      'unknown',
      'over',
      'unknown',
    ]);
  });
});

describe('medianInterval', () => {
  const upTo = (length: number) => Array.from({ length }, (_, index) => length - index);

  // Ranks from the tables of the sign test.
  it.each([
    [5, undefined],
    [6, [1, 6]],
    [10, [2, 9]],
    [36, [12, 25]],
    [100, [40, 61]],
  ] as const)('knows between which of %i values the median lies', (length, interval) => {
    expect(medianInterval(upTo(length))).toEqual(interval);
  });
});
