import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashRange, hashKeyOf, maxHashKey, parseHashKey } from '../../../lib/kinesis/kpl/hash-range.ts';
import { md5Words } from '../../../lib/kinesis/kpl/md5.ts';

const hashKeys = fc.oneof(
  fc.bigInt({ min: 0n, max: maxHashKey }),
  // Keys that differ in a lower word only.
  fc.bigInt({ min: 0n, max: 3n }).map((low) => (5n << 96n) | low),
);

/** The MD5 as OpenSSL has it, as one number. */
const md5Of = (bytes: Uint8Array) => BigInt(`0x${createHash('md5').update(bytes).digest('hex')}`);

describe('md5Words', () => {
  it('is the MD5 of the bytes between two places, whatever lies around them', () => {
    const words = new Uint32Array(4);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), fc.nat(20), (bytes, before, after) => {
        const padded = new Uint8Array(before + bytes.length + after).fill(0x5a);
        padded.set(bytes, before);
        md5Words(padded, before, before + bytes.length, words);
        expect(words.reduce((value, word) => (value << 32n) | BigInt(word), 0n)).toBe(md5Of(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('is right at every length around the ends of blocks', () => {
    const words = new Uint32Array(4);
    for (let length = 0; length <= 260; length += 1) {
      const bytes = new Uint8Array(length).fill(length);
      md5Words(bytes, 0, length, words);
      expect(words.reduce((value, word) => (value << 32n) | BigInt(word), 0n)).toBe(md5Of(bytes));
    }
  });
});

describe('HashRange', () => {
  it('holds the keys from its start to its end', () => {
    fc.assert(
      fc.property(hashKeys, hashKeys, hashKeys, fc.string({ unit: 'grapheme' }), (one, other, hashKey, key) => {
        const [start, end] = one <= other ? [one, other] : [other, one];
        const range = HashRange.of({ startingHashKey: `${start}`, endingHashKey: `${end}` });
        if (range === undefined) return;
        expect(range.holds(hashKey)).toBe(start <= hashKey && hashKey <= end);
        const bytes = new TextEncoder().encode(key);
        expect(range.holdsKey(bytes, 0, bytes.length)).toBe(start <= hashKeyOf(key) && hashKeyOf(key) <= end);
      }),
      { numRuns: 500 },
    );
  });

  it('holds a key that is its start or its end, and none beside it', () => {
    const key = new TextEncoder().encode('customer');
    const hashKey = hashKeyOf('customer');
    const holds = (start: bigint, end: bigint) =>
      HashRange.of({ startingHashKey: `${start}`, endingHashKey: `${end}` })?.holdsKey(key, 0, key.length);
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
    expect(hashKeyOf('é')).toBe(md5Of(new TextEncoder().encode('é')));
  });
});
