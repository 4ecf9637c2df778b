import type { Block } from './block.ts';
import type { Range } from './range.ts';
import type { KinesisRecord } from './record.ts';

/** What became of a commit: written under the fence, or refused because the tenure is over. */
export type CommitOutcome = 'committed' | 'lost';

/** How much a consumer is ready to take, for all shards together. `undefined` means no limit of its own. */
export interface DemandLimit {
  /** Records a second. */
  readonly recordsPerSecond?: number | undefined;
  /** Bytes of data a second. */
  readonly bytesPerSecond?: number | undefined;
}

/** A range whose records were dropped from memory. */
export interface DroppedRange {
  /** As the source handed it out. */
  readonly source: Range;
  /** What is to be read again: all of it, or the part that was taken. */
  readonly range: Range;
  /** How many records that has. */
  readonly records: number;
}

/** Lets blocks that wait for their turn be dropped from memory, and reads them again from their ranges. */
export interface BlockLineage {
  /** Whether another shard waits for memory while the one of the range holds some. */
  isWanted(range: Range): boolean;
  /**
   * The records of these ranges, of one shard and tenure, will be let go: what they hold of the byte budget is free, and
   * their shard asks for no further page until they are finished or read again. `false`: they are to be kept.
   */
  drop(ranges: readonly Range[]): boolean;
  /**
   * The records of ranges of one shard and tenure in order, read again by one reader; waits for memory before.
   * @throws MillraceError `MR_POSITION_TRIMMED` when they are not all there any more; the reason when the tenure is over
   */
  read(dropped: readonly DroppedRange[], signal: AbortSignal): Promise<readonly (readonly KinesisRecord[])[]>;
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
  /** Absent where blocks come from nowhere that could be read again. */
  readonly lineage?: BlockLineage;
}
