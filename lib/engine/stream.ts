import { MillraceError } from '../base/error.ts';
import type { Batch } from './batch.ts';
import type { Graph } from './graph.ts';
import type { Pair, PairKey } from './key.ts';
import type { ErasedFunction, ErasedReducer, ForeachBatchNode, NarrowNode, OutputContext, StreamNode } from './node.ts';

/** A function over items, of whatever types; its erased form is what the graph keeps. */
type AnyFunction = (item: never) => unknown;

/** How many items `print()` writes when it is not told (Spark's default). */
const defaultPrintLimit = 10;

/**
 * A stream of items cut into batches. For each batch time it gives nothing, an empty batch, or data. Operators
 * describe a new stream and compute nothing; only outputs (`print`, `foreachBatch`) make the engine work. Functions
 * given to operators may be async, are called one item after the other, and may be called again for the same item
 * when a batch is tried again.
 */
export class DStream<T> {
  /** The stream's node in the graph. */
  readonly node: StreamNode;
  protected readonly graph: Graph;

  constructor(graph: Graph, node: StreamNode) {
    this.graph = graph;
    this.node = node;
  }

  /** What the function makes of each item. */
  map<U>(f: (item: T) => U | PromiseLike<U>): DStream<U> {
    return new DStream<U>(this.graph, this.narrow('map', f));
  }

  /** Everything that the function makes of each item, one after the other. */
  flatMap<U>(f: (item: T) => Iterable<U> | PromiseLike<Iterable<U>>): DStream<U> {
    return new DStream<U>(this.graph, this.narrow('flatMap', f));
  }

  /** The items for which the function says yes. */
  filter<S extends T>(f: (item: T) => item is S): DStream<S>;
  filter(f: (item: T) => boolean | PromiseLike<boolean>): DStream<T>;
  filter(f: (item: T) => boolean | PromiseLike<boolean>): DStream<T> {
    return new DStream<T>(this.graph, this.narrow('filter', f));
  }

  /**
   * A pair [key, value] for each item. Keys are strings, finite numbers, bigints or booleans; another one ends the
   * run with `MR_KEY_INVALID`.
   */
  mapToPair<K extends PairKey, V>(f: (item: T) => Pair<K, V> | PromiseLike<Pair<K, V>>): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.narrow('mapToPair', f));
  }

  /**
   * The items of both streams, this one's first.
   * @throws MillraceError `MR_CONFIG_INVALID` when the other stream belongs to another context
   */
  union(other: DStream<T>): DStream<T> {
    return new DStream<T>(this.graph, this.unionNode(other));
  }

  /** The number of items of each batch, 0 for an empty one. It is one number for all shards: `application` scope. */
  count(): DStream<number> {
    return new DStream<number>(this.graph, { ...this.graph.head('count'), tag: 'count', parent: this.node });
  }

  /**
   * Output: writes the first `limit` items (10) of each batch to the context's `output` in Spark's layout, and `...`
   * when there are more. Control characters come out escaped.
   * @throws MillraceError `MR_CONFIG_INVALID` when `limit` is not a whole number of at least 0
   */
  print(limit: number = defaultPrintLimit): void {
    if (!Number.isInteger(limit) || limit < 0) {
      throw new MillraceError('MR_CONFIG_INVALID', `print(${limit}) needs a whole number of at least 0`);
    }
    this.graph.outputs.push({ ...this.graph.head('print'), tag: 'print', parent: this.node, limit });
  }

  /**
   * Output: hands each batch to the function. The records count as finished when it, and every other output of the
   * batch, has returned; when it throws, it is called again with the same batch after a pause.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is not a function
   */
  foreachBatch(f: (batch: Batch<T>, context: OutputContext) => unknown): void {
    if (typeof f !== 'function') {
      throw new MillraceError('MR_CONFIG_INVALID', `foreachBatch() needs a function; it was given ${typeof f}`);
    }
    const head = this.graph.head('foreachBatch');
    this.graph.outputs.push({ ...head, tag: 'foreachBatch', parent: this.node, f: f as ForeachBatchNode['f'] });
  }

  protected narrow(kind: NarrowNode['kind'], f: AnyFunction): NarrowNode {
    return { ...this.graph.head(kind), tag: 'narrow', kind, parent: this.node, f: f as ErasedFunction };
  }

  protected unionNode(other: DStream<T>): StreamNode {
    const head = this.graph.head('union');
    if (other.graph !== this.graph) {
      throw new MillraceError('MR_CONFIG_INVALID', `union at ${head.site} joins streams of two contexts: use one`);
    }
    return { ...head, tag: 'union', parents: [this.node, other.node] };
  }
}

/** How {@link PairDStream.reduceByKey} treats the shards. */
export interface ReduceByKeyOptions {
  /**
   * `true`: each shard gives its own pair per key, and whoever takes the output merges them. The plan then keeps
   * `shard` scope, and every worker computes. Default `false`: one pair per key for all shards, `application` scope.
   */
  readonly partial?: boolean;
}

/** A stream of pairs [key, value], with the operators that need keys. */
export class PairDStream<K extends PairKey, V> extends DStream<Pair<K, V>> {
  override filter<S extends Pair<K, V>>(f: (item: Pair<K, V>) => item is S): DStream<S>;
  override filter(f: (item: Pair<K, V>) => boolean | PromiseLike<boolean>): PairDStream<K, V>;
  override filter(f: (item: Pair<K, V>) => boolean | PromiseLike<boolean>): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.narrow('filter', f));
  }

  override union(other: PairDStream<K, V>): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, this.unionNode(other));
  }

  /** The same keys with what the function makes of their values. */
  mapValues<W>(f: (value: V) => W | PromiseLike<W>): PairDStream<K, W> {
    return new PairDStream<K, W>(this.graph, this.narrow('mapValues', f));
  }

  /**
   * One pair for each key of the batch: its values, put together two by two in order of arrival. The function must be
   * associative; what it returns may be passed to it again.
   */
  reduceByKey(f: (a: V, b: V) => V | PromiseLike<V>, options: ReduceByKeyOptions = {}): PairDStream<K, V> {
    return new PairDStream<K, V>(this.graph, {
      ...this.graph.head('reduceByKey'),
      tag: 'reduceByKey',
      parent: this.node,
      f: f as ErasedReducer,
      partial: options.partial ?? false,
    });
  }
}
