import { type Shard, isOpen } from '../shard.ts';
import { maxHashKey, parseHashKey } from './hash-range.ts';

interface MappedShard {
  readonly shardId: string;
  readonly start: bigint;
  readonly end: bigint;
}

/** Which shard takes which hash keys, as a listing of shards had it. */
export class ShardMap {
  readonly #open: readonly MappedShard[];
  readonly #all: ReadonlyMap<string, MappedShard>;

  /** Made of a listing of all shards, closed ones included. */
  constructor(shards: readonly Shard[]) {
    const mapped = shards.map((shard) => ({ shard, range: rangeOf(shard) }));
    this.#all = new Map(mapped.map(({ range }) => [range.shardId, range]));
    this.#open = mapped
      .filter(({ shard }) => isOpen(shard))
      .map(({ range }) => range)
      .toSorted((a, b) => (a.start < b.start ? -1 : 1));
  }

  /** The open shard that takes a hash key; `undefined` while a reshard leaves a gap in the listing. */
  shardOf(hashKey: bigint): string | undefined {
    let low = 0;
    let high = this.#open.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#open[middle] as MappedShard).end < hashKey) low = middle + 1;
      else high = middle;
    }
    const found = this.#open[low];
    return found !== undefined && found.start <= hashKey ? found.shardId : undefined;
  }

  /** Whether a shard, open or closed, takes a hash key; `undefined` when the listing does not name it. */
  holds(shardId: string, hashKey: bigint): boolean | undefined {
    const shard = this.#all.get(shardId);
    return shard === undefined ? undefined : shard.start <= hashKey && hashKey <= shard.end;
  }
}

function rangeOf({ shardId, startingHashKey, endingHashKey }: Shard): MappedShard {
  return {
    shardId,
    start: parseHashKey(startingHashKey) ?? 0n,
    end: parseHashKey(endingHashKey) ?? maxHashKey,
  };
}
