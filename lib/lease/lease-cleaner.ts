import type { EventSink } from '../event/bus.ts';
import type { Lease } from './lease.ts';
import type { LeaseTable } from './lease-table.ts';
import { planCleanup } from './plan/cleanup-plan.ts';

/** What a {@link LeaseCleaner} needs. */
export interface LeaseCleanerOptions {
  readonly table: LeaseTable;
  readonly events: EventSink;
  /** Whether this worker may still write as the leader; asked before each write. */
  readonly isLeader: () => boolean;
}

/** Deletes the leases of shards that were read to their end and whose children are being read. */
export class LeaseCleaner {
  readonly #options: LeaseCleanerOptions;

  constructor(options: LeaseCleanerOptions) {
    this.#options = options;
  }

  /**
   * One round on what the leader has scanned. The view may be old: then a child that is being read looks unread, or a parent
   * that is gone looks present, and a row stays for another round. Each delete is conditional on the row being still at
   * SHARD_END with the counter as seen: a seek in between keeps the row.
   */
  async clean(leases: readonly Lease[], signal: AbortSignal): Promise<void> {
    const { table, events, isLeader } = this.#options;
    for (const lease of planCleanup(leases)) {
      if (!isLeader()) return;
      if (await table.deleteEnded(lease, signal)) events.publish({ type: 'lease.deleted', leaseKey: lease.leaseKey });
    }
  }
}
