/** A thread's sign of life in memory that threads share: the monotonic time at which it last answered. */
export class Heartbeat {
  readonly shared: SharedArrayBuffer;
  readonly #cell: BigInt64Array;

  /** With the memory of another thread's: the same heartbeat, seen from here. */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#cell = new BigInt64Array(shared);
  }

  /** The thread lives at this time. */
  beat(nowMillis: number): void {
    Atomics.store(this.#cell, 0, BigInt(Math.floor(nowMillis)));
  }

  /** Milliseconds since the last beat. */
  silentMillis(nowMillis: number): number {
    return Math.max(0, Math.floor(nowMillis) - Number(Atomics.load(this.#cell, 0)));
  }
}

/** How often a thread gives its sign of life, and how often it is looked for, milliseconds. */
export function heartbeatIntervalOf(stalledAfterMillis: number): number {
  return Math.min(1_000, stalledAfterMillis / 8);
}
