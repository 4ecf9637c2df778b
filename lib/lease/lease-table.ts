import type { Lease, WorkerRow } from './lease.ts';
import type { LeaseWrite } from './lease-write.ts';

/** What became of a conditional write. A refused one brings the row as it is now, when there still is one. */
export type WriteOutcome =
  | { readonly outcome: 'applied'; readonly lease: Lease }
  | { readonly outcome: 'refused'; readonly lease: Lease | undefined };

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
   * Makes the table with its owner index in one call unless it exists, waits until it is active, and checks that it is
   * a lease table before anything is written.
   * @throws MillraceError `MR_TABLE_FOREIGN` when a table of that name has another key
   */
  open(signal: AbortSignal): Promise<{ readonly created: boolean }>;
  /** All rows, by a consistent, paged scan. */
  scan(signal: AbortSignal): Promise<TableSnapshot>;
  /** Keys of the leases that a worker owns, by the owner index, which may lag behind. */
  listKeysOwnedBy(workerIdentifier: string, signal: AbortSignal): Promise<readonly string[]>;
  /** One row, consistently read. */
  get(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** Creates the row unless its key exists; `false` when it did. */
  createIfAbsent(lease: Lease, signal: AbortSignal): Promise<boolean>;
  write(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /** Writes a worker's own row, whole and unconditional, as KCL does. */
  putWorker(row: WorkerRow, signal: AbortSignal): Promise<void>;
  /** Removes a worker's own row. */
  deleteWorker(workerIdentifier: string, signal: AbortSignal): Promise<void>;
}

/** Name of the owner index: hash key `leaseOwner`, range key `leaseKey`, keys only (kcl.md 1.1). */
export const ownerIndexName = 'LeaseOwnerToLeaseKeyIndex';
