import type { ReduceByKeyNode } from './node.ts';
import { isThenable } from './thenable.ts';

/** Items in the partitions they were computed in. */
export type Partitions = readonly (readonly unknown[])[];

/**
 * Puts the values of each key together, in the order of partitions and items; keys come out in the order in which
 * they were first seen. A promise only when the user function returned one.
 */
export function reduceByKey(
  node: ReduceByKeyNode,
  partitions: Partitions,
  signal: AbortSignal,
): Partitions | Promise<Partitions> {
  const values = new Map<unknown, unknown>();
  for (const [index, partition] of partitions.entries()) {
    const rest = reduceSync(node, values, partition as Pairs, 0);
    if (rest !== undefined) return goOnAsync(node, values, { rest, partitions, partition: index }, signal);
  }
  return [[...values]];
}

type Pairs = readonly (readonly [unknown, unknown])[];

/** Where the sync loop met a promise: the pair at `index` becomes final when `reduced` settles. */
interface Rest {
  readonly index: number;
  readonly reduced: PromiseLike<unknown>;
}

/** Goes through the pairs from `from` on until the user function returns a promise; `undefined` when it did not. */
function reduceSync(
  node: ReduceByKeyNode,
  values: Map<unknown, unknown>,
  pairs: Pairs,
  from: number,
): Rest | undefined {
  for (let index = from; index < pairs.length; index += 1) {
    const [key, value] = pairs[index] as readonly [unknown, unknown];
    const before = values.get(key);
    if (before === undefined && !values.has(key)) {
      values.set(key, value);
      continue;
    }
    const reduced = node.f(before, value);
    if (isThenable(reduced)) return { index, reduced };
    values.set(key, reduced);
  }
  return undefined;
}

async function goOnAsync(
  node: ReduceByKeyNode,
  values: Map<unknown, unknown>,
  interrupted: { readonly rest: Rest; readonly partitions: Partitions; readonly partition: number },
  signal: AbortSignal,
): Promise<Partitions> {
  let rest: Rest | undefined = interrupted.rest;
  for (const partition of interrupted.partitions.slice(interrupted.partition) as readonly Pairs[]) {
    rest ??= reduceSync(node, values, partition, 0);
    while (rest !== undefined) {
      const [key] = partition[rest.index] as readonly [unknown, unknown];
      values.set(key, await rest.reduced);
      signal.throwIfAborted();
      rest = reduceSync(node, values, partition, rest.index + 1);
    }
  }
  return [[...values]];
}
