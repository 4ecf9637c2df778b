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

/** The pages of one shard, in order. */
export interface Pages extends AsyncIterable<Page> {
  /**
   * Waits until a page may be asked for, and asks for none. Not needed, since asking waits as well; but whoever waits in a
   * function and is given a page in another keeps no page longer than it is of use. A function that has waited for half a
   * second lies in the old generation of V8's heap, where it stays when it has returned, and so does all that it was given
   * last: a page for each shard would outlive the collections of young objects, which are copied for that, and then be marked.
   */
  ready?(): Promise<void>;
}

/**
 * Reads shards. `open` yields pages in order, from `start` on, until the end of the shard or until the signal aborts
 * (then it rejects with the signal's reason). Throttling, expired iterators and passing faults are handled inside and
 * told as events; a shard that is gone rejects with a fault of kind `shardGone`.
 */
export interface ShardReader {
  open(shardId: string, start: StartPosition, signal: AbortSignal): Pages;
}
