import { MillraceError } from '../base/error.ts';
import type { Range } from '../block/range.ts';
import { joinPairs, reducePairs } from './batch-pairs.ts';
import type { Pair, PairKey } from './key.ts';

/** What {@link Batch.sortBy} can order by. */
export type SortKey = string | number | bigint | Date;

/** Which batch it is, and of what it was made. */
export interface BatchHead {
  readonly id: number;
  readonly batchTimeMillis: number;
  readonly ranges: readonly Range[];
}

/** The fields from which a {@link Batch} is made. */
export interface BatchFields<T> extends BatchHead {
  readonly partitions: readonly (readonly T[])[];
}

let readPartitions: <T>(batch: Batch<T>) => readonly (readonly T[])[];

/** The items of a batch in their partitions, for the engine itself: not a copy. */
export function partitionsOf<T>(batch: Batch<T>): readonly (readonly T[])[] {
  return readPartitions(batch);
}

/**
 * What a stream gave at one batch time: items in partitions, with the ranges of the shards they came from. A batch
 * never changes; `map`, `filter` and `sortBy` give a new one with the same id, time and ranges.
 */
export class Batch<T> {
  /** Number of the batch in its commit group: the last one's plus 1, from 1. */
  readonly id: number;
  /** The tick that the batch belongs to, milliseconds since 1970; a multiple of the batch interval, as long as that stays what it was when state began. */
  readonly batchTimeMillis: number;
  /** The ranges whose records the batch was made of, in the order in which they are acknowledged. */
  readonly ranges: readonly Range[];
  readonly #partitions: readonly (readonly T[])[];

  static {
    readPartitions = (batch) => batch.#partitions;
  }

  constructor(fields: BatchFields<T>) {
    this.id = fields.id;
    this.batchTimeMillis = fields.batchTimeMillis;
    this.ranges = fields.ranges;
    this.#partitions = fields.partitions;
  }

  /** The batch time as a `Date`. */
  get time(): Date {
    return new Date(this.batchTimeMillis);
  }

  /** How many partitions the items lie in: as a rule one for each block, and one behind a keyed operator. */
  get partitions(): number {
    return this.#partitions.length;
  }

  /** All items, partition after partition, in an array of your own. */
  collect(): T[] {
    return this.#partitions.flat();
  }

  /**
   * The first `n` items, fewer when there are not as many.
   * @throws MillraceError `MR_CONFIG_INVALID` when `n` is not a whole number of at least 0
   */
  take(n: number): T[] {
    checkCount('take', n);
    const taken: T[] = [];
    for (const partition of this.#partitions) {
      if (taken.length >= n) break;
      taken.push(...partition.slice(0, n - taken.length));
    }
    return taken;
  }

  /**
   * The `n` greatest items, the greatest first, by `compare` (negative when `a` is less than `b`). Of equal items the
   * earlier one comes first.
   * @throws MillraceError `MR_CONFIG_INVALID` when `n` is not a whole number of at least 0
   */
  top(n: number, compare: (a: T, b: T) => number): T[] {
    checkCount('top', n);
    return this.collect()
      .sort((a, b) => compare(b, a))
      .slice(0, n);
  }

  /** The number of items. */
  count(): number {
    return this.#partitions.reduce((sum, partition) => sum + partition.length, 0);
  }

  /** Whether there are no items. */
  isEmpty(): boolean {
    return this.#partitions.every((partition) => partition.length === 0);
  }

  /**
   * The items in the order of a key, in one partition; items of equal keys keep their order. Keys should be of one
   * kind: texts are compared by code unit, the rest as numbers.
   */
  sortBy(keyOf: (item: T) => SortKey, direction: 'ascending' | 'descending' = 'ascending'): Batch<T> {
    const sign = direction === 'ascending' ? 1 : -1;
    const keyed = this.collect().map((item) => ({ item, key: keyOf(item) }));
    keyed.sort((a, b) => sign * compareKeys(a.key, b.key));
    return this.#with([keyed.map(({ item }) => item)]);
  }

  /** Pairs in the order of their keys, in one partition. */
  sortByKey<K extends PairKey, V>(
    this: Batch<Pair<K, V>>,
    direction: 'ascending' | 'descending' = 'ascending',
  ): Batch<Pair<K, V>> {
    return this.sortBy(([key]) => (typeof key === 'boolean' ? Number(key) : key), direction);
  }

  /** One pair for each key, its values put together two by two. The function is called at once, and is not async. */
  reduceByKey<K extends PairKey, V>(this: Batch<Pair<K, V>>, f: (a: V, b: V) => V): Batch<Pair<K, V>> {
    return this.#with([reducePairs('batch.reduceByKey', this.#partitions, f) as Pair<K, V>[]]);
  }

  /** Every value of this batch's pairs with every value that the other batch has of the same key, in one partition. */
  join<K extends PairKey, V, W>(this: Batch<Pair<K, V>>, other: Batch<Pair<K, W>>): Batch<Pair<K, readonly [V, W]>> {
    const joined = joinPairs('batch.join', this.#partitions, other.#partitions);
    return this.#with([joined as Pair<K, readonly [V, W]>[]]);
  }

  /** What a function makes of each item; the partitions stay. The function is called at once. */
  map<U>(f: (item: T) => U): Batch<U> {
    return this.#with(this.#partitions.map((partition) => partition.map((item) => f(item))));
  }

  /** The items for which the function says yes; the partitions stay. The function is called at once. */
  filter<S extends T>(f: (item: T) => item is S): Batch<S>;
  filter(f: (item: T) => boolean): Batch<T>;
  filter(f: (item: T) => boolean): Batch<T> {
    return this.#with(this.#partitions.map((partition) => partition.filter((item) => f(item))));
  }

  /** Calls an optionally async function for each partition, one after the other; the first failure ends it. */
  async forEachPartition(f: (items: readonly T[], partition: number) => unknown): Promise<void> {
    for (const [index, partition] of this.#partitions.entries()) await f(partition, index);
  }

  #with<U>(partitions: readonly (readonly U[])[]): Batch<U> {
    return new Batch({ id: this.id, batchTimeMillis: this.batchTimeMillis, ranges: this.ranges, partitions });
  }
}

function compareKeys(a: SortKey, b: SortKey): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

function checkCount(method: string, n: number): void {
  if (Number.isInteger(n) && n >= 0) return;
  throw new MillraceError('MR_CONFIG_INVALID', `batch.${method}(${n}) needs a whole number of at least 0`);
}
