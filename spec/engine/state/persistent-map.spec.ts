import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PairKey } from '../../../lib/engine/key.ts';
import { hashKey } from '../../../lib/engine/state/key-hash.ts';
import { PersistentMap, removed } from '../../../lib/engine/state/persistent-map.ts';
import { keys } from './arbitraries.ts';

type Change = readonly [PairKey, number | typeof removed];

const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.tuple(keys, fc.oneof(fc.integer(), fc.constant<typeof removed>(removed))),
  { maxLength: 60 },
);

function apply(model: ReadonlyMap<PairKey, number>, round: readonly Change[]): Map<PairKey, number> {
  const next = new Map(model);
  for (const [key, value] of round) {
    if (value === removed) next.delete(key);
    else next.set(key, value);
  }
  return next;
}

function check(map: PersistentMap<PairKey, number>, model: ReadonlyMap<PairKey, number>): void {
  expect(map.size).toBe(model.size);
  expect(new Map(map)).toEqual(model);
  for (const [key, value] of model) expect(map.get(key)).toBe(value);
}

describe('PersistentMap', () => {
  it('holds what a Map holds after the same changes, and leaves every earlier version as it was', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 8 }), (rounds) => {
        let map = PersistentMap.empty<PairKey, number>();
        let model = new Map<PairKey, number>();
        const versions: [PersistentMap<PairKey, number>, Map<PairKey, number>][] = [];
        for (const round of rounds) {
          versions.push([map, model]);
          map = map.with(round);
          model = apply(model, round);
        }
        check(map, model);
        for (const [version, expected] of versions) check(version, expected);
      }),
    );
  });

  it('forks: two versions made from one do not meet', () => {
    fc.assert(
      fc.property(changes, changes, changes, (before, left, right) => {
        const base = PersistentMap.empty<PairKey, number>().with(before);
        const model = apply(new Map(), before);
        const a = base.with(left);
        const b = base.with(right);
        check(a, apply(model, left));
        check(b, apply(model, right));
        check(base, model);
      }),
    );
  });

  it('keeps 50,000 keys apart, and lets all of them go', () => {
    const entries = Array.from({ length: 50_000 }, (_, index) => [`key-${index}`, index] as const);
    const full = PersistentMap.of(entries);
    check(full, new Map(entries));
    const empty = full.with(entries.map(([key]) => [key, removed] as const));
    check(empty, new Map());
    expect(full.size).toBe(50_000);
  });

  it('keeps keys of one hash apart', () => {
    const colliding = keysOfOneHash(60);
    const map = PersistentMap.of(colliding.map((key, index) => [key, index] as const));
    check(map, new Map(colliding.map((key, index) => [key, index])));
    check(
      map.with([[colliding[7]!, removed]]),
      new Map(colliding.map((key, i) => [key, i] as const).filter(([, i]) => i !== 7)),
    );
  });

  it('is the same version when nothing changes', () => {
    const map = PersistentMap.of<string, number>([['a', 1]]);
    expect(map.with([['a', 1]])).toBe(map);
    expect(map.with([['b', removed]])).toBe(map);
  });

  it('tells what makes it of any earlier version, or of one that it was not made from', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 8 }), changes, fc.nat(), (rounds, others, pick) => {
        const versions = [PersistentMap.empty<PairKey, number>()];
        for (const round of rounds) versions.push((versions.at(-1) ?? PersistentMap.empty()).with(round));
        const last = versions.at(-1) ?? PersistentMap.empty<PairKey, number>();
        const earlier = versions[pick % versions.length] ?? last;
        for (const before of [earlier, PersistentMap.empty<PairKey, number>().with(others)]) {
          const found = last.changesSince(before);
          expect(new Map(before.with(found))).toEqual(new Map(last));
          for (const [key, value] of found) expect(before.get(key)).not.toBe(value === removed ? undefined : value);
        }
      }),
    );
  });

  it('finds a few changes among many keys without looking at the others', () => {
    const before = PersistentMap.of(Array.from({ length: 100_000 }, (_, n): [PairKey, object] => [n, { n }]));
    const after = before.with([
      [5, { n: -5 }],
      [100_001, { n: 1 }],
      [7, removed],
    ]);
    const started = process.cpuUsage();
    for (let times = 0; times < 100; times += 1) expect(after.changesSince(before).size).toBe(3);
    const { user } = process.cpuUsage(started);
    // A walk over all keys takes some milliseconds each time.
    expect(user / 1_000).toBeLessThan(100);
  });
});

/** Pairs of letters that FNV-1a takes to one hash, and texts made of them. */
function keysOfOneHash(count: number): string[] {
  const byHash = new Map<number, string[]>();
  for (let seed = 0; ; seed += 1) {
    const key = `${seed}`;
    const hash = hashKey(key);
    const found = byHash.get(hash);
    if (found === undefined) {
      byHash.set(hash, [key]);
      continue;
    }
    found.push(key);
    // Two texts of one hash end alike: what follows them keeps them equal, since the hash goes on from where it stands.
    return Array.from({ length: count / 2 }, (_, n) => found.map((text) => `${text}/${n}`)).flat();
  }
}
