import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inheritMemory } from '../../../lib/engine/commit/inherit.ts';
import type { Persistence } from '../../../lib/engine/persistence.ts';
import { keyedPersistence } from '../../../lib/engine/state/keyed-persistence.ts';
import { type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import { partitionHash } from '../../../lib/engine/state/partition-hash.ts';
import { partitionKeys } from '../state/arbitraries.ts';

const end = 2n ** 128n - 1n;
const persistence = new Map<string, Persistence>([
  ['counts', keyedPersistence({ tag: 'byKey' })],
  ['partials', keyedPersistence({ tag: 'partial', merge: (a, b) => (a as number) + (b as number) })],
]);

interface Part {
  readonly shardId: string;
  readonly hashKeyRange: { readonly startingHashKey: string; readonly endingHashKey: string };
}

const part = (shardId: string, from: bigint, to: bigint): Part => ({
  shardId,
  hashKeyRange: { startingHashKey: from.toString(), endingHashKey: to.toString() },
});
const contents = (memory: ReadonlyMap<string, unknown>, operator: string) =>
  new Map(Array.from((memory.get(operator) as KeyedState).entries, ([key, { value }]) => [key, value]));
const memoryOf = (counts: Iterable<readonly [string, number]>) => {
  const state = initialKeyedState(counts);
  return new Map<string, unknown>([
    ['counts', state],
    ['partials', state],
  ]);
};

describe('what a shard inherits', () => {
  it('loses and doubles no key when a shard is split and its parts are merged again', () => {
    const state = fc.uniqueArray(fc.tuple(partitionKeys, fc.nat()), { selector: ([key]) => key, maxLength: 30 });
    fc.assert(
      fc.property(state, fc.bigInt({ min: 1n, max: end }), (counts, at) => {
        const memory = memoryOf(counts);
        const parent = { ...part('parent', 0n, end), memory };
        const [lower, upper] = [part('lower', 0n, at - 1n), part('upper', at, end)];
        const left = { ...lower, memory: inheritMemory(lower, [parent], persistence) };
        const right = { ...upper, memory: inheritMemory(upper, [parent], persistence) };
        for (const [key] of contents(left.memory, 'counts')) expect(partitionHash(String(key)) < at).toBe(true);
        for (const [key] of contents(right.memory, 'counts')) expect(partitionHash(String(key)) >= at).toBe(true);
        expect(contents(left.memory, 'partials').size).toBe(counts.length);
        expect(contents(right.memory, 'partials').size).toBe(0);
        // In whatever order the parents are named.
        const merged = inheritMemory(part('merged', 0n, end), [right, left], persistence);
        for (const operator of ['counts', 'partials']) expect(contents(merged, operator)).toEqual(new Map(counts));
      }),
    );
  });

  it('puts partial results of both parents together by the declared merge', () => {
    const [a, b] = [memoryOf([['x', 1]]), memoryOf([['x', 2]])];
    const parents = [
      { ...part('a', 0n, 9n), memory: new Map([['partials', a.get('partials')]]) },
      { ...part('b', 10n, end), memory: new Map([['partials', b.get('partials')]]) },
    ];
    expect(contents(inheritMemory(part('c', 0n, end), parents, persistence), 'partials')).toEqual(new Map([['x', 3]]));
  });

  it('is refused where nobody knows the parts of the hash space', () => {
    const parent = { ...part('parent', 0n, end), memory: memoryOf([]) };
    expect(() => inheritMemory({ shardId: 'child' }, [parent], persistence)).toThrow(/MR_STATE_INVALID.*shard child/);
  });
});
