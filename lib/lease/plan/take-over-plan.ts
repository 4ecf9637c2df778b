import { isEnded } from '../lease.ts';
import type { AssignmentPlan, Move, ObservedLease } from './utilization-types.ts';

/**
 * The plan of the one process that computes an application for all shards: its workers take every lease at once, also from
 * a worker that lives, since the epoch that this process holds is the fence and nobody else may commit (design section 8).
 * Among themselves they share by the plan that is given.
 */
export function takingOver(plan: AssignmentPlan, own: ReadonlySet<string>): AssignmentPlan {
  return (input) => {
    const workers = input.workers.filter(({ workerIdentifier }) => own.has(workerIdentifier));
    const foreign = input.leases.filter((one) => isForeign(one, own));
    const rest = input.leases.filter((one) => !foreign.includes(one));
    const names = workers.map(({ workerIdentifier }) => workerIdentifier).sort();
    const moves = foreign.map(({ lease }, index): Move => {
      const to = names[index % names.length] as string;
      return { leaseKey: lease.leaseKey, from: lease.leaseOwner, to, reason: 'epoch' };
    });
    return [...moves, ...plan({ ...input, leases: rest, workers })];
  };
}

function isForeign({ lease }: ObservedLease, own: ReadonlySet<string>): boolean {
  return lease.leaseOwner !== undefined && !own.has(lease.leaseOwner) && !isEnded(lease);
}
