import { type Position, comparePositions } from '../base/position.ts';
import type { HashKeyRange, Lease } from './lease.ts';

/** What must hold of the row for a write to apply. `null` means the attribute is absent. The row must exist, always. */
export interface LeaseCondition {
  readonly leaseCounter?: number;
  readonly tenure?: number;
  readonly leaseOwner?: string | null;
  readonly checkpointOwner?: string | null;
}

/** The fields that a write may set. */
export type LeaseChanges = Partial<
  Pick<
    Lease,
    | 'leaseCounter'
    | 'leaseOwner'
    | 'checkpoint'
    | 'pendingCheckpoint'
    | 'pendingCheckpointState'
    | 'ownerSwitchesSinceCheckpoint'
    | 'childShardIds'
    | 'tenure'
    | 'initialTimestampMillis'
    | 'throughputKBps'
    | 'engineState'
    | 'engineInherit'
    | 'caughtUpAtMillis'
    | 'firstSyncEnded'
    | 'checkpointOwner'
    | 'hashKeyRange'
  >
>;

/** The fields that a write may remove. */
export type ClearableField =
  | 'leaseOwner'
  | 'checkpointOwner'
  | 'pendingCheckpoint'
  | 'pendingCheckpointState'
  | 'caughtUpAtMillis'
  | 'engineState'
  | 'engineInherit';

/** One conditional, partial update of one lease row, as data. Attributes it does not name stay as they are. */
export interface LeaseWrite {
  readonly leaseKey: string;
  readonly condition: LeaseCondition;
  readonly set: LeaseChanges;
  readonly clear: readonly ClearableField[];
  /** DynamoDB's ADD: the counters to raise by 1, whatever they are. */
  readonly increment: readonly ('leaseCounter' | 'ownerSwitchesSinceCheckpoint')[];
  /** DynamoDB's ADD to a set: members to put to what is there. */
  readonly add?: { readonly engineInherit: readonly string[] };
}

/** The part of a held lease that fences its writes. */
export interface Fence {
  readonly leaseKey: string;
  readonly leaseCounter: number;
  readonly tenure: number;
  /** The next owner, once a graceful handoff of this lease was noticed. */
  readonly handoffTo?: string;
}

/**
 * Begins a tenure: an ordinary renewal (kcl.md 1.5 renewLease) that also stores `tenure` = the new counter. Position,
 * pointer and marks are taken from the item that this write returns, never from an earlier read. A row at LATEST or
 * AT_TIMESTAMP that has no timestamp yet (made by Java) gets it here from `timestampOf`, so that it is resolved once.
 */
export function beginTenure(
  lease: Lease,
  workerIdentifier: string,
  timestampOf: (sentinel: 'LATEST' | 'AT_TIMESTAMP') => number,
): LeaseWrite {
  const leaseCounter = lease.leaseCounter + 1;
  const { kind } = lease.checkpoint;
  const needsTimestamp = lease.initialTimestampMillis === undefined && (kind === 'LATEST' || kind === 'AT_TIMESTAMP');
  return {
    leaseKey: lease.leaseKey,
    condition: { leaseCounter: lease.leaseCounter, leaseOwner: workerIdentifier, checkpointOwner: null },
    set: {
      leaseCounter,
      tenure: leaseCounter,
      ...(needsTimestamp ? { initialTimestampMillis: timestampOf(kind) } : {}),
    },
    clear: [],
    increment: [],
  };
}

/**
 * Renews a held lease (kcl.md 1.5 renewLease), conditional on counter and tenure, and on no handoff having begun unless
 * this worker knows of it: that is how it hears of one.
 */
export function renewLease(fence: Fence, extras: RenewExtras = {}): LeaseWrite {
  const { leaseCounter, tenure, handoffTo } = fence;
  return {
    leaseKey: fence.leaseKey,
    condition: { leaseCounter, tenure, ...(handoffTo === undefined ? { checkpointOwner: null } : {}) },
    set: { leaseCounter: leaseCounter + 1, ...extras },
    clear: [],
    increment: [],
  };
}

/** What every heartbeat may carry. */
export interface RenewExtras {
  /** KCL's load of the lease: bytes handed out, 6 decimals. */
  readonly throughputKBps?: number;
}

/** What a checkpoint writes beside the position. */
export interface CheckpointExtras extends RenewExtras {
  readonly engineState?: string;
  readonly caughtUpAtMillis?: number;
}

/** Writes a checkpoint (kcl.md 1.5 updateLease), conditional on counter and tenure; it is a heartbeat at the same time. */
export function checkpointLease(fence: Fence, checkpoint: Position, extras: CheckpointExtras = {}): LeaseWrite {
  return {
    leaseKey: fence.leaseKey,
    condition: { leaseCounter: fence.leaseCounter, tenure: fence.tenure },
    set: { leaseCounter: fence.leaseCounter + 1, checkpoint, ownerSwitchesSinceCheckpoint: 0, ...extras },
    clear: ['pendingCheckpoint'],
    increment: [],
  };
}

/**
 * Writes a prepared checkpoint (kcl.md 2.15), with what the application says of it; the checkpoint itself stays. The next
 * checkpoint removes it. A heartbeat like every write of a held lease.
 */
export function prepareCheckpoint(
  fence: Fence,
  pendingCheckpoint: Position,
  state: Uint8Array | undefined,
  extras: RenewExtras = {},
): LeaseWrite {
  const { leaseKey, leaseCounter, tenure } = fence;
  return {
    leaseKey,
    condition: { leaseCounter, tenure },
    set: {
      leaseCounter: leaseCounter + 1,
      pendingCheckpoint,
      ...(state === undefined ? {} : { pendingCheckpointState: state }),
      ...extras,
    },
    clear: state === undefined ? ['pendingCheckpointState'] : [],
    increment: [],
  };
}

/**
 * Gives a lease that nobody holds (unowned or expired) to a worker (kcl.md 1.5 assignLease), conditional on owner and
 * counter as seen: an owner that still renews makes it fail.
 */
export function assignLease(lease: Lease, to: string): LeaseWrite {
  const { leaseOwner, checkpointOwner } = lease;
  // KCL's rule: the first owner is no switch, and neither is the end of a handoff to the owner that is named already.
  const isSwitch = (leaseOwner !== undefined && leaseOwner !== to) || checkpointOwner === to;
  return {
    leaseKey: lease.leaseKey,
    condition: {
      leaseCounter: lease.leaseCounter,
      leaseOwner: lease.leaseOwner ?? null,
      checkpointOwner: lease.checkpointOwner ?? null,
    },
    set: { leaseOwner: to },
    clear: ['checkpointOwner'],
    increment: isSwitch ? ['leaseCounter', 'ownerSwitchesSinceCheckpoint'] : ['leaseCounter'],
  };
}

/**
 * Begins a graceful handoff (kcl.md 1.5 initiateGracefulLeaseHandoff): the new owner is written down, the old one keeps the
 * right to renew and checkpoint. The counter stays as it is, deliberately.
 */
export function initiateHandoff(lease: Lease, to: string): LeaseWrite {
  const from = lease.leaseOwner as string;
  return {
    leaseKey: lease.leaseKey,
    condition: { leaseOwner: from, checkpointOwner: null },
    set: { leaseOwner: to, checkpointOwner: from },
    clear: [],
    increment: [],
  };
}

/**
 * Ends a graceful handoff (kcl.md 1.5, by the old owner): the new owner may read now. Conditional on counter and tenure
 * like every write of a held lease. It is no switch, as the rows of real Java workers show (spec/interop/fixtures).
 */
export function completeHandoff(fence: Fence, workerIdentifier: string, to: string): LeaseWrite {
  return {
    leaseKey: fence.leaseKey,
    condition: {
      leaseCounter: fence.leaseCounter,
      tenure: fence.tenure,
      leaseOwner: to,
      checkpointOwner: workerIdentifier,
    },
    set: { leaseOwner: to },
    clear: ['checkpointOwner'],
    increment: ['leaseCounter'],
  };
}

/**
 * Takes a graceful handoff back, by the new owner, which stops: the old one keeps the lease. The counter stays as it is, as at
 * the beginning of the handoff, so that an old owner that has not heard of it yet never does. On condition of both owners
 * alone, since the old one goes on renewing.
 */
export function withdrawHandoff(lease: Lease): LeaseWrite {
  const leaseOwner = lease.leaseOwner as string;
  const checkpointOwner = lease.checkpointOwner as string;
  return {
    leaseKey: lease.leaseKey,
    condition: { leaseOwner, checkpointOwner },
    set: { leaseOwner: checkpointOwner },
    clear: ['checkpointOwner'],
    increment: [],
  };
}

/**
 * Ends a graceful handoff of a lease that its old owner does not read (KCL's issue #1743: without this the next owner
 * waits for ever). By the old owner, which has no tenure to fence it, so on condition of everything that it saw:
 *
 *   1. the leader assigns a lease to A; before A begins, the leader hands it on to B
 *   2. A must not begin a lease that is being handed over, and has nothing to finish
 */
export function completeUnreadHandoff(lease: Lease): LeaseWrite {
  return assignLease(lease, lease.leaseOwner as string);
}

/** What becomes of an engine's state when its lease is moved, in the same write. */
export interface EngineMove {
  /** The text of the new pointer; `null` for none any more; absent: what is there stays. */
  readonly state?: string | null;
  /** From what the shard goes on, where it has no pointer of its own, and from nothing else; `null` for nothing any more. */
  readonly inherit?: readonly string[] | null;
}

/**
 * Moves a lease to a position, against its owner (design 5.11): checkpoint, owner and everything pending go in one write,
 * and the counter moves, so that the owner is fenced. `caughtUpAtMillis` is what the row says of the new place; see `keptTime`.
 */
export function seekLease(
  lease: Lease,
  checkpoint: Position,
  initialTimestampMillis?: number,
  engine: EngineMove = {},
  caughtUpAtMillis?: number,
): LeaseWrite {
  const { state, inherit } = engine;
  return {
    leaseKey: lease.leaseKey,
    condition: { leaseCounter: lease.leaseCounter },
    set: {
      leaseCounter: lease.leaseCounter + 1,
      checkpoint,
      ownerSwitchesSinceCheckpoint: 0,
      ...(initialTimestampMillis === undefined ? {} : { initialTimestampMillis }),
      ...(typeof state === 'string' ? { engineState: state } : {}),
      ...(inherit === undefined || inherit === null ? {} : { engineInherit: inherit }),
      ...(caughtUpAtMillis === undefined ? {} : { caughtUpAtMillis }),
    },
    clear: [
      'leaseOwner',
      'checkpointOwner',
      'pendingCheckpoint',
      // That the old place was read to the tip says nothing about the new one.
      ...(caughtUpAtMillis === undefined ? (['caughtUpAtMillis'] as const) : []),
      ...(state === null ? (['engineState'] as const) : []),
      ...(inherit === null ? (['engineInherit'] as const) : []),
    ],
    increment: [],
  };
}

/** Fills in the hash range of a lease that lacks it; leaves the counter alone. */
export function nameHashRange(leaseKey: string, range: HashKeyRange): LeaseWrite {
  return { leaseKey, condition: {}, set: { hashKeyRange: range }, clear: [], increment: [] };
}

/**
 * Gives up a held lease: to `to`, or to nobody by removing the owner (kcl.md 1.5 evictLease). Conditional on counter
 * and tenure, so that a worker which has lost the lease cannot release it under its new owner.
 */
export function releaseLease(fence: Fence, to: string | undefined): LeaseWrite {
  const condition = { leaseCounter: fence.leaseCounter, tenure: fence.tenure, checkpointOwner: null };
  if (to === undefined) {
    return { leaseKey: fence.leaseKey, condition, set: {}, clear: ['leaseOwner'], increment: ['leaseCounter'] };
  }
  return {
    leaseKey: fence.leaseKey,
    condition,
    set: { leaseOwner: to },
    clear: [],
    increment: ['leaseCounter', 'ownerSwitchesSinceCheckpoint'],
  };
}

/**
 * Takes the owner away from a lease that is given to a worker which has not begun its tenure (kcl.md 1.5 evictLease),
 * conditional on both owners and the counter as seen. During a handoff it is the old owner that goes, as in KCL: a row
 * never has a `checkpointOwner` without a `leaseOwner`.
 */
export function evictLease(lease: Lease): LeaseWrite {
  return {
    leaseKey: lease.leaseKey,
    condition: {
      leaseCounter: lease.leaseCounter,
      leaseOwner: lease.leaseOwner ?? null,
      checkpointOwner: lease.checkpointOwner ?? null,
    },
    set: {},
    clear: lease.checkpointOwner === undefined ? ['leaseOwner'] : ['checkpointOwner'],
    increment: ['leaseCounter'],
  };
}

/** Names the children on an ended parent (kcl.md 1.5 updateLeaseWithMetaInfo); leaves the counter alone, so it disturbs no owner. */
export function nameChildren(leaseKey: string, childShardIds: readonly string[]): LeaseWrite {
  return { leaseKey, condition: {}, set: { childShardIds }, clear: [], increment: [] };
}

/**
 * Names on a child's row what its parents' engine committed with their ends; leaves the counter alone, since the child may
 * have an owner already. Doing it twice changes nothing, and two parents do not overwrite each other.
 */
export function inheritState(leaseKey: string, texts: readonly string[]): LeaseWrite {
  return { leaseKey, condition: {}, set: {}, clear: [], increment: [], add: { engineInherit: texts } };
}

/** Marks a first shard sync as over on one of its leases; leaves the counter alone. */
export function markFirstSyncEnded(leaseKey: string): LeaseWrite {
  return { leaseKey, condition: {}, set: { firstSyncEnded: true }, clear: [], increment: [] };
}

/**
 * Whether a refused write of `workerIdentifier` had in fact been applied by an earlier attempt whose answer was lost:
 * the row holds exactly what was written. KCL asks this for renewals only, which is its issue #537.
 *
 * The owner is part of what was written, even by a write that does not name it:
 *
 *   1. our renewal "counter 7 -> 8" is lost on its way
 *   2. somebody assigns the lease to B: counter 8, and our tenure stays in the row until B begins its own
 *   3. we send the renewal again, and the counter of the refusal is the one that we wanted to write
 */
export function isAlreadyApplied(write: LeaseWrite, row: Lease, workerIdentifier: string): boolean {
  const { leaseCounter, tenure } = write.condition;
  const { set, clear } = write;
  if (leaseCounter === undefined || row.leaseCounter !== leaseCounter + 1) return false;
  if (tenure !== undefined && row.tenure !== (set.tenure ?? tenure)) return false;
  // During a handoff it is the old owner that still writes.
  const keeper = row.checkpointOwner ?? row.leaseOwner;
  if (keeper !== (clear.includes('leaseOwner') ? undefined : (set.leaseOwner ?? workerIdentifier))) return false;
  if (set.checkpoint !== undefined && comparePositions(row.checkpoint, set.checkpoint) !== 0) return false;
  return set.engineState === undefined || row.engineState === set.engineState;
}
