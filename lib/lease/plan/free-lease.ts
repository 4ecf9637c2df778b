import type { AssignmentOptions, ObservedLease } from './utilization-types.ts';

/** Whether the lease's counter has stood still for too long. */
export function isExpired(observed: ObservedLease, options: AssignmentOptions, nowMillis: number): boolean {
  const afterMillis = observed.expiresAfterMillis ?? options.failoverTimeMillis;
  return nowMillis - observed.unchangedSinceMillis > afterMillis;
}

/** Whether a lease needs an owner whatever the loads are: it has none, nobody renews it, or its handoff did not end in time. */
export function mustBeGivenOut(observed: ObservedLease, options: AssignmentOptions, nowMillis: number): boolean {
  const { leaseOwner, checkpointOwner } = observed.lease;
  if (leaseOwner === undefined || isExpired(observed, options, nowMillis)) return true;
  return checkpointOwner !== undefined && observed.handoffTimedOut === true;
}
