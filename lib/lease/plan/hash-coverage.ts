import { type Lease, type HashKeyRange, isEnded } from '../lease.ts';

/** The largest hash key: 2^128 - 1. */
export const maximumHashKey = 2n ** 128n - 1n;

/** A part of the hash space that no lease covers, both ends inclusive. */
export interface HashHole {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * The first part of the hash space that the given ranges leave open; `undefined` when they cover all of it. Ranges may
 * overlap, as parents and children do during a reshard.
 */
export function findHole(ranges: readonly HashKeyRange[]): HashHole | undefined {
  const sorted = ranges
    .map((range) => ({ from: BigInt(range.startingHashKey), to: BigInt(range.endingHashKey) }))
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  let covered = -1n;
  for (const { from, to } of sorted) {
    if (from > covered + 1n) return { from: covered + 1n, to: from - 1n };
    if (to > covered) covered = to;
  }
  return covered >= maximumHashKey ? undefined : { from: covered + 1n, to: maximumHashKey };
}

/**
 * The auditor's question (kcl.md 2.10): do the leases that are not at SHARD_END cover the hash space? Leases without a range
 * cannot tell, so with one of them nothing is called a hole before the ranges are filled in.
 */
export function findLeaseHole(leases: readonly Lease[]): HashHole | undefined {
  const open = leases.filter((lease) => !isEnded(lease));
  const ranges: HashKeyRange[] = [];
  for (const lease of open) {
    if (lease.hashKeyRange === undefined) return undefined;
    ranges.push(lease.hashKeyRange);
  }
  return open.length === 0 ? undefined : findHole(ranges);
}

/** Whether two holes are the same one. */
export function sameHole(a: HashHole | undefined, b: HashHole | undefined): boolean {
  return a !== undefined && b !== undefined && a.from === b.from && a.to === b.to;
}
