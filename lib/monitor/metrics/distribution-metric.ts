import type { Distribution, HistogramName, HistogramView } from '../snapshot/snapshot.ts';
import type { Metric } from './prometheus-text.ts';

/** The talk's columns as one gauge in seconds, the unit of Prometheus. */
export function distributionMetric(name: string, help: string, distribution: Distribution): Metric {
  const columns = ['last', 'min', 'p25', 'median', 'p75', 'max'] as const;
  return {
    name: `millrace_${name}_seconds`,
    type: 'gauge',
    help,
    samples: columns.map((statistic) => ({ labels: { statistic }, value: distribution[statistic] / 1_000 })),
  };
}

const histogramHelp: Readonly<Record<HistogramName, readonly [name: string, help: string]>> = {
  readLagMillis: ['read_lag_seconds', 'Lag behind the tip of the shard at each read.'],
  readRecords: ['read_records', 'Records of each read.'],
  blockRecords: ['block_records', 'Records of each block.'],
  batchProcessingMillis: ['batch_processing_seconds', 'Processing delay of each completed batch.'],
  batchSchedulingMillis: ['batch_scheduling_seconds', 'Scheduling delay of each completed batch.'],
  batchTotalMillis: ['batch_total_seconds', 'Total delay of each completed batch.'],
  outputMillis: ['output_seconds', 'Duration of each output of a batch.'],
};

/** A distribution since the start as a summary of Prometheus, times in seconds. */
export function histogramMetric(view: HistogramView): Metric {
  const [name, help] = histogramHelp[view.name];
  const scale = view.name.endsWith('Millis') ? 1_000 : 1;
  const quantiles = [
    ['0.5', view.p50],
    ['0.9', view.p90],
    ['0.99', view.p99],
  ] as const;
  return {
    name: `millrace_${name}`,
    type: 'summary',
    help,
    samples: [
      ...quantiles.map(([quantile, value]) => ({ labels: { quantile }, value: value / scale })),
      { suffix: '_sum', value: view.sum / scale },
      { suffix: '_count', value: view.count },
    ],
  };
}
