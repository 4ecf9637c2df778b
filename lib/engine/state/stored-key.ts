import { MillraceError } from '../../base/error.ts';
import { type PairKey, isPairKey } from '../key.ts';

/** A key as JSON and CBOR can hold it: bigints are an object with their digits. */
export type StoredKey = string | number | boolean | { readonly bigint: string };

/** The key as it is stored. */
export function storeKey(key: PairKey): StoredKey {
  if (typeof key === 'bigint') return { bigint: key.toString() };
  // JSON knows no negative zero, and a map takes both zeros for one key.
  return key === 0 ? 0 : key;
}

/**
 * The key that was stored.
 * @throws MillraceError `MR_STATE_DAMAGED` for anything that `storeKey` does not give
 */
export function restoreKey(stored: unknown): PairKey {
  if (typeof stored === 'object' && stored !== null && 'bigint' in stored) {
    const digits = stored.bigint;
    if (typeof digits === 'string' && /^-?\d+$/.test(digits)) return BigInt(digits);
  } else if (isPairKey(stored)) {
    return stored;
  }
  throw new MillraceError('MR_STATE_DAMAGED', `stored state holds a key that is none: ${describe(stored)}`);
}

function describe(stored: unknown): string {
  return stored === null ? 'null' : typeof stored;
}
