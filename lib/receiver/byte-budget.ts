import { type Deferred, deferred } from '../base/service.ts';

/** Bytes taken from a {@link ByteBudget}. `settle` corrects the guess; `release` gives the rest back, once. */
export interface Reservation {
  /** The bytes held now. */
  readonly bytes: number;
  settle(bytes: number): void;
  release(): void;
}

/** No request is for more than this part of the limit, so that one which waits at the head of the queue is served soon. */
const largestRequestShare = 1 / 4;

/**
 * One limit on what records keep in memory (see `heldBytesOf`), for all shards of a process. Bytes are reserved before the call that
 * brings them and given back when their block is finished or dropped. Requests are served in turn, so a hot shard starves
 * nobody; and one page may always be in flight, so a limit below one page still lets the process go on.
 *
 * A shard whose blocks nobody finishes must not starve the others either: a shard that holds bytes asks for more only
 * while it would then hold no more than is left (`hasShareFor`). So one such shard holds half of the limit at most,
 * two hold a third each, and some is always left.
 */
export class ByteBudget {
  readonly #limitBytes: number;
  #takenBytes = 0;
  #queue: { bytes: number; granted: Deferred<void> }[] = [];
  readonly #wanting = new Map<object, () => void>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Notes that somebody waits for memory, whom `wake` has look again; absent: waits no more. */
  noteWanting(who: object, wake?: () => void): void {
    if (wake === undefined) this.#wanting.delete(who);
    else this.#wanting.set(who, wake);
  }

  /** Others than those who wait have made room, which is no affair of every release: shards look again at their own acks. */
  wakeWanting(): void {
    for (const wake of this.#wanting.values()) wake();
  }

  /** Whether somebody else waits for memory. */
  isWantedBeside(who: object): boolean {
    return this.#wanting.size > (this.#wanting.has(who) ? 1 : 0);
  }

  /** Bytes reserved now. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Whether a shard that holds `heldBytes` may ask for `bytes` more. One that holds nothing always may. */
  hasShareFor(heldBytes: number, bytes: number): boolean {
    return heldBytes === 0 || heldBytes + bytes <= this.#limitBytes - this.#takenBytes;
  }

  /** The bytes to ask for when a page is expected to have that many. */
  requestFor(bytes: number): number {
    return Math.min(bytes, Math.ceil(this.#limitBytes * largestRequestShare));
  }

  /** Takes bytes that fit at once, when nobody waits for any; otherwise `undefined`, and nothing is taken. */
  reserveNow(bytes: number): Reservation | undefined {
    if (this.#queue.length > 0 || !this.#fits(bytes)) return undefined;
    return this.take(bytes);
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
      if (!this.#fits(next.bytes)) return;
      this.#queue.shift();
      this.#takenBytes += next.bytes;
      next.granted.resolve();
    }
  }

  #fits(bytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + bytes <= this.#limitBytes;
  }

  #reservation(reserved: number): Reservation {
    let held = reserved;
    const change = (bytes: number) => {
      this.#takenBytes += bytes - held;
      held = bytes;
      this.#grant();
    };
    return {
      get bytes() {
        return held;
      },
      settle: change,
      release: () => change(0),
    };
  }
}
