import type { PairKey } from '../key.ts';
import { freezeState } from './freeze.ts';
import { type KeyedState, type StateEntry, keyedStateOf } from './keyed-state.ts';
import { type Changes, PersistentMap, removed } from './persistent-map.ts';
import { type StoredKey, restoreKey, storeKey } from './stored-key.ts';

/** The state of one key, stored: key, value, and the batch times of its last touch and its birth. */
export type StoredEntry = readonly [key: StoredKey, value: unknown, touchedMillis: number, bornMillis: number];

/**
 * A piece of the state of one operator as plain data, for JSON or CBOR; the values are the program's own and must be
 * data too. A snapshot is any number of pieces; changes are pieces that are applied to the version before.
 */
export interface StoredState {
  readonly operatorId: string;
  readonly content: 'snapshot' | 'changes';
  readonly entries: readonly StoredEntry[];
  readonly removed: readonly StoredKey[];
}

/** Entries in one piece, so that writing a large snapshot keeps no process to itself. */
export const entriesPerPiece = 10_000;

/** All of a version, piece by piece. Later versions may be made, and this one be in use, while it is read. */
export function* exportSnapshot(operatorId: string, state: KeyedState): IterableIterator<StoredState> {
  let entries: StoredEntry[] = [];
  for (const [key, entry] of state.entries) {
    entries.push(storeEntry(key, entry));
    if (entries.length < entriesPerPiece) continue;
    yield { operatorId, content: 'snapshot', entries, removed: [] };
    entries = [];
  }
  yield { operatorId, content: 'snapshot', entries, removed: [] };
}

/** What one batch changed: its size is that of the batch, not of the state. */
export function exportChanges(operatorId: string, changes: Changes<PairKey, StateEntry<unknown>>): StoredState {
  const entries: StoredEntry[] = [];
  const gone: StoredKey[] = [];
  for (const [key, entry] of changes) {
    if (entry === removed) gone.push(storeKey(key));
    else entries.push(storeEntry(key, entry));
  }
  return { operatorId, content: 'changes', entries, removed: gone };
}

/**
 * The version that the pieces of a snapshot, and then the changes after it, make.
 * @throws MillraceError `MR_STATE_DAMAGED` for a key that is none
 */
export function importState(pieces: Iterable<StoredState>, timeoutMillis?: number): KeyedState {
  let entries = PersistentMap.empty<PairKey, StateEntry<unknown>>();
  for (const piece of pieces) entries = entries.with(changesOf(piece));
  return keyedStateOf(entries, timeoutMillis);
}

function* changesOf(piece: StoredState): IterableIterator<[PairKey, StateEntry<unknown> | typeof removed]> {
  for (const key of piece.removed) yield [restoreKey(key), removed];
  for (const [key, value, touchedMillis, bornMillis] of piece.entries) {
    yield [restoreKey(key), { value: freezeState(value), touchedMillis, bornMillis }];
  }
}

function storeEntry(key: PairKey, entry: StateEntry<unknown>): StoredEntry {
  return [storeKey(key), entry.value, entry.touchedMillis, entry.bornMillis];
}
