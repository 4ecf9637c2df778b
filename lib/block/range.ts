import { type Position, comparePositions, formatPosition } from '../base/position.ts';

/**
 * The part (after, through] of one shard, read in one tenure. It carries the position it follows because sequence
 * numbers have gaps: without it nobody could tell a gap from a hole. It may end in SHARD_END and may be without records.
 */
export interface Range {
  readonly shardId: string;
  /** The tenure in which it was read: the fence of everything written for it. */
  readonly tenure: number;
  readonly after: Position;
  readonly through: Position;
}

/** Whether two ranges are the same piece of the same tenure. */
export function sameRange(a: Range, b: Range): boolean {
  return (
    a.shardId === b.shardId &&
    a.tenure === b.tenure &&
    comparePositions(a.after, b.after) === 0 &&
    comparePositions(a.through, b.through) === 0
  );
}

/** Whether `next` begins exactly where `previous` ends. */
export function follows(next: Range, previous: Range): boolean {
  return (
    next.shardId === previous.shardId &&
    next.tenure === previous.tenure &&
    comparePositions(next.after, previous.through) === 0
  );
}

/** The range as text, for events and messages: `shardId-0@7 (100:0, 200:0]`. */
export function formatRange(range: Range): string {
  return `${range.shardId}@${range.tenure} (${formatPosition(range.after)}, ${formatPosition(range.through)}]`;
}
