import type { Lease } from '../lease.ts';
import type { AssignOptions, AssignPlan, ObservedLease } from './assign-plan.ts';

/** A lease to give up, and the worker to give it to; to nobody when there is none. */
export interface Release {
  readonly lease: Lease;
  readonly to: string | undefined;
}

/**
 * Where the leases of a worker that stops go: where the assign plan would put them if nobody held them and the worker were
 * not there. A lease that the plan gives to nobody is released without an owner.
 */
export function planRelease(
  plan: AssignPlan,
  leases: readonly ObservedLease[],
  otherWorkers: readonly string[],
  workerIdentifier: string,
  options: AssignOptions,
  nowMillis: number,
): readonly Release[] {
  const mine = leases.filter(({ lease }) => lease.leaseOwner === workerIdentifier);
  const freed = leases.map((observed) =>
    observed.lease.leaseOwner === workerIdentifier ? { ...observed, lease: withoutOwner(observed.lease) } : observed,
  );
  const targets = new Map(
    plan(freed, otherWorkers, options, nowMillis).map((move) => [move.leaseKey, move.to] as const),
  );
  return mine.map(({ lease }) => ({ lease, to: targets.get(lease.leaseKey) }));
}

function withoutOwner(lease: Lease): Lease {
  const { leaseOwner: _, ...rest } = lease;
  return rest;
}
