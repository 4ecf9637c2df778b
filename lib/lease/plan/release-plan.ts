import type { Lease } from '../lease.ts';
import type { AssignmentInput, AssignmentPlan } from './utilization-types.ts';

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
  plan: AssignmentPlan,
  input: Omit<AssignmentInput, 'balance'>,
  workerIdentifier: string,
): readonly Release[] {
  const isMine = (lease: Lease) => ownerNow(lease) === workerIdentifier;
  const leases = input.leases.map((observed) =>
    isMine(observed.lease) ? { ...observed, lease: withoutOwner(observed.lease) } : observed,
  );
  const workers = input.workers.filter((worker) => worker.workerIdentifier !== workerIdentifier);
  const moves = plan({ ...input, leases, workers, balance: false });
  const targets = new Map(moves.map((move) => [move.leaseKey, move.to] as const));
  return input.leases
    .filter(({ lease }) => isMine(lease))
    .map(({ lease }) => ({ lease, to: targets.get(lease.leaseKey) }));
}

/** Who may write the lease: the old owner as long as a handoff is pending. */
function ownerNow(lease: Lease): string | undefined {
  return lease.checkpointOwner ?? lease.leaseOwner;
}

function withoutOwner(lease: Lease): Lease {
  const { leaseOwner: _, checkpointOwner: __, ...rest } = lease;
  return rest;
}
