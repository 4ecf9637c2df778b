import type { AssignReason } from '../../event/event.ts';
import { type Lease, isEnded } from '../lease.ts';

/** A lease with what the observer knows about its age. */
export interface ObservedLease {
  readonly lease: Lease;
  /** Since when, by the observer's monotonic clock, its counter has stood still. */
  readonly unchangedSinceMillis: number;
}

/** What a plan may depend on beside leases and workers. */
export interface AssignOptions {
  /** A lease whose counter has stood still for longer is expired. */
  readonly failoverTimeMillis: number;
  /** No worker is given more leases than this. */
  readonly maxLeasesForWorker: number;
}

/** One intended change of ownership. */
export interface Move {
  readonly leaseKey: string;
  readonly from: string | undefined;
  readonly to: string;
  readonly reason: AssignReason;
}

/** A strategy of assignment: pure, so that every worker that sees the same rows intends the same moves. */
export type AssignPlan = (
  leases: readonly ObservedLease[],
  workers: readonly string[],
  options: AssignOptions,
  nowMillis: number,
) => readonly Move[];

/**
 * KCL's LEASE_COUNT_BASED strategy (kcl.md 2.4): every worker gets the same number of leases, give or take one.
 *
 * 1. Leases at SHARD_END are no load and stay where they are: their children were made before SHARD_END was written.
 * 2. Unowned leases go first, then expired ones, the longest silent first, each to the worker with the fewest.
 * 3. While one worker has at least two more than another, one lease moves from the fullest to the emptiest. Leases
 *    in the middle of a handoff are left alone.
 *
 * Ties are broken by name, so the plan depends on its arguments alone.
 */
export const planByLeaseCount: AssignPlan = (leases, workers, options, nowMillis) => {
  if (workers.length === 0) return [];
  const load = new Map<string, ObservedLease[]>([...workers].sort().map((worker) => [worker, []]));
  const free: ObservedLease[] = [];
  for (const observed of [...leases].sort(byKey)) {
    if (isEnded(observed.lease)) continue;
    const owner = observed.lease.leaseOwner;
    const expired = nowMillis - observed.unchangedSinceMillis > options.failoverTimeMillis;
    const held = owner === undefined || expired ? undefined : load.get(owner);
    if (held !== undefined) held.push(observed);
    else if (owner === undefined || expired) free.push(observed);
  }
  const moves: Move[] = [];
  for (const observed of free.sort(byUrgency)) {
    const to = emptiest(load);
    const held = load.get(to) as ObservedLease[];
    if (held.length >= options.maxLeasesForWorker) break;
    held.push(observed);
    const from = observed.lease.leaseOwner;
    moves.push({ leaseKey: observed.lease.leaseKey, from, to, reason: from === undefined ? 'unowned' : 'expired' });
  }
  return [...moves, ...surplusMoves(load, new Set(moves.map((move) => move.leaseKey)), options)];
};

function surplusMoves(
  load: ReadonlyMap<string, ObservedLease[]>,
  justGiven: ReadonlySet<string>,
  options: AssignOptions,
): Move[] {
  const moves: Move[] = [];
  const moved = new Set(justGiven);
  for (;;) {
    const from = fullest(load);
    const to = emptiest(load);
    const source = load.get(from) as ObservedLease[];
    const target = load.get(to) as ObservedLease[];
    if (source.length - target.length < 2 || target.length >= options.maxLeasesForWorker) return moves;
    const index = source.findLastIndex(
      ({ lease }) => !moved.has(lease.leaseKey) && lease.checkpointOwner === undefined,
    );
    if (index === -1) return moves;
    const [observed] = source.splice(index, 1) as [ObservedLease];
    target.push(observed);
    moved.add(observed.lease.leaseKey);
    moves.push({ leaseKey: observed.lease.leaseKey, from, to, reason: 'surplus' });
  }
}

function byKey(a: ObservedLease, b: ObservedLease): number {
  return a.lease.leaseKey < b.lease.leaseKey ? -1 : 1;
}

/** Unowned before expired; among the expired the longest silent first. */
function byUrgency(a: ObservedLease, b: ObservedLease): number {
  const unowned = Number(a.lease.leaseOwner !== undefined) - Number(b.lease.leaseOwner !== undefined);
  if (unowned !== 0 || a.lease.leaseOwner === undefined) return unowned;
  return a.unchangedSinceMillis - b.unchangedSinceMillis;
}

function emptiest(load: ReadonlyMap<string, readonly ObservedLease[]>): string {
  return extreme(load, (a, b) => a < b);
}

function fullest(load: ReadonlyMap<string, readonly ObservedLease[]>): string {
  return extreme(load, (a, b) => a > b);
}

function extreme(
  load: ReadonlyMap<string, readonly ObservedLease[]>,
  better: (a: number, b: number) => boolean,
): string {
  let best: [string, number] | undefined;
  for (const [worker, held] of load) {
    if (best === undefined || better(held.length, best[1])) best = [worker, held.length];
  }
  return (best as [string, number])[0];
}
