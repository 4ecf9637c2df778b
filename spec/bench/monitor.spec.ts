import { describe, expect, it } from 'vitest';
import { monitorBench } from '../../bench/monitor.ts';
import { defaultMonitorBench, measureMonitor } from '../../bench/monitor/measure.ts';

const small = { ...defaultMonitorBench, shards: 3, records: 20, recordBytes: 100, rounds: 1, roundMillis: 600 };

describe('the bench of the monitor', () => {
  it('compares a receiver that is watched with one that is not, while somebody looks', async () => {
    const figures = await measureMonitor(small);
    expect(figures).toMatchObject({ ...small, overheadPercent: expect.any(Number) as number });
    const { overheadPercent, spreadPercent, quartilesPercent, bareMbPerCpuSecond, watchedMbPerCpuSecond } = figures;
    expect(overheadPercent).toBeGreaterThanOrEqual(spreadPercent[0]);
    expect(overheadPercent).toBeLessThanOrEqual(spreadPercent[1]);
    expect(quartilesPercent[0]).toBeLessThanOrEqual(quartilesPercent[1]);
    expect(Math.min(bareMbPerCpuSecond, watchedMbPerCpuSecond)).toBeGreaterThan(0);
    // Somebody did look: a whole state is some kilobytes.
    expect(figures.followedBytes).toBeGreaterThan(5_000);
    expect(figures.scrapes).toBeGreaterThan(0);
  }, 120_000);

  it('has 40 shards and one browser by default', () => {
    expect(monitorBench.options).toMatchObject({ shards: { fallback: 40 }, browsers: { fallback: 1 } });
  });
});
