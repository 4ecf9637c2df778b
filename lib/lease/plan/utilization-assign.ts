import { Candidates, type Room } from './utilization-candidates.ts';
import type { CountedLease, Fleet, WorkerLoad } from './utilization-fleet.ts';
import type { AssignmentOptions, Move } from './utilization-types.ts';

/**
 * Gives out unowned, expired and timed-out leases in their order, each to the worker with the most room, until no
 * worker may take another (kcl.md 2.4 step 6).
 *
 * A lease goes back to the worker that let it expire only when there is no other, and then nothing needs to be written:
 * that worker finds it under its own name. A handoff that did not end goes to its next owner, for whom it is
 * counted already, so that the decision of an earlier plan is carried out rather than made anew.
 */
export function assignFreeLeases(fleet: Fleet, options: AssignmentOptions, room: Room): readonly Move[] {
  const candidates = new Candidates(fleet, options, fleet.workers.values(), room);
  const moves: Move[] = [];
  for (const counted of fleet.free) {
    const { leaseKey, leaseOwner, checkpointOwner } = counted.observed.lease;
    const reason = leaseOwner === undefined ? 'unowned' : 'expired';
    const nextOwner = nextOwnerOf(counted, fleet, options);
    if (nextOwner !== undefined) {
      moves.push({ leaseKey, from: leaseOwner, to: nextOwner.workerIdentifier, reason });
      continue;
    }
    const isPending = checkpointOwner !== undefined;
    const silent = checkpointOwner ?? leaseOwner;
    const to = candidates.pollOther(silent) ?? (isPending ? candidates.poll() : undefined);
    if (to === undefined) continue;
    candidates.give(counted, to);
    moves.push({ leaseKey, from: leaseOwner, to: to.workerIdentifier, reason });
  }
  return moves;
}

/** The worker that a handoff was meant for, if it still reports and the lease does not put it over a limit. */
function nextOwnerOf({ observed }: CountedLease, fleet: Fleet, options: AssignmentOptions): WorkerLoad | undefined {
  const { leaseOwner, checkpointOwner } = observed.lease;
  if (checkpointOwner === undefined || leaseOwner === undefined) return undefined;
  const worker = fleet.workers.get(leaseOwner);
  if (worker === undefined) return undefined;
  const hasRoom =
    worker.leases <= options.maxLeasesForWorker && worker.throughputKBps <= options.maxThroughputPerHostKBps;
  return hasRoom ? worker : undefined;
}
