import type { Shard } from '../../../lib/kinesis/shard.ts';

/** When records of a shard were handled, by anybody. */
export interface ShardSight {
  readonly shardId: string;
  readonly atMillis: number;
}

/** The longest time that a shard was not handled for. */
export interface Silence {
  readonly shardId: string;
  readonly fromMillis: number;
  readonly millis: number;
}

/**
 * Finds the longest silence that ended after `fromMillis`. The silence of a shard that was split or merged goes on in its
 * children: theirs begins with the last record of their parents. The time after a shard's last record is no silence: if
 * something was still to come, it is missing.
 */
export function longestSilence(
  sights: readonly ShardSight[],
  shards: readonly Pick<Shard, 'shardId' | 'parentShardIds'>[],
  fromMillis: number,
): Silence | undefined {
  const timesOf = new Map<string, number[]>();
  for (const { shardId, atMillis } of sights) {
    const times = timesOf.get(shardId);
    if (times === undefined) timesOf.set(shardId, [atMillis]);
    else times.push(atMillis);
  }
  for (const times of timesOf.values()) times.sort((a, b) => a - b);
  let longest: Silence | undefined;
  for (const [shardId, times] of timesOf) {
    const parents = shards.find((shard) => shard.shardId === shardId)?.parentShardIds ?? [];
    const inherited = parents.flatMap((parent) => timesOf.get(parent)?.at(-1) ?? []);
    const begin = inherited.length === 0 ? [] : [Math.max(...inherited)];
    const all = [...begin, ...times];
    for (let index = 1; index < all.length; index += 1) {
      const [before = 0, after = 0] = [all[index - 1], all[index]];
      if (after < fromMillis || after - before <= (longest?.millis ?? 0)) continue;
      longest = { shardId, fromMillis: before, millis: after - before };
    }
  }
  return longest;
}
