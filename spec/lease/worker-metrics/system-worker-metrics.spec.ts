import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { noWorkerMetrics } from '../../../lib/lease/worker-metrics/sampler.ts';
import { captureIntervalFor, systemWorkerMetrics } from '../../../lib/lease/worker-metrics/system-worker-metrics.ts';

describe('systemWorkerMetrics', () => {
  it('measures this process and machine, up to as many values as are kept', { timeout: 60_000 }, async () => {
    const faults: string[] = [];
    const sampler = systemWorkerMetrics({
      clock: systemClock,
      environment: {},
      reportIntervalMillis: 300,
      reportsKept: 3,
      onCaptureFailed: (message) => faults.push(message),
    });
    const controller = new AbortController();
    const run = sampler.run(controller.signal);
    try {
      await expect.poll(() => sampler.report().sts['C']?.length, { timeout: 60_000 }).toBe(3);
      const { sts, opr } = sampler.report();
      expect(opr).toEqual({ C: [100] });
      expect(sts['C']).toHaveLength(3);
      for (const value of sts['C'] ?? []) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(100);
      }
      expect(faults).toEqual([]);
    } finally {
      controller.abort(new Error('stopped'));
      await run;
    }
  });
});

describe('captureIntervalFor', () => {
  it.each([
    { reportIntervalMillis: 30_000, captureMillis: 1_000 },
    { reportIntervalMillis: 5_000, captureMillis: 1_000 },
    { reportIntervalMillis: 300, captureMillis: 100 },
    { reportIntervalMillis: 1, captureMillis: 50 },
  ])('is $captureMillis ms for reports $reportIntervalMillis ms apart', ({ reportIntervalMillis, captureMillis }) => {
    expect(captureIntervalFor(reportIntervalMillis)).toBe(captureMillis);
  });
});

describe('noWorkerMetrics', () => {
  it('reports the row of a worker that measures nothing', () => {
    expect(noWorkerMetrics.report()).toEqual({ sts: {}, opr: {} });
  });
});
