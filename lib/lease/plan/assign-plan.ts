import { isEnded } from '../lease.ts';
import type { AssignmentOptions, AssignmentPlan, Move, ObservedLease } from './utilization-types.ts';

/**
 * KCL's LEASE_COUNT_BASED strategy (kcl.md 2.4): every worker gets the same number of leases, give or take one.
 *
 * 1. Leases at SHARD_END are no load and stay where they are: their children were made before SHARD_END was written.
 * 2. Unowned leases go first, then expired ones, the longest silent first, each to the worker with the fewest.
 * 3. While one worker has at least two more than another, one lease moves from the fullest to the emptiest. A lease in
 *    the middle of a handoff counts for its next owner and is left alone until its time is up.
 *
 * Ties are broken by name, so the plan depends on its arguments alone.
 */
export const planByLeaseCount: AssignmentPlan = ({ leases, workers, options, nowMillis, balance }) => {
  if (workers.length === 0) return [];
  const names = workers.map((worker) => worker.workerIdentifier).sort();
  const load = new Map<string, ObservedLease[]>(names.map((worker) => [worker, []]));
  const free: ObservedLease[] = [];
  for (const observed of [...leases].sort(byKey)) {
    if (isEnded(observed.lease)) continue;
    const owner = observed.lease.leaseOwner;
    const isFree = owner === undefined || isExpired(observed, options, nowMillis) || observed.handoffTimedOut === true;
    if (isFree) free.push(observed);
    else load.get(owner)?.push(observed);
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
  if (!balance) return moves;
  return [...moves, ...surplusMoves(load, new Set(moves.map((move) => move.leaseKey)), options)];
};

function surplusMoves(
  load: ReadonlyMap<string, ObservedLease[]>,
  justGiven: ReadonlySet<string>,
  options: AssignmentOptions,
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
      ({ lease, awaitsOwner }) =>
        !moved.has(lease.leaseKey) && lease.checkpointOwner === undefined && awaitsOwner !== true,
    );
    if (index === -1) return moves;
    const [observed] = source.splice(index, 1) as [ObservedLease];
    target.push(observed);
    moved.add(observed.lease.leaseKey);
    moves.push({ leaseKey: observed.lease.leaseKey, from, to, reason: 'balance' });
  }
}

/** Whether the lease's counter has stood still for too long. */
export function isExpired(observed: ObservedLease, options: AssignmentOptions, nowMillis: number): boolean {
  const afterMillis = observed.expiresAfterMillis ?? options.failoverTimeMillis;
  return nowMillis - observed.unchangedSinceMillis > afterMillis;
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
