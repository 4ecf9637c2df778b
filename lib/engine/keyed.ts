import type { ReduceByKeyNode } from './node.ts';
import { isThenable } from './thenable.ts';

/** Items in the partitions they were computed in. */
export type Partitions = readonly (readonly unknown[])[];

type Pairs = readonly (readonly [unknown, unknown])[];

/**
 * Puts the values of each key together, in the order in which the pairs are added; keys come out in the order in
 * which they were first seen.
 */
export class KeyReducer {
  readonly #node: ReduceByKeyNode;
  readonly #signal: AbortSignal;
  readonly #values = new Map<unknown, unknown>();

  constructor(node: ReduceByKeyNode, signal: AbortSignal) {
    this.#node = node;
    this.#signal = signal;
  }

  /** One pair for each key, in one partition. */
  get result(): Partitions {
    return [[...this.#values]];
  }

  /** Adds pairs; a promise only when the user function returned one. Add the next ones when it has resolved. */
  add(items: readonly unknown[]): void | Promise<void> {
    const pairs = items as Pairs;
    const rest = this.#addSync(pairs, 0);
    if (rest !== undefined) return this.#addAsync(pairs, rest);
  }

  /** Goes through the pairs from `from` on until the user function returns a promise; `undefined` when it did not. */
  #addSync(pairs: Pairs, from: number): Rest | undefined {
    const values = this.#values;
    const { f } = this.#node;
    for (let index = from; index < pairs.length; index += 1) {
      const pair = pairs[index] as readonly [unknown, unknown];
      const key = pair[0];
      const before = values.get(key);
      if (before === undefined && !values.has(key)) {
        values.set(key, pair[1]);
        continue;
      }
      const reduced = f(before, pair[1]);
      if (isThenable(reduced)) return { index, reduced };
      values.set(key, reduced);
    }
    return undefined;
  }

  async #addAsync(pairs: Pairs, interrupted: Rest): Promise<void> {
    for (let rest: Rest | undefined = interrupted; rest !== undefined;) {
      const [key] = pairs[rest.index] as readonly [unknown, unknown];
      this.#values.set(key, await rest.reduced);
      this.#signal.throwIfAborted();
      rest = this.#addSync(pairs, rest.index + 1);
    }
  }
}

/** Where the sync loop met a promise: the pair at `index` is added when `reduced` settles. */
interface Rest {
  readonly index: number;
  readonly reduced: PromiseLike<unknown>;
}
