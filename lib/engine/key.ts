import { MillraceError } from '../base/error.ts';
import { kindOf } from './operator-fault.ts';

/**
 * What a key of a pair may be. Keys are compared as a `Map` compares them: `1` and `'1'` are two keys. Objects are no
 * keys, because two equal ones would not meet.
 */
export type PairKey = string | number | bigint | boolean;

/** A key with its value: the item of a `PairDStream`. */
export type Pair<K extends PairKey, V> = readonly [key: K, value: V];

/** Whether a value can be a key: a string, a finite number, a bigint or a boolean. */
export function isPairKey(value: unknown): value is PairKey {
  switch (typeof value) {
    case 'string':
    case 'bigint':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    default:
      return false;
  }
}

/**
 * Checks a key that was given to an operator. `operator` names it, `initialState of updateStateByKey`.
 * @throws MillraceError `MR_KEY_INVALID` when it is of another kind than {@link PairKey}
 */
export function checkKey(key: unknown, operator: string): PairKey {
  if (isPairKey(key)) return key;
  throw new MillraceError(
    'MR_KEY_INVALID',
    `${operator} holds a key that is ${kindOf(key)}: keys are strings, finite numbers, bigints or booleans`,
  );
}

/**
 * Checks what a user function returned as a pair. `operator` names the function, `mapToPair at counts.ts:12`.
 * @throws MillraceError `MR_KEY_INVALID` when it is no pair, or its key is of another kind than {@link PairKey}
 */
export function checkPair(value: unknown, operator: string): Pair<PairKey, unknown> {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new MillraceError(
      'MR_KEY_INVALID',
      `${operator} returned ${kindOf(value)} where a pair is needed: return [key, value]`,
    );
  }
  const pair = value as [unknown, unknown];
  if (!isPairKey(pair[0])) {
    throw new MillraceError(
      'MR_KEY_INVALID',
      `${operator} returned a pair whose key is ${kindOf(pair[0])}: keys are strings, finite numbers, bigints or booleans`,
    );
  }
  return pair as unknown as Pair<PairKey, unknown>;
}
