import { assignFreeLeases } from './utilization-assign.ts';
import type { Room } from './utilization-candidates.ts';
import { type CountedLease, type Fleet, type WorkerLoad, readFleet } from './utilization-fleet.ts';
import type { AssignmentOptions, AssignmentPlan, Move } from './utilization-types.ts';

/**
 * KCL's LEASE_COUNT_BASED strategy (kcl.md 2.4): every worker gets the same number of leases, give or take one, and never
 * more than `maxLeasesForWorker`.
 *
 * 1. Leases that nobody reads go to the workers with the fewest, the longest waiting first.
 * 2. On runs that balance, leases go one by one from the worker with the most to the one with the fewest, while the one
 *    has at least two more than the other. KCL stops when nobody has more than the average rounded up: it leaves a third
 *    worker idle beside two with two leases each. Its leader takes nothing of this back.
 * 3. A lease that is being handed over is left alone.
 *
 * What the other strategy takes from design 5.7 holds here too: leases at SHARD_END are no load and stay where they are,
 * and a lease being handed over counts for its next owner. Metrics are not looked at, except that a worker whose capture
 * failed is given nothing, as KCL has it. Ties are broken by name, so the plan depends on its input alone.
 */
export const planLeaseCountBased: AssignmentPlan = (input) => {
  const fleet = readFleet(input);
  // maxThroughputPerHostKBps is an option of the other strategy.
  const options = { ...input.options, maxThroughputPerHostKBps: Number.MAX_VALUE };
  const assigned = assignFreeLeases(fleet, options, fewestLeases);
  return input.balance ? [...assigned, ...evenOut(fleet, options)] : assigned;
};

const fewestLeases: Room = (_, worker) => -worker.leases;

/** One lease at a time, from the fullest worker that has any to move to the emptiest that may have more. */
function evenOut(fleet: Fleet, options: AssignmentOptions): readonly Move[] {
  const workers = [...fleet.workers.values()].sort((a, b) => (a.workerIdentifier < b.workerIdentifier ? -1 : 1));
  const moves: Move[] = [];
  for (;;) {
    const { from, to } = extremes(workers, options.maxLeasesForWorker);
    if (from === undefined || to === undefined || from.leases - to.leases < 2) return moves;
    const { leaseKey, leaseOwner } = (from.movable.pop() as CountedLease).observed.lease;
    from.leases -= 1;
    to.leases += 1;
    moves.push({ leaseKey, from: leaseOwner, to: to.workerIdentifier, reason: 'balance' });
  }
}

function extremes(
  workers: readonly WorkerLoad[],
  maxLeasesForWorker: number,
): { readonly from: WorkerLoad | undefined; readonly to: WorkerLoad | undefined } {
  let from: WorkerLoad | undefined;
  let to: WorkerLoad | undefined;
  for (const worker of workers) {
    if (worker.movable.length > 0 && worker.leases > (from?.leases ?? 0)) from = worker;
    if (worker.leases < Math.min(maxLeasesForWorker, to?.leases ?? Number.POSITIVE_INFINITY)) to = worker;
  }
  return { from, to };
}
