import {
  type AssignmentOptions,
  type WorkerMetrics,
  type WorkerView,
  kclReportIntervalMillis,
} from './utilization-types.ts';

/** Numbers in rows have six decimals; what is smaller is no load. Also keeps quotients finite. */
export const smallestValue = 1e-6;

/** Greater numbers in a row can only be damage; they count as this. Keeps sums finite. */
export const greatestValue = 1e12;

/** The short name of the metric that stands in for workers that measure nothing: percent of the average throughput. */
export const throughputMetric = 'T';

/** One metric of a worker as a plan sees it. */
export interface MetricValue {
  /** Moving average of the reports, and what the moves of this plan add to it. */
  readonly value: number;
  /** The greatest healthy value: the first element of the row's operating range. */
  readonly range: number;
}

/**
 * A worker's metrics by short name; empty when it measures nothing. Undefined when the row cannot be used: a metric
 * whose newest value is a failed capture, one without an operating range, or a range that is none (kcl.md 1.3 and 2.4).
 */
export function readMetrics(
  view: WorkerView,
  options: AssignmentOptions,
): ReadonlyMap<string, MetricValue> | undefined {
  const read = new Map<string, MetricValue>();
  if (Object.keys(view.metrics?.opr ?? {}).some((name) => rangeOf(view.metrics, name) === undefined)) return undefined;
  for (const [name, values] of Object.entries(view.metrics?.sts ?? {})) {
    const range = rangeOf(view.metrics, name);
    const newest = values.at(-1);
    if (range === undefined || (newest !== undefined && !isCaptured(newest))) return undefined;
    const counted = view.reportsSinceMove ? values.slice(-view.reportsSinceMove) : values;
    read.set(name, { value: movingAverage(joined(counted, view), options.workerMetricsEMAAlpha), range });
  }
  return read;
}

/**
 * Joins values that come more often than KCL's into averages of about 30 s, from the newest back, because KCL's weights and
 * thresholds are made for such: an average over 5 s shows the noise of a load rather than the load. Failed captures are
 * left out.
 */
function joined(values: readonly number[], { reportIntervalMillis = kclReportIntervalMillis }: WorkerView): number[] {
  const size = Math.max(1, Math.round(kclReportIntervalMillis / Math.max(1, reportIntervalMillis)));
  if (size === 1) return [...values];
  const averages: number[] = [];
  for (let end = values.length; end > 0; end -= size) {
    const part = values.slice(Math.max(0, end - size), end).filter(isCaptured);
    if (part.length > 0) averages.unshift(part.reduce((sum, value) => sum + value, 0) / part.length);
  }
  return averages;
}

/** More would keep a worker that joins from its share for longer than half a minute. */
const greatestCaution = 1.5;

/**
 * How many times further from the average than `reBalanceThresholdPercentage` a worker must be, while its metrics since its
 * last move speak of less than KCL's 30 s: what may be noise has to last. The error of an average shrinks with the square
 * root of its time.
 */
export function cautionFor({ reportsSinceMove, reportIntervalMillis = kclReportIntervalMillis }: WorkerView): number {
  if (reportsSinceMove === undefined || reportsSinceMove === 0) return 1;
  const measuredMillis = reportsSinceMove * Math.max(1, reportIntervalMillis);
  return Math.min(greatestCaution, Math.max(1, Math.sqrt(kclReportIntervalMillis / measuredMillis)));
}

/** Exponential moving average, oldest first; the first captured value seeds it. Failed captures are left out; 0 when there is no other. */
export function movingAverage(values: readonly number[], alpha: number): number {
  let average: number | undefined;
  for (const value of values.filter(isCaptured)) {
    const capped = Math.min(value, greatestValue);
    average = average === undefined ? capped : average + alpha * (capped - average);
  }
  return average === undefined || average < smallestValue ? 0 : average;
}

/** KCL marks a failed capture with -1; anything else below 0, and what is no number, is one too. */
function isCaptured(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function rangeOf(metrics: WorkerMetrics | undefined, name: string): number | undefined {
  if (metrics === undefined || !Object.hasOwn(metrics.opr, name)) return undefined;
  const [range = 0] = metrics.opr[name] ?? [];
  return Number.isFinite(range) && range > 0 ? range : undefined;
}
