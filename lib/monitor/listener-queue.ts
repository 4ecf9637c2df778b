import { nextTurn } from '../base/turn.ts';

/** How many calls may wait for a slow listener: the capacity of Spark's listener bus. */
export const listenerQueueCapacity = 10_000;

/**
 * Calls a listener after the fact, one call at a time. A call that throws or rejects is counted; beyond the capacity the
 * oldest call that waits is dropped and counted.
 */
export class ListenerQueue {
  #waiting: (() => unknown)[] = [];
  #isCalling = false;
  #isOver = false;
  #faults = 0;
  #dropped = 0;

  /** How often the listener has failed. */
  get faults(): number {
    return this.#faults;
  }

  /** How many calls were dropped because the listener was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Has the listener called later. */
  push(call: () => unknown): void {
    if (this.#isOver) return;
    this.#waiting.push(call);
    if (this.#waiting.length > listenerQueueCapacity) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    if (!this.#isCalling) void this.#callAll();
  }

  /** Ends it: nothing that waits is called any more. */
  end(): void {
    this.#isOver = true;
    this.#waiting = [];
  }

  async #callAll(): Promise<void> {
    this.#isCalling = true;
    await nextTurn();
    for (let call = this.#waiting.shift(); call !== undefined; call = this.#waiting.shift()) {
      try {
        await call();
      } catch {
        this.#faults += 1;
      }
    }
    this.#isCalling = false;
  }
}
