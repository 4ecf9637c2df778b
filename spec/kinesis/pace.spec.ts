import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterRead, afterThrottling, defaultPaceLimits as limits, initialPace } from '../../lib/kinesis/pace.ts';

describe('the pace of a shard', () => {
  it('lets the first read go at once', () => {
    expect(initialPace.notBeforeMillis).toBe(-Infinity);
  });

  it('reads four times a second while behind', () => {
    const pace = afterRead(initialPace, limits, { startedAtMillis: 1_000, bytes: 10, caughtUp: false });
    expect(pace.notBeforeMillis).toBe(1_250);
  });

  it('waits the idle time at the tip', () => {
    const pace = afterRead(initialPace, limits, { startedAtMillis: 1_000, bytes: 10, caughtUp: true });
    expect(pace.notBeforeMillis).toBe(2_000);
  });

  it('reads a shard near its tip only once in millisBehindLatestThresholdForReducedTps', () => {
    const reduced = { ...limits, reducedTpsMillis: 5_000 };
    const read = { startedAtMillis: 1_000, bytes: 10, caughtUp: false };
    expect(afterRead(initialPace, reduced, { ...read, millisBehindLatest: 4_999 }).notBeforeMillis).toBe(6_000);
    expect(afterRead(initialPace, reduced, { ...read, millisBehindLatest: 5_000 }).notBeforeMillis).toBe(1_250);
    expect(afterRead(initialPace, reduced, { ...read, caughtUp: true, millisBehindLatest: 0 }).notBeforeMillis).toBe(
      6_000,
    );
    // A read that was refused says nothing of the lag, and by default there is no such rule.
    expect(afterRead(initialPace, reduced, read).notBeforeMillis).toBe(1_250);
    expect(afterRead(initialPace, limits, { ...read, millisBehindLatest: 1 }).notBeforeMillis).toBe(1_250);
  });

  it('pays for a big page at 2 MB a second', () => {
    const pace = afterRead(initialPace, limits, { startedAtMillis: 0, bytes: 10_000_000, caughtUp: true });
    expect(pace.notBeforeMillis).toBe(5_000);
  });

  it('halves both rates for 10 s after throttling', () => {
    const throttled = afterThrottling(initialPace, limits, 0);
    const small = { startedAtMillis: 9_999, bytes: 0, caughtUp: false };
    const big = { startedAtMillis: 9_999, bytes: 1_000_000, caughtUp: false };
    expect(afterRead(throttled, limits, small).notBeforeMillis).toBe(10_499);
    expect(afterRead(throttled, limits, big).notBeforeMillis).toBe(10_999);
    expect(afterRead(throttled, limits, { ...small, startedAtMillis: 10_000 }).notBeforeMillis).toBe(10_250);
  });

  it('never exceeds either rate over any run of reads', () => {
    const page = fc.record({ bytes: fc.nat({ max: 10_000_000 }), late: fc.nat({ max: 400 }), caughtUp: fc.boolean() });
    fc.assert(
      fc.property(fc.array(page, { minLength: 2, maxLength: 40 }), (pages) => {
        let pace = initialPace;
        let nowMillis = 0;
        let bytes = 0;
        for (const { late, ...read } of pages) {
          nowMillis = Math.max(nowMillis, pace.notBeforeMillis) + late;
          expect((bytes / limits.maxBytesPerSecond) * 1_000).toBeLessThanOrEqual(nowMillis + 1e-6);
          pace = afterRead(pace, limits, { startedAtMillis: nowMillis, ...read });
          bytes += read.bytes;
        }
        expect(nowMillis).toBeGreaterThanOrEqual(250 * (pages.length - 1));
      }),
    );
  });
});
