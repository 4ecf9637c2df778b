import { comparePositions, formatPosition, isInitialSentinel } from '../../base/position.ts';
import type { ShardProgress } from '../../engine/commit/manifest.ts';
import type { EventSink } from '../../event/bus.ts';
import { type Lease, isEnded } from '../../lease/lease.ts';
import { type LeaseWrite, seekLease } from '../../lease/lease-write.ts';
import type { StateTables } from './state-tables.ts';

/** A lease that is further than what was committed, and the write that brings it back there. */
export interface Misaligned {
  readonly lease: Lease;
  readonly shard: ShardProgress;
  readonly write: LeaseWrite;
}

/**
 * Which leases of an application with one commit for all shards are further than that commit; pure. The leases follow it as
 * a mirror, so one that is ahead was moved by somebody else, or is left of a seek or rewind whose leases were not written
 * any more. A lease at its end would never be read again, so it must be brought back before reading begins; one that is
 * behind is no harm, since reading begins at the commit.
 */
export function planAlignment(shards: readonly ShardProgress[], leases: readonly Lease[]): readonly Misaligned[] {
  const byShard = new Map(leases.map((lease) => [lease.leaseKey, lease]));
  return shards.flatMap((shard): Misaligned[] => {
    const lease = byShard.get(shard.shardId);
    const { position, initialTimestampMillis } = shard;
    if (lease === undefined || position.kind === 'SHARD_END') return [];
    const isAhead = isEnded(lease) || comparePositions(lease.checkpoint, position) > 0;
    // LATEST and a time mean what the commit says: after a seek the lease may have none, or another.
    const meansElse = isInitialSentinel(position) && initialTimestampMillis !== lease.initialTimestampMillis;
    if (!isAhead && !(meansElse && initialTimestampMillis !== undefined)) return [];
    // There are records after a place that the lease was ahead of, and nobody knows since when: its own must be there.
    const since = isAhead && position.kind === 'SEQUENCE' ? 0 : undefined;
    return [{ lease, shard, write: seekLease(lease, position, initialTimestampMillis, {}, since) }];
  });
}

/** What {@link alignRows} works with. */
export interface AlignOptions {
  readonly tables: StateTables;
  readonly streamName: string;
  /** What is committed, of all streams. */
  readonly shards: readonly ShardProgress[];
  readonly events: EventSink;
}

/**
 * Brings the leases of a stream back to what is committed, before anything is read; each is told of. For the holder of the
 * epoch alone. A row that changes meanwhile is left to the next start: its shard is read from the commit all the same.
 */
export async function alignRows(
  { tables, streamName, shards, events }: AlignOptions,
  signal: AbortSignal,
): Promise<void> {
  const own = shards.filter((shard) => shard.streamName === streamName);
  if (own.length === 0) return;
  for (const { lease, shard, write } of planAlignment(own, await tables.leases(signal))) {
    const written = await tables.writeLease(write, signal);
    if (written.outcome !== 'applied') continue;
    const [was, is] = [formatPosition(lease.checkpoint), formatPosition(shard.position)];
    events.publish({
      type: 'fault.seen',
      code: 'MR_FOREIGN_WORKER',
      message: `the lease of shard ${shard.shardId} was at ${was}, and ${is} is committed: another client has moved it, or a seek was not finished. It is back at the commit, where reading goes on`,
      subject: { shard: shard.shardId, stream: streamName },
    });
  }
}

/** Of shards whose end is committed, those whose leases say so, too, or are gone. */
export async function endedRows(
  tables: StateTables,
  shards: readonly ShardProgress[],
  signal: AbortSignal,
): Promise<readonly ShardProgress[]> {
  const ended: ShardProgress[] = [];
  for (const shard of shards) {
    const lease = await tables.lease(shard.shardId, signal);
    if (lease === undefined || isEnded(lease)) ended.push(shard);
  }
  return ended;
}
