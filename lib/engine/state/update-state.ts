import { MillraceError } from '../../base/error.ts';
import type { Given } from '../given.ts';
import { type PairKey, checkPair } from '../key.ts';
import type { TransformContext } from '../node.ts';
import type { Step, StepContext } from '../stateful-node.ts';
import { isThenable } from '../../base/thenable.ts';
import { each } from './each.ts';
import { groupValues } from './group-values.ts';
import { KeyedEdit, type KeyedState } from './keyed-state.ts';

/**
 * A function of `updateStateByKey`: from the values of a key in the batch, in order, and its state to its new state.
 * It is called for every key that has state or values, in every batch; `undefined` drops the key. The state is frozen:
 * return a new one.
 */
export type UpdateFunction<K extends PairKey, V, S> = (
  values: readonly V[],
  state: S | undefined,
  key: K,
  context: TransformContext,
) => S | undefined | PromiseLike<S | undefined>;

/** A key with its values of the batch and its state. */
export type StateUpdate<K extends PairKey, V, S> = readonly [key: K, values: readonly V[], state: S | undefined];

/** The other form of the function: all keys at once, in no order; it gives the new state of those that are to stay. */
export interface UpdateAllFunction<K extends PairKey, V, S> {
  all(
    updates: Iterable<StateUpdate<K, V, S>>,
    context: TransformContext,
  ): Iterable<readonly [PairKey, S]> | PromiseLike<Iterable<readonly [PairKey, S]>>;
}

/** The step of `updateStateByKey` by key. */
export function updateStateStep(f: UpdateFunction<PairKey, unknown, unknown>) {
  return async (before: KeyedState, [given]: readonly Given[], context: StepContext): Promise<Step<KeyedState>> => {
    const edit = new KeyedEdit(before, context.batchTimeMillis);
    const out: (readonly [PairKey, unknown])[] = [];
    const update = ([key, values, state]: StateUpdate<PairKey, unknown, unknown>) => {
      const result = f(values, state, key, context);
      const finish = (next: unknown) => {
        if (next === undefined) return edit.remove(key);
        edit.set(key, next, edit.get(key), false);
        out.push([key, next]);
      };
      return isThenable(result) ? result.then(finish) : finish(result);
    };
    const groups = await groupValues(given ?? null, context);
    await each(updatesOf(before, groups), update, context);
    return { memory: edit.next(), given: [out] };
  };
}

/** The step of `updateStateByKey` for all keys at once. `name` is that of the operator, for messages. */
export function updateAllStateStep(update: UpdateAllFunction<PairKey, unknown, unknown>, name: string) {
  return async (before: KeyedState, [given]: readonly Given[], context: StepContext): Promise<Step<KeyedState>> => {
    const edit = new KeyedEdit(before, context.batchTimeMillis);
    const states = new Map<PairKey, unknown>();
    const groups = await groupValues(given ?? null, context);
    const returned = await update.all(updatesOf(before, groups), context);
    const put = (item: unknown) => {
      const [key, next] = checkPair(item, name);
      if (states.has(key)) throw givenTwice(name);
      states.set(key, next);
      edit.set(key, next, edit.get(key), false);
    };
    await each(returned, put, context);
    for (const [key] of before.entries) if (!states.has(key)) edit.remove(key);
    return { memory: edit.next(), given: [[...states]] };
  };
}

/** Every key with state, with its values of the batch; then the new keys. */
function* updatesOf(
  before: KeyedState,
  groups: Map<PairKey, unknown[]>,
): IterableIterator<StateUpdate<PairKey, unknown, unknown>> {
  for (const [key, entry] of before.entries) yield [key, groups.get(key) ?? none, entry.value];
  for (const [key, values] of groups) if (!before.entries.has(key)) yield [key, values, undefined];
}

const none: readonly unknown[] = Object.freeze([]);

function givenTwice(name: string): MillraceError {
  return new MillraceError('MR_STATE_INVALID', `${name} gave two states for one key: give one`);
}
