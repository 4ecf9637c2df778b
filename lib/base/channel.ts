/** The state of a {@link Channel}: open, closed with a tail to hand out, or failed. */
type ChannelState = { tag: 'open' } | { tag: 'closed' } | { tag: 'failed'; reason: unknown };

/**
 * A first-in first-out queue with one kind of reader: `for await`. It has no limit of its own; whoever sends bounds
 * what is under way (a named limit such as `maxUnackedBlocks`), because only the sender can react by reading less.
 * After `close` the items already sent are still handed out; `fail` drops them and makes every reader reject.
 */
export class Channel<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #head = 0;
  #waiting: { resolve: (result: IteratorResult<T, undefined>) => void; reject: (reason: unknown) => void }[] = [];
  #state: ChannelState = { tag: 'open' };

  /** Items sent and not yet taken. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Whether `send` would still be accepted. */
  get isOpen(): boolean {
    return this.#state.tag === 'open';
  }

  /** Adds an item; `false`, and the item is not kept, once the channel is closed or failed. */
  send(item: T): boolean {
    if (this.#state.tag !== 'open') return false;
    const reader = this.#waiting.shift();
    if (reader !== undefined) reader.resolve({ done: false, value: item });
    else this.#items.push(item);
    return true;
  }

  /** Ends the channel after the items already sent. */
  close(): void {
    if (this.#state.tag !== 'open') return;
    this.#state = { tag: 'closed' };
    for (const reader of this.#waiting.splice(0)) reader.resolve({ done: true, value: undefined });
  }

  /** Ends the channel at once: the tail is dropped and readers reject with `reason`. */
  fail(reason: unknown): void {
    if (this.#state.tag === 'failed') return;
    this.#state = { tag: 'failed', reason };
    this.#items = [];
    this.#head = 0;
    for (const reader of this.#waiting.splice(0)) reader.reject(reason);
  }

  /** Drops those items sent and not yet taken that nobody wants any more. */
  drop(isUnwanted: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#head).filter((item) => !isUnwanted(item));
    this.#head = 0;
  }

  /** Takes an item without waiting; `undefined` when there is none. */
  takeNow(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head] as T;
    this.#items[this.#head] = undefined as T;
    this.#head += 1;
    // Compacting only when half is empty keeps taking O(1) amortised.
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes the next item, waiting for it; `done` when the channel is closed and empty. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.size > 0) return Promise.resolve({ done: false, value: this.takeNow() as T });
    const state = this.#state;
    if (state.tag === 'closed') return Promise.resolve({ done: true, value: undefined });
    if (state.tag === 'failed') return Promise.reject(state.reason);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Leaving a `for await` early does not close the channel: whoever owns it decides. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.next(), return: () => Promise.resolve({ done: true, value: undefined }) };
  }
}
