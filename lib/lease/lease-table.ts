import { MillraceError } from '../base/error.ts';
import type { LeaderLock, Lease, WorkerRow } from './lease.ts';
import type { LeaseWrite } from './lease-write.ts';

/** What became of a conditional write. A refused one brings the row as it is now, when there still is one. */
export type WriteOutcome =
  | { readonly outcome: 'applied'; readonly lease: Lease }
  | { readonly outcome: 'refused'; readonly lease: Lease | undefined };

/** What must hold of the lock row for a write of it to apply. */
export type LockCondition =
  | { readonly type: 'absent' }
  | { readonly type: 'released' }
  | { readonly type: 'unchanged'; readonly recordVersionNumber: string }
  | { readonly type: 'mine'; readonly recordVersionNumber: string; readonly ownerName: string };

/** How strongly a scan reads: a consistent one costs twice as much and sees every write that was answered before. */
export type ScanConsistency = 'consistent' | 'eventual';

/**
 * Where the rows that are no leases live (kcl.md 1.3): in the lease table (KCL 3.5), or in two tables of their own (3.0
 * to 3.4). While a fleet moves from the one to the other (`TableMigration3.5` is DEPLOYED or PENDING), Millrace follows and
 * does not lead.
 */
export interface Coordination {
  readonly tables: 'single' | 'legacy';
  readonly mayLead: boolean;
}

/** Everything that a scan of the lease table found. Rows of other kinds (KCL's leader lock and such) are left out. */
export interface TableSnapshot {
  readonly leases: readonly Lease[];
  readonly workers: readonly WorkerRow[];
}

/**
 * The lease table. A call is one attempt and rejects with a MillraceError: with reaction `retry` or `restart` the
 * outcome of a write is unknown, and the same write may be sent again, because all of them are conditional.
 */
export interface LeaseTable {
  /**
   * Makes the table with its owner index in one call unless it exists, adds the index to a table without one, waits until
   * the table is active (not the index), and checks that it is a lease table before anything is written.
   * @throws MillraceError `MR_TABLE_FOREIGN` when a table of that name has another key
   */
  open(signal: AbortSignal): Promise<{ readonly created: boolean; readonly coordination: Coordination }>;
  /** Looks again where the coordination rows live; it changes when a Java fleet migrates its tables. */
  coordination(signal: AbortSignal): Promise<Coordination>;
  /** All rows, by a paged scan. */
  scan(signal: AbortSignal, consistency?: ScanConsistency): Promise<TableSnapshot>;
  /**
   * Keys of the leases that a worker owns, by the owner index, which may lag behind; `undefined` while the index is still
   * being built.
   */
  listKeysOwnedBy(workerIdentifier: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /** One row, consistently read. */
  get(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** Creates the row unless its key exists; `false` when it did. */
  createIfAbsent(lease: Lease, signal: AbortSignal): Promise<boolean>;
  write(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /** Deletes an ended lease, on condition that it still is at SHARD_END with the counter as seen; `false` when not. */
  deleteEnded(lease: Lease, signal: AbortSignal): Promise<boolean>;
  /** The leader's lock, consistently read unless told otherwise; `undefined` when nobody has it. */
  readLock(signal: AbortSignal, consistency?: ScanConsistency): Promise<LeaderLock | undefined>;
  /** Writes the lock on a condition; `false` when it does not hold. */
  writeLock(lock: LeaderLock, condition: LockCondition, signal: AbortSignal): Promise<boolean>;
  /** Gives the lock back by deleting it, if it still is this one; `false` when it is not. */
  deleteLock(lock: LeaderLock, signal: AbortSignal): Promise<boolean>;
  /**
   * Writes a worker's own row, whole and over whatever it was before, as KCL does. Answers with the row that it replaced, so
   * that a request which was written into it is neither overlooked nor read for a price of its own.
   * @throws MillraceError `MR_CONFIG_INVALID` when the key is that of a lease or of a row of another kind
   */
  putWorker(row: WorkerRow, signal: AbortSignal): Promise<WorkerRow | undefined>;
  /**
   * Writes a request to drain into a worker's row; `false` when there is no such row, or it is none of Millrace's: a Java
   * worker would never see it.
   */
  requestDrain(workerIdentifier: string, request: string, signal: AbortSignal): Promise<boolean>;
  /** Takes a request to drain out of a worker's row again, if it still is this one; `false` when it is not. */
  cancelDrain(workerIdentifier: string, request: string, signal: AbortSignal): Promise<boolean>;
  /** Removes a worker's row unless it was reported anew since the one given. */
  deleteWorker(row: WorkerRow, signal: AbortSignal): Promise<void>;
}

/** The error for a worker whose name is the key of another row of the lease table (kcl.md 1.3). */
export function workerKeyTaken(workerIdentifier: string): MillraceError {
  return new MillraceError(
    'MR_CONFIG_INVALID',
    `workerIdentifier ${JSON.stringify(workerIdentifier)} is the key of another row of the lease table (of a lease, or of KCL's own); choose another name`,
    { subject: { worker: workerIdentifier, option: 'workerIdentifier' } },
  );
}

/** Name of the owner index: hash key `leaseOwner`, range key `leaseKey`, keys only (kcl.md 1.1). */
export const ownerIndexName = 'LeaseOwnerToLeaseKeyIndex';
