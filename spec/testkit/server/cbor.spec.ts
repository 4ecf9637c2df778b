import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, cborHead, decodeCbor, encodeCbor } from '../../../lib/testkit/server/cbor.ts';

/** RFC 8949, appendix A: what AWS can send. */
const vectors: readonly (readonly [string, CborValue])[] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['190100', 256],
  ['1903e8', 1_000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['3903e7', -1_000],
  ['f90000', 0],
  ['f93c00', 1],
  ['f97bff', 65_504],
  ['f9c400', -4],
  ['f90001', 5.960464477539063e-8],
  ['fa47c35000', 100_000],
  ['fb3ff199999999999a', 1.1],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['4401020304', Buffer.from([1, 2, 3, 4])],
  ['62c3bc', 'ü'],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['5f42010243030405ff', Buffer.from([1, 2, 3, 4, 5])],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
];

const value = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value;

describe('CBOR of the fake AWS', () => {
  it.each(vectors)('reads %s of the RFC', (hex, expected) => {
    expect(decodeCbor(Buffer.from(hex, 'hex'))).toEqual(expected);
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(value, (one) => {
        expect(decodeCbor(encodeCbor(one))).toEqual(one);
      }),
    );
  });

  it('writes times as milliseconds with tag 1', () => {
    expect(encodeCbor(new Date(1_000)).toString('hex')).toBe('c11903e8');
  });

  it('refuses what is cut short, goes on, is too deep or no CBOR, and nothing else', () => {
    fc.assert(
      fc.property(value, fc.nat(), (one, cut) => {
        const bytes = encodeCbor(one);
        expect(() => decodeCbor(bytes.subarray(0, cut % bytes.length))).toThrow(RangeError);
        expect(() => decodeCbor(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(RangeError);
      }),
    );
    expect(() => decodeCbor(Buffer.alloc(100, 0x81))).toThrow('deeper');
    expect(() => decodeCbor(Buffer.concat([cborHead('bytes', 2 ** 40), Buffer.alloc(10)]))).toThrow('cut short');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeCbor(bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
