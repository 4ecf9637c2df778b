import { MillraceError } from '../../base/error.ts';
import type { TransformContext } from '../node.ts';
import { type PairKey, checkKey } from '../key.ts';
import type { MergeValues } from './reshard.ts';
import type { State } from './state.ts';

/**
 * A function of `mapWithState`: called for each value of a batch, in order, and once more without a value when the state
 * of a key times out. What it returns goes into the stream; `undefined` puts nothing.
 */
export type MappingFunction<K extends PairKey, V, S, M> = (
  key: K,
  value: V | undefined,
  state: State<S>,
  context: TransformContext,
) => M | undefined | PromiseLike<M | undefined>;

interface SpecFields<K extends PairKey, V, S, M> {
  readonly f: MappingFunction<K, V, S, M>;
  readonly initial: readonly (readonly [K, S])[];
  readonly timeoutMillis: number | undefined;
  readonly merge: MergeValues<S> | undefined;
}

/** What `mapWithState` does, in the shape of Spark's StateSpec. Each method gives a new one. */
export class StateSpec<K extends PairKey, V, S, M> {
  /** @internal */
  readonly fields: SpecFields<K, V, S, M>;

  private constructor(fields: SpecFields<K, V, S, M>) {
    this.fields = fields;
  }

  /**
   * The specification with this function.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is no function
   */
  static function<K extends PairKey, V, S, M>(f: MappingFunction<K, V, S, M>): StateSpec<K, V, S, M> {
    if (typeof f !== 'function') {
      throw new MillraceError('MR_CONFIG_INVALID', `StateSpec.function() needs a function; it was given ${typeof f}`);
    }
    return new StateSpec({ f, initial: [], timeoutMillis: undefined, merge: undefined });
  }

  /**
   * The state before the first batch.
   * @throws MillraceError `MR_KEY_INVALID` for a key that is none
   */
  initialState(pairs: Iterable<readonly [K, S]>): StateSpec<K, V, S, M> {
    const initial = [...pairs];
    for (const [key] of initial) checkKey(key, 'initialState');
    return new StateSpec({ ...this.fields, initial });
  }

  /**
   * Drops the state of a key that had no data for longer than this, milliseconds; looked at in every batch. The function
   * is called once more, with `state.isTimingOut()`. A key with data is kept, also where the function puts nothing.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is not a number above 0
   */
  timeout(millis: number): StateSpec<K, V, S, M> {
    if (!Number.isFinite(millis) || millis <= 0) {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `the timeout of a StateSpec is ${millis}: give milliseconds above 0`,
      );
    }
    return new StateSpec({ ...this.fields, timeoutMillis: millis });
  }

  /**
   * Puts the states of a key of two shards together when the shards are merged: for partial results, which both may hold.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is no function
   */
  merge(merge: (a: S, b: S) => S): StateSpec<K, V, S, M> {
    if (typeof merge !== 'function') {
      throw new MillraceError('MR_CONFIG_INVALID', `StateSpec.merge() needs a function; it was given ${typeof merge}`);
    }
    return new StateSpec({ ...this.fields, merge });
  }
}
