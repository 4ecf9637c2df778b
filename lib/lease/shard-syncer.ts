import type { EventSink } from '../event/bus.ts';
import { formatPosition } from '../base/position.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { LeaseTable } from './lease-table.ts';
import { markFirstSyncEnded } from './lease-write.ts';
import { type InitialPosition, type StreamIdentity, isFirstSyncOver, planShardSync } from './plan/shard-sync-plan.ts';

/** What a {@link ShardSyncer} needs. */
export interface ShardSyncerOptions {
  readonly table: LeaseTable;
  readonly stream: StreamIdentity;
  readonly initialPosition: InitialPosition;
  /** All shards that the stream still has, or those that hold the given initial position. */
  readonly listShards: (at: InitialPosition | undefined, signal: AbortSignal) => Promise<readonly Shard[]>;
  readonly serviceTimeMillis: () => number;
  readonly events: EventSink;
}

/**
 * Gives every shard of the stream its lease. Any number of workers may sync at the same time: a lease is only created
 * where its key is absent.
 */
export class ShardSyncer {
  readonly #options: ShardSyncerOptions;

  constructor(options: ShardSyncerOptions) {
    this.#options = options;
  }

  /** One sync, on a fresh view of the table and of the stream; answers with the number of leases it created. */
  async sync(signal: AbortSignal): Promise<number> {
    const { table, stream, initialPosition, listShards, serviceTimeMillis } = this.#options;
    const { leases } = await table.scan(signal);
    const at = isFirstSyncOver(leases) ? undefined : initialPosition;
    const shards = await listShards(at, signal);
    const plan = planShardSync({
      stream,
      shards,
      leases,
      initialPosition,
      serviceTimeMillis: serviceTimeMillis(),
    });
    let created = 0;
    for (const lease of plan.create) {
      if (!(await table.createIfAbsent(lease, signal))) continue;
      created += 1;
      const checkpoint = formatPosition(lease.checkpoint);
      this.#options.events.publish({ type: 'lease.created', leaseKey: lease.leaseKey, checkpoint });
    }
    if (plan.markFirstSyncEnded !== undefined) await table.write(markFirstSyncEnded(plan.markFirstSyncEnded), signal);
    return created;
  }
}
