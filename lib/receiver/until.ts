import type { Page } from '../kinesis/reader.ts';
import type { KinesisRecord } from '../block/record.ts';

/**
 * Where a bounded run ends, for every shard on its own: when it is read to its tip (`CAUGHT_UP`), or before the first
 * record that arrived after a service time (`LATEST` is the time at which the run began).
 */
export type Bound = { readonly type: 'CAUGHT_UP' } | { readonly type: 'ARRIVAL'; readonly atMillis: number };

/** The option `until`, checked. */
export type Until =
  | { readonly type: 'CAUGHT_UP' }
  | { readonly type: 'LATEST' }
  | { readonly type: 'AT_TIMESTAMP'; readonly timestampMillis: number };

/** A page cut at the bound. */
export interface BoundedPage {
  readonly records: readonly KinesisRecord[];
  /** Whether the shard has come to the bound: nothing after these records belongs to the run. */
  readonly reached: boolean;
}

/** Compiles the option `until`. */
export function boundOf(until: Until, serviceTimeMillis: number): Bound {
  if (until.type === 'CAUGHT_UP') return { type: 'CAUGHT_UP' };
  return { type: 'ARRIVAL', atMillis: until.type === 'LATEST' ? serviceTimeMillis : until.timestampMillis };
}

/** Cuts a page at the bound. `serviceTimeMillis` is the service's time after the page was read. */
export function cutAtBound(
  page: Pick<Page, 'records' | 'millisBehindLatest'>,
  bound: Bound | undefined,
  serviceTimeMillis: number,
): BoundedPage {
  const { records } = page;
  if (bound === undefined) return { records, reached: false };
  const caughtUp = page.millisBehindLatest === 0;
  if (bound.type === 'CAUGHT_UP') return { records, reached: caughtUp };
  const first = records.findIndex((record) => record.arrivalTimeMillis > bound.atMillis);
  if (first !== -1) return { records: records.slice(0, first), reached: true };
  return { records, reached: caughtUp && serviceTimeMillis >= bound.atMillis };
}
