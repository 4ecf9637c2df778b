import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeInPlace } from '../../../lib/kinesis/codec/base64.ts';
import { Base64Vectors, maxVectorText, vectorCharacters } from '../../../lib/kinesis/codec/base64-vectors.ts';

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
