import { type Lease, isEnded } from '../lease.ts';
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

/**
 * The same for a worker that knows only of some others that they live. A lease given to a dead worker would wait for F; a
 * lease given to nobody waits for the leader's next look. So the leases go to the workers known to live if that leaves
 * nobody with more than a plan over all would; else those go that the plan over all gives to one of them.
 */
export function planReleaseToProven(
  plan: AssignmentPlan,
  input: Omit<AssignmentInput, 'balance'>,
  proven: ReadonlySet<string>,
  workerIdentifier: string,
): readonly Release[] {
  const byAll = planRelease(plan, input, workerIdentifier);
  const workers = input.workers.filter((worker) => proven.has(worker.workerIdentifier));
  if (workers.length === input.workers.length) return byAll;
  const byProven = planRelease(plan, { ...input, workers }, workerIdentifier);
  const isComplete = byProven.every(({ to }, index) => to !== undefined || byAll[index]?.to === undefined);
  if (isComplete && mostLeases(input, byProven) <= mostLeases(input, byAll)) return byProven;
  return byAll.map(({ lease, to }) => ({ lease, to: to !== undefined && proven.has(to) ? to : undefined }));
}

/** The most leases that a worker would have that is given any. */
function mostLeases(input: Omit<AssignmentInput, 'balance'>, releases: readonly Release[]): number {
  const given = new Map<string, number>();
  for (const { to } of releases) if (to !== undefined) given.set(to, (given.get(to) ?? 0) + 1);
  const loads = [...given].map(([worker, count]) => {
    const held = input.leases.filter(({ lease }) => lease.leaseOwner === worker && !isEnded(lease));
    return held.length + count;
  });
  return Math.max(0, ...loads);
}

/** Who may write the lease: the old owner as long as a handoff is pending. */
export function ownerNow(lease: Lease): string | undefined {
  return lease.checkpointOwner ?? lease.leaseOwner;
}

function withoutOwner(lease: Lease): Lease {
  const { leaseOwner: _, checkpointOwner: __, ...rest } = lease;
  return rest;
}
