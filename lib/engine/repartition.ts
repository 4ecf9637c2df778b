import { type Partitions, countItems } from './given.ts';

/** Deals the items into `count` partitions of about the same size, in their order; the last ones may be empty. */
export function repartition(partitions: Partitions, count: number): Partitions {
  const total = countItems(partitions);
  const items = partitions.flat();
  return Array.from({ length: count }, (_, index) =>
    items.slice(Math.ceil((total * index) / count), Math.ceil((total * (index + 1)) / count)),
  );
}
