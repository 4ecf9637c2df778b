import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInPlace } from '../../../lib/kinesis/codec/base64.ts';
import {
  Base64Vectors,
  type MovedRecords,
  maxVectorText,
  vectorCharacters,
} from '../../../lib/kinesis/codec/base64-vectors.ts';

function vectors(): Base64Vectors {
  const made = Base64Vectors.create();
  if (made === undefined) throw new Error('no vectors on this machine');
  return made;
}

/** Room on both sides, which must stay as it is. */
const around = Buffer.from('<>', 'latin1');

function inRoom(text: string): Buffer {
  return Buffer.concat([around, Buffer.from(text, 'latin1'), around]);
}

interface Parts {
  readonly data: Uint8Array;
  readonly key: string;
  readonly sequence: string;
  readonly order: readonly ('data' | 'key' | 'sequence')[];
  readonly between: string;
}

/** A piece of an answer with the parts of records in some order, and the rows that a scanner would make of it. */
function laidOut(records: readonly Parts[], time: number): { readonly piece: Buffer; readonly rows: Int32Array } {
  const texts: Buffer[] = [];
  const rows: number[] = [];
  let length = 0;
  const column = { data: 0, key: 2, sequence: 4 };
  for (const { data, key, sequence, order, between } of records) {
    const row = [0, 0, 0, 0, 0, 0, time, 0];
    const text = { data: Buffer.from(data).toString('base64'), key, sequence };
    for (const part of order) {
      const bytes = Buffer.from(text[part], 'utf8');
      row[column[part]] = length + between.length;
      row[column[part] + 1] = bytes.length;
      texts.push(Buffer.from(between), bytes);
      length += between.length + bytes.length;
    }
    rows.push(...row);
  }
  return { piece: Buffer.concat(texts), rows: Int32Array.from(rows) };
}

function partsOf({ bytes, rows }: MovedRecords): unknown[] {
  return Array.from({ length: rows.length / 8 }, (_, index) => {
    const part = (at: number) => {
      const start = rows[8 * index + at] as number;
      return bytes.subarray(start, start + (rows[8 * index + at + 1] as number));
    };
    return [Buffer.from(part(0)), part(2).toString('utf8'), part(4).toString('latin1')];
  });
}

describe('the vectors for base64', () => {
  it('decode every length in its place', () => {
    const decoder = vectors();
    for (const count of [1, 2, 3, 7, 85, 1_000, maxVectorText / vectorCharacters]) {
      const length = count * vectorCharacters;
      const bytes = randomBytes((length / 4) * 3);
      const text = bytes.toString('base64');
      const room = inRoom(text);
      expect(decoder.decode(room, around.length, length)).toBe(true);
      const rest = Buffer.from(text.slice(bytes.length), 'latin1');
      expect(room.equals(Buffer.concat([around, bytes, rest, around]))).toBe(true);
    }
  });

  it('know every character that is none of base64, at every place, and change nothing then', () => {
    const decoder = vectors();
    const length = 2 * vectorCharacters;
    for (let code = 0; code < 256; code += 1) {
      const character = String.fromCharCode(code);
      for (let place = 0; place < length; place += 1) {
        const text = 'A'.repeat(place) + character + 'A'.repeat(length - place - 1);
        const room = inRoom(text);
        const isBase64 = /[A-Za-z0-9+/]/.test(character);
        expect(decoder.decode(room, around.length, length)).toBe(isBase64);
        if (!isBase64) expect(room.equals(inRoom(text))).toBe(true);
      }
    }
  });

  it('move the records of a piece to bytes of their own, wherever their parts lie', () => {
    const decoder = vectors();
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            data: fc.uint8Array({ maxLength: 100 }),
            key: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
            sequence: fc.bigInt({ min: 1n, max: 2n ** 186n }).map(String),
            order: fc.shuffledSubarray(['data', 'key', 'sequence'] as const, { minLength: 3 }),
            between: fc.stringMatching(/^[,:"]{0,9}$/),
          }),
          { minLength: 1, maxLength: 20 },
        ),
        fc.nat(2 ** 30),
        (records, time) => {
          const { piece, rows } = laidOut(records, time);
          const given = Buffer.from(piece);
          const moved = decoder.moveRecords(piece, rows);
          if (moved === undefined) throw new Error('not moved');
          expect(piece.equals(given)).toBe(true);
          expect(partsOf(moved)).toEqual(records.map(({ data, key, sequence }) => [Buffer.from(data), key, sequence]));
          // Nothing but the parts, and the rows in the same memory.
          const length = records.reduce(
            (sum, one) => sum + one.data.length + Buffer.byteLength(one.key) + one.sequence.length,
            0,
          );
          expect(moved.bytes.length).toBe(length);
          expect(moved.rows.buffer).toBe(moved.bytes.buffer);
          expect(moved.bytes.buffer.byteLength).toBeLessThan(length + 4 + rows.byteLength);
          expect(records.map((_, index) => moved.rows[8 * index + 6])).toEqual(records.map(() => time));
        },
      ),
    );
  });

  it('move nothing when some data are not base64', () => {
    const decoder = vectors();
    const wrong = [
      'A',
      'AA',
      'AAA',
      'AAAAA',
      'A===',
      '====',
      'AA=A',
      'AAA-',
      'AA_A',
      'A AA',
      `${'A'.repeat(32)}*AAA`,
      `${'A'.repeat(31)}=AAAA`,
    ];
    for (const text of wrong) {
      const piece = Buffer.from(`QUJD${text}key12`, 'latin1');
      const rows = Int32Array.of(0, 4, 4 + text.length, 3, 7 + text.length, 2, 0, 0);
      const second = Int32Array.of(4, text.length, 4 + text.length, 3, 7 + text.length, 2, 0, 0);
      expect(decoder.moveRecords(piece, Int32Array.of(...rows, ...second)), text).toBeUndefined();
      expect(decoder.moveRecords(piece, rows), text).toBeDefined();
    }
  });

  it('have room for a piece of a megabyte and all its records, and know when there is none', () => {
    const decoder = vectors();
    expect(decoder.hasRoomFor(1_000_000, 10_000)).toBe(true);
    expect(decoder.hasRoomFor(14_000_000, 1)).toBe(false);
    const data = randomBytes(750_000);
    const text = data.toString('base64');
    const moved = decoder.moveRecords(
      Buffer.from(`${text}k1`, 'latin1'),
      Int32Array.of(0, text.length, text.length, 1, text.length + 1, 1, 0, 0),
    );
    expect(moved?.bytes.subarray(0, data.length).equals(data)).toBe(true);
    expect(moved?.bytes.subarray(data.length).toString()).toBe('k1');
  });

  it('leave what is longer than their memory to Node', () => {
    for (const length of [maxVectorText - 4, maxVectorText, maxVectorText + 4, 3 * maxVectorText]) {
      const bytes = randomBytes((length / 4) * 3);
      const room = inRoom(bytes.toString('base64'));
      expect(decodeInPlace(room, around.length, length)).toBe(bytes.length);
      expect(room.subarray(around.length, around.length + bytes.length).equals(bytes)).toBe(true);
      expect(room.subarray(-around.length).equals(around)).toBe(true);
    }
  });

  it('are not to be had without WebAssembly', () => {
    const found = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly') as PropertyDescriptor;
    Object.defineProperty(globalThis, 'WebAssembly', { value: undefined, configurable: true });
    try {
      expect(Base64Vectors.create()).toBeUndefined();
    } finally {
      Object.defineProperty(globalThis, 'WebAssembly', found);
    }
    expect(Base64Vectors.create()).toBeDefined();
  });
});
