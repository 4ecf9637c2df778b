import { type Lease, isEnded } from '../lease/lease.ts';

/** What a bounded run needs to know of a shard that this worker reads. */
export interface BoundedShard {
  readonly isAtBound: boolean;
  readonly isWaitingForParents: boolean;
}

/** One look at the application: the rows, who lives, and what this worker reads. */
export interface BoundedRunView {
  readonly leases: readonly Lease[];
  readonly liveWorkers: readonly string[];
  readonly workerIdentifier: string;
  readonly shardOf: (leaseKey: string) => BoundedShard | undefined;
}

/**
 * Whether a bounded run has nothing more to do: every lease is ended, read to the bound here, or in the hands of another
 * worker that lives. Only the row tells that a shard is ended: the children's leases came before it, so a look that shows
 * the end shows them too.
 */
export function isBoundedRunDone(view: BoundedRunView): boolean {
  const { leases, liveWorkers, workerIdentifier, shardOf } = view;
  const isDone = (lease: Lease): boolean => {
    if (isEnded(lease)) return true;
    const owner = lease.leaseOwner;
    if (owner !== workerIdentifier) return owner !== undefined && liveWorkers.includes(owner);
    const shard = shardOf(lease.leaseKey);
    if (shard === undefined || !shard.isWaitingForParents) return shard?.isAtBound === true;
    // The child of a merge, one of whose parents stopped at the bound and so will never end: its records come after it.
    return lease.parentShardIds.some((parent) => shardOf(parent)?.isAtBound === true);
  };
  // A table without leases is one that is not set up yet.
  return leases.length > 0 && leases.every(isDone);
}
