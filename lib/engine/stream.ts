import type { KinesisRecord } from '../block/record.ts';
import { BaseStream } from './base-stream.ts';
import type { Batch } from './batch.ts';
import type { Graph } from './graph.ts';
import type { Pair, PairKey } from './key.ts';
import type { CogroupNode, ErasedReducer, JoinKind, OperatorContext, StreamNode, TransformContext } from './node.ts';
import { type UpdateStateFields, updateStateNode } from './state/state-nodes.ts';
import type { StateSpec } from './state/state-spec.ts';
import type { UpdateAllFunction, UpdateFunction } from './state/update-state.ts';
import type {
  Answer,
  Combining,
  InverseWindowOptions,
  PartialOptions,
  ReducedWindow,
  UpdateStateOptions,
} from './stream-options.ts';
import {
  combineNode,
  foldNode,
  grouping,
  mappedNode,
  partitionNode,
  snapshotsNode,
  stateSpecNode,
  transformAllNode,
  transformNode,
} from './stream-nodes.ts';
import { windowArguments } from './window/window-arguments.ts';
import { type InverseWindow, inverseWindowNode } from './window/window-nodes.ts';

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
    return new DStream<U>(this.graph, partitionNode(this.site, 'mapPartitions', f));
  }

  /** Each partition as one item, an array. */
  glom(): DStream<readonly T[]> {
    return new DStream<readonly T[]>(
      this.graph,
      partitionNode(this.site, 'glom', (items) => [items]),
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
    return new PairDStream<K, V>(this.graph, partitionNode(this.site, 'mapPartitionsToPair', f));
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
    return new DStream<number>(this.graph, foldNode(this.site, 'count', undefined, options));
  }

  /** The items of each batch put together two by two, in order of arrival; no item for an empty batch. */
  reduce(f: (a: T, b: T) => Answer<T>, options: PartialOptions = {}): DStream<T> {
    return new DStream<T>(
      this.graph,
      foldNode(this.site, 'reduce', this.checked('reduce', f) as ErasedReducer, options),
    );
  }

  /** How often each item occurs in the batch: pairs [item, number]. Items must be fit as keys. */
  countByValue<K extends PairKey>(this: DStream<K>, options: PartialOptions = {}): PairDStream<K, number> {
    const ones = this.narrow('countByValue', (item: K) => [item, 1], 'mapToPair');
    return new PairDStream<K, number>(this.graph, ones).reduceByKey(plus, options);
  }

  /** Each item of the batch once, in order of first arrival. Items must be fit as keys. */
  distinct<K extends PairKey>(this: DStream<K>, options: PartialOptions = {}): DStream<K> {
    const keyed = this.narrow('distinct', (item: K) => [item, true], 'mapToPair');
    const once = new PairDStream<K, true>(this.graph, keyed).combine('distinct', { merge: (a) => a, ...options });
    return new DStream<K>(
      this.graph,
      once.narrow('distinct', ([item]: Pair<K, true>) => item, 'map'),
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
    return new DStream<U>(this.graph, transformNode(this.site, 'transform', [this.node], f, options));
  }

  /** Like `transform` of the context, which calls it. @internal */
  transformAll<U>(
    others: readonly DStream<T>[],
    f: (batches: readonly Batch<T>[], context: TransformContext) => Answer<Batch<U> | readonly U[]>,
    options: PartialOptions,
  ): DStream<U> {
    const parents = this.besides('transform', ...others);
    return new DStream<U>(this.graph, transformAllNode(this.site, parents, f, options));
  }

  /** Like {@link transform}, giving pairs. */
  transformToPair<K extends PairKey, V>(
    f: (batch: Batch<T>, context: TransformContext) => Answer<Batch<Pair<K, V>> | readonly Pair<K, V>[]>,
    options: PartialOptions = {},
  ): PairDStream<K, V> {
    return new PairDStream<K, V>(
      this.graph,
      transformNode(this.site, 'transformToPair', this.besides('transformToPair'), f, options),
    );
  }

  /** Whatever the function makes of this stream's batch and the other's at the same time. */
  transformWith<U, R>(
    other: DStream<U>,
    f: (batch: Batch<T>, other: Batch<U>, context: TransformContext) => Answer<Batch<R> | readonly R[]>,
    options: PartialOptions = {},
  ): DStream<R> {
    return new DStream<R>(
      this.graph,
      transformNode(this.site, 'transformWith', this.besides('transformWith', other), f, options),
    );
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
    return new PairDStream<K, V>(
      this.graph,
      transformNode(this.site, 'transformWithToPair', this.besides('transformWithToPair', other), f, options),
    );
  }

  /**
   * The items of each window put together: see `window` for its lengths. With an inverse function (`inverse(a, b)`
   * takes `b` out of `a`) a window is made of the last one, which costs what came and left instead of all it holds;
   * it needs a state store.
   */
  reduceByWindow(f: (a: T, b: T) => Answer<T>, ...window: ReducedWindow<T, PartialOptions>): DStream<T> {
    const { inverse, windowMillis, slideMillis, options } = windowArguments<PartialOptions>(window);
    if (inverse === undefined) {
      return this.reduce(f, options).window(windowMillis, slideMillis).reduce(f, options);
    }
    const one = new PairDStream<number, T>(
      this.graph,
      this.narrow('reduceByWindow', (item: T) => [0, item], 'mapToPair'),
    );
    const all = one.reduceByKeyAndWindow(f, ...window);
    return new DStream<T>(
      this.graph,
      all.narrow('reduceByWindow', ([, item]: Pair<number, T>) => item, 'map'),
    );
  }

  /** The number of items of each window, 0 for an empty one. It needs a state store. */
  countByWindow(windowMillis: number, slideMillis?: number, options: PartialOptions = {}): DStream<number> {
    return this.count(options).reduceByWindow(plus, minus, windowMillis, slideMillis, options);
  }

  /**
   * How often each item occurs in each window: pairs [item, number]. Items must be fit as keys. It needs a state store.
   */
  countByValueAndWindow<K extends PairKey>(
    this: DStream<K>,
    windowMillis: number,
    slideMillis?: number,
    options: PartialOptions = {},
  ): PairDStream<K, number> {
    const ones = this.narrow('countByValueAndWindow', (item: K) => [item, 1], 'mapToPair');
    const pairs = new PairDStream<K, number>(this.graph, ones);
    return pairs.reduceByKeyAndWindow(plus, minus, windowMillis, slideMillis, options);
  }
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
    return this.combine('groupByKey', { ...grouping, ...options });
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

  /** One pair for each key of each window, all its values in an array: see `window` for its lengths. */
  groupByKeyAndWindow(
    windowMillis: number,
    slideMillis?: number,
    options: PartialOptions = {},
  ): PairDStream<K, readonly V[]> {
    return this.window(windowMillis, slideMillis).groupByKey(options);
  }

  /**
   * One pair for each key of each window: its values put together. With an inverse function (`inverse(a, b)` takes `b`
   * out of `a`) a window is made of the last one, which costs what came and left instead of all it holds; keys whose
   * last pair has left are dropped, and from time to time all is computed anew, against rounding errors. It needs a
   * state store.
   */
  reduceByKeyAndWindow(
    f: (a: V, b: V) => Answer<V>,
    ...window: ReducedWindow<V, InverseWindowOptions<K, V>>
  ): PairDStream<K, V> {
    const { inverse, windowMillis, slideMillis, options } = windowArguments<InverseWindowOptions<K, V>>(window);
    if (inverse === undefined) {
      return this.reduceByKey(f, options).window(windowMillis, slideMillis).reduceByKey(f, options);
    }
    const node = inverseWindowNode(this.graph.head('reduceByKeyAndWindow'), this.node, {
      f: this.checked('reduceByKeyAndWindow', f) as ErasedReducer,
      inverse,
      windowMillis,
      slideMillis,
      filter: options.filter as InverseWindow['filter'],
      partial: options.partial ?? false,
    });
    return new PairDStream<K, V>(this.graph, node);
  }

  /**
   * One pair for each key that has state: what the function makes of its values of the batch and its state. The function
   * is called for every key with state or values, in every batch, also one in which the stream gives nothing;
   * `undefined` drops the key. State is frozen: return a new one. `id` names the state in the store and stays the
   * same when the program changes.
   */
  updateStateByKey<S>(
    id: string,
    update: UpdateFunction<K, V, S> | UpdateAllFunction<K, V, S>,
    options: UpdateStateOptions<K, S> = {},
  ): PairDStream<K, S> {
    const head = this.graph.head('updateStateByKey');
    const node = updateStateNode(head, this.node, {
      id,
      update: update as UpdateStateFields['update'],
      initialState: options.initialState,
      partial: options.partial ?? false,
      merge: options.merge as UpdateStateFields['merge'],
    });
    return new PairDStream<K, S>(this.graph, node);
  }

  /**
   * What the function of the specification makes of each pair and the state of its key; only keys with data, and those
   * that time out, are touched. `id` names the state in the store and stays the same when the program changes.
   */
  mapWithState<S, M>(id: string, spec: StateSpec<K, V, S, M>, options: PartialOptions = {}): StateDStream<K, S, M> {
    return new StateDStream<K, S, M>(this.graph, stateSpecNode(this.site, id, spec, options.partial ?? false));
  }

  #with<R>(operator: string, other: PairDStream<K, unknown>, kind: JoinKind): PairDStream<K, R> {
    const parents = this.besides(operator, other);
    const node: CogroupNode = { ...this.graph.head(operator), tag: 'cogroup', kind, parents };
    return new PairDStream<K, R>(this.graph, node);
  }

  /** One pair for each key; for the keyed operators. @internal */
  combine<R>(operator: string, combining: Combining): PairDStream<K, R> {
    return new PairDStream<K, R>(this.graph, combineNode(this.site, operator, combining));
  }
}

/** The stream of `mapWithState`: what its function returned, and beside it the state of all keys. */
export class StateDStream<K extends PairKey, S, M> extends DStream<M> {
  readonly #both: StreamNode;

  /** @internal */
  constructor(graph: Graph, both: StreamNode) {
    super(graph, mappedNode({ graph, node: both }));
    this.#both = both;
  }

  /** The state of every key after each batch, also of those without data: as large as the state. */
  stateSnapshots(): PairDStream<K, S> {
    return new PairDStream<K, S>(this.graph, snapshotsNode({ graph: this.graph, node: this.#both }));
  }
}

const plus = (a: number, b: number) => a + b;
const minus = (a: number, b: number) => a - b;
