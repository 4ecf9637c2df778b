import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKeyWords, haveDigests } from '../../../lib/kinesis/kpl/digests.ts';
import { hashKeyOf } from '../../../lib/kinesis/kpl/hash-range.ts';
import { Md5Lanes, lanes, maxKeyBytes } from '../../../lib/kinesis/kpl/md5-lanes.ts';

const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();
const md5 = Md5Lanes.create() as Md5Lanes;

/** The digests of the lanes as hexadecimal. */
function digested(messages: readonly Uint8Array[]): readonly string[] {
  return md5.digests(messages).map((words) => {
    const digest = Buffer.alloc(16);
    for (const [place, word] of words.entries()) digest.writeUInt32LE(word, 4 * place);
    return digest.toString('hex');
  });
}

/** Keys behind each other, with other bytes before and between them. */
function keyTable(keys: readonly string[]): { readonly bytes: Buffer; readonly bounds: readonly number[] } {
  const parts = [Buffer.from('before')];
  const bounds: number[] = [];
  let at = 6;
  for (const key of keys) {
    const bytes = Buffer.from(key);
    bounds.push(at, at + bytes.length);
    parts.push(bytes, Buffer.from([0xff]));
    at += bytes.length + 1;
  }
  return { bytes: Buffer.concat(parts), bounds };
}

describe('Md5Lanes', () => {
  it('computes the MD5 of several messages of any length', () => {
    const message = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }).map(repeated));
    fc.assert(
      fc.property(fc.array(message, { maxLength: lanes }), (messages) => {
        expect(digested(messages)).toEqual(messages.map((one) => md5Of(one).toString('hex')));
      }),
      { numRuns: 300 },
    );
  });

  it('is right at every length around the ends of blocks and of what fits into its memory', () => {
    for (const base of [0, 52 * 1024, 104 * 1024]) {
      for (let length = Math.max(0, base - 70); length <= base + 70; length += 1) {
        const messages = [length, 3, length + 64, 2 * length].map((size) => new Uint8Array(size).fill(size % 251));
        expect(digested(messages)).toEqual(messages.map((one) => md5Of(one).toString('hex')));
      }
    }
  });

  it('is not to be had without WebAssembly', () => {
    const found = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly') as PropertyDescriptor;
    Object.defineProperty(globalThis, 'WebAssembly', { value: undefined, configurable: true });
    try {
      expect(Md5Lanes.create()).toBeUndefined();
    } finally {
      Object.defineProperty(globalThis, 'WebAssembly', found);
    }
    expect(Md5Lanes.create()).toBeDefined();
  });

  it('forgets what it has digested before', () => {
    digested([new Uint8Array(100_000).fill(1)]);
    const short = [Uint8Array.of(1), Uint8Array.of(2)];
    expect(digested(short)).toEqual(short.map((one) => md5Of(one).toString('hex')));
  });
});

function repeated(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat(Array.from({ length: 300 }, () => bytes)));
}

describe('haveDigests', () => {
  it('tells right digests from wrong ones, one by one or together', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: lanes });
    fc.assert(
      fc.property(lengths, fc.array(fc.boolean(), { minLength: lanes, maxLength: lanes }), (sizes, wanted) => {
        const messages = sizes.map((size, index) => new Uint8Array(size).fill(index));
        const digests = messages.map((message, index) => {
          const digest = md5Of(message);
          if (wanted[index] !== true) digest[(7 * index) % 16] = (digest[(7 * index) % 16] as number) ^ 1;
          return digest;
        });
        expect(haveDigests(messages, digests)).toEqual(sizes.map((_, index) => wanted[index]));
      }),
    );
  });

  it('takes nothing of another length for a digest', () => {
    const messages = [1, 2, 3, 4].map((fill) => new Uint8Array(1_000).fill(fill));
    const digests = messages.map((message, index) => md5Of(message).subarray(index % 2));
    expect(haveDigests(messages, digests)).toEqual([true, false, true, false]);
    expect(haveDigests([new Uint8Array()], [new Uint8Array()])).toEqual([false]);
  });
});

describe('hashKeyWords', () => {
  it('writes the hash keys of partition keys of any length, several at a time', () => {
    const key = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.nat(80).map((length) => 'k'.repeat(length)),
    );
    const words = new Uint32Array(4 * lanes);
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 2 * lanes + 1 }), (keys) => {
        const { bytes, bounds } = keyTable(keys.map((one) => Buffer.from(one).toString()));
        for (let first = 0; first < keys.length; first += lanes) {
          hashKeyWords(bytes, bounds, 2 * first, words);
          for (const [lane, one] of keys.slice(first, first + lanes).entries()) {
            const hashKey = words.slice(4 * lane, 4 * lane + 4).reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
            expect(hashKey).toBe(hashKeyOf(Buffer.from(one).toString()));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does so at the greatest length that fits into one block, and beyond it', () => {
    const words = new Uint32Array(4 * lanes);
    for (const length of [maxKeyBytes - 1, maxKeyBytes, maxKeyBytes + 1]) {
      const one = 'k'.repeat(length);
      const { bytes, bounds } = keyTable([one]);
      hashKeyWords(bytes, bounds, 0, words);
      expect(words.slice(0, 4).reduce((sum, word) => (sum << 32n) | BigInt(word), 0n)).toBe(hashKeyOf(one));
    }
  });
});
