import type { Block } from './block.ts';
import type { Range } from './range.ts';

/** What became of a commit: written under the fence, or refused because the tenure is over. */
export type CommitOutcome = 'committed' | 'lost';

/** How much a consumer is ready to take, for all shards together. `undefined` means no limit of its own. */
export interface DemandLimit {
  /** Records a second. */
  readonly recordsPerSecond?: number | undefined;
  /** Bytes of data a second. */
  readonly bytesPerSecond?: number | undefined;
}

/**
 * The waist of Millrace: the receiver is one, and every way of consuming drinks from it. Blocks flow right; acks,
 * commits and demand are the only signals that flow back.
 */
export interface BlockSource {
  /**
   * The blocks of all shards of this worker; those of one shard in order. Ends after a drain or a bounded run, and
   * rejects with the fault that ended the source. May be iterated once.
   */
  readonly blocks: AsyncIterable<Block>;
  /**
   * Says that a range is finished. It is checkpointed at leisure, once every earlier range of the same shard and
   * tenure is finished too. Acking a range of a lost tenure, or one already acked, does nothing.
   */
  ack(range: Range): void;
  /**
   * Finishes a range and writes the checkpoint now, with an optional opaque text that lands in the lease row
   * (`engineState`) in the same conditional write.
   * @throws MillraceError `MR_COMMIT_GAP` when an earlier range of the shard is not finished
   */
  commit(range: Range, options?: { readonly state?: string }): Promise<CommitOutcome>;
  /** Sets how much may be read from now on; reading pauses rather than buffers. */
  demand(limit: DemandLimit): void;
}
