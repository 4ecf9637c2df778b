import { assignFreeLeases } from './utilization-assign.ts';
import { balanceFleet } from './utilization-balance.ts';
import { percentageToReachAverage } from './utilization-candidates.ts';
import { readFleet } from './utilization-fleet.ts';
import type { AssignmentPlan } from './utilization-types.ts';

/**
 * KCL 3's WORKER_UTILIZATION_AWARE strategy (kcl.md 2.4): every worker comes near the fleet's average of each metric
 * that it reports, in practice CPU.
 *
 * 1. Leases that nobody reads go to the workers with the most room below the average, the longest waiting first.
 * 2. On runs that balance, workers more than 10 % off the average make the fleet move leases, but only 60 % of what
 *    would be needed, and never onto a worker that would then be above the average.
 *
 * What design 5.7 changes: leases at SHARD_END are no load and stay where they are; a lease being handed over counts for
 * its next owner and moves only after its time is up; a worker is balanced only by metrics newer than its last move.
 *
 * O(leases log workers) beside the sorting of leases by name.
 */
export const planByUtilization: AssignmentPlan = (input) => {
  const fleet = readFleet(input);
  const assigned = assignFreeLeases(fleet, input.options, percentageToReachAverage);
  return input.balance ? [...assigned, ...balanceFleet(fleet, input.options, input.random)] : assigned;
};
