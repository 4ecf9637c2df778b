import { MillraceError } from '../../base/error.ts';
import { type Position, comparePositions, formatPosition, positionOf, positionToRow } from '../../base/position.ts';
import type { CommitOutcome } from '../../block/block-source.ts';
import type { KinesisRecord } from '../../block/record.ts';
import type { ShardTenure } from '../shard-tenure.ts';
import type {
  CheckpointMode,
  ExtendedSequenceNumber,
  PrepareCheckpointOptions,
  PreparedCheckpointer,
  RecordProcessorCheckpointer,
} from './record-processor.ts';

/** A row of the lease table may have 400 KiB, all its attributes together. */
const mostStateBytes = 384 * 1024;

/**
 * The checkpointer of one processor. What it takes lies between the checkpoint of now and the last record that the
 * processor was given (kcl.md 2.15).
 */
export class TenureCheckpointer implements RecordProcessorCheckpointer {
  readonly #tenure: ShardTenure;
  readonly #mode: CheckpointMode;
  #largestPermitted: Position;

  constructor(tenure: ShardTenure, mode: CheckpointMode) {
    this.#tenure = tenure;
    this.#mode = mode;
    this.#largestPermitted = tenure.finished;
  }

  /** The processor is about to be given everything up to here. */
  permit(position: Position): void {
    if (comparePositions(position, this.#largestPermitted) > 0) this.#largestPermitted = position;
  }

  async checkpoint(at?: KinesisRecord | string, subSequenceNumber?: number): Promise<void> {
    await this.#checkpointAt(this.#positionOf(at, subSequenceNumber));
  }

  async prepareCheckpoint(options: PrepareCheckpointOptions = {}): Promise<PreparedCheckpointer> {
    if (this.#mode === 'automatic') {
      throw this.#refusal(
        'MR_CONFIG_INVALID',
        'prepareCheckpoint needs manual checkpoints, since an automatic one would remove it: run with checkpointing: "manual"',
      );
    }
    this.#checkState(options.state);
    const position = this.#positionOf(options.at, options.subSequenceNumber);
    const isNew = this.#check(position);
    if (isNew) this.#told(await this.#tenure.prepare(position, options.state));
    return { pendingCheckpoint: extended(position), checkpoint: () => this.#checkpointAt(position) };
  }

  async #checkpointAt(position: Position): Promise<void> {
    if (this.#check(position)) this.#told(await this.#tenure.checkpointThrough(position));
  }

  #told(outcome: CommitOutcome): void {
    if (outcome === 'committed') return;
    const { leaseKey, tenure } = this.#tenure;
    const rest = 'the tenure is over, and its next owner repeats what was not checkpointed';
    throw this.#refusal(
      'MR_LEASE_LOST',
      `the checkpoint was refused: lease ${leaseKey} is lost, tenure ${tenure}; ${rest}`,
    );
  }

  /** Whether there is anything to write. */
  #check(position: Position): boolean {
    const { finished, leaseKey } = this.#tenure;
    const order = comparePositions(position, finished);
    const text = `checkpoint ${formatPosition(position)} of shard ${leaseKey}`;
    if (order < 0) {
      const now = formatPosition(finished);
      throw this.#refusal('MR_CHECKPOINT_BACKWARDS', `${text} is before ${now}, which is checkpointed: never go back`);
    }
    if (comparePositions(position, this.#largestPermitted) > 0) {
      const last = formatPosition(this.#largestPermitted);
      throw this.#refusal('MR_COMMIT_GAP', `${text} is beyond ${last}, the last that the processor was given`);
    }
    return order > 0;
  }

  #positionOf(at: KinesisRecord | string | undefined, subSequenceNumber: number | undefined): Position {
    if (at === undefined) return this.#largestPermitted;
    if (typeof at !== 'string') {
      const { leaseKey } = this.#tenure;
      if (at.shardId === leaseKey) return at.position;
      throw this.#refusal(
        'MR_CONFIG_INVALID',
        `a record of shard ${at.shardId} says nothing of shard ${leaseKey}: give one of those that this processor was given`,
      );
    }
    if (!/^\d{1,80}$/.test(at)) {
      throw this.#refusal(
        'MR_CONFIG_INVALID',
        `${JSON.stringify(at.slice(0, 80))} is no sequence number: give its digits`,
      );
    }
    if (subSequenceNumber !== undefined && !(Number.isSafeInteger(subSequenceNumber) && subSequenceNumber >= 0)) {
      const text = `subSequenceNumber ${String(subSequenceNumber)} is no place in an aggregate: give a whole number from 0`;
      throw this.#refusal('MR_CONFIG_INVALID', text);
    }
    return positionOf(at, subSequenceNumber ?? 0);
  }

  /** DynamoDB would refuse the write, and the worker would end with it. */
  #checkState(state: unknown): void {
    if (state === undefined || (state instanceof Uint8Array && state.byteLength <= mostStateBytes)) return;
    const what = state instanceof Uint8Array ? `has ${state.byteLength} bytes` : 'is no Uint8Array';
    throw this.#refusal(
      'MR_CONFIG_INVALID',
      `the state of a prepared checkpoint ${what}: give a Uint8Array of at most ${mostStateBytes} bytes, since it is kept in the row of the lease`,
    );
  }

  #refusal(
    code: 'MR_CONFIG_INVALID' | 'MR_CHECKPOINT_BACKWARDS' | 'MR_COMMIT_GAP' | 'MR_LEASE_LOST',
    message: string,
  ): MillraceError {
    return new MillraceError(code, message, { subject: { shard: this.#tenure.leaseKey } });
  }
}

/** A position in the words of KCL. */
export function extended(position: Position): ExtendedSequenceNumber {
  const { checkpoint, subSequenceNumber } = positionToRow(position);
  return { sequenceNumber: checkpoint, subSequenceNumber };
}
