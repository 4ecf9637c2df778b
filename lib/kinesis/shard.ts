/** One shard of a stream, as ListShards tells it. Hash keys are decimal 128-bit integers as text, both inclusive. */
export interface Shard {
  readonly shardId: string;
  /** The parent, and for a merge the second ("adjacent") parent; parents past retention may be named but not listed. */
  readonly parentShardIds: readonly string[];
  readonly startingHashKey: string;
  readonly endingHashKey: string;
  readonly startingSequenceNumber: string;
  /** Present once the shard is closed. */
  readonly endingSequenceNumber?: string;
}

/** Whether the shard still takes records. */
export function isOpen(shard: Shard): boolean {
  return shard.endingSequenceNumber === undefined;
}
