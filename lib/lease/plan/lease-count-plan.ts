import { assignFreeLeases } from './utilization-assign.ts';
import type { Room } from './utilization-candidates.ts';
import { type Fleet, type WorkerLoad, readFleet } from './utilization-fleet.ts';
import type { AssignmentOptions, AssignmentPlan, Move } from './utilization-types.ts';

/**
 * KCL's LEASE_COUNT_BASED strategy (kcl.md 2.4): no worker has more than the number of leases divided by the number of
 * workers, rounded up, and never more than `maxLeasesForWorker`.
 *
 * 1. Leases that nobody reads go to the workers with the fewest, the longest waiting first.
 * 2. On runs that balance, leases go one by one from the worker with the most to the one with the fewest, until the one
 *    is down to that number or the other is up to it. A lease that is being handed over is left alone.
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

/** KCL's two pointers: the emptiest worker that lacks leases, and the fullest that has too many. */
function evenOut(fleet: Fleet, options: AssignmentOptions): readonly Move[] {
  const workers = [...fleet.workers.values()].sort(byLeases);
  const target = Math.min(
    Math.max(1, Math.ceil(fleet.leases / Math.max(1, workers.length))),
    options.maxLeasesForWorker,
  );
  const moves: Move[] = [];
  let low = 0;
  let high = workers.length - 1;
  while (low < high) {
    const [to, from] = [workers[low], workers[high]] as [WorkerLoad, WorkerLoad];
    if (to.leases >= target) low += 1;
    else if (from.leases <= target) high -= 1;
    else {
      const counted = from.movable.pop();
      if (counted === undefined) high -= 1;
      else {
        from.leases -= 1;
        to.leases += 1;
        const { leaseKey, leaseOwner } = counted.observed.lease;
        moves.push({ leaseKey, from: leaseOwner, to: to.workerIdentifier, reason: 'balance' });
      }
    }
  }
  return moves;
}

function byLeases(a: WorkerLoad, b: WorkerLoad): number {
  return a.leases - b.leases || (a.workerIdentifier < b.workerIdentifier ? -1 : 1);
}
