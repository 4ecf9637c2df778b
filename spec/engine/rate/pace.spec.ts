import { describe, expect, it } from 'vitest';
import type { DemandLimit } from '../../../lib/block/block-source.ts';
import { LoadWatch } from '../../../lib/engine/rate/load-watch.ts';
import { RateController } from '../../../lib/engine/rate/rate-controller.ts';
import { PidEstimator } from '../../../lib/engine/rate/pid-estimator.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import { startRig } from '../harness.ts';

describe('LoadWatch', () => {
  it('warns once when the 95th percentile passes 80 % of the interval, and again after it was below', () => {
    const watch = new LoadWatch(1_000);
    const told = (millis: number, times: number) =>
      Array.from({ length: times }, () => watch.completed(millis)).filter((one) => one !== undefined);
    expect(told(800, 100)).toEqual([]);
    expect(told(801, 4)).toEqual([]);
    expect(told(801, 1)).toEqual([{ percentile95Millis: 801, batches: 100 }]);
    expect(told(801, 50)).toEqual([]);
    expect(told(10, 100)).toEqual([]);
    expect(told(900, 100)).toHaveLength(1);
  });

  it('says nothing of fewer than 20 batches', () => {
    const watch = new LoadWatch(1_000);
    for (let batch = 1; batch < 20; batch += 1) expect(watch.completed(5_000)).toBeUndefined();
    expect(watch.completed(5_000)).toEqual({ percentile95Millis: 5_000, batches: 20 });
  });
});

describe('RateController', () => {
  const batch = { bytes: 0, schedulingDelayMillis: 0, processingDelayMillis: 1_000 };

  it('begins at the initial rate, and never passes the highest', () => {
    const controller = new RateController(1_000, { initialRate: 500, maxRate: 800 });
    expect(controller.initial.recordsPerSecond).toBe(500);
    controller.completed({ ...batch, group: 'a', timeMillis: 1, records: 5_000 });
    expect(controller.completed({ ...batch, group: 'a', timeMillis: 2, records: 5_000 })?.recordsPerSecond).toBe(800);
    expect(new RateController(1_000, { maxRate: 800 }).initial.recordsPerSecond).toBe(800);
    expect(new RateController(1_000, {}).initial).toEqual({});
  });

  it('adds up the groups, and limits nothing before each has an estimate', () => {
    const controller = new RateController(1_000, {});
    const limits: (DemandLimit | undefined)[] = [];
    for (const timeMillis of [1, 2]) {
      for (const [group, records] of [
        ['a', 1_000],
        ['b', 3_000],
      ] as const) {
        limits.push(controller.completed({ ...batch, group, timeMillis, records, bytes: 2_000_000 }));
      }
    }
    expect(limits[2]?.recordsPerSecond).toBeUndefined();
    expect(limits[3]).toEqual({ recordsPerSecond: 4_000, bytesPerSecond: 4_000_000 });
    controller.forget('b');
    expect(controller.completed({ ...batch, group: 'a', timeMillis: 3, records: 1_000 })?.recordsPerSecond).toBe(1_000);
  });

  it('keeps half of the pace while batches are far behind, where Spark falls to the lowest rate', () => {
    const late = { timeMillis: 2, items: 5_000, processingDelayMillis: 1_000, schedulingDelayMillis: 60_000 };
    const spark = new PidEstimator({ batchIntervalMillis: 1_000 });
    const ours = new PidEstimator({ batchIntervalMillis: 1_000, windUpIntervals: 2.5 });
    for (const estimator of [spark, ours]) estimator.compute({ ...late, timeMillis: 1 });
    expect(spark.compute(late)).toBe(100);
    expect(ours.compute(late)).toBe(2_500);
  });
});

describe('the pace of an engine', () => {
  /** Runs six batches of 100 records, each of which takes 2 s. */
  async function slowRig(backpressure: boolean) {
    const rig = startRig(
      (stream) => stream.foreachBatch(() => new Promise<void>((resolve) => void rig.clock.timer(2_000, resolve))),
      { context: { backpressure } },
    );
    const demands: DemandLimit[] = [];
    rig.feed.demand = (limit: DemandLimit) => void demands.push(limit);
    for (let second = 0; second < 6; second += 1) {
      rig.feed.push('shard-0', Array.from({ length: 100 }, String));
      await rig.clock.advance(2_000);
    }
    rig.feed.end();
    await rig.clock.runUntil(rig.running);
    return demands;
  }

  it('tells the source what the batches can take', async () => {
    const demands = await slowRig(true);
    expect(demands.at(-1)?.recordsPerSecond).toBe(100);
    expect(demands.length).toBeGreaterThan(2);
  });

  it('tells nothing without backpressure', async () => {
    expect(await slowRig(false)).toEqual([]);
  });

  it('warns of batches that take nearly as long as they come', async () => {
    const rig = startRig((stream) =>
      stream.foreachBatch(() => new Promise<void>((resolve) => void rig.clock.timer(900, resolve))),
    );
    for (let second = 0; second < 30; second += 1) {
      rig.feed.push('shard-0', ['a']);
      await rig.clock.advance(1_000);
    }
    rig.feed.end();
    await rig.clock.runUntil(rig.running);
    expect(rig.eventsOf('batch.slow')).toEqual([
      { type: 'batch.slow', group: 'shard-0', processingMillis: 900, batches: 20, batchIntervalMillis: 1_000 },
    ]);
  });

  it('refuses constants that make no estimator, and unknown words', () => {
    const make = (options: object) => () => new EngineContext({ batchIntervalMillis: 1_000, ...options });
    expect(make({ backpressure: { minRate: 0 } })).toThrow('MR_CONFIG_INVALID: minRate of the rate estimator is 0');
    expect(make({ onDowntime: 'later' })).toThrow(
      'MR_CONFIG_INVALID: onDowntime is "later": give one of run, coalesce, skip',
    );
  });
});
