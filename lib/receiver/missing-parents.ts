import type { Shard } from '../kinesis/shard.ts';

/**
 * Which parents of a new shard must get a lease before it does, ancestors first. A shard waits for the leases of its parents,
 * and a parent without one counts as finished (it is past retention). After fast resharding that would be wrong:
 *
 *   1. shard A is split into B and C, and C is merged with D into E, before anybody has read A or D
 *   2. D is read to its end first, and E gets its lease; C has none yet, because A is still being read
 *   3. E would start, and C's records would come after E's: order is lost
 *
 * So every unleased parent is leased, and so are those of its unleased ancestors that descend from a leased shard. Ancestors
 * above that were closed before the application began, and stay unread.
 */
export function missingParents(
  parentShardIds: readonly string[],
  shards: readonly Shard[],
  leased: ReadonlySet<string>,
): readonly Shard[] {
  const listed = new Map(shards.map((shard) => [shard.shardId, shard]));
  const missing = new Map<string, Shard>();
  const known = new Map<string, boolean>();
  /** Whether the shard is leased or descends from a leased shard; what is unleased on the way is added, ancestors first. */
  const visit = (shardId: string): boolean => {
    if (leased.has(shardId)) return true;
    const shard = listed.get(shardId);
    if (shard === undefined) return false;
    const before = known.get(shardId);
    if (before !== undefined) return before;
    const descends = shard.parentShardIds.map(visit).includes(true);
    known.set(shardId, descends);
    if (descends) missing.set(shardId, shard);
    return descends;
  };
  for (const shardId of parentShardIds) {
    const shard = listed.get(shardId);
    if (!visit(shardId) && shard !== undefined) missing.set(shardId, shard);
  }
  return [...missing.values()];
}
