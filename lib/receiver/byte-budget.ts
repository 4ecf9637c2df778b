import { type Deferred, deferred } from '../base/service.ts';

/** Bytes taken from a {@link ByteBudget}. `settle` corrects the guess; `release` gives the rest back, once. */
export interface Reservation {
  settle(bytes: number): void;
  release(): void;
}

/**
 * One limit on the bytes of records in memory, for all shards of a process. Bytes are reserved before the call that
 * brings them and given back when their block is finished or dropped. Requests are served in turn, so a hot shard starves
 * nobody; and one page may always be in flight, so a limit below one page still lets the process go on.
 */
export class ByteBudget {
  readonly #limitBytes: number;
  #takenBytes = 0;
  #queue: { bytes: number; granted: Deferred<void> }[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes reserved now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Waits until `bytes` fit, behind those who asked before; rejects with the signal's reason when it aborts first. */
  async reserve(bytes: number, signal: AbortSignal): Promise<Reservation> {
    signal.throwIfAborted();
    const request = { bytes, granted: deferred() };
    const onAbort = () => {
      this.#queue = this.#queue.filter((other) => other !== request);
      request.granted.reject(signal.reason);
      this.#grant();
    };
    this.#queue.push(request);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#grant();
    try {
      await request.granted.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    return this.#reservation(bytes);
  }

  /**
   * Takes bytes at once, over the limit if need be: for records that are in memory already and only change their
   * keeper, from a page to a block.
   */
  take(bytes: number): Reservation {
    this.#takenBytes += bytes;
    return this.#reservation(bytes);
  }

  #grant(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#takenBytes > 0 && this.#takenBytes + next.bytes > this.#limitBytes) return;
      this.#queue.shift();
      this.#takenBytes += next.bytes;
      next.granted.resolve();
    }
  }

  #reservation(reserved: number): Reservation {
    let held = reserved;
    const change = (bytes: number) => {
      this.#takenBytes += bytes - held;
      held = bytes;
      this.#grant();
    };
    return { settle: change, release: () => change(0) };
  }
}
