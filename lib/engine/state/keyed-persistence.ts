import { MillraceError } from '../../base/error.ts';
import type { ConvertValue } from '../commit/memory-codec.ts';
import type { Persistence } from '../persistence.ts';
import type { PairKey } from '../key.ts';
import { freezeState } from './freeze.ts';
import { type KeyedState, type StateEntry, keyedStateOf } from './keyed-state.ts';
import { type Changes, PersistentMap, removed } from './persistent-map.ts';
import { type Division, mergeState, splitState } from './reshard.ts';
import { type StoredKey, restoreKey, storeKey } from './stored-key.ts';
import { restoreValue, storeValue } from './stored-value.ts';

/** The state of one key, stored: key, value, and the batch times of its last touch and its birth. */
export type StoredEntry = readonly [key: StoredKey, value: unknown, touchedMillis: number, bornMillis: number];

/** A piece of the state of one operator as plain data. */
export interface StoredKeys {
  readonly entries: readonly StoredEntry[];
  readonly removed: readonly StoredKey[];
}

/** Entries in one piece, so that writing a large snapshot keeps no process to itself. */
export const entriesPerPiece = 10_000;

/** How keyed state is written down, and divided with its shard. */
export function keyedPersistence(division: Division<unknown>, timeoutMillis?: number): Persistence<KeyedState> {
  return {
    snapshot: snapshotOfKeys,
    changes(before, after) {
      const changes = after.entries.changesSince(before.entries);
      // More is read back, and as much is written, once most of the keys have changed.
      if (changes.size > entriesPerPiece && changes.size > after.entries.size / 2) return undefined;
      return piecesOfChanges(changes);
    },
    restore: (snapshot, changes) => restoreKeys([...snapshot, ...changes], timeoutMillis),
    split: (state, upperStart) => splitState(state, division, { start: upperStart }, timeoutMillis),
    merge: (lower, upper) => mergeState(lower, upper, division, timeoutMillis),
    // A memory of ids has no values of the program.
    ...(division.tag === 'ids'
      ? {}
      : { convert: (snapshot, changes, convert) => [convertKeys([...snapshot, ...changes], convert)] }),
  };
}

/** All of a version, piece by piece. Later versions may be made, and this one be in use, while it is read. */
export function* snapshotOfKeys(state: KeyedState): Generator<StoredKeys, void, undefined> {
  let entries: StoredEntry[] = [];
  for (const [key, entry] of state.entries) {
    entries.push(storeEntry(key, entry));
    if (entries.length < entriesPerPiece) continue;
    yield { entries, removed: [] };
    entries = [];
  }
  yield { entries, removed: [] };
}

/** What a batch changed, piece by piece: as large as the batch, not as the state. */
export function* piecesOfChanges(
  changes: Changes<PairKey, StateEntry<unknown>>,
): Generator<StoredKeys, void, undefined> {
  let entries: StoredEntry[] = [];
  let gone: StoredKey[] = [];
  for (const [key, entry] of changes) {
    if (entry === removed) gone.push(storeKey(key));
    else entries.push(storeEntry(key, entry));
    if (entries.length + gone.length < entriesPerPiece) continue;
    yield { entries, removed: gone };
    [entries, gone] = [[], []];
  }
  if (entries.length + gone.length > 0) yield { entries, removed: gone };
}

/**
 * The version that the pieces of a snapshot, and then the changes after it, make.
 * @throws MillraceError `MR_STATE_DAMAGED` for what is no piece, and for a key that is none
 */
export function restoreKeys(pieces: Iterable<unknown>, timeoutMillis?: number): KeyedState {
  let entries = PersistentMap.empty<PairKey, StateEntry<unknown>>();
  for (const piece of pieces) entries = entries.with(changesOf(checkPiece(piece)));
  return keyedStateOf(entries, timeoutMillis);
}

/** The one piece that some pieces make, with every value that is left converted, once. */
function convertKeys(pieces: readonly unknown[], convert: ConvertValue): StoredKeys {
  const last = new Map<PairKey, StoredEntry>();
  for (const piece of pieces) {
    const { entries, removed: gone } = checkPiece(piece);
    for (const key of gone) last.delete(restoreKey(key));
    for (const entry of entries) last.set(restoreKey(entry[0]), entry);
  }
  const converted: StoredEntry[] = [];
  for (const [key, [storedKey, data, touchedMillis, bornMillis]] of last) {
    const value = convert(data, key);
    if (value !== undefined) converted.push([storedKey, value, touchedMillis, bornMillis]);
  }
  return { entries: converted, removed: [] };
}

function* changesOf(piece: StoredKeys): IterableIterator<[PairKey, StateEntry<unknown> | typeof removed]> {
  for (const key of piece.removed) yield [restoreKey(key), removed];
  for (const [key, value, touchedMillis, bornMillis] of piece.entries) {
    yield [restoreKey(key), { value: freezeState(restoreValue(value)), touchedMillis, bornMillis }];
  }
}

function checkPiece(piece: unknown): StoredKeys {
  const { entries, removed: gone } = (piece ?? {}) as Partial<StoredKeys>;
  if (Array.isArray(entries) && Array.isArray(gone)) return piece as StoredKeys;
  throw new MillraceError('MR_STATE_DAMAGED', 'stored state by key holds a piece without entries');
}

function storeEntry(key: PairKey, entry: StateEntry<unknown>): StoredEntry {
  return [storeKey(key), storeValue(entry.value), entry.touchedMillis, entry.bornMillis];
}
