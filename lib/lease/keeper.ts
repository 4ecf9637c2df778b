import type { KeeperOutcome, KeeperRequest } from './keeper-messages.ts';
import type { Lease } from './lease.ts';

/**
 * What holds the leases of a worker and performs all their writes: `LeaseKeeper` in this thread, or `ThreadKeeper`, which
 * speaks to one in a thread of its own.
 */
export interface Keeper {
  /** Whether another process of this worker's name has shown itself; rows under the name may be its. */
  readonly hasTwin: boolean;
  /** The leases held now, with the tenure, the checkpoint at its begin, and the owner as last seen. */
  readonly held: readonly Lease[];
  /**
   * Whether this worker may still hand out data of the tenure: it holds it, and has confirmed it within F, counted
   * from before the confirming request was sent. A lease that is found expired is lost at once.
   */
  confirmCurrent(leaseKey: string, tenure: number): boolean;
  /**
   * Begins a tenure of a lease that the table gives to this worker; answers with the row that the write returned, or
   * `undefined` when the lease is not (or no longer) this worker's.
   */
  begin(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** Renews a lease now instead of at its time, to notice a handoff that was just begun. */
  renewSoon(leaseKey: string): void;
  /** Notes bytes that were handed out of a lease; the next heartbeat carries the rate. */
  noteBytes(leaseKey: string, bytes: number): void;
  /**
   * Writes a checkpoint or releases a lease. `lost` means that the tenure is over and nothing was written. Settles within
   * F of the last confirmed write, whatever the network does.
   * @throws MillraceError a fault that ends the worker, such as `MR_ACCESS_DENIED`
   */
  ask(request: Exclude<KeeperRequest, { type: 'begin' }>): Promise<KeeperOutcome>;
  /**
   * Renews what is due, until the signal aborts; then drops what is still held.
   * @throws MillraceError the fault that ends the worker: `MR_WORKER_DUPLICATE`, `MR_ACCESS_DENIED`, ...
   */
  run(signal: AbortSignal): Promise<void>;
}
