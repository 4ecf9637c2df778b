import type { Memory } from '../memory.ts';
import type { BatchPlan } from './batch-plan.ts';
import type { Fence } from './fence.ts';
import type { NamedManifest } from './garbage.ts';
import type { EndedShard, NamedObject, ShardProgress } from './manifest.ts';
import type { BatchName } from './shard-progress.ts';

/** What a batch made, to be written down before its outputs run. */
export interface BatchResult {
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly zeroTimeMillis: number;
  readonly fence: Fence;
  /** All shards of the group: also those without records in this batch. */
  readonly shards: readonly ShardProgress[];
  readonly memory: Memory;
  readonly watermarkMillis?: number;
  /** See `Manifest`; absent for a group that began without parents. */
  readonly ended?: readonly EndedShard[];
}

/** A batch that is written down and not committed yet. */
export interface Prepared {
  readonly named: NamedManifest;
  readonly checksum: string;
  readonly memory: Memory;
  /** What the compare-and-set of the commit writes. */
  readonly pointer: string;
  /** The batch; where it changed nothing, it is a later one than that of the manifest, and only the pointer is written. */
  readonly batch: BatchName;
}

/** A plan that is written down; it counts once the pointer names it. */
export interface WrittenPlan {
  readonly plan: BatchPlan;
  readonly object: NamedObject;
  /** What the conditional write sets: the last version, and the plan of the batch after it. */
  readonly pointer: string;
  /** The version 0 of a group that had none: a pointer always names a manifest. */
  readonly begun?: Prepared;
}
