import type { PairKey } from './key.ts';
import type { ErasedReducer } from './node.ts';

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

/** Options of `updateStateByKey`. */
export interface UpdateStateOptions<K extends PairKey, S> extends PartialOptions {
  /** The state before the first batch. */
  readonly initialState?: Iterable<readonly [K, S]>;
  /**
   * Puts the states of a key of two shards together when the shards are merged: for partial results, which both may hold.
   * Without it such a merge is refused (`MR_STATE_INVALID`), and the shard waits until the program has one.
   */
  readonly merge?: (a: S, b: S) => S;
}

/** Says yes to a pair. Written as a method, like `Inverse`. */
type PairFilter<K, V> = { of(key: K, value: V): boolean }['of'];

/** Options of a window with an inverse function. */
export interface InverseWindowOptions<K extends PairKey, V> extends PartialOptions {
  /** Which pairs are given; the others are carried on as well, as long as the window holds pairs of their keys. */
  readonly filter?: PairFilter<K, V>;
}

/** How a keyed operator puts values together; what its public method makes of its arguments. */
export interface Combining extends PartialOptions {
  readonly create?: (value: unknown) => unknown;
  readonly merge: ErasedReducer;
  readonly mergeCombiners?: ErasedReducer;
}

/** Takes `b` out of `a`. Written as a method so that a stream of strings is also one of `unknown`. */
type Inverse<V> = { of(a: V, b: V): Answer<V> }['of'];

/**
 * The lengths of a reduced window, milliseconds, before them the inverse function where there is one, and options: the
 * two forms that Spark has.
 */
export type ReducedWindow<V, Options> =
  | [windowMillis: number, slideMillis?: number | undefined, options?: Options]
  | [inverse: Inverse<V>, windowMillis: number, slideMillis?: number | undefined, options?: Options];
