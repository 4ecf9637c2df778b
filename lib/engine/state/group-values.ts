import type { Given } from '../given.ts';
import type { PairKey } from '../key.ts';
import { type Pace, each } from './each.ts';

/** The values of each key of a batch, in order of arrival; none where the stream gives nothing. */
export function groupValues(given: Given, pace: Pace): Map<PairKey, unknown[]> | Promise<Map<PairKey, unknown[]>> {
  const groups = new Map<PairKey, unknown[]>();
  const add = (item: unknown) => {
    const [key, value] = item as readonly [PairKey, unknown];
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  };
  const added = each(itemsOf(given), add, pace);
  return added === undefined ? groups : added.then(() => groups);
}

/** The items of all partitions, one after the other. */
export function* itemsOf(given: Given): IterableIterator<unknown> {
  for (const partition of given ?? []) yield* partition;
}
