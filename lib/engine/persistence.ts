import type { MemoryCodec } from './commit/memory-codec.ts';

/**
 * What a commit and a reshard need of an operator that remembers: how its memory is written down, and how it is divided and
 * put together with its shards. All functions are pure.
 */
export interface Persistence<M = unknown> extends MemoryCodec<M> {
  /**
   * The memory of the two children of a shard that was split, the one with the lower starting hash key first.
   * `upperStart` is where the upper one begins.
   * @throws MillraceError `MR_STATE_INVALID` where the memory cannot be divided
   */
  split(memory: M, upperStart: bigint): readonly [lower: M, upper: M];
  /**
   * The memory of a shard that two were merged into; `lower` is that of the one with the lower starting hash key.
   * @throws MillraceError `MR_STATE_INVALID` where the two cannot be put together
   */
  merge(lower: M, upper: M): M;
}
