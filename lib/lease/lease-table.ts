import { MillraceError } from '../base/error.ts';
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
  /** Keys of the leases that a worker owns, by the owner index, which may lag behind; by a scan where there is no index. */
  listKeysOwnedBy(workerIdentifier: string, signal: AbortSignal): Promise<readonly string[]>;
  /** One row, consistently read. */
  get(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** Creates the row unless its key exists; `false` when it did. */
  createIfAbsent(lease: Lease, signal: AbortSignal): Promise<boolean>;
  write(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /**
   * Writes a worker's own row, whole and over whatever it was before, as KCL does.
   * @throws MillraceError `MR_CONFIG_INVALID` when the key is that of a lease or of a row of another kind
   */
  putWorker(row: WorkerRow, signal: AbortSignal): Promise<void>;
  /** Removes a worker's row unless it was reported anew since the one given; a row of a Java worker stays. */
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
