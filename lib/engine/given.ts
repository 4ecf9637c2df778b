/** Items in the partitions they were computed in. Never changed once given: several may read them. */
export type Partitions = readonly (readonly unknown[])[];

/**
 * What a stream gives at one batch time, Spark's three results: nothing at all (`null`), an empty batch (no partition
 * holds an item), or data.
 */
export type Given = Partitions | null;

/** The number of items. */
export function countItems(partitions: Partitions): number {
  let sum = 0;
  for (const partition of partitions) sum += partition.length;
  return sum;
}
