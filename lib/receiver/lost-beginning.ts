import type { Shard } from '../kinesis/shard.ts';
import type { Lease } from '../lease/lease.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';

/**
 * Whether a shard is older than the oldest record that its stream may have, so that its first records may be trimmed. Kinesis
 * answers exactly, where a read of the shard would not: a shard that was open at the horizon began before it. Whoever lists
 * a parent with it does not go by the time that it was asked for (some local services do not), or the shard began at that
 * very moment: then nothing of it is trimmed, or nobody can know.
 */
export async function beganBeforeHorizon(
  { leaseKey, parentShardIds }: Pick<Lease, 'leaseKey' | 'parentShardIds'>,
  listShards: (at: InitialPosition, signal: AbortSignal) => Promise<readonly Shard[]>,
  signal: AbortSignal,
): Promise<boolean> {
  const shards = await listShards({ type: 'TRIM_HORIZON' }, signal);
  const open = new Set(shards.map(({ shardId }) => shardId));
  return open.has(leaseKey) && !parentShardIds.some((parent) => open.has(parent));
}
