import type { Position } from '../base/position.ts';
import type { Block } from './block.ts';
import type { DemandLimit } from './block-source.ts';

/** What a batch engine is told beside the blocks. */
export interface BatchContext {
  /** The tick that the batch belongs to, milliseconds since 1970; greater for each batch, and the same for each try of it. */
  readonly batchTimeMillis: number;
  /** The number of the try, from 1. A try with fewer blocks (bisection) counts anew. */
  readonly attempt: number;
  /** Aborts when the run is to end at once; its reason says why. One lost lease does not abort a batch: see `block.signal`. */
  readonly signal: AbortSignal;
  /**
   * Lowers or lifts what is read from now on, for all shards together: at most `recordsPerSecond`, 0 to read nothing until
   * it is called again, no field for no limit. May be called at any time during the run.
   * @throws MillraceError `MR_CONFIG_INVALID` for a rate that is no number of at least 0
   */
  demand(limit: DemandLimit): void;
}

/**
 * An engine that takes batches of blocks, ours or another. Batches come one at a time and in order; those of a shard cover
 * it without a gap. A batch is finished when `onBatch` resolves; when it rejects, the failure policy decides.
 */
export interface BatchEngine {
  onBatch(batch: readonly Block[], context: BatchContext): Promise<void>;
  /**
   * Where the engine has come to in each of the shards, when it keeps positions of its own; they win over the lease row.
   * Asked whenever this worker begins to read a shard, which then starts after the position. SHARD_END says that the
   * shard is finished. A shard without an entry is one of which the engine has taken nothing: that is refused where the
   * lease row says that records are finished (`MR_POSITION_HOLE`); TRIM_HORIZON begins such a shard anew.
   */
  positions?(shardIds: readonly string[]): Promise<ReadonlyMap<string, Position>>;
}
