import { MillraceError } from '../../base/error.ts';
import { formatPosition } from '../../base/position.ts';
import type { ShardProgress } from '../../engine/commit/manifest.ts';
import type { Version } from '../../engine/commit/version-list.ts';
import { type Lease, isEnded } from '../../lease/lease.ts';
import { planAlignment } from './align-rows.ts';
import type { GroupView } from './group-view.ts';
import type { StateTables } from './state-tables.ts';

/** Where an application with one commit for all shards goes back to. */
export interface ApplicationRewind {
  readonly version: Version;
  /** The group as it is. */
  readonly now: GroupView;
  /** Where its shards are to be. */
  readonly shards: readonly ShardProgress[];
  /** The leases of the stream `ownStream`. */
  readonly leases: readonly Lease[];
  readonly ownStream: string;
}

/**
 * Holds a rewind to the leases that are there; pure. A shard without one is read by nobody:
 *
 *   1. shard A is split into B and C, which are read; the lease of A is deleted
 *   2. the application goes back to when half of A was counted
 *   3. B and C are read from their beginnings again, and the other half of A never is
 *
 * A shard that began after the version, and has ended since, may be named by none but the versions between.
 * @throws MillraceError `MR_CONFIG_INVALID`
 */
export function checkLeased({ version, now, shards, leases, ownStream }: ApplicationRewind): void {
  const leased = new Set(leases.map(({ leaseKey }) => leaseKey));
  const known = new Map(shards.map((shard) => [`${shard.streamName}:${shard.shardId}`, shard]));
  const since = now.versions.slice(now.versions.findIndex(({ name }) => name === version.name) + 1);
  const named = [...shards, ...since.flatMap(({ manifest }) => manifest.shards)];
  const unread = named.find(({ shardId, streamName }) => {
    const isOver = known.get(`${streamName}:${shardId}`)?.position.kind === 'SHARD_END';
    return streamName === ownStream && !isOver && !leased.has(shardId);
  });
  if (unread === undefined) return;
  const { shardId } = unread;
  const progress = version.manifest.shards.find((shard) => shard.shardId === shardId && shard.streamName === ownStream);
  const place = progress === undefined ? 'its beginning' : formatPosition(progress.position);
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${now.group} cannot go back to batch ${version.manifest.batchId}: shard ${shardId} would be read from ${place} again, and it has ended since and its lease is deleted, so that nobody would read it. ` +
      'Go back to a later version; with cleanupLeasesUponShardCompletion: false leases of ended shards are kept',
    { subject: { option: 'to', shard: shardId } },
  );
}

/**
 * Brings the leases back that are at their ends and are to be read again, at once: whoever takes the application over would
 * do it, too, but the leader may delete them before.
 */
export async function bringBack(
  tables: StateTables,
  shards: readonly ShardProgress[],
  leases: readonly Lease[],
  signal: AbortSignal,
): Promise<void> {
  for (const { lease, write } of planAlignment(shards, leases.filter(isEnded))) {
    const written = await tables.writeLease(write, signal);
    if (written.outcome === 'applied' || written.lease !== undefined) continue;
    const { checkpoint, initialTimestampMillis } = write.set;
    const { caughtUpAtMillis = 0 } = write.set;
    const { leaseOwner: _owner, checkpointOwner: _from, tenure: _tenure, ...row } = lease;
    const times = { caughtUpAtMillis, ...(initialTimestampMillis === undefined ? {} : { initialTimestampMillis }) };
    await tables.createLease({ ...row, ...times, checkpoint: checkpoint ?? lease.checkpoint }, signal);
  }
}
