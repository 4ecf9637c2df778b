import { describe, expect, it } from 'vitest';
import { Histograms } from '../../lib/monitor/metrics/histograms.ts';
import { prometheusText } from '../../lib/monitor/metrics/prometheus.ts';
import { SnapshotFold } from '../../lib/monitor/snapshot/fold.ts';

const read = (millisBehindLatest: number, records = 1) =>
  ({ type: 'shard.read', shardId: 's', records, bytes: 1, millisBehindLatest }) as const;

describe('the registry of distributions', () => {
  it('has none before something has happened', () => {
    const histograms = new Histograms();
    histograms.add({ type: 'worker.stopped', workerIdentifier: 'w' });
    expect(histograms.views).toEqual([]);
  });

  it('gives percentiles to three digits, the exact sum, and 0 as 0', () => {
    const histograms = new Histograms();
    for (let lag = 0; lag < 1_000; lag += 1) histograms.add(read(lag));
    const view = histograms.views.find(({ name }) => name === 'readLagMillis');
    expect(view).toMatchObject({ count: 1_000, sum: 499_500 });
    for (const [percentile, expected] of [
      ['p50', 499],
      ['p90', 899],
      ['p99', 989],
      ['max', 999],
    ] as const) {
      expect(Math.abs((view?.[percentile] ?? 0) - expected)).toBeLessThanOrEqual(2);
    }
    const none = new Histograms();
    none.add(read(0, 0));
    expect(none.views[0]).toMatchObject({ count: 1, sum: 0, p50: 0, p99: 0, max: 0 });
  });

  it('takes a delay of a clock that went back for none', () => {
    const histograms = new Histograms();
    const figures = {
      batchTimeMillis: 0,
      records: 1,
      blocks: 1,
      schedulingDelayMillis: -50,
      processingDelayMillis: 20,
    };
    histograms.add({ type: 'batch.completed', group: 'g', batchId: 1, ...figures });
    const byName = Object.fromEntries(histograms.views.map((view) => [view.name, view.sum]));
    expect(byName).toEqual({ batchProcessingMillis: 20, batchSchedulingMillis: 0, batchTotalMillis: 0 });
  });

  it('is a summary in seconds in the text of Prometheus', () => {
    const fold = new SnapshotFold({ startedAtMillis: 0, location: 'h' });
    fold.add(read(2_000, 7), 1);
    fold.add(read(2_000, 7), 2);
    const lines = prometheusText(fold.snapshot(3)).split('\n');
    expect(lines).toContain('# TYPE millrace_read_lag_seconds summary');
    expect(lines).toContain('millrace_read_lag_seconds_sum 4');
    expect(lines).toContain('millrace_read_lag_seconds_count 2');
    expect(lines).toContain('millrace_read_records_sum 14');
    const median = lines.find((line) => line.startsWith('millrace_read_lag_seconds{quantile="0.5"}'));
    expect(Number(median?.split(' ')[1])).toBeCloseTo(2, 1);
  });

  it('costs the same memory whatever comes', () => {
    const histograms = new Histograms();
    for (let index = 0; index < 10_000; index += 1) histograms.add({ ...read(index * 1_000), shardId: `s${index}` });
    expect(histograms.views).toHaveLength(2);
  });
});
