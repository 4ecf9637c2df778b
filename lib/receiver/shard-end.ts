import type { ChildShard } from '../kinesis/kinesis-api.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { Lease } from '../lease/lease.ts';
import type { LeaseTable } from '../lease/lease-table.ts';
import { inheritState, nameChildren } from '../lease/lease-write.ts';
import { type InitialPosition, type StreamIdentity, childLease } from '../lease/plan/shard-sync-plan.ts';
import type { ShardSyncer } from '../lease/shard-syncer.ts';
import type { EventSink } from '../event/bus.ts';
import { formatPosition } from '../base/position.ts';
import { inheritedText } from './inherited-state.ts';
import { missingParents } from './missing-parents.ts';
import type { ReadEnd } from './shard-checkpointer.ts';

/** What it takes to lease the children of a shard. */
export interface ShardEndOptions {
  readonly table: LeaseTable;
  readonly syncer: ShardSyncer;
  readonly stream: StreamIdentity;
  readonly listShards: (at: InitialPosition | undefined, signal: AbortSignal) => Promise<readonly Shard[]>;
  readonly events: EventSink;
}

/**
 * Leases the children of a shard that was read to its end, and names them on its row. It comes before SHARD_END is
 * written, so nobody ever sees an ended parent without its children (design 5.8), nor a child without what the engine
 * committed with its parent's end (`state`). Doing it twice changes nothing.
 *
 * All records of a child are promised, however late it is opened: its row says before which time it had none, so that whoever
 * opens it can tell when retention was faster (`RetentionGuard`). What is certain is when a record of its parent arrived.
 */
export async function leaseChildren(
  parent: Lease,
  { childShards: told, openAtMillis, state }: ReadEnd,
  options: ShardEndOptions,
  signal: AbortSignal,
): Promise<void> {
  const { table, stream } = options;
  const children = told.length > 0 ? told : await listedChildren(parent.leaseKey, options, signal);
  if (children.length === 0) return;
  await ensureOtherParents(parent, children, options, signal);
  const engineInherit = state === undefined ? [] : [inheritedText(parent, state)];
  const emptyAtMillis = openAtMillis ?? stream.streamCreatedAtMillis;
  for (const child of children) await create(childLease(child, stream, emptyAtMillis), options, signal, engineInherit);
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

/** Creates a lease where it is absent; what it inherits is named on the one that is there, too. */
async function create(
  child: Lease,
  { table, events }: ShardEndOptions,
  signal: AbortSignal,
  engineInherit: readonly string[] = [],
): Promise<void> {
  const lease = { ...child, ...(engineInherit.length === 0 ? {} : { engineInherit }) };
  if (!(await table.createIfAbsent(lease, signal))) {
    if (engineInherit.length > 0) await table.write(inheritState(lease.leaseKey, engineInherit), signal);
    return;
  }
  const checkpoint = formatPosition(lease.checkpoint);
  const parents = lease.parentShardIds.length === 0 ? {} : { parents: lease.parentShardIds };
  events.publish({ type: 'lease.created', leaseKey: lease.leaseKey, checkpoint, ...parents });
}

/** Leases the other parents of merge children, so that a child cannot take them for finished; see `missingParents`. */
async function ensureOtherParents(
  parent: Lease,
  children: readonly ChildShard[],
  options: ShardEndOptions,
  signal: AbortSignal,
): Promise<void> {
  const { table, syncer, listShards } = options;
  const others = new Set(children.flatMap((child) => child.parentShardIds));
  others.delete(parent.leaseKey);
  if (!(await isAnyMissing([...others], table, signal))) return;
  // A first sync that is under way knows better where they begin.
  await syncer.sync(signal);
  if (!(await isAnyMissing([...others], table, signal))) return;
  const shards = await listShards(undefined, signal);
  const { leases } = await table.scan(signal);
  const leased = new Set(leases.map((lease) => lease.leaseKey));
  for (const shard of missingParents([...others], shards, leased)) {
    // What descends from a shard that is read is promised as a child is.
    const isPromised = shard.parentShardIds.some((shardId) => leased.has(shardId));
    if (isPromised) leased.add(shard.shardId);
    const emptyAtMillis = isPromised ? options.stream.streamCreatedAtMillis : undefined;
    await create(childLease(shard, options.stream, emptyAtMillis), options, signal);
  }
}

async function isAnyMissing(shardIds: readonly string[], table: LeaseTable, signal: AbortSignal): Promise<boolean> {
  for (const shardId of shardIds) {
    if ((await table.get(shardId, signal)) === undefined) return true;
  }
  return false;
}
