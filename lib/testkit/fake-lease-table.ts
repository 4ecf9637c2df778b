import { raceAbort } from '../base/abort.ts';
import { type LeaderLock, type Lease, type WorkerRow, isEnded } from '../lease/lease.ts';
import {
  type Coordination,
  type LeaseTable,
  type LockCondition,
  type ScanConsistency,
  type TableSnapshot,
  type WriteOutcome,
  workerKeyTaken,
} from '../lease/lease-table.ts';
import type { LeaseCondition, LeaseWrite } from '../lease/lease-write.ts';

/** The calls of a lease table, for {@link FakeLeaseTable.intercept}. */
export type LeaseTableCall =
  | { readonly name: 'open' | 'coordination' }
  | { readonly name: 'deleteLock'; readonly lock: LeaderLock }
  | { readonly name: 'scan' | 'readLock'; readonly consistency: ScanConsistency }
  | { readonly name: 'writeLock'; readonly lock: LeaderLock; readonly condition: LockCondition }
  | { readonly name: 'deleteEnded'; readonly lease: Lease }
  | { readonly name: 'listKeysOwnedBy' | 'get' | 'deleteWorker'; readonly key: string }
  | { readonly name: 'createIfAbsent'; readonly lease: Lease }
  | { readonly name: 'putWorker'; readonly row: WorkerRow }
  | { readonly name: 'write'; readonly write: LeaseWrite };

/**
 * Sees every call before it is done. It may throw (the call is not applied), wait, or return a function that is called
 * after the call was applied and may throw then (a write that was applied but reported as failed) or wait (an answer
 * that is long on its way). A caller that gives up while it waits is told so at once, and the call is applied all the
 * same when the wait is over, as a request that is under way would be.
 */
export type LeaseTableInterceptor = (call: LeaseTableCall) => Promise<AfterCall | void> | AfterCall | void;

/** A row of the table that has come, changed or gone; `before` or `after` is absent when it was not there. */
export type RowChange =
  | { readonly kind: 'lease'; readonly before: Lease | undefined; readonly after: Lease | undefined }
  | { readonly kind: 'worker'; readonly before: WorkerRow | undefined; readonly after: WorkerRow | undefined }
  | { readonly kind: 'lock'; readonly before: LeaderLock | undefined; readonly after: LeaderLock | undefined };

/** What an interceptor does after the call was applied. */
export type AfterCall = () => Promise<void> | void;

/**
 * A lease table in memory with the conditions of the real one; several workers may share it. It passes the same
 * conformance suite as the table in DynamoDB.
 */
export class FakeLeaseTable implements LeaseTable {
  readonly #leases = new Map<string, Lease>();
  readonly #workers = new Map<string, WorkerRow>();
  #lock: LeaderLock | undefined;
  #opened = false;
  /** Set to observe, delay or fail calls. */
  intercept: LeaseTableInterceptor = () => {};
  /** Set to hear of every change of a row, in line with it. */
  observe: (change: RowChange) => void = () => {};

  /** The rows as they are, for assertions. */
  get rows(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  /** The worker rows as they are, for assertions. */
  get workerRows(): readonly WorkerRow[] {
    return [...this.#workers.values()];
  }

  /** Sets a row directly, as a foreign client would. */
  putRow(lease: Lease): void {
    this.#setLease(lease.leaseKey, lease);
  }

  /** Deletes a row directly, as a foreign client would. */
  deleteRow(leaseKey: string): void {
    this.#setLease(leaseKey, undefined);
  }

  /** Sets a worker's row directly, as a foreign client would. */
  putWorkerRow(row: WorkerRow): void {
    this.#setWorker(row.workerIdentifier, row);
  }

  /** The lock row as it is, for assertions. */
  get lock(): LeaderLock | undefined {
    return this.#lock;
  }

  open(signal: AbortSignal): Promise<{ created: boolean; coordination: Coordination }> {
    return this.#call({ name: 'open' }, signal, () => {
      const created = !this.#opened;
      this.#opened = true;
      return { created, coordination };
    });
  }

  coordination(signal: AbortSignal): Promise<Coordination> {
    return this.#call({ name: 'coordination' }, signal, () => coordination);
  }

  deleteEnded(lease: Lease, signal: AbortSignal): Promise<boolean> {
    return this.#call({ name: 'deleteEnded', lease }, signal, () => {
      const row = this.#leases.get(lease.leaseKey);
      if (row === undefined) return false;
      if (!isEnded(row) || row.leaseCounter !== lease.leaseCounter) return false;
      this.#setLease(lease.leaseKey, undefined);
      return true;
    });
  }

  readLock(signal: AbortSignal, consistency: ScanConsistency = 'consistent'): Promise<LeaderLock | undefined> {
    return this.#call({ name: 'readLock', consistency }, signal, () => this.#lock);
  }

  writeLock(lock: LeaderLock, condition: LockCondition, signal: AbortSignal): Promise<boolean> {
    return this.#call({ name: 'writeLock', lock, condition }, signal, () => {
      if (!lockHolds(condition, this.#lock)) return false;
      this.#setLock(lock);
      return true;
    });
  }

  deleteLock(lock: LeaderLock, signal: AbortSignal): Promise<boolean> {
    return this.#call({ name: 'deleteLock', lock }, signal, () => {
      const isMine = lockHolds({ type: 'mine', ...lock }, this.#lock);
      if (isMine) this.#setLock(undefined);
      return isMine;
    });
  }

  scan(signal: AbortSignal, consistency: ScanConsistency = 'consistent'): Promise<TableSnapshot> {
    return this.#call({ name: 'scan', consistency }, signal, () => ({ leases: this.rows, workers: this.workerRows }));
  }

  listKeysOwnedBy(workerIdentifier: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#call({ name: 'listKeysOwnedBy', key: workerIdentifier }, signal, () =>
      this.rows.filter((lease) => lease.leaseOwner === workerIdentifier).map((lease) => lease.leaseKey),
    );
  }

  get(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined> {
    return this.#call({ name: 'get', key: leaseKey }, signal, () => this.#leases.get(leaseKey));
  }

  createIfAbsent(lease: Lease, signal: AbortSignal): Promise<boolean> {
    return this.#call({ name: 'createIfAbsent', lease }, signal, () => {
      if (this.#leases.has(lease.leaseKey)) return false;
      this.#setLease(lease.leaseKey, lease);
      return true;
    });
  }

  write(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome> {
    return this.#call({ name: 'write', write }, signal, (): WriteOutcome => {
      const row = this.#leases.get(write.leaseKey);
      if (row === undefined || !holds(write.condition, row)) return { outcome: 'refused', lease: row };
      const lease = applied(write, row);
      this.#setLease(write.leaseKey, lease);
      return { outcome: 'applied', lease };
    });
  }

  putWorker(row: WorkerRow, signal: AbortSignal): Promise<void> {
    return this.#call({ name: 'putWorker', row }, signal, () => {
      if (this.#leases.has(row.workerIdentifier)) throw workerKeyTaken(row.workerIdentifier);
      this.#setWorker(row.workerIdentifier, row);
    });
  }

  deleteWorker(row: WorkerRow, signal: AbortSignal): Promise<void> {
    return this.#call({ name: 'deleteWorker', key: row.workerIdentifier }, signal, () => {
      const now = this.#workers.get(row.workerIdentifier)?.reportCounter;
      if (now === undefined || row.reportCounter === undefined || now > row.reportCounter) return;
      this.#setWorker(row.workerIdentifier, undefined);
    });
  }

  #setLease(leaseKey: string, after: Lease | undefined): void {
    const before = this.#leases.get(leaseKey);
    if (after === undefined) this.#leases.delete(leaseKey);
    else this.#leases.set(leaseKey, after);
    this.observe({ kind: 'lease', before, after });
  }

  #setWorker(workerIdentifier: string, after: WorkerRow | undefined): void {
    const before = this.#workers.get(workerIdentifier);
    if (after === undefined) this.#workers.delete(workerIdentifier);
    else this.#workers.set(workerIdentifier, after);
    this.observe({ kind: 'worker', before, after });
  }

  #setLock(after: LeaderLock | undefined): void {
    const before = this.#lock;
    this.#lock = after;
    this.observe({ kind: 'lock', before, after });
  }

  async #call<T>(call: LeaseTableCall, signal: AbortSignal, action: () => T): Promise<T> {
    signal.throwIfAborted();
    return raceAbort(this.#serve(call, action), signal);
  }

  async #serve<T>(call: LeaseTableCall, action: () => T): Promise<T> {
    const after = await this.intercept(call);
    const answer = action();
    await after?.();
    return answer;
  }
}

const coordination: Coordination = { tables: 'single', mayLead: true };

function lockHolds(condition: LockCondition, lock: LeaderLock | undefined): boolean {
  switch (condition.type) {
    case 'absent':
      return lock === undefined;
    case 'released':
      return lock?.isReleased === true;
    case 'unchanged':
      return lock?.recordVersionNumber === condition.recordVersionNumber;
    case 'mine':
      return lock?.recordVersionNumber === condition.recordVersionNumber && lock.ownerName === condition.ownerName;
  }
}

function holds(condition: LeaseCondition, row: Lease): boolean {
  return (Object.entries(condition) as [keyof LeaseCondition, string | number | null][]).every(([field, expected]) =>
    expected === null ? row[field] === undefined : row[field] === expected,
  );
}

function applied(write: LeaseWrite, row: Lease): Lease {
  const next: { -readonly [K in keyof Lease]: Lease[K] } = { ...row, ...write.set };
  for (const field of write.clear) {
    delete next[field];
    if (field === 'pendingCheckpoint') delete next.pendingCheckpointState;
  }
  for (const field of write.increment) next[field] += 1;
  if (write.add !== undefined) {
    next.engineInherit = [...new Set([...(row.engineInherit ?? []), ...write.add.engineInherit])];
  }
  return next;
}
