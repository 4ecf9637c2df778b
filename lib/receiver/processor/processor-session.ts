import { MillraceError } from '../../base/error.ts';
import { SHARD_END } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import type { KinesisRecord } from '../../block/record.ts';
import type { ShardTenure } from '../shard-tenure.ts';
import type { CheckpointMode, InitializationInput, ShardRecordProcessor } from './record-processor.ts';
import { TenureCheckpointer, extended } from './tenure-checkpointer.ts';

/** One processor in one tenure: what it was told already, and what it still has to hear. */
export class ProcessorSession {
  readonly #processor: ShardRecordProcessor;
  readonly #tenure: ShardTenure;
  readonly #mode: CheckpointMode;
  readonly #checkpointer: TenureCheckpointer;
  #isInitialized = false;
  #isOver = false;

  constructor(processor: ShardRecordProcessor, tenure: ShardTenure, mode: CheckpointMode) {
    this.#processor = processor;
    this.#tenure = tenure;
    this.#mode = mode;
    this.#checkpointer = new TenureCheckpointer(tenure, mode);
  }

  /** Has records processed. */
  async process(block: Block, records: readonly KinesisRecord[], signal: AbortSignal): Promise<void> {
    await this.#initialize();
    const last = records.at(-1);
    if (last !== undefined) this.#checkpointer.permit(last.position);
    const { shardId, millisBehindLatest } = block;
    await this.#processor.processRecords({
      shardId,
      records,
      millisBehindLatest,
      checkpointer: this.#checkpointer,
      signal,
    });
  }

  /**
   * Tells the processor that its shard has ended, all of it processed.
   * @throws MillraceError `MR_END_NOT_CHECKPOINTED` when it had to checkpoint the end and did not, as in KCL
   */
  async end(signal: AbortSignal): Promise<void> {
    await this.#initialize();
    this.#checkpointer.permit(SHARD_END);
    const { leaseKey: shardId } = this.#tenure;
    await this.#processor.shardEnded?.({ shardId, checkpointer: this.#checkpointer, signal });
    if (this.#mode === 'manual' && this.#tenure.finished.kind !== 'SHARD_END') {
      throw new MillraceError(
        'MR_END_NOT_CHECKPOINTED',
        `shardEnded of shard ${shardId} ${this.#processor.shardEnded === undefined ? 'is missing, and so' : 'returned and'} ` +
          'the end of the shard is not checkpointed; until it is, the children of the shard are not read: ' +
          'call checkpointer.checkpoint() in shardEnded and await it, or run with automatic checkpoints',
        { subject: { shard: shardId } },
      );
    }
    this.#isOver = true;
  }

  /** Gives the processor its last chance to checkpoint. */
  async shutdown(signal: AbortSignal): Promise<void> {
    if (!this.#isInitialized || this.#isOver) return;
    const { leaseKey: shardId } = this.#tenure;
    await this.#processor.shutdownRequested?.({ shardId, checkpointer: this.#checkpointer, signal });
  }

  /** Tells the processor that the shard is no more its. */
  async lose(): Promise<void> {
    if (!this.#isInitialized || this.#isOver) return;
    this.#isOver = true;
    await this.#processor.leaseLost?.({ shardId: this.#tenure.leaseKey });
  }

  async #initialize(): Promise<void> {
    if (this.#isInitialized) return;
    const { leaseKey: shardId, lease } = this.#tenure;
    const { checkpoint, pendingCheckpoint, pendingCheckpointState: state } = lease;
    const input: InitializationInput = {
      shardId,
      extendedSequenceNumber: extended(checkpoint),
      ...(pendingCheckpoint === undefined
        ? {}
        : { pendingCheckpoint: { ...extended(pendingCheckpoint), ...(state === undefined ? {} : { state }) } }),
    };
    await this.#processor.initialize?.(input);
    this.#isInitialized = true;
  }
}
