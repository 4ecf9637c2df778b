import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import { type HashRange, partitionHash } from '../../../lib/engine/state/partition-hash.ts';
import { type Division, mergeState, splitState } from '../../../lib/engine/state/reshard.ts';
import { partitionKeys } from './arbitraries.ts';

type Counts = KeyedState<string, number>;

/** A shard with its three kinds of state. */
interface Shard extends HashRange {
  readonly byKey: Counts;
  readonly partial: Counts;
  readonly ids: Counts;
}

const add = (a: number, b: number) => a + b;
const divisions: { readonly [N in 'byKey' | 'partial' | 'ids']: Division<number> } = {
  byKey: { tag: 'byKey' },
  partial: { tag: 'partial', merge: add },
  ids: { tag: 'ids' },
};

const whole: HashRange = { start: 0n, end: (1n << 128n) - 1n };

/** Splits the shard in the middle. */
function split(shard: Shard): [Shard, Shard] {
  const start = (shard.start + shard.end) / 2n + 1n;
  const lower = { start: shard.start, end: start - 1n };
  const upper = { start, end: shard.end };
  const parts = (name: keyof typeof divisions) => splitState(shard[name], divisions[name], upper);
  const [byKey, partial, ids] = [parts('byKey'), parts('partial'), parts('ids')];
  return [
    { ...lower, byKey: byKey[0], partial: partial[0], ids: ids[0] },
    { ...upper, byKey: byKey[1], partial: partial[1], ids: ids[1] },
  ];
}

function merge(lower: Shard, upper: Shard): Shard {
  const both = (name: keyof typeof divisions) => mergeState(lower[name], upper[name], divisions[name]);
  return { start: lower.start, end: upper.end, byKey: both('byKey'), partial: both('partial'), ids: both('ids') };
}

/** Splits and merges by the picks, as neighbours allow. */
function reshard(shards: readonly Shard[], picks: readonly number[]): readonly Shard[] {
  let now = shards;
  for (const pick of picks) {
    const at = Math.abs(pick) % now.length;
    const one = now[at]!;
    const next = now[at + 1];
    if (pick >= 0 && one.end - one.start > 2n) now = [...now.slice(0, at), ...split(one), ...now.slice(at + 1)];
    else if (next !== undefined) now = [...now.slice(0, at), merge(one, next), ...now.slice(at + 2)];
  }
  return now;
}

function valuesOf(state: Counts): [string, number][] {
  return Array.from(state.entries, ([key, entry]) => [key, entry.value]);
}

function totalsOf(states: readonly Counts[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const [key, value] of states.flatMap(valuesOf)) totals.set(key, (totals.get(key) ?? 0) + value);
  return totals;
}

const stateOf = fc.uniqueArray(fc.tuple(partitionKeys, fc.integer()), { selector: ([key]) => key, maxLength: 30 });

describe('state of shards that are split and merged', () => {
  it('loses and doubles no key, in any tree of splits and merges', () => {
    fc.assert(
      fc.property(stateOf, fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 30 }), (pairs, picks) => {
        const state = initialKeyedState(pairs);
        const shards = reshard([{ ...whole, byKey: state, partial: state, ids: state }], picks);
        // Each key is in the one shard where its records now are.
        const placed = shards.flatMap((shard) => valuesOf(shard.byKey));
        expect(new Map(placed)).toEqual(new Map(pairs));
        expect(placed.length).toBe(pairs.length);
        for (const shard of shards) {
          for (const [key] of valuesOf(shard.byKey)) {
            const hash = partitionHash(key);
            expect(hash >= shard.start && hash <= shard.end).toBe(true);
          }
        }
        // The sums of the partial results are what they were.
        expect(totalsOf(shards.map(({ partial }) => partial))).toEqual(new Map(pairs));
        // Whoever reads a part of the hash space knows what was seen in all of it.
        for (const shard of shards) expect(new Map(valuesOf(shard.ids))).toEqual(new Map(pairs));
      }),
      { numRuns: 200 },
    );
  });

  it('goes on counting in the children, and the merged shard has the sums', () => {
    const before = initialKeyedState<string, number>([['a', 1]]);
    const [lower] = splitState(before, divisions.partial, { start: 1n << 127n });
    const upper = initialKeyedState<string, number>([
      ['a', 5],
      ['b', 2],
    ]);
    expect(new Map(valuesOf(mergeState(lower, upper, divisions.partial)))).toEqual(
      new Map([
        ['a', 6],
        ['b', 2],
      ]),
    );
  });

  it('keeps the later sight of an id', () => {
    const early = initialKeyedState<string, number>([['id', 1]], 1_000);
    const late = initialKeyedState<string, number>([['id', 1]], 2_000);
    expect(mergeState(early, late, { tag: 'ids' }).entries.get('id')?.touchedMillis).toBe(2_000);
    expect(mergeState(late, early, { tag: 'ids' }).entries.get('id')?.touchedMillis).toBe(2_000);
  });

  it('refuses a key in both parents when no merge is declared', () => {
    const state = initialKeyedState<string, number>([['a', 1]]);
    expect(() => mergeState(state, state, divisions.byKey)).toThrow('MR_STATE_INVALID');
    expect(mergeState(state, state, { tag: 'byKey', merge: add }).entries.get('a')?.value).toBe(2);
  });

  it('refuses to place a key that is no text', () => {
    const state = initialKeyedState<number, number>([[1, 1]]);
    expect(() => splitState(state, divisions.byKey, { start: 1n })).toThrow('MR_STATE_INVALID');
  });

  it('goes by the hash of Kinesis', () => {
    // MD5('a') = 0cc175b9c0f1b6a831c399e269772661.
    expect(partitionHash('a')).toBe(0x0cc175b9c0f1b6a831c399e269772661n);
  });
});
