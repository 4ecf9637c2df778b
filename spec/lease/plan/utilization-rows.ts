import { SHARD_END, TRIM_HORIZON } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { planByUtilization } from '../../../lib/lease/plan/utilization-plan.ts';
import {
  type AssignmentInput,
  type AssignmentOptions,
  type Move,
  type ObservedLease,
  type WorkerView,
  defaultAssignmentOptions,
} from '../../../lib/lease/plan/utilization-types.ts';

/** The monotonic time of every plan here. */
export const nowMillis = 1_000_000;

/** A lease that was renewed just now. */
export function row(leaseKey: string, fields: Partial<Lease> = {}): ObservedLease {
  const lease: Lease = {
    leaseKey,
    leaseCounter: 1,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint: TRIM_HORIZON,
    parentShardIds: [],
    childShardIds: [],
    ...fields,
  };
  return { lease, unchangedSinceMillis: nowMillis };
}

/** A lease whose counter has stood still for so long. */
export function silent(millis: number, observed: ObservedLease): ObservedLease {
  return { ...observed, unchangedSinceMillis: nowMillis - millis };
}

/** A lease whose shard was read to its end. */
export function ended(observed: ObservedLease): ObservedLease {
  return { ...observed, lease: { ...observed.lease, checkpoint: SHARD_END } };
}

/** Leases of one owner, named after it, one for each throughput. */
export function heldBy(leaseOwner: string, throughputs: readonly (number | undefined)[]): ObservedLease[] {
  return throughputs.map((throughputKBps, index) =>
    row(`${leaseOwner}-${String(index).padStart(3, '0')}`, {
      leaseOwner,
      ...(throughputKBps === undefined ? {} : { throughputKBps }),
    }),
  );
}

/** The same throughput a number of times. */
export function times(count: number, throughputKBps: number): number[] {
  return Array.from({ length: count }, () => throughputKBps);
}

/** A worker whose CPU was constant. */
export function busy(workerIdentifier: string, percent: number, fields: Partial<WorkerView> = {}): WorkerView {
  return { workerIdentifier, metrics: { sts: { C: [percent] }, opr: { C: [100] } }, ...fields };
}

/** The input of a plan; it balances unless told otherwise. */
export function inputOf(
  leases: readonly ObservedLease[],
  workers: readonly WorkerView[],
  options: Partial<AssignmentOptions> = {},
  other: Partial<AssignmentInput> = {},
): AssignmentInput {
  return {
    leases,
    workers,
    options: { ...defaultAssignmentOptions, ...options },
    nowMillis,
    balance: true,
    random: seededRandom(1),
    ...other,
  };
}

/** The moves as lines `key: from -> to (reason)`. */
export function planned(...args: Parameters<typeof inputOf>): string[] {
  return planByUtilization(inputOf(...args)).map(lineOf);
}

/** How many moves of a plan go from one worker to another. */
export function countMoves(moves: readonly Move[], from: string | undefined, to: string): number {
  return moves.filter((move) => move.from === from && move.to === to).length;
}

function lineOf({ leaseKey, from, to, reason }: Move): string {
  return `${leaseKey}: ${from ?? 'nobody'} -> ${to} (${reason})`;
}
