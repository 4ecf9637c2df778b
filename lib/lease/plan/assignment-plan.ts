import { planLeaseCountBased } from './lease-count-plan.ts';
import { planByUtilization } from './utilization-plan.ts';
import type {
  AssignmentOptions,
  AssignmentPlan,
  LeaseAssignmentStrategy,
  Move,
  ObservedLease,
} from './utilization-types.ts';
import { isExpired } from './free-lease.ts';
import { isEnded } from '../lease.ts';

const plans: Readonly<Record<LeaseAssignmentStrategy, AssignmentPlan>> = {
  WORKER_UTILIZATION_AWARE: planByUtilization,
  LEASE_COUNT_BASED: planLeaseCountBased,
};

/** The plan of a strategy; KCL's default is WORKER_UTILIZATION_AWARE. */
export function chooseAssignmentPlan(strategy: LeaseAssignmentStrategy = 'WORKER_UTILIZATION_AWARE'): AssignmentPlan {
  return plans[strategy];
}

/**
 * How a leader writes a move (kcl.md 2.4 step 8): a handoff where a live worker reads the lease, so that it finishes and
 * nothing is repeated; else an assignment, which cuts off whoever has the lease.
 *
 * A lease that has expired, that nobody owns, whose shard has ended, or whose handoff is under way already is assigned.
 */
export function writeOf(
  move: Move,
  observed: ObservedLease,
  options: AssignmentOptions,
  nowMillis: number,
): 'assign' | 'handoff' {
  const { lease } = observed;
  if (!options.isGracefulLeaseHandoffEnabled || move.from === undefined) return 'assign';
  if (lease.checkpointOwner !== undefined || isEnded(lease)) return 'assign';
  return isExpired(observed, options, nowMillis) ? 'assign' : 'handoff';
}
