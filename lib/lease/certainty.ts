/** In place of a time: the tenure is over, and no confirmation brings it back. */
const over = -(2n ** 63n);
/** What the two cells hold. */
const untilCell = 0;
const bytesCell = 1;

/** What a {@link Certainty} says of a moment. */
export type CertaintyState = 'certain' | 'expired' | 'over';

/**
 * How long one tenure is certain, in memory that threads share: the keeper writes it, and whoever hands out data reads it,
 * without waiting for a message. One for each tenure, so that what is remembered of an old tenure can never be taken for a
 * newer one. Times are those of the monotonic clock, which all threads of a process share; in cells of whole microseconds,
 * because only whole numbers are read and written atomically.
 */
export class Certainty {
  readonly shared: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  /** With the memory of another thread's: the same certainty, seen from here. */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#cells = new BigInt64Array(shared);
  }

  /** The tenure is certain until then; nothing once it is over. */
  confirm(untilMillis: number): void {
    if (Atomics.load(this.#cells, untilCell) === over) return;
    Atomics.store(this.#cells, untilCell, microsOf(untilMillis));
  }

  /** The tenure is over, for good. */
  end(): void {
    Atomics.store(this.#cells, untilCell, over);
  }

  /** What may be believed at this time. */
  at(nowMillis: number): CertaintyState {
    const until = Atomics.load(this.#cells, untilCell);
    if (until === over) return 'over';
    return microsOf(nowMillis) > until ? 'expired' : 'certain';
  }

  /** Notes bytes that were handed out. */
  addBytes(bytes: number): void {
    Atomics.add(this.#cells, bytesCell, BigInt(bytes));
  }

  /** The bytes noted since the last call. */
  takeBytes(): number {
    return Number(Atomics.exchange(this.#cells, bytesCell, 0n));
  }
}

function microsOf(millis: number): bigint {
  return BigInt(Math.floor(millis * 1_000));
}
