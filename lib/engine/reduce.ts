import type { Partitions } from './given.ts';
import type { ErasedReducer } from './node.ts';
import type { Pulse } from './pulse.ts';
import { isThenable } from '../base/thenable.ts';

/** Puts the items of a whole batch together two by two, in the order in which they are added. */
export class Reducer {
  readonly #f: ErasedReducer;
  readonly #pulse: Pulse;
  #value: unknown;
  #isEmpty = true;

  constructor(f: ErasedReducer, pulse: Pulse) {
    this.#f = f;
    this.#pulse = pulse;
  }

  /** The one item, or none when there was nothing to put together. */
  get result(): Partitions {
    return [this.#isEmpty ? [] : [this.#value]];
  }

  /** Adds items; a promise only when the function returned one. Add the next ones when it has resolved. */
  add(items: readonly unknown[]): void | Promise<void> {
    for (let index = 0; index < items.length; index += 1) {
      const next = this.#with(items[index]);
      if (isThenable(next)) return this.#addAsync(items, index, next);
      this.#value = next;
    }
  }

  async #addAsync(items: readonly unknown[], met: number, first: PromiseLike<unknown>): Promise<void> {
    this.#value = await first;
    for (let index = met + 1; index < items.length; index += 1) {
      this.#pulse();
      this.#value = await this.#with(items[index]);
    }
  }

  #with(item: unknown): unknown {
    if (!this.#isEmpty) return this.#f(this.#value, item);
    this.#isEmpty = false;
    return item;
  }
}
