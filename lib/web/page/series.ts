import type { ReceiverView } from '../../monitor/snapshot/snapshot.ts';
import type { BatchRow } from '../page-state.ts';

/** What the timelines of batches are drawn from, oldest first. */
export interface BatchSeries {
  readonly times: readonly number[];
  readonly records: readonly number[];
  readonly schedulingDelay: readonly number[];
  readonly processingTime: readonly number[];
  readonly totalDelay: readonly number[];
}

/** One point for each batch time: where several groups have a batch of it, their records together and the longest delay. */
export function seriesOf(newestFirst: readonly BatchRow[]): BatchSeries {
  const points = new Map<number, { records: number; scheduling: number; processing: number; total: number }>();
  for (const batch of newestFirst.toReversed()) {
    if (batch.status !== 'COMPLETED') continue;
    const known = points.get(batch.batchTimeMillis) ?? { records: 0, scheduling: 0, processing: 0, total: 0 };
    known.records += batch.records;
    known.scheduling = Math.max(known.scheduling, batch.schedulingDelayMillis ?? 0);
    known.processing = Math.max(known.processing, batch.processingDelayMillis ?? 0);
    known.total = Math.max(known.total, batch.totalDelayMillis ?? 0);
    points.set(batch.batchTimeMillis, known);
  }
  const entries = Array.from(points).toSorted(([a], [b]) => a - b);
  return {
    times: entries.map(([time]) => time),
    records: entries.map(([, { records }]) => records),
    schedulingDelay: entries.map(([, { scheduling }]) => scheduling),
    processingTime: entries.map(([, { processing }]) => processing),
    totalDelay: entries.map(([, { total }]) => total),
  };
}

/** The rates of all receivers together, oldest first. */
export function inputRates(receivers: readonly ReceiverView[]): {
  readonly times: readonly number[];
  readonly values: readonly number[];
} {
  const sums = new Map<number, number>();
  for (const { rate } of receivers) {
    for (const [time, value] of rate?.points ?? []) sums.set(time, (sums.get(time) ?? 0) + value);
  }
  const entries = Array.from(sums).toSorted(([a], [b]) => a - b);
  return { times: entries.map(([time]) => time), values: entries.map(([, value]) => value) };
}
