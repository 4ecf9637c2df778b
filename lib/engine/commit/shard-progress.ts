import type { Block } from '../../block/block.ts';
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
