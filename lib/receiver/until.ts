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

/** How far the service may be ahead of what its Date header, cut to the second, lets us know of its time. */
const serviceTimeLagMillis = 1_000;

/**
 * Compiles the option `until`. LATEST allows for the known lag of `serviceTimeMillis`: a run that takes a record too
 * many is right, one that leaves out a record put before it began is not.
 */
export function boundOf(until: Until, serviceTimeMillis: number): Bound {
  switch (until.type) {
    case 'CAUGHT_UP':
      return { type: 'CAUGHT_UP' };
    case 'LATEST':
      return { type: 'ARRIVAL', atMillis: serviceTimeMillis + serviceTimeLagMillis };
    case 'AT_TIMESTAMP':
      return { type: 'ARRIVAL', atMillis: until.timestampMillis };
  }
}

/**
 * Cuts a page at the bound. `askedAtMillis` is the service's time before the page was asked for: a page that was read
 * before the bound cannot show that nothing arrived between its reading and the bound.
 */
export function cutAtBound(
  page: Pick<Page, 'records' | 'millisBehindLatest' | 'isEarlier'>,
  bound: Bound | undefined,
  askedAtMillis: number,
): BoundedPage {
  const { records } = page;
  if (bound === undefined) return { records, reached: false };
  const caughtUp = page.millisBehindLatest === 0;
  if (bound.type === 'CAUGHT_UP') return { records, reached: caughtUp };
  const first = records.findIndex((record) => record.arrivalTimeMillis > bound.atMillis);
  if (first !== -1) return { records: records.slice(0, first), reached: true };
  return { records, reached: caughtUp && page.isEarlier !== true && askedAtMillis > bound.atMillis };
}
