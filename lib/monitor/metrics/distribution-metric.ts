import type { Distribution } from '../snapshot/snapshot.ts';
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
