import { checkPair } from './key.ts';

/** The pairs of a batch as one pair for each key, put together two by two; keys in order of first arrival. */
export function reducePairs(
  operator: string,
  partitions: readonly (readonly unknown[])[],
  f: (a: never, b: never) => unknown,
): unknown[] {
  const reduce = f as (a: unknown, b: unknown) => unknown;
  const values = new Map<unknown, unknown>();
  for (const items of partitions) {
    for (const item of items) {
      const [key, value] = checkPair(item, operator);
      values.set(key, values.has(key) ? reduce(values.get(key), value) : value);
    }
  }
  return [...values];
}

/** Every value of the left pairs with every value of the right ones that has its key. */
export function joinPairs(
  operator: string,
  lefts: readonly (readonly unknown[])[],
  rights: readonly (readonly unknown[])[],
): unknown[] {
  const byKey = new Map<unknown, unknown[]>();
  for (const item of rights.flat()) {
    const [key, value] = checkPair(item, operator);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [value]);
    else known.push(value);
  }
  return lefts.flat().flatMap((item) => {
    const [key, value] = checkPair(item, operator);
    return (byKey.get(key) ?? []).map((other) => [key, [value, other]]);
  });
}
