import type { KinesisRecord } from '../block/record.ts';
import { BaseStream } from './base-stream.ts';
import type { Batch } from './batch.ts';
import type { Pair, PairKey } from './key.ts';
import type {
  CogroupNode,
  CombineNode,
  ErasedReducer,
  FoldNode,
  JoinKind,
  OperatorContext,
  PartitionNode,
  TransformContext,
  TransformNode,
} from './node.ts';

/** What a function of the program may answer: the value, or a promise of it. */
export type Answer<T> = T | PromiseLike<T>;

/** How an operator that puts items together treats the shards. */
export interface PartialOptions {
  /**
   * `true`: each shard gives its own results, and whoever takes the output merges them. The plan then keeps `shard`
   * scope, and every worker computes. Default `false`: one result for all shards, `application` scope.
   */
  readonly partial?: boolean;
}

/**
 * A stream of items cut into batches. For each batch time it gives nothing, an empty batch, or data. Operators
 * describe a new stream and compute nothing; only outputs (`print`, `foreachBatch`, ...) make the engine work. Functions
 * given to operators may be async, are called one item after the other, and may be called again for the same item
 * when a batch is tried again. Those over items get a context beside the item: batch time, partition, signal.
 */
export class DStream<T> extends BaseStream<T> {
  /** What the function makes of each item. */
  map<U>(f: (item: T, context: OperatorContext) => Answer<U>): DStream<U> {
    return new DStream<U>(this.graph, this.narrow('map', f));
  }

  /** Everything that the function makes of each item, one after the other. */
  flatMap<U>(f: (item: T, context: OperatorContext) => Answer<Iterable<U>>): DStream<U> {
    return new DStream<U>(this.graph, this.narrow('flatMap', f));
  }

  /** The items for which the function says yes. */
  filter<S extends T>(f: (item: T) => item is S): DStream<S>;
  filter(f: (item: T, context: OperatorContext) => Answer<boolean>): DStream<T>;
  filter(f: (item: T, context: OperatorContext) => Answer<boolean>): DStream<T> {
    return new DStream<T>(this.graph, this.narrow('filter', f));
  }

  /** What the function makes of each whole partition: as a rule, one block of a shard. */
  mapPartitions<U>(f: (items: readonly T[], context: OperatorContext) => Answer<Iterable<U>>): DStream<U> {
    return new DStream<U>(this.graph, this.#partition('mapPartitions', f, false));
  }

  /** Each partition as one item, an array. */
  glom(): DStream<readonly T[]> {
    return new DStream<readonly T[]>(
      this.graph,
      this.#partition('glom', (items: readonly T[]) => [items], false),
    );
  }

  /**
   * A pair [key, value] for each item. Keys are strings, finite numbers, bigints or booleans; another one ends the
   * run with `MR_KEY_INVALID`.
   */
  mapToPair<K extends PairKey, V>(f: (item: T, context: OperatorContext) => Answer<Pair<K, V>>): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.narrow('mapToPair', f));
  }

  /** All the pairs that the function makes of each item. */
  flatMapToPair<K extends PairKey, V>(
    f: (item: T, context: OperatorContext) => Answer<Iterable<Pair<K, V>>>,
  ): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.narrow('flatMapToPair', f));
  }

  /** The pairs that the function makes of each whole partition. */
  mapPartitionsToPair<K extends PairKey, V>(
    f: (items: readonly T[], context: OperatorContext) => Answer<Iterable<Pair<K, V>>>,
  ): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.#partition('mapPartitionsToPair', f, true));
  }

  /**
   * Each record under its partition key. All records of a partition key are in one shard, so keyed operators behind it
   * need one shard only: the plan keeps `shard` scope, with nothing to be merged.
   */
  keyByPartitionKey(this: DStream<KinesisRecord>): PairDStream<string, KinesisRecord> {
    const node = this.narrow('keyByPartitionKey', (record: KinesisRecord) => [record.partitionKey, record]);
    return new PairDStream<string, KinesisRecord>(this.graph, node);
  }

  /** The number of items of each batch, 0 for an empty one. It is one number for all shards: `application` scope. */
  count(options: PartialOptions = {}): DStream<number> {
    return new DStream<number>(this.graph, this.#fold('count', undefined, options));
  }

  /** The items of each batch put together two by two, in order of arrival; no item for an empty batch. */
  reduce(f: (a: T, b: T) => Answer<T>, options: PartialOptions = {}): DStream<T> {
    return new DStream<T>(this.graph, this.#fold('reduce', this.checked('reduce', f) as ErasedReducer, options));
  }

  /** How often each item occurs in the batch: pairs [item, number]. Items must be fit as keys. */
  countByValue(this: DStream<PairKey & T>, options: PartialOptions = {}): PairDStream<PairKey & T, number> {
    const ones = this.narrow('countByValue', (item: PairKey & T) => [item, 1], 'mapToPair');
    return new PairDStream<PairKey & T, 1>(this.graph, ones).combine('countByValue', {
      merge: (a, b) => (a as number) + (b as number),
      ...options,
    });
  }

  /** Each item of the batch once, in order of first arrival. Items must be fit as keys. */
  distinct(this: DStream<PairKey & T>, options: PartialOptions = {}): DStream<PairKey & T> {
    const keyed = this.narrow('distinct', (item: PairKey & T) => [item, true], 'mapToPair');
    const once = new PairDStream<PairKey & T, true>(this.graph, keyed).combine('distinct', {
      merge: (a) => a,
      ...options,
    });
    return new DStream<PairKey & T>(
      this.graph,
      once.narrow('distinct', ([item]: Pair<PairKey & T, true>) => item, 'map'),
    );
  }

  /**
   * Whatever the function makes of each batch: a batch, or an array for one partition. It is called once for each batch
   * time and may be async.
   */
  transform<U>(
    f: (batch: Batch<T>, context: TransformContext) => Answer<Batch<U> | readonly U[]>,
    options: PartialOptions = {},
  ): DStream<U> {
    return new DStream<U>(this.graph, this.#transform('transform', [], f, options));
  }

  /** Like {@link transform}, giving pairs. */
  transformToPair<K extends PairKey, V>(
    f: (batch: Batch<T>, context: TransformContext) => Answer<Batch<Pair<K, V>> | readonly Pair<K, V>[]>,
    options: PartialOptions = {},
  ): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.#transform('transformToPair', [], f, options));
  }

  /** Whatever the function makes of this stream's batch and the other's at the same time. */
  transformWith<U, R>(
    other: DStream<U>,
    f: (batch: Batch<T>, other: Batch<U>, context: TransformContext) => Answer<Batch<R> | readonly R[]>,
    options: PartialOptions = {},
  ): DStream<R> {
    return new DStream<R>(this.graph, this.#transform('transformWith', [other], f, options));
  }

  /** Like {@link transformWith}, giving pairs. */
  transformWithToPair<U, K extends PairKey, V>(
    other: DStream<U>,
    f: (
      batch: Batch<T>,
      other: Batch<U>,
      context: TransformContext,
    ) => Answer<Batch<Pair<K, V>> | readonly Pair<K, V>[]>,
    options: PartialOptions = {},
  ): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.#transform('transformWithToPair', [other], f, options));
  }

  #partition(operator: string, f: (items: readonly T[], context: OperatorContext) => unknown, pairs: boolean) {
    const head = this.graph.head(operator);
    const erased = this.checked(operator, f) as PartitionNode['f'];
    return { ...head, tag: 'partition', pairs, parent: this.node, f: erased } satisfies PartitionNode;
  }

  #fold(operator: string, f: ErasedReducer | undefined, { partial = false }: PartialOptions) {
    return { ...this.graph.head(operator), tag: 'fold', parent: this.node, f, partial } satisfies FoldNode;
  }

  #transform(
    operator: string,
    others: readonly BaseStream<unknown>[],
    f: (...args: never[]) => unknown,
    { partial = false }: PartialOptions,
  ) {
    const call = this.checked(operator, f) as (...args: unknown[]) => unknown;
    return {
      ...this.graph.head(operator),
      tag: 'transform',
      parents: this.besides(operator, ...others),
      pairs: operator.endsWith('ToPair'),
      f: (batches, context) => call(...batches, context),
      partial,
    } satisfies TransformNode;
  }
}

/** How a keyed operator puts values together; what the public methods of {@link PairDStream} make of their arguments. */
interface Combining extends PartialOptions {
  readonly create?: (value: unknown) => unknown;
  readonly merge: ErasedReducer;
  readonly mergeCombiners?: ErasedReducer;
}

/** A stream of pairs [key, value], with the operators that need keys. */
export class PairDStream<K extends PairKey, V> extends DStream<Pair<K, V>> {
  override filter<S extends Pair<K, V>>(f: (item: Pair<K, V>) => item is S): DStream<S>;
  override filter(f: (item: Pair<K, V>, context: OperatorContext) => Answer<boolean>): PairDStream<K, V>;
  override filter(f: (item: Pair<K, V>, context: OperatorContext) => Answer<boolean>): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.narrow('filter', f));
  }

  /** The same keys with what the function makes of their values. */
  mapValues<W>(f: (value: V, context: OperatorContext) => Answer<W>): PairDStream<K, W> {
    return new PairDStream<K, W>(this.graph, this.narrow('mapValues', f));
  }

  /** The same keys with everything that the function makes of their values, a pair for each. */
  flatMapValues<W>(f: (value: V, context: OperatorContext) => Answer<Iterable<W>>): PairDStream<K, W> {
    return new PairDStream<K, W>(this.graph, this.narrow('flatMapValues', f));
  }

  /**
   * One pair for each key of the batch: its values, put together two by two in order of arrival. The function must be
   * associative; what it returns may be passed to it again.
   */
  reduceByKey(f: (a: V, b: V) => Answer<V>, options: PartialOptions = {}): PairDStream<K, V> {
    return this.combine('reduceByKey', { merge: this.checked('reduceByKey', f) as ErasedReducer, ...options });
  }

  /** One pair for each key of the batch: its values in an array, in order of arrival. */
  groupByKey(options: PartialOptions = {}): PairDStream<K, readonly V[]> {
    return this.combine('groupByKey', {
      create: (value) => [value],
      merge: (values, value) => {
        (values as unknown[]).push(value);
        return values;
      },
      ...options,
    });
  }

  /**
   * One pair for each key of the batch: `createCombiner` makes a result of its first value in a partition, `mergeValue`
   * puts further values to it, `mergeCombiners` puts the results of two partitions together.
   */
  combineByKey<C>(
    createCombiner: (value: V) => Answer<C>,
    mergeValue: (combined: C, value: V) => Answer<C>,
    mergeCombiners: (a: C, b: C) => Answer<C>,
    options: PartialOptions = {},
  ): PairDStream<K, C> {
    return this.combine('combineByKey', {
      create: this.checked('combineByKey', createCombiner) as Combining['create'] & object,
      merge: this.checked('combineByKey', mergeValue) as ErasedReducer,
      mergeCombiners: this.checked('combineByKey', mergeCombiners) as ErasedReducer,
      ...options,
    });
  }

  /** For each key of either stream at the same time: what both have of it, in order of arrival. */
  cogroup<W>(other: PairDStream<K, W>): PairDStream<K, readonly [readonly V[], readonly W[]]> {
    return this.#with('cogroup', other, 'cogroup');
  }

  /** For each key that both streams have at the same time: every value of this one with every value of the other. */
  join<W>(other: PairDStream<K, W>): PairDStream<K, readonly [V, W]> {
    return this.#with('join', other, 'inner');
  }

  /** Like {@link join}, with `undefined` where the other stream lacks the key. */
  leftOuterJoin<W>(other: PairDStream<K, W>): PairDStream<K, readonly [V, W | undefined]> {
    return this.#with('leftOuterJoin', other, 'left');
  }

  /** Like {@link join}, with `undefined` where this stream lacks the key. */
  rightOuterJoin<W>(other: PairDStream<K, W>): PairDStream<K, readonly [V | undefined, W]> {
    return this.#with('rightOuterJoin', other, 'right');
  }

  /** Like {@link join}, with `undefined` where either stream lacks the key. */
  fullOuterJoin<W>(other: PairDStream<K, W>): PairDStream<K, readonly [V | undefined, W | undefined]> {
    return this.#with('fullOuterJoin', other, 'full');
  }

  #with<R>(operator: string, other: PairDStream<K, unknown>, kind: JoinKind): PairDStream<K, R> {
    const parents = this.besides(operator, other);
    const node: CogroupNode = { ...this.graph.head(operator), tag: 'cogroup', kind, parents };
    return new PairDStream<K, R>(this.graph, node);
  }

  /** One pair for each key; for the keyed operators. @internal */
  combine<R>(operator: string, combining: Combining): PairDStream<K, R> {
    const { create, merge, mergeCombiners, partial = false } = combining;
    const node: CombineNode = {
      ...this.graph.head(operator),
      tag: 'combine',
      parent: this.node,
      create,
      merge,
      mergeCombiners,
      partial,
    };
    return new PairDStream<K, R>(this.graph, node);
  }
}
