import type { ChildShard } from '../kinesis/kinesis-api.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { Lease } from '../lease/lease.ts';
import type { LeaseTable } from '../lease/lease-table.ts';
import { nameChildren } from '../lease/lease-write.ts';
import { type StreamIdentity, childLease } from '../lease/plan/shard-sync-plan.ts';
import type { ShardSyncer } from '../lease/shard-syncer.ts';
import type { EventSink } from '../event/bus.ts';
import { formatPosition } from '../base/position.ts';

/** What it takes to lease the children of a shard. */
export interface ShardEndOptions {
  readonly table: LeaseTable;
  readonly syncer: ShardSyncer;
  readonly stream: StreamIdentity;
  readonly listShards: (at: undefined, signal: AbortSignal) => Promise<readonly Shard[]>;
  readonly events: EventSink;
}

/**
 * Leases the children of a shard that was read to its end, and names them on its row. It comes before SHARD_END is
 * written, so nobody ever sees an ended parent without its children (design 5.8). Doing it twice changes nothing.
 */
export async function leaseChildren(
  parent: Lease,
  told: readonly ChildShard[],
  options: ShardEndOptions,
  signal: AbortSignal,
): Promise<void> {
  const { table, stream, events } = options;
  const children = told.length > 0 ? told : await listedChildren(parent.leaseKey, options, signal);
  if (children.length === 0) return;
  await ensureOtherParents(parent, children, options, signal);
  for (const child of children) {
    const lease = childLease(child, stream);
    if (!(await table.createIfAbsent(lease, signal))) continue;
    events.publish({
      type: 'lease.created',
      leaseKey: lease.leaseKey,
      checkpoint: formatPosition(lease.checkpoint),
    });
  }
  const names = children.map((child) => child.shardId);
  if (names.some((name) => !parent.childShardIds.includes(name))) {
    await table.write(nameChildren(parent.leaseKey, names), signal);
  }
}

async function listedChildren(
  shardId: string,
  options: ShardEndOptions,
  signal: AbortSignal,
): Promise<readonly ChildShard[]> {
  const shards = await options.listShards(undefined, signal);
  return shards.filter((shard) => shard.parentShardIds.includes(shardId));
}

/**
 * A merge child waits for both parents, and a parent without a lease counts as finished. So a missing lease of the
 * other parent (a hole) is repaired before the child gets its lease: otherwise
 *
 *   1. parent A ends and leases the child
 *   2. the child finds no lease of parent B and starts
 *   3. B's records, read later, come after the child's: order is lost
 */
async function ensureOtherParents(
  parent: Lease,
  children: readonly ChildShard[],
  options: ShardEndOptions,
  signal: AbortSignal,
): Promise<void> {
  const others = new Set(children.flatMap((child) => child.parentShardIds));
  others.delete(parent.leaseKey);
  for (const other of others) {
    if ((await options.table.get(other, signal)) === undefined) {
      await options.syncer.sync(signal);
      return;
    }
  }
}
