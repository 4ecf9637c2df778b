import type { EventSink } from '../event/bus.ts';
import type { Lease } from './lease.ts';
import type { LeaseTable } from './lease-table.ts';
import { type HashHole, findLeaseHole, sameHole } from './plan/hash-coverage.ts';
import type { ShardSyncer } from './shard-syncer.ts';

/** What a {@link ShardAuditor} needs. */
export interface ShardAuditorOptions {
  readonly table: LeaseTable;
  readonly syncer: ShardSyncer;
  readonly events: EventSink;
  /** Whether this worker may still write as the leader; asked before each write. */
  readonly isLeader: () => boolean;
}

/**
 * Looks for a part of the hash space that no lease covers, and repairs it. Children are written before their parent's
 * SHARD_END, so a view torn over time cannot show the same hole twice: one confirming, consistent scan that starts after the
 * first has ended is enough (KCL: three looks, six minutes). A false repair would only create a lease early.
 */
export class ShardAuditor {
  readonly #options: ShardAuditorOptions;

  constructor(options: ShardAuditorOptions) {
    this.#options = options;
  }

  /** Looks at the leases of a scan that has ended; repairs a hole that a second scan confirms. */
  async audit(leases: readonly Lease[], signal: AbortSignal): Promise<void> {
    const { table, syncer, isLeader } = this.#options;
    const suspected = findLeaseHole(leases);
    if (suspected === undefined) return;
    const again = findLeaseHole((await table.scan(signal, 'consistent')).leases);
    const confirmed = sameHole(suspected, again);
    this.#tell(suspected, confirmed);
    if (confirmed) await syncer.sync(signal, isLeader);
  }

  #tell(hole: HashHole, confirmed: boolean): void {
    const { events } = this.#options;
    events.publish({ type: 'lease.hole', from: hole.from.toString(), to: hole.to.toString(), confirmed });
  }
}
