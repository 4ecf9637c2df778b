import type { Position } from '../base/position.ts';

/** What a parent shard left to its children: the text that its engine committed with the end of the shard. */
export interface InheritedState {
  readonly shardId: string;
  readonly state: string;
  /** The parent's part of the hash space; absent when nothing tells it. */
  readonly hashKeyRange?: ShardHashRange;
}

/** A part of the hash space, decimal integers as text, both inclusive. */
export interface ShardHashRange {
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/** What an engine answers to a {@link ShardOpening}. */
export interface ShardStart {
  /** From where the shard is read. */
  readonly position: Position;
  /**
   * Nothing of the shard can be finished before it is read through here: up to there the limits on what is read and not
   * finished do not hold, or both sides would wait for each other. Absent: they hold from the beginning.
   */
  readonly neededThrough?: Position;
}

/** A shard whose parents are finished, in a tenure that has just begun: an engine says from where it is read. */
export interface ShardOpening {
  readonly streamName: string;
  readonly shardId: string;
  readonly tenure: number;
  /** The position in the lease row. */
  readonly checkpoint: Position;
  /** The engine's text in the lease row: that of its last commit of this shard. */
  readonly state?: string;
  readonly hashKeyRange?: ShardHashRange;
  readonly parentShardIds: readonly string[];
  /** What its parents left, of those that did. */
  readonly inherited: readonly InheritedState[];
}
