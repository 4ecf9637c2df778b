import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PairKey } from '../../../lib/engine/key.ts';
import { type StoredState, exportChanges, exportSnapshot, importState } from '../../../lib/engine/state/export.ts';
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
function stored(pieces: Iterable<StoredState>): StoredState[] {
  return Array.from(pieces, (piece) => JSON.parse(JSON.stringify(piece)) as StoredState);
}

describe('exported state', () => {
  it('comes back from a snapshot of any version and the changes after it', () => {
    fc.assert(
      fc.property(rounds, fc.nat(), (batches, pick) => {
        let state: KeyedState = initialKeyedState<PairKey, unknown>([['__proto__', 0]], 0);
        const snapshotAt = pick % batches.length;
        const pieces: StoredState[] = [];
        for (const [index, batch] of batches.entries()) {
          if (index === snapshotAt) pieces.push(...exportSnapshot('sums', state));
          const edit = new KeyedEdit<PairKey, unknown>(state, (index + 1) * 1_000);
          for (const [key, value] of batch) {
            if (value === undefined) edit.remove(key);
            else edit.set(key, value, edit.get(key), true);
          }
          if (index >= snapshotAt) pieces.push(exportChanges('sums', edit.changes));
          state = edit.next();
        }
        expect(contents(importState(stored(pieces)))).toEqual(contents(state));
      }),
    );
  });

  it('of a snapshot can be read while newer versions are made', () => {
    let state: KeyedState = initialKeyedState<PairKey, unknown>(Array.from({ length: 25_000 }, (_, n) => [n, n]));
    const before = contents(state);
    const pieces: StoredState[] = [];
    for (const piece of exportSnapshot('sums', state)) {
      pieces.push(piece);
      const edit = new KeyedEdit<PairKey, unknown>(state, 1_000);
      for (let key = 0; key < 25_000; key += 3) edit.remove(key);
      state = edit.next();
    }
    expect(pieces.map(({ entries }) => entries.length)).toEqual([10_000, 10_000, 5_000]);
    expect(contents(importState(pieces))).toEqual(before);
  });

  it('has the size of the batch, not of the state', () => {
    const state = initialKeyedState<PairKey, unknown>(Array.from({ length: 10_000 }, (_, n) => [n, n]));
    const edit = new KeyedEdit<PairKey, unknown>(state, 1_000);
    edit.set(5, 50, edit.get(5), false);
    edit.remove(6);
    expect(exportChanges('sums', edit.changes)).toEqual({
      operatorId: 'sums',
      content: 'changes',
      entries: [[5, 50, 1_000, 0]],
      removed: [6],
    });
  });

  it('refuses a key that is none', () => {
    const piece = { operatorId: 'sums', content: 'snapshot', entries: [[null, 1, 0, 0]], removed: [] };
    expect(() => importState([piece as never])).toThrow('MR_STATE_DAMAGED');
  });
});
