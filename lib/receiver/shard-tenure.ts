import type { Position } from '../base/position.ts';
import type { CommitOutcome } from '../block/block-source.ts';
import type { Range } from '../block/range.ts';
import type { Lease } from '../lease/lease.ts';

/** One shard in one tenure, as whoever decides by itself what is finished sees it. */
export interface ShardTenure {
  readonly leaseKey: string;
  readonly tenure: number;
  /** The row that the tenure began with. */
  readonly lease: Lease;
  /** Up to where everything is finished. */
  readonly finished: Position;
  /** Up to where blocks were handed out. */
  readonly through: Position;
  /** A range is processed: it is not waited for any more, and not finished. */
  processed(range: Range): void;
  /** Finishes everything up to a position and writes it now; `lost` when the tenure is over. */
  checkpointThrough(position: Position): Promise<CommitOutcome>;
  /** Writes a position beside the checkpoint, with the application's bytes; `lost` when the tenure is over. */
  prepare(position: Position, state: Uint8Array | undefined): Promise<CommitOutcome>;
}

/** Called in a drain of a shard, before its last checkpoint; what it throws is its own affair. */
export type DrainHook = (tenure: ShardTenure, signal: AbortSignal) => Promise<void>;
