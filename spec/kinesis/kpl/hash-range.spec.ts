import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashRange, hashKeyOf, maxHashKey, parseHashKey } from '../../../lib/kinesis/kpl/hash-range.ts';

const hashKeys = fc.oneof(
  fc.bigInt({ min: 0n, max: maxHashKey }),
  // Keys that differ in a lower word only.
  fc.bigInt({ min: 0n, max: 3n }).map((low) => (5n << 96n) | low),
);

/** A hash key as four numbers of 32 bits behind others. */
const wordsOf = (hashKey: bigint) =>
  Uint32Array.from([0n, hashKey >> 96n, hashKey >> 64n, hashKey >> 32n, hashKey], (word) => Number(word & 0xffffffffn));

describe('HashRange', () => {
  it('holds the keys from its start to its end', () => {
    fc.assert(
      fc.property(hashKeys, hashKeys, hashKeys, (one, other, hashKey) => {
        const [start, end] = one <= other ? [one, other] : [other, one];
        const range = HashRange.of({ startingHashKey: `${start}`, endingHashKey: `${end}` });
        if (range === undefined) return;
        expect(range.holds(hashKey)).toBe(start <= hashKey && hashKey <= end);
        expect(range.holdsWords(wordsOf(hashKey), 1)).toBe(range.holds(hashKey));
      }),
      { numRuns: 500 },
    );
  });

  it('holds a key that is its start or its end, and none beside it', () => {
    const hashKey = hashKeyOf('customer');
    const holds = (start: bigint, end: bigint) =>
      HashRange.of({ startingHashKey: `${start}`, endingHashKey: `${end}` })?.holdsWords(wordsOf(hashKey), 1);
    expect(holds(hashKey, hashKey)).toBe(true);
    expect(holds(hashKey + 1n, maxHashKey)).toBe(false);
    expect(holds(0n, hashKey - 1n)).toBe(false);
  });

  it('is none when a shard holds all keys, or when its range is not known', () => {
    const of = (startingHashKey: string, endingHashKey: string) => HashRange.of({ startingHashKey, endingHashKey });
    expect(of('0', `${maxHashKey}`)).toBeUndefined();
    expect(HashRange.of(undefined)).toBeUndefined();
    expect(of('', '12')).toBeUndefined();
    expect(of('12', `${maxHashKey + 1n}`)).toBeUndefined();
    expect(of('12', '11')).toBeUndefined();
    expect(of('0', `${maxHashKey - 1n}`)).toBeDefined();
  });
});

describe('parseHashKey', () => {
  it('reads decimal digits up to 2^128 - 1, and nothing else', () => {
    expect([parseHashKey('0'), parseHashKey('007'), parseHashKey(`${maxHashKey}`)]).toEqual([0n, 7n, maxHashKey]);
    for (const text of ['', '-1', '+1', '1.0', '0x1', ' 1', '1\n', '١', `${maxHashKey + 1n}`, '1'.repeat(40)]) {
      expect(parseHashKey(text)).toBeUndefined();
    }
  });
});

describe('hashKeyOf', () => {
  it('is the MD5 of the UTF-8 bytes as one unsigned number', () => {
    expect(hashKeyOf('a')).toBe(0x0cc175b9c0f1b6a831c399e269772661n);
    expect(hashKeyOf('é')).toBe(BigInt(`0x${createHash('md5').update('é', 'utf8').digest('hex')}`));
  });
});
