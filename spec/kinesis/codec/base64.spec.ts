import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInPlace, encodeInPlace } from '../../../lib/kinesis/codec/base64.ts';

/** What the SDK's decoder takes. */
const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A text in the middle of a buffer, with something on both sides that must stay. */
function inBuffer(text: string): { readonly buffer: Buffer; readonly start: number } {
  return { buffer: Buffer.from(`"${text}"`, 'latin1'), start: 1 };
}

const lengths = fc.oneof(fc.nat(12), fc.integer({ min: 90, max: 110 }), fc.integer({ min: 1_000, max: 3_000 }));
const bytes = lengths.chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));

describe('decodeInPlace', () => {
  it('leaves the bytes where the text began, and nothing else changed', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        const text = Buffer.from(data).toString('base64');
        const { buffer, start } = inBuffer(text);
        expect(decodeInPlace(buffer, start, text.length)).toBe(data.length);
        expect(buffer.subarray(start, start + data.length).equals(data)).toBe(true);
        expect(String.fromCharCode(buffer[0] ?? 0, buffer.at(-1) ?? 0)).toBe('""');
        expect(encodeInPlace(buffer, start, data.length)).toBe(text.length);
        expect(buffer.toString('latin1')).toBe(`"${text}"`);
      }),
    );
  });

  it('takes what the SDK takes; what it refuses stays as it was', () => {
    const odd = fc.constantFrom('-', '_', '=', '==', ' ', '\n', '"', '\\', 'é', '\u0000', 'A', '+', '/');
    fc.assert(
      fc.property(bytes, fc.array(fc.tuple(fc.nat(), odd), { maxLength: 2 }), fc.nat(3), (data, put, cut) => {
        let text = Buffer.from(data).toString('base64');
        for (const [at, piece] of put) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + piece + text.slice(place + piece.length);
        }
        text = text.slice(0, text.length - (cut === 3 ? 1 : 0));
        const { buffer, start } = inBuffer(text);
        const length = decodeInPlace(buffer, start, text.length);
        if (strict.test(text)) {
          expect(length).toBe(Buffer.from(text, 'base64').length);
          expect(buffer.subarray(start, start + (length ?? 0)).equals(Buffer.from(text, 'base64'))).toBe(true);
        } else {
          expect(length).toBeUndefined();
          expect(buffer.toString('latin1')).toBe(`"${text}"`);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
