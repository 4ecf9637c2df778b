import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import type { CpuSource } from '../../../lib/lease/worker-metrics/cpu-source.ts';
import { WorkerMetricsSampler } from '../../../lib/lease/worker-metrics/sampler.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

/** What a capture gives: a percentage, an error, or `never` for an answer that does not come. */
type Capture = number | Error | 'never';

/** A sampler whose CPU and event loop read what the test says, and which runs. */
function start(
  options: { cpu?: Capture[]; loop?: number[]; select?: () => Promise<CpuSource | undefined>; keep?: number } = {},
) {
  const clock = new VirtualClock();
  const cpu = [0, ...(options.cpu ?? [])];
  const loop = [0, ...(options.loop ?? [])];
  const faults: string[] = [];
  const signals: AbortSignal[] = [];
  const source: CpuSource = {
    kind: 'proc',
    capture: async (signal) => {
      signals.push(signal);
      const next = cpu.length > 1 ? cpu.shift() : cpu[0];
      if (next instanceof Error) throw next;
      if (next === 'never') return new Promise<number>(() => {});
      return next ?? 0;
    },
  };
  const sampler = new WorkerMetricsSampler({
    clock,
    eventLoop: { utilization: () => (loop.length > 1 ? loop.shift() : loop[0]) ?? 0 },
    selectSource: options.select ?? (async () => source),
    onCaptureFailed: (message) => faults.push(message),
    ...(options.keep === undefined ? {} : { reportsKept: options.keep }),
  });
  const controller = new AbortController();
  const run = sampler.run(controller.signal);
  return { clock, sampler, faults, signals, run, stop: () => controller.abort(new Error('stopped')) };
}

describe('WorkerMetricsSampler', () => {
  it('reports nothing before the first second', async () => {
    const { clock, sampler } = start({ cpu: [50] });
    await clock.advance(999);
    expect(sampler.report()).toEqual({ sts: {}, opr: {} });
    await clock.advance(1);
    expect(sampler.report()).toEqual({ sts: { C: [50] }, opr: { C: [100] } });
  });

  it('averages the captures of each second since the last report, to six decimals', async () => {
    const { clock, sampler } = start({ cpu: [10, 20, 30, 40, 50, 1, 0, 0] });
    await clock.advance(5_000);
    expect(sampler.report().sts).toEqual({ C: [30] });
    await clock.advance(3_000);
    expect(sampler.report().sts).toEqual({ C: [30, 0.333333] });
  });

  it('takes the larger of CPU and event loop in each second', async () => {
    const { clock, sampler } = start({ cpu: [10, 90], loop: [0.5, 0.3] });
    await clock.advance(2_000);
    expect(sampler.report().sts).toEqual({ C: [70] });
  });

  it('measures the event loop alone where no CPU can be read', async () => {
    const { clock, sampler, faults } = start({ loop: [0.25], select: async () => undefined });
    await clock.advance(1_000);
    expect(sampler.report().sts).toEqual({ C: [25] });
    expect(faults).toEqual([]);
  });

  it('keeps the last ten reports, oldest first', async () => {
    const { clock, sampler } = start({ cpu: Array.from({ length: 12 }, (_, index) => index + 1) });
    for (let report = 1; report <= 12; report += 1) {
      await clock.advance(1_000);
      sampler.report();
    }
    await clock.advance(1_000);
    expect(sampler.report().sts).toEqual({ C: [4, 5, 6, 7, 8, 9, 10, 11, 12, 12] });
  });

  it('averages the captures that succeed, each for the time of which it speaks, and reports -1 for a time without any', async () => {
    const broken = new Error('ENOENT: /proc/stat');
    const { clock, sampler, faults } = start({ cpu: [10, broken, 40, broken, broken, 50, broken] });
    await clock.advance(3_000);
    // The third reading is of the second and the third second: (10 + 2 * 40) / 3.
    expect(sampler.report().sts).toEqual({ C: [30] });
    await clock.advance(2_000);
    expect(sampler.report().sts).toEqual({ C: [30, -1] });
    await clock.advance(1_000);
    expect(sampler.report().sts).toEqual({ C: [30, -1, 50] });
    await clock.advance(5_000);
    expect(faults).toEqual(['ENOENT: /proc/stat', 'ENOENT: /proc/stat', 'ENOENT: /proc/stat']);
  });

  it('reads the event loop alone for a report that comes before any capture: a blocked loop is no fault', async () => {
    const { clock, sampler, faults } = start({ cpu: [10, 'never'], loop: [0.1, 1, 0.2] });
    await clock.advance(1_500);
    expect(sampler.report().sts).toEqual({ C: [10] });
    await clock.advance(0);
    expect(sampler.report().sts).toEqual({ C: [10, 100] });
    await clock.advance(300);
    expect(sampler.report().sts).toEqual({ C: [10, 100, 20] });
    expect(faults).toEqual([]);
  });

  it('gives up a reading after a second, tells its signal, and goes on', async () => {
    const { clock, sampler, faults, signals } = start({ cpu: ['never', 40] });
    await clock.advance(4_000);
    expect(sampler.report().sts).toEqual({ C: [40] });
    expect(faults).toEqual(['reading the CPU took longer than 1000 ms']);
    expect(signals[1]?.aborted).toBe(true);
    expect(signals.at(-1)?.aborted).toBe(false);
  });

  it('does not take a reading for too slow when the loop was blocked meanwhile, and could not hear of it', async () => {
    const faults: string[] = [];
    let captures = 0;
    const sampler = new WorkerMetricsSampler({
      clock: systemClock,
      captureIntervalMillis: 300,
      eventLoop: { utilization: () => 0 },
      selectSource: async () => ({
        kind: 'proc',
        capture: async () => {
          captures += 1;
          if (captures === 2) for (const until = performance.now() + 800; performance.now() < until;);
          await readFile('/proc/self/stat');
          return 30;
        },
      }),
      onCaptureFailed: (message) => faults.push(message),
    });
    const life = new AbortController();
    const run = sampler.run(life.signal);
    await expect.poll(() => captures, { timeout: 60_000 }).toBeGreaterThan(2);
    life.abort();
    await run;
    expect(faults).toEqual([]);
  });

  it('tells the reason rather than throw when no source can be chosen, and measures the event loop', async () => {
    const select = async (): Promise<undefined> => {
      throw new Error('no metadata');
    };
    const { clock, sampler, faults, run, stop } = start({ select, loop: [0.5] });
    await clock.advance(0);
    expect(sampler.report().sts).toEqual({});
    expect(faults).toEqual(['no metadata']);
    await clock.advance(1_000);
    expect(sampler.report().sts).toEqual({ C: [50] });
    stop();
    await expect(run).resolves.toBeUndefined();
  });

  it('keeps at most 300 captures when nobody asks for a report', async () => {
    const { clock, sampler } = start({ cpu: [...Array<number>(100).fill(90), ...Array<number>(300).fill(10)] });
    await clock.advance(400_000);
    expect(sampler.report().sts).toEqual({ C: [10] });
  });

  it('stops at once when told, leaves no timer, and counts no failure for that', async () => {
    const { clock, faults, run, stop } = start({ cpu: ['never'] });
    await clock.advance(1_500);
    stop();
    await run;
    expect(clock.pendingTimers).toBe(0);
    expect(faults).toEqual([]);
  });

  it('never throws and never reports anything but -1 or 0 to 100, whatever it reads', async () => {
    const anything = fc.oneof(
      fc.integer({ min: 0, max: 100 }),
      fc.constantFrom<Capture>(Number.NaN, Infinity, -5, 1e300, 'never', new Error('x')),
    );
    const loops = fc.array(fc.oneof(fc.double(), fc.constant(0.5)), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(anything, { maxLength: 8 }), loops, async (cpu, loop) => {
        const { clock, sampler, run, stop } = start({ cpu, loop });
        for (let second = 0; second < 12; second += 1) {
          await clock.advance(1_000);
          const { sts } = sampler.report();
          for (const value of sts['C'] ?? []) expect(value === -1 || (value >= 0 && value <= 100)).toBe(true);
        }
        stop();
        await run;
      }),
      { numRuns: 50 },
    );
  });

  it('survives a listener that throws', async () => {
    const clock = new VirtualClock();
    const sampler = new WorkerMetricsSampler({
      clock,
      eventLoop: {
        utilization: () => {
          throw new Error('no loop');
        },
      },
      selectSource: async () => undefined,
      onCaptureFailed: () => {
        throw new Error('listener');
      },
    });
    const controller = new AbortController();
    const run = sampler.run(controller.signal);
    await clock.advance(3_000);
    expect(sampler.report().sts).toEqual({ C: [-1] });
    controller.abort(new Error('stopped'));
    await expect(run).resolves.toBeUndefined();
  });
});
