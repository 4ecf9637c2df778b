import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedEdit, type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';

/** What happens to keys in one batch: a touch, or a removal. */
const batches = fc.array(
  fc.record({
    gap: fc.integer({ min: 1, max: 4 }),
    touched: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 }),
    removed: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 2 }),
  }),
  { maxLength: 60 },
);

describe('TimerIndex', () => {
  it('finds, in every batch, exactly the keys that were not touched for the timeout', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 3_000 }), (rounds, timeoutMillis) => {
        let state: KeyedState<number, number> = initialKeyedState<number, number>([[3, 0]], 0, timeoutMillis);
        const model = new Map([[3, 0]]);
        let time = 0;
        for (const round of rounds) {
          time += round.gap * 100;
          const edit = new KeyedEdit(state, time);
          for (const key of round.removed) {
            edit.remove(key);
            model.delete(key);
          }
          for (const key of round.touched) {
            edit.set(key, time, edit.get(key), true);
            model.set(key, time);
          }
          const threshold = time - timeoutMillis;
          const due = edit.dueBefore(threshold);
          const expected = [...model].filter(([, touched]) => touched < threshold).map(([key]) => key);
          expect(due.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b));
          for (const key of due) {
            edit.remove(key);
            model.delete(key);
          }
          state = edit.next(threshold);
          expect(new Set(Array.from(state.entries, ([key]) => key))).toEqual(new Set(model.keys()));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('times out strictly before the threshold', () => {
    const state = initialKeyedState([['a', 1]], 1_000, 1_000);
    expect(new KeyedEdit(state, 2_000).dueBefore(1_000)).toEqual([]);
    expect(new KeyedEdit(state, 2_001).dueBefore(1_001)).toEqual(['a']);
  });
});
