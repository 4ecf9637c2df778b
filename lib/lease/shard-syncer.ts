import type { EventSink } from '../event/bus.ts';
import { formatPosition } from '../base/position.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { Lease } from './lease.ts';
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
  /** How long the stream keeps records; see `ShardSyncInput`. */
  readonly retentionMillis?: number;
  readonly events: EventSink;
}

/** How often a first sync is planned anew when another worker's gets in its way. */
const maximumFirstSyncPlans = 5;

/**
 * Gives every shard of the stream its lease. Any number of workers may sync at the same time: a lease is only created
 * where its key is absent.
 */
export class ShardSyncer {
  readonly #options: ShardSyncerOptions;

  constructor(options: ShardSyncerOptions) {
    this.#options = options;
  }

  /**
   * One sync, on a fresh view of the table and of the stream; answers with the number of leases it created. A leader that
   * may no longer write, by `mayWrite`, stops where it is.
   */
  async sync(signal: AbortSignal, mayWrite: () => boolean = () => true): Promise<number> {
    const { table, stream, initialPosition, listShards, serviceTimeMillis, retentionMillis } = this.#options;
    const kept = retentionMillis === undefined ? {} : { retentionMillis };
    let created = 0;
    for (let plans = 1; ; plans += 1) {
      // What LATEST means is read before the table is, so that it is never later than the end of a sync which the scan has
      // not seen:
      //
      //   1. we scan: no leases. Then our listing takes 20 s
      //   2. another worker's first sync ends; a shard is split; records are put into the children
      //   3. we list the children, and create their leases at LATEST: at the time of now those records would be skipped
      const startedAtMillis = serviceTimeMillis();
      const { leases } = await table.scan(signal);
      const isFirst = !isFirstSyncOver(leases);
      const shards = isFirst ? await this.#listFirst(signal) : await listShards(undefined, signal);
      // The pages of a listing are read one after the other: with a reshard in between it shows a shard and its descendants,
      // and only the whole lineage tells that they are.
      const lineage = isFirst ? await listShards(undefined, signal) : shards;
      if (isFirst && plans < maximumFirstSyncPlans && (await this.#hasNewLeases(leases, signal))) continue;
      const parts = { stream, shards, lineage, leases, initialPosition, ...kept };
      const plan = planShardSync({ ...parts, serviceTimeMillis: startedAtMillis });
      const stopAtOthers = isFirst && plans < maximumFirstSyncPlans;
      const count = await this.#create(plan.create, { stopAtOthers, mayWrite }, signal);
      created += count.created;
      if (count.end === 'others') continue;
      if (count.end === 'late' || !mayWrite()) return created;
      if (plan.markFirstSyncEnded !== undefined) await table.write(markFirstSyncEnded(plan.markFirstSyncEnded), signal);
      return created;
    }
  }

  /** The shards of the initial position; those of the horizon when retention has taken all that were open at that time. */
  async #listFirst(signal: AbortSignal): Promise<readonly Shard[]> {
    const { initialPosition, listShards } = this.#options;
    const shards = await listShards(initialPosition, signal);
    return shards.length > 0 ? shards : listShards({ type: 'TRIM_HORIZON' }, signal);
  }

  /**
   * Whether somebody else has created leases since the scan. A listing may take long, and the shards of a late listing have
   * ancestors that are leased meanwhile: leased by a plan that does not know them, they would be read before these.
   */
  async #hasNewLeases(before: readonly Lease[], signal: AbortSignal): Promise<boolean> {
    const { leases } = await this.#options.table.scan(signal);
    return leases.length > before.length;
  }

  /**
   * Creates the leases in their order. Two workers that make a first sync at LATEST mean different moments by it, and all
   * shards must begin at the same: both begin with the same lease, so the one that finds it created stops and plans
   * again from what it finds.
   */
  async #create(
    leases: readonly Lease[],
    { stopAtOthers, mayWrite }: { readonly stopAtOthers: boolean; readonly mayWrite: () => boolean },
    signal: AbortSignal,
  ): Promise<{ readonly created: number; readonly end: 'all' | 'others' | 'late' }> {
    const { table, events } = this.#options;
    let created = 0;
    for (const lease of leases) {
      if (!mayWrite()) return { created, end: 'late' };
      if (await table.createIfAbsent(lease, signal)) {
        created += 1;
        const checkpoint = formatPosition(lease.checkpoint);
        const parents = lease.parentShardIds.length === 0 ? {} : { parents: lease.parentShardIds };
        events.publish({ type: 'lease.created', leaseKey: lease.leaseKey, checkpoint, ...parents });
      } else if (stopAtOthers) return { created, end: 'others' };
    }
    return { created, end: 'all' };
  }
}
