import { describe, expect, it } from 'vitest';
import type { Shard } from '../../lib/kinesis/shard.ts';
import { missingParents } from '../../lib/receiver/missing-parents.ts';

function shard(shardId: string, ...parentShardIds: string[]): Shard {
  return { shardId, parentShardIds, startingHashKey: '0', endingHashKey: '1', startingSequenceNumber: '1' };
}

const names = (shards: readonly Shard[]) => shards.map(({ shardId }) => shardId);

describe('missingParents', () => {
  it('has nothing to add when the parents are leased or past retention', () => {
    const shards = [shard('d'), shard('e', 'c', 'd')];
    expect(missingParents(['c', 'd'], shards, new Set(['d']))).toEqual([]);
  });

  it('adds an unleased parent that descends from a shard still being read', () => {
    const shards = [shard('a'), shard('d'), shard('b', 'a'), shard('c', 'a'), shard('e', 'c', 'd')];
    expect(names(missingParents(['c', 'd'], shards, new Set(['a', 'd'])))).toEqual(['c']);
  });

  it('adds its unleased ancestors before it, up to the leased ones', () => {
    const shards = [
      shard('a'),
      shard('b', 'a'),
      shard('c', 'b'),
      shard('d'),
      shard('x'),
      shard('y', 'x', 'c'),
      shard('e', 'y', 'd'),
    ];
    expect(names(missingParents(['y', 'd'], shards, new Set(['a', 'd'])))).toEqual(['b', 'c', 'y']);
  });

  it('adds a parent that is a hole, but not what was closed before the application began', () => {
    const shards = [shard('old'), shard('hole', 'old'), shard('d'), shard('e', 'hole', 'd')];
    expect(names(missingParents(['hole'], shards, new Set(['d'])))).toEqual(['hole']);
  });
});
