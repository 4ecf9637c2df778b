import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { CounterAges } from '../../lib/lease/counter-ages.ts';

const key = 'shard-1';
let ages: CounterAges;

beforeEach(() => {
  ages = new CounterAges();
});

function see(counter: number, atMillis: number, holder: string | undefined = 'a'): void {
  ages.observe([{ key, counter, holder }], atMillis);
}

function give(counter: number, atMillis: number, holder = 'a'): void {
  ages.noteGiven({ key, counter, holder }, atMillis);
}

describe('CounterAges', () => {
  it('counts from the first sight of a counter, and anew with every change, downwards too', () => {
    const sights: [number, number][] = [
      [5, 100],
      [5, 900],
      [6, 1_000],
      [6, 5_000],
      [0, 6_000],
      [0, 7_000],
    ];
    const since = sights.map(([counter, at]) => {
      see(counter, at);
      return ages.sinceMillis(key);
    });
    expect(since).toEqual([100, 100, 1_000, 1_000, 6_000, 6_000]);
  });

  it('forgets what is gone', () => {
    see(5, 0);
    ages.observe([], 10);
    expect(ages.seen(key)).toBeUndefined();
    see(5, 20);
    expect(ages.sinceMillis(key)).toBe(20);
  });

  it('takes a counter for a sign of life only when its holder moved it upwards, before our eyes, and lately', () => {
    see(5, 0);
    expect(ages.hasMoved(key, 1_000, 0)).toBe(false);
    see(6, 100);
    // It may have moved right after the look at 0.
    expect(ages.hasMoved(key, 1_000, 1_000)).toBe(true);
    expect(ages.hasMoved(key, 1_000, 1_001)).toBe(false);
    see(7, 200, 'b');
    expect(ages.hasMoved(key, 1_000, 200)).toBe(false);
    see(3, 300, 'b');
    expect(ages.hasMoved(key, 1_000, 300)).toBe(false);
    see(4, 400, 'b');
    expect(ages.hasMoved(key, 1_000, 400)).toBe(true);
    // The same counter under another holder: somebody else wrote the owner.
    see(4, 500, 'c');
    expect(ages.hasMoved(key, 1_000, 500)).toBe(false);
    expect(ages.sinceMillis(key)).toBe(400);
  });

  it('takes no gift of its own for a sign of life, and counts from the gift', () => {
    see(5, 0, 'x');
    give(6, 100);
    see(6, 200);
    expect(ages.hasMoved(key, 1_000, 200)).toBe(false);
    expect(ages.sinceMillis(key)).toBe(100);
    see(7, 300);
    expect(ages.hasMoved(key, 1_000, 300)).toBe(true);
  });

  it('knows a gift that was given again because the first was not answered, until one is answered', () => {
    see(5, 0, 'x');
    give(6, 100);
    expect(ages.wasSilentWhenGiven(key)).toBe(false);
    see(6, 10_200);
    give(7, 10_200);
    expect(ages.wasSilentWhenGiven(key)).toBe(true);
    see(7, 20_000);
    expect(ages.wasSilentWhenGiven(key)).toBe(true);
    see(8, 21_000);
    expect(ages.wasSilentWhenGiven(key)).toBe(false);
    give(9, 40_000);
    expect(ages.wasSilentWhenGiven(key)).toBe(false);
  });

  it('keeps a gift in mind when a scan that lags shows what was before it', () => {
    see(5, 0, 'a');
    give(6, 100);
    see(5, 200);
    see(6, 300);
    // Younger than it is, never older; and the way back up is nobody's doing.
    expect(ages.sinceMillis(key)).toBe(300);
    expect(ages.hasMoved(key, 1_000, 300)).toBe(false);
    give(7, 10_400);
    expect(ages.wasSilentWhenGiven(key)).toBe(true);
    see(6, 10_500);
    expect(ages.wasSilentWhenGiven(key)).toBe(true);
    see(8, 10_600);
    expect(ages.wasSilentWhenGiven(key)).toBe(false);
  });

  it('takes no gift of a lease that was deleted and made anew for a second one', () => {
    see(5, 0, 'x');
    give(6, 100);
    see(0, 200);
    give(1, 300);
    expect(ages.wasSilentWhenGiven(key)).toBe(false);
  });

  it('never makes a counter look older than the time since its value was first seen to be the present one', () => {
    const sights = fc.array(
      fc.record({ counter: fc.nat({ max: 5 }), gapMillis: fc.nat({ max: 50 }), gone: fc.boolean() }),
    );
    fc.assert(
      fc.property(sights, (all) => {
        const own = new CounterAges();
        let now = 0;
        let changedAtMillis = 0;
        let last: number | undefined;
        for (const { counter, gapMillis, gone } of all) {
          now += gapMillis;
          own.observe(gone ? [] : [{ key, counter, holder: 'a' }], now);
          if (gone) last = undefined;
          else {
            if (last !== counter) changedAtMillis = now;
            last = counter;
            expect(own.sinceMillis(key)).toBe(changedAtMillis);
          }
        }
      }),
    );
  });
});
