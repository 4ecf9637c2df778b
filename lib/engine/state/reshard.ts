import { MillraceError } from '../../base/error.ts';
import type { PairKey } from '../key.ts';
import type { KeyedState, StateEntry } from './keyed-state.ts';
import { keyedStateOf } from './keyed-state.ts';
import { PersistentMap } from './persistent-map.ts';
import { type HashRange, partitionHash } from './partition-hash.ts';

/** Puts two values of one key together, the earlier shard's first. */
export type MergeValues<S> = (a: S, b: S) => S;

/**
 * How the state of an operator is divided when its shard is: `byKey`, each key goes where its partition key goes;
 * `partial`, it is a partial result, all of it goes to the lower child, and whoever reads the results merges them;
 * `ids`, it is a memory of what was seen, and both children need all of it.
 */
export type Division<S> =
  | { readonly tag: 'byKey' | 'partial'; readonly merge?: MergeValues<S> | undefined }
  | { readonly tag: 'ids' };

/** The state of the two children, the one with the lower starting hash key first. */
export type SplitState<K extends PairKey, S> = readonly [lower: KeyedState<K, S>, upper: KeyedState<K, S>];

/**
 * Divides the state of a shard that was split; pure. The upper child's range begins at `upper.start`.
 * @throws MillraceError `MR_STATE_INVALID` for `byKey` state with a key that is no text, since partition keys are
 */
export function splitState<K extends PairKey, S>(
  state: KeyedState<K, S>,
  division: Division<S>,
  upper: Pick<HashRange, 'start'>,
  timeoutMillis?: number,
): SplitState<K, S> {
  switch (division.tag) {
    case 'ids':
      return [state, state];
    case 'partial':
      return [state, keyedStateOf(PersistentMap.empty<K, StateEntry<S>>(), timeoutMillis)];
    case 'byKey': {
      const sides: [[K, StateEntry<S>][], [K, StateEntry<S>][]] = [[], []];
      for (const entry of state.entries) sides[partitionHashOf(entry[0]) < upper.start ? 0 : 1].push(entry);
      return [
        keyedStateOf(PersistentMap.of(sides[0]), timeoutMillis),
        keyedStateOf(PersistentMap.of(sides[1]), timeoutMillis),
      ];
    }
  }
}

/**
 * Puts the state of two shards that were merged together; pure. `lower` is that of the parent with the lower starting
 * hash key. Of an id that both have seen the later time stays.
 * @throws MillraceError `MR_STATE_INVALID` when both have a key and the operator declared no merge
 */
export function mergeState<K extends PairKey, S>(
  lower: KeyedState<K, S>,
  upper: KeyedState<K, S>,
  division: Division<S>,
  timeoutMillis?: number,
): KeyedState<K, S> {
  const added: [K, StateEntry<S>][] = [];
  for (const [key, entry] of upper.entries) {
    const other = lower.entries.get(key);
    added.push([key, other === undefined ? entry : mergeEntries(other, entry, division)]);
  }
  return keyedStateOf(lower.entries.with(added), timeoutMillis);
}

function mergeEntries<S>(lower: StateEntry<S>, upper: StateEntry<S>, division: Division<S>): StateEntry<S> {
  if (division.tag === 'ids') return lower.touchedMillis >= upper.touchedMillis ? lower : upper;
  if (division.merge === undefined) {
    throw new MillraceError(
      'MR_STATE_INVALID',
      'two merged shards both hold state of one key, and the operator says nothing of how to put them together: give it the option merge',
    );
  }
  return {
    value: division.merge(lower.value, upper.value),
    touchedMillis: Math.max(lower.touchedMillis, upper.touchedMillis),
    bornMillis: Math.min(lower.bornMillis, upper.bornMillis),
  };
}

function partitionHashOf(key: PairKey): bigint {
  if (typeof key === 'string') return partitionHash(key);
  throw new MillraceError('MR_STATE_INVALID', `state by partition key holds a key that is a ${typeof key}`);
}
