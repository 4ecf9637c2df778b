import type { KinesisRecord } from '../block/record.ts';
import type { ChildShard, StartPosition } from './kinesis-api.ts';

/** What one read of a shard returned. */
export interface Page {
  readonly records: readonly KinesisRecord[];
  /** Sum of the records' data bytes. */
  readonly bytes: number;
  /** Bytes that the records are views of, and so keep in memory: of the answer, or moved out of it; absent where they are copies. */
  readonly wireBytes?: number;
  readonly millisBehindLatest: number;
  /**
   * Present when the page may have been on its way before it was asked for, so that `millisBehindLatest` says nothing of
   * the time of asking.
   */
  readonly isEarlier?: true;
  /** Present on the last page of a closed shard; nothing follows it. */
  readonly end?: { readonly childShards: readonly ChildShard[] };
}

/**
 * Reads shards. `open` yields pages in order, from `start` on, until the end of the shard or until the signal aborts
 * (then it rejects with the signal's reason). Throttling, expired iterators and passing faults are handled inside and
 * told as events; a shard that is gone rejects with a fault of kind `shardGone`.
 */
export interface ShardReader {
  open(shardId: string, start: StartPosition, signal: AbortSignal): AsyncIterable<Page>;
}
