import type { Notifier } from '../base/notifier.ts';
import { type Position, comparePositions } from '../base/position.ts';
import type { ByteBudget, Reservation } from './byte-budget.ts';
import type { FinishedPositions } from './finished-positions.ts';

/** What one read may reserve of the byte budget: twice the last page, within these bounds; for the first read the most. */
const minimumReserveBytes = 64 * 1024;
const maximumReserveBytes = 10 * 1024 * 1024;

/** What an {@link IntakeRoom} goes by. */
export interface IntakeRoomOptions {
  readonly budget: ByteBudget;
  readonly maxUnackedBlocks: number;
  /** See `ShardStart`. */
  readonly neededThrough?: Position | undefined;
  readonly positions: FinishedPositions;
  /** Notified by every ack: there may be room again. */
  readonly acked: Notifier;
}

/** Whether there is room for more of one shard: blocks that may be unfinished, and memory, which the shards share. */
export class IntakeRoom {
  readonly #options: IntakeRoomOptions;
  #lastPageBytes: number | undefined;
  #through: Position | undefined;

  constructor(options: IntakeRoomOptions) {
    this.#options = options;
  }

  /** A page has come that takes so much memory. */
  tookPage(heldBytes: number): void {
    this.#lastPageBytes = heldBytes;
  }

  /** Records through this position were received. */
  received(through: Position): void {
    this.#through = through;
  }

  /** Waits until the next page may be read, and answers with the memory that is put by for it. */
  async forPage(ready: () => Promise<void>, signal: AbortSignal): Promise<Reservation> {
    const { budget } = this.#options;
    const bytes = this.#bytesToReserve();
    await this.until(bytes, signal);
    await ready();
    // What nothing can be finished without must not wait for what is not finished, of whatever shard.
    if (this.#isNeeded) return budget.take(bytes);
    return budget.reserveNow(bytes) ?? this.#wanting(() => budget.reserve(bytes, signal));
  }

  /** Waits while this shard has as much unfinished as it may have; each ack is a reason to look again. */
  async until(bytes: number, signal: AbortSignal): Promise<void> {
    const { maxUnackedBlocks, budget, positions, acked } = this.#options;
    const hasBlocks = () => positions.outstanding >= maxUnackedBlocks || positions.hasDropped;
    const isFull = () => hasBlocks() || !budget.hasShareFor(positions.bytes, bytes);
    while (!this.#isNeeded && isFull()) {
      await (hasBlocks() ? acked.wait(signal) : this.#wanting(() => acked.wait(signal)));
      signal.throwIfAborted();
    }
  }

  /** Whether what is read next is a part of what must be whole before anything of the shard can be finished. */
  get #isNeeded(): boolean {
    const { neededThrough, positions } = this.#options;
    if (neededThrough === undefined) return false;
    return comparePositions(this.#through ?? positions.through, neededThrough) < 0;
  }

  #bytesToReserve(): number {
    const expected = this.#lastPageBytes === undefined ? maximumReserveBytes : 2 * this.#lastPageBytes;
    return this.#options.budget.requestFor(Math.min(maximumReserveBytes, Math.max(minimumReserveBytes, expected)));
  }

  /** Waits for memory, which others may give up then. */
  async #wanting<T>(wait: () => Promise<T>): Promise<T> {
    const { budget, positions, acked } = this.#options;
    budget.noteWanting(positions, () => acked.notify());
    try {
      return await wait();
    } finally {
      budget.noteWanting(positions);
    }
  }
}
