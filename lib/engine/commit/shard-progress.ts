import type { Block } from '../../block/block.ts';
import { comparePositions } from '../../base/position.ts';
import type { ShardProgress } from './manifest.ts';

/** A batch of a group, by id and time. */
export interface BatchName {
  readonly batchId: number;
  readonly batchTimeMillis: number;
}

/** How far the shard of a block is once the batch that holds it is committed; a gap before it is kept on record. Pure. */
export function progressThrough(
  { shardId, streamName, range, followsGap }: Block,
  before: ShardProgress | undefined,
  batch: BatchName | undefined,
): ShardProgress {
  const isBehindGap = followsGap === true && batch !== undefined;
  const gap = isBehindGap ? { after: range.after, ...batch } : before?.gap;
  return { shardId, streamName, position: range.through, ...(gap === undefined ? {} : { gap }) };
}

/** Whether all shards are where they were. Pure. */
export function isSameProgress(before: readonly ShardProgress[], after: readonly ShardProgress[]): boolean {
  if (before.length !== after.length) return false;
  return before.every((one, index) => {
    const other = after[index];
    return (
      other !== undefined &&
      one.shardId === other.shardId &&
      one.streamName === other.streamName &&
      comparePositions(one.position, other.position) === 0
    );
  });
}
