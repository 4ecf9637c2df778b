import type { CancelTimer, Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { formatPosition } from '../base/position.ts';
import type { Block } from '../block/block.ts';
import type { KinesisRecord } from '../block/record.ts';
import type { EventSink } from '../event/bus.ts';
import type { Lease } from '../lease/lease.ts';
import type { Keeper } from '../lease/keeper.ts';
import { BlockBuilder, type BlockLimits, type Slice } from './block-builder.ts';
import type { ByteBudget, Reservation } from './byte-budget.ts';
import type { FinishedPositions } from './finished-positions.ts';

/** What a {@link BlockOutlet} needs. */
export interface BlockOutletOptions extends BlockLimits {
  readonly lease: Lease;
  readonly streamName: string;
  readonly blockIntervalMillis: number;
  readonly sealAtOnceBytes?: number | undefined;
  readonly keeper: Keeper;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Takes a sealed block; called in order. */
  readonly emit: (block: Block) => void;
  /** Told of every range that is handed out. */
  readonly positions: FinishedPositions;
  /** The blocks' signal: aborts when the lease is lost. */
  readonly signal: AbortSignal;
  /** Hears what the seal at the block interval throws, since nobody called it. */
  readonly onFault: (thrown: unknown) => void;
}

/** Cuts what one shard brings in one tenure into blocks, and hands them out as long as the tenure is certain. */
export class BlockOutlet {
  readonly #options: BlockOutletOptions;
  readonly #tenure: number;
  readonly #builder: BlockBuilder;
  readonly #builderBytes: Reservation;
  #blocks = 0;
  #cancelSeal: CancelTimer | undefined;
  /** Whether the next block follows a gap. */
  #isAfterGap = false;

  constructor(options: BlockOutletOptions) {
    const { lease, budget } = options;
    this.#options = options;
    this.#tenure = lease.tenure as number;
    this.#builder = new BlockBuilder(lease.leaseKey, this.#tenure, lease.checkpoint, options);
    this.#builderBytes = budget.take(0);
  }

  /**
   * Takes the records of a page (see `heldPerByte`), hands out what is full, and has the rest sealed after the interval, or at
   * once where it is worth a block of its own: what waits outlives two collections of young objects, and is then collected
   * with the old ones, which costs more than reading it did.
   * @throws MillraceError `MR_LEASE_LOST` when the tenure is not certain any more, as all that seals
   */
  accept(records: readonly KinesisRecord[], millisBehindLatest: number, heldPerByte: number): void {
    const { clock, blockIntervalMillis, sealAtOnceBytes = Infinity, onFault } = this.#options;
    for (const slice of this.#builder.add(records, millisBehindLatest, heldPerByte)) this.#handOut(slice);
    if (this.#builder.heldBytes >= sealAtOnceBytes) {
      this.seal();
      return;
    }
    this.#builderBytes.settle(this.#builder.heldBytes);
    if (this.#builder.isEmpty || this.#cancelSeal !== undefined) return;
    this.#cancelSeal = clock.timer(blockIntervalMillis, () => {
      this.#cancelSeal = undefined;
      try {
        this.seal();
      } catch (thrown) {
        onFault(thrown);
      }
    });
  }

  /** Records after what was handed out last may be gone: the next block says so. */
  noteGap(): void {
    this.#isAfterGap = true;
  }

  /** Hands out what no block holds yet. */
  seal(): void {
    this.#stopTimer();
    const slice = this.#builder.seal();
    if (slice !== undefined) this.#handOut(slice);
    this.#builderBytes.settle(this.#builder.heldBytes);
  }

  /** Hands out the last block of the shard: what is there, through SHARD_END. */
  sealEnd(): void {
    this.#stopTimer();
    this.#handOut(this.#builder.sealEnd());
    this.#builderBytes.settle(0);
  }

  /** Drops what no block holds yet. Nothing may be handed out afterwards. */
  close(): void {
    this.#stopTimer();
    this.#builderBytes.release();
  }

  #stopTimer(): void {
    this.#cancelSeal?.();
    this.#cancelSeal = undefined;
  }

  /** Hands out a block, unless the tenure is not certain any more: then the next owner reads these records. */
  #handOut(slice: Slice): void {
    const { lease, streamName, keeper, clock, events, budget, positions, signal, emit } = this.#options;
    const { leaseKey } = lease;
    signal.throwIfAborted();
    if (!keeper.confirmCurrent(leaseKey, this.#tenure)) {
      throw new MillraceError('MR_LEASE_LOST', `lease ${leaseKey} could not be renewed in time`, {
        subject: { lease: leaseKey },
      });
    }
    const { range, records, bytes, heldBytes, millisBehindLatest } = slice;
    positions.deliver(range, budget.take(heldBytes));
    this.#blocks += 1;
    const gap = this.#isAfterGap ? { followsGap: true } : {};
    this.#isAfterGap = false;
    const through = formatPosition(range.through);
    events.publish({ type: 'block.sealed', shardId: leaseKey, records: records.length, bytes, through });
    emit({
      id: `${leaseKey}@${this.#tenure}/${this.#blocks}`,
      streamName,
      shardId: leaseKey,
      tenure: this.#tenure,
      range,
      records,
      bytes,
      heldBytes,
      ...gap,
      sealedAtMillis: clock.wallMillis(),
      millisBehindLatest,
      signal,
      isHeld: () => keeper.confirmCurrent(leaseKey, this.#tenure),
    });
  }
}
