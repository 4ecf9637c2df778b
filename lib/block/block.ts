import type { Range } from './range.ts';
import type { KinesisRecord } from './record.ts';

/**
 * The records of one shard and one tenure in one time slice, sealed. The last block of a shard ends in SHARD_END and
 * may be without records; it is acked like any other.
 */
export interface Block {
  /** `<shardId>@<tenure>/<number>`, unique over restarts because every tenure has its own number. */
  readonly id: string;
  readonly streamName: string;
  readonly shardId: string;
  readonly tenure: number;
  readonly range: Range;
  readonly records: readonly KinesisRecord[];
  /** How many records it has that were dropped from memory; they are read again before work on it begins. Absent: none. */
  readonly droppedRecords?: number;
  /** Sum of the records' data bytes. */
  readonly bytes: number;
  /**
   * What the block keeps in memory, and the byte budget therefore counts: the part of the answers that its records are views
   * of, and the records themselves. Absent where nobody counts: `bytes`.
   */
  readonly heldBytes?: number;
  /**
   * Whether records between the beginning of its range and its first record may be gone: retention had passed the position,
   * and reading went on at the oldest record that is left. Absent: none is missing.
   */
  readonly followsGap?: boolean;
  /** Wall-clock time of the seal, for delays shown to people. */
  readonly sealedAtMillis: number;
  /** How far the last read was behind the tip of the shard. */
  readonly millisBehindLatest: number;
  /** Aborts when the lease is lost: the block may finish, but its checkpoint will be refused. */
  readonly signal: AbortSignal;
  /**
   * Whether the tenure is still certain; asked just before work on the block begins. A process that was paused for longer
   * than the lease lasts learns it here, even before its timers had a turn. Absent where blocks come from no lease.
   */
  readonly isHeld?: () => boolean;
}

/** Whether work on a block may begin: its lease was not lost, and is still certain. */
export function isWorthStarting(block: Block): boolean {
  return !block.signal.aborted && block.isHeld?.() !== false;
}
