import type { Given } from '../given.ts';
import type { PairKey } from '../key.ts';
import { type Pace, each } from '../state/each.ts';
import { itemsOf } from '../state/group-values.ts';
import { isThenable } from '../../base/thenable.ts';

/** Values of a key put together, and of how many pairs. */
export interface Counted {
  readonly value: unknown;
  readonly count: number;
}

/** Puts two values together, or takes the second out of the first. */
export type ValueFunction = (a: unknown, b: unknown) => unknown;

/** The pairs of a batch, reduced by key, with their numbers. */
export async function reducePane(given: Given, f: ValueFunction, pace: Pace): Promise<ReadonlyMap<PairKey, Counted>> {
  const reduced = new Map<PairKey, Counted>();
  const add = (item: unknown) => {
    const [key, value] = item as readonly [PairKey, unknown];
    return addCounted(reduced, { key, add: { value, count: 1 }, f });
  };
  await each(itemsOf(given), add, pace);
  return reduced;
}

/** Where counted values are read and put. */
export interface CountedMap {
  get(key: PairKey): Counted | undefined;
  set(key: PairKey, counted: Counted): unknown;
}

/** Puts a counted value to that of its key; a promise only when the function returned one. */
export function addCounted(
  into: CountedMap,
  { key, add, f }: { readonly key: PairKey; readonly add: Counted; readonly f: ValueFunction },
): void | PromiseLike<void> {
  const before = into.get(key);
  if (before === undefined || before.count === 0) {
    into.set(key, add);
    return undefined;
  }
  const count = before.count + add.count;
  const value = f(before.value, add.value);
  if (isThenable(value)) return value.then((settled) => void into.set(key, { value: settled, count }));
  into.set(key, { value, count });
}

/** Takes a counted value out of that of its key. What is left of no pairs is no value, whatever the function says. */
export function takeCounted(
  from: CountedMap,
  { key, take, inverse }: { readonly key: PairKey; readonly take: Counted; readonly inverse: ValueFunction },
): void | PromiseLike<void> {
  const before = from.get(key);
  if (before === undefined) return undefined;
  const count = before.count - take.count;
  if (count <= 0) {
    from.set(key, { value: undefined, count: 0 });
    return undefined;
  }
  const value = inverse(before.value, take.value);
  if (isThenable(value)) return value.then((settled) => void from.set(key, { value: settled, count }));
  from.set(key, { value, count });
}
