import { describe, expect, it } from 'vitest';
import { KeyedEdit, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';

describe('KeyedEdit', () => {
  it('leaves the version it began with alone', () => {
    const before = initialKeyedState<string, number>([['a', 1]]);
    const edit = new KeyedEdit(before, 1_000);
    edit.set('a', 2, edit.get('a'), false);
    edit.set('b', 3, undefined, false);
    expect(Array.from(before.entries, ([key, entry]) => [key, entry.value])).toEqual([['a', 1]]);
    expect(new Map(Array.from(edit.next().entries, ([key, entry]) => [key, entry.value]))).toEqual(
      new Map([
        ['a', 2],
        ['b', 3],
      ]),
    );
  });

  it('writes down only what changed', () => {
    const before = initialKeyedState<string, unknown>([
      ['same', 1],
      ['plain', { n: 1 }],
      ['date', new Date(0)],
    ]);
    const edit = new KeyedEdit(before, 1_000);
    for (const [key, entry] of before.entries) edit.set(key, entry.value, entry, false);
    // Nothing keeps a Date from having been changed in place, so it counts as changed.
    expect([...edit.changes.keys()]).toEqual(['date']);
  });

  it('freezes state, so that a function that changes it in place fails instead of changing an older version', () => {
    const before = initialKeyedState<string, { n: number; list: number[] }>([['a', { n: 1, list: [1] }]]);
    const found = before.entries.get('a')!;
    expect(() => {
      found.value.n += 1;
    }).toThrow(TypeError);
    expect(() => found.value.list.push(2)).toThrow(TypeError);
  });

  it('forgets a key that was put and removed in one batch', () => {
    const edit = new KeyedEdit(initialKeyedState<string, number>(), 1_000);
    edit.set('a', 1, undefined, false);
    edit.remove('a');
    expect(edit.changes.size).toBe(0);
    expect(edit.get('a')).toBeUndefined();
  });
});
