import type { Distribution, RateSummary } from './snapshot.ts';

/**
 * The talk's six columns and the mean of values in order of time; `null` for none. A percentile p is
 * `sorted[min(floor(p * n), n - 1)]`, as in Spark's `Distribution.scala`.
 */
export function distributionOf(values: readonly number[]): Distribution | null {
  const last = values.at(-1);
  if (last === undefined) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)] ?? last;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { last, min: at(0), p25: at(0.25), median: at(0.5), p75: at(0.75), max: at(1), mean };
}

/** The smallest, middle and greatest of rates, with the rates; `null` for none. */
export function rateSummaryOf(points: readonly (readonly [number, number])[]): RateSummary | null {
  const distribution = distributionOf(points.map(([, rate]) => rate));
  if (distribution === null) return null;
  const { min, median, max, mean } = distribution;
  return { min, median, max, mean, points };
}
