import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PairKey } from '../../../lib/engine/key.ts';
import {
  type StoredKeys,
  keyedPersistence,
  piecesOfChanges,
  restoreKeys,
  snapshotOfKeys,
} from '../../../lib/engine/state/keyed-persistence.ts';
import { KeyedEdit, type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import { keys } from './arbitraries.ts';

const rounds = fc.array(fc.array(fc.tuple(keys, fc.oneof(fc.integer(), fc.constant(undefined))), { maxLength: 12 }), {
  minLength: 1,
  maxLength: 8,
});

function contents(state: KeyedState): Map<PairKey, unknown> {
  return new Map(Array.from(state.entries, ([key, entry]) => [key, entry]));
}

/** Through the text that a store would keep. */
function stored(pieces: Iterable<StoredKeys>): StoredKeys[] {
  return Array.from(pieces, (piece) => JSON.parse(JSON.stringify(piece)) as StoredKeys);
}

describe('exported state', () => {
  it('comes back from a snapshot of any version and the changes after it', () => {
    fc.assert(
      fc.property(rounds, fc.nat(), (batches, pick) => {
        let state: KeyedState = initialKeyedState<PairKey, unknown>([['__proto__', 0]], 0);
        const snapshotAt = pick % batches.length;
        const pieces: StoredKeys[] = [];
        for (const [index, batch] of batches.entries()) {
          if (index === snapshotAt) pieces.push(...snapshotOfKeys(state));
          const edit = new KeyedEdit<PairKey, unknown>(state, (index + 1) * 1_000);
          for (const [key, value] of batch) {
            if (value === undefined) edit.remove(key);
            else edit.set(key, value, edit.get(key), true);
          }
          if (index >= snapshotAt) pieces.push(...piecesOfChanges(edit.changes));
          state = edit.next();
        }
        expect(contents(restoreKeys(stored(pieces)))).toEqual(contents(state));
      }),
    );
  });

  it('of a snapshot can be read while newer versions are made', () => {
    let state: KeyedState = initialKeyedState<PairKey, unknown>(Array.from({ length: 25_000 }, (_, n) => [n, n]));
    const before = contents(state);
    const pieces: StoredKeys[] = [];
    for (const piece of snapshotOfKeys(state)) {
      pieces.push(piece);
      const edit = new KeyedEdit<PairKey, unknown>(state, 1_000);
      for (let key = 0; key < 25_000; key += 3) edit.remove(key);
      state = edit.next();
    }
    expect(pieces.map(({ entries }) => entries.length)).toEqual([10_000, 10_000, 5_000]);
    expect(contents(restoreKeys(pieces))).toEqual(before);
  });

  it('has the size of the batch, not of the state', () => {
    const state = initialKeyedState<PairKey, unknown>(Array.from({ length: 10_000 }, (_, n) => [n, n]));
    const edit = new KeyedEdit<PairKey, unknown>(state, 1_000);
    edit.set(5, 50, edit.get(5), false);
    edit.remove(6);
    const changed = [{ entries: [[5, 50, 1_000, 0]], removed: [6] }];
    expect([...piecesOfChanges(edit.changes)]).toEqual(changed);
    // The same is found by comparing two versions, at the same cost.
    const persistence = keyedPersistence({ tag: 'byKey' });
    expect([...(persistence.changes(state, edit.next()) ?? [])]).toEqual(changed);
    expect([...(persistence.changes(state, state) ?? [])]).toEqual([]);
  });

  it('refuses a key that is none', () => {
    const piece = { entries: [[null, 1, 0, 0]], removed: [] };
    for (const wrong of [piece, {}, null, 7]) expect(() => restoreKeys([wrong])).toThrow('MR_STATE_DAMAGED');
  });
});
