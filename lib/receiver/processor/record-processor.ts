import type { KinesisRecord } from '../../block/record.ts';

/** A place in a shard, in the words of KCL. */
export interface ExtendedSequenceNumber {
  /** The sequence number, or `TRIM_HORIZON`, `LATEST`, `AT_TIMESTAMP` where nothing was checkpointed yet. */
  readonly sequenceNumber: string;
  /** The place inside an aggregate of the KPL, from 0. */
  readonly subSequenceNumber: number;
}

/** What `initialize` is given. */
export interface InitializationInput {
  readonly shardId: string;
  /** The checkpoint that this tenure goes on behind. */
  readonly extendedSequenceNumber: ExtendedSequenceNumber;
  /** A checkpoint that an owner before this one prepared and never made; see `prepareCheckpoint`. */
  readonly pendingCheckpoint?: ExtendedSequenceNumber & { readonly state?: Uint8Array };
}

/** What `processRecords` is given. */
export interface ProcessRecordsInput {
  readonly shardId: string;
  readonly records: readonly KinesisRecord[];
  readonly millisBehindLatest: number;
  readonly checkpointer: RecordProcessorCheckpointer;
  /** Aborts when the lease is lost or the run is ended at once: the work is of no more use. */
  readonly signal: AbortSignal;
}

/** What `shardEnded` and `shutdownRequested` are given. */
export interface LastChanceInput {
  readonly shardId: string;
  readonly checkpointer: RecordProcessorCheckpointer;
  readonly signal: AbortSignal;
}

/** What `leaseLost` is given: nothing to checkpoint with, since the shard is another worker's. */
export interface LeaseLostInput {
  readonly shardId: string;
}

/**
 * Processes the records of one shard in one tenure: KCL's ShardRecordProcessor. The calls of one processor never overlap.
 */
export interface ShardRecordProcessor {
  /** Called once, before the first records of the tenure. When it throws it is called again, under `onFailure`. */
  initialize?(input: InitializationInput): Promise<void> | void;
  /** Called for every block, and again with the same records, or a part of them, when it throws (`onFailure`). */
  processRecords(input: ProcessRecordsInput): Promise<void> | void;
  /** The lease is another worker's, or nobody's: clean up. */
  leaseLost?(input: LeaseLostInput): Promise<void> | void;
  /** The shard was read and processed to its end. With manual checkpoints it must call `checkpointer.checkpoint()`. */
  shardEnded?(input: LastChanceInput): Promise<void> | void;
  /** The worker stops, or the lease moves; all that was handed out is processed. The last chance to checkpoint. */
  shutdownRequested?(input: LastChanceInput): Promise<void> | void;
}

/** Makes a processor for each shard and tenure: KCL's ShardRecordProcessorFactory. */
export interface ShardRecordProcessorFactory {
  shardRecordProcessor(shard: { readonly shardId: string; readonly streamName: string }): ShardRecordProcessor;
}

/** Says what is finished: KCL's RecordProcessorCheckpointer. */
export interface RecordProcessorCheckpointer {
  /**
   * Checkpoints, now: all records handed out so far when nothing is named; up to and with a record; or up to a sequence
   * number (`subSequenceNumber` 0 unless told). The checkpoint of now again is no write.
   * @throws MillraceError `MR_CHECKPOINT_BACKWARDS` before the checkpoint of now, `MR_COMMIT_GAP` beyond what was handed
   * out, `MR_CONFIG_INVALID` for what is no sequence number and for a record of another shard, `MR_LEASE_LOST` when the tenure is over
   */
  checkpoint(at?: KinesisRecord | string, subSequenceNumber?: number): Promise<void>;
  /**
   * Writes a checkpoint beside the one that counts, with bytes of the application. `checkpoint()` of what it returns makes
   * it count. When this worker dies before, the next owner is given both in `initialize`; any other checkpoint removes
   * them. For manual checkpoints.
   * @throws MillraceError as `checkpoint`, and `MR_CONFIG_INVALID` with automatic checkpoints and for a state that is too large
   */
  prepareCheckpoint(options?: PrepareCheckpointOptions): Promise<PreparedCheckpointer>;
}

/** What is prepared. */
export interface PrepareCheckpointOptions {
  /** A record or a sequence number; all that was handed out when not given. */
  readonly at?: KinesisRecord | string;
  readonly subSequenceNumber?: number;
  /** Bytes for whoever finds the prepared checkpoint: at most 384 KiB, since the row of the lease keeps them. */
  readonly state?: Uint8Array;
}

/** A checkpoint that was prepared. */
export interface PreparedCheckpointer {
  /** Where it is. */
  readonly pendingCheckpoint: ExtendedSequenceNumber;
  /**
   * Makes it count.
   * @throws MillraceError `MR_CHECKPOINT_BACKWARDS` when a later one counts already, `MR_LEASE_LOST`
   */
  checkpoint(): Promise<void>;
}

/** Who says what is finished: `automatic`, the return of `processRecords`; `manual`, the checkpointer alone, as in KCL. */
export type CheckpointMode = 'automatic' | 'manual';

/** Whether a value has the one method that every processor has. */
export function isRecordProcessor(value: unknown): value is ShardRecordProcessor {
  return hasMethod(value, 'processRecords');
}

/** Whether a value makes processors. */
export function isRecordProcessorFactory(value: unknown): value is ShardRecordProcessorFactory {
  return hasMethod(value, 'shardRecordProcessor');
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[name] === 'function';
}
