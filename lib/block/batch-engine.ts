import type { Position } from '../base/position.ts';
import type { Block } from './block.ts';

/** What a batch engine is told beside the blocks. */
export interface BatchContext {
  /** The tick that the batch belongs to, milliseconds since 1970. */
  readonly batchTimeMillis: number;
  /** Aborts when the run is to end at once; its reason says why. */
  readonly signal: AbortSignal;
}

/** An engine that takes batches of blocks, ours or another. A batch is finished when `onBatch` resolves. */
export interface BatchEngine {
  onBatch(batch: readonly Block[], context: BatchContext): Promise<void>;
  /** Where each shard is to be read from, when the engine keeps positions of its own; they win over the lease row. */
  positions?(shardIds: readonly string[]): Promise<ReadonlyMap<string, Position>>;
}
