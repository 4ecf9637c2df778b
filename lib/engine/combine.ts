import type { Partitions } from './given.ts';
import type { CombineNode, ErasedFunction, ErasedReducer, OperatorContext } from './node.ts';
import type { Pulse } from './pulse.ts';
import { isThenable } from '../base/thenable.ts';

type Pairs = readonly (readonly [unknown, unknown])[];

/**
 * Puts the values of each key together, in the order in which the pairs are added; keys come out in the order in
 * which they were first seen. With `mergeCombiners` every partition is combined by itself first.
 */
export class KeyCombiner {
  readonly #node: CombineNode;
  readonly #pulse: Pulse;
  readonly #combined = new Map<unknown, unknown>();
  #ofPartition: { readonly partition: number; readonly values: Map<unknown, unknown> } | undefined;

  constructor(node: CombineNode, pulse: Pulse) {
    this.#node = node;
    this.#pulse = pulse;
  }

  /** Adds pairs of one partition; a promise only when a user function returned one. Add the next ones when it has resolved. */
  add(items: readonly unknown[], context: OperatorContext): void | Promise<void> {
    const { create, merge, mergeCombiners } = this.#node;
    if (mergeCombiners === undefined) {
      return addPairs({ values: this.#combined, pairs: items as Pairs, create, merge, context, pulse: this.#pulse });
    }
    const before = this.#ofPartition;
    if (before !== undefined && before.partition !== context.partition) {
      const closed = this.#closePartition(context);
      if (closed !== undefined) return closed.then(() => this.add(items, context));
    }
    this.#ofPartition ??= { partition: context.partition, values: new Map() };
    return addPairs({
      values: this.#ofPartition.values,
      pairs: items as Pairs,
      create,
      merge,
      context,
      pulse: this.#pulse,
    });
  }

  /** One pair for each key, in one partition. */
  async result(context: OperatorContext): Promise<Partitions> {
    const closed = this.#closePartition(context);
    if (closed !== undefined) await closed;
    return [[...this.#combined]];
  }

  #closePartition(context: OperatorContext): void | Promise<void> {
    const { mergeCombiners: merge } = this.#node;
    const values = this.#ofPartition?.values;
    this.#ofPartition = undefined;
    if (values === undefined || merge === undefined) return undefined;
    return addPairs({
      values: this.#combined,
      pairs: [...values],
      create: undefined,
      merge,
      context,
      pulse: this.#pulse,
    });
  }
}

/** Pairs on their way into a map of values. */
interface Adding {
  readonly values: Map<unknown, unknown>;
  readonly pairs: Pairs;
  readonly create: ErasedFunction | undefined;
  readonly merge: ErasedReducer;
  readonly context: OperatorContext;
  readonly pulse: Pulse;
}

/** Where the sync loop met a promise: the pair at `index` is added when `value` settles. */
interface Rest {
  readonly index: number;
  readonly value: PromiseLike<unknown>;
}

function addPairs(adding: Adding): void | Promise<void> {
  const rest = addSync(adding, 0);
  if (rest !== undefined) return addAsync(adding, rest);
}

/** Goes through the pairs from `from` on until a user function returns a promise; `undefined` when none did. */
function addSync(adding: Adding, from: number): Rest | undefined {
  const { values, pairs, create, merge, context } = adding;
  for (let index = from; index < pairs.length; index += 1) {
    const pair = pairs[index] as readonly [unknown, unknown];
    const key = pair[0];
    const before = values.get(key);
    if (before === undefined && !values.has(key)) {
      const value = create === undefined ? pair[1] : create(pair[1], context);
      if (create !== undefined && isThenable(value)) return { index, value };
      values.set(key, value);
      continue;
    }
    const value = merge(before, pair[1]);
    if (isThenable(value)) return { index, value };
    values.set(key, value);
  }
  return undefined;
}

async function addAsync(adding: Adding, interrupted: Rest): Promise<void> {
  const { values, pairs, pulse } = adding;
  for (let rest: Rest | undefined = interrupted; rest !== undefined;) {
    const [key] = pairs[rest.index] as readonly [unknown, unknown];
    values.set(key, await rest.value);
    pulse();
    rest = addSync(adding, rest.index + 1);
  }
}
