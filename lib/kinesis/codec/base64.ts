import { Base64Vectors, maxVectorText, vectorCharacters } from './base64-vectors.ts';

const padding = 0x3d;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Value of each base64 character by its code; 64 for all others. */
const values = new Uint8Array(256).fill(64);
for (let value = 0; value < alphabet.length; value += 1) values[alphabet.charCodeAt(value)] = value;

/** Texts up to this length are decoded here: the two calls into Node's own decoder cost more than the work. */
const shortTextLength = 128;

/**
 * How many bytes a base64 text stands for, or `undefined` when its length or padding is wrong. Padding is required, as
 * the SDK's decoder requires it.
 */
export function decodedLength(text: Uint8Array, start: number, length: number): number | undefined {
  if (length % 4 !== 0) return undefined;
  if (length === 0) return 0;
  const end = start + length;
  const padded = text[end - 1] !== padding ? 0 : text[end - 2] !== padding ? 1 : 2;
  return (length / 4) * 3 - padded;
}

/**
 * Decodes base64 text that lies in a buffer, and leaves the bytes where the text began: they are always fewer. Answers
 * with their number, or with `undefined`, and nothing changed, when the text is not base64.
 */
export function decodeInPlace(buffer: Buffer, start: number, length: number): number | undefined {
  const expected = decodedLength(buffer, start, length);
  if (expected === undefined) return undefined;
  if (length <= shortTextLength) return decodeShort(buffer, start, expected) ? expected : undefined;
  const vectors = length <= maxVectorText ? base64Vectors() : undefined;
  if (vectors !== undefined) return decodeByVectors(vectors, buffer, { start, length, expected });
  const text = buffer.toString('latin1', start, start + length);
  // Node's decoder passes over what it does not know, so that fewer bytes come out of a text that is not base64; but it
  // also takes the two letters of base64url.
  if (text.includes('-') || text.includes('_')) return undefined;
  if (buffer.write(text, start, length, 'base64') === expected) return expected;
  buffer.write(text, start, length, 'latin1');
  return undefined;
}

/** Puts base64 text in the place of bytes that {@link decodeInPlace} left there; answers with its length. */
export function encodeInPlace(buffer: Buffer, start: number, length: number): number {
  return buffer.write(buffer.toString('base64', start, start + length), start, 'latin1');
}

/** Made when first asked for. */
let made: Base64Vectors | 'none' | undefined;

/** The vectors of this thread; `undefined` where there are none. */
export function base64Vectors(): Base64Vectors | undefined {
  made ??= Base64Vectors.create() ?? 'none';
  return made === 'none' ? undefined : made;
}

interface LongText {
  readonly start: number;
  readonly length: number;
  /** How many bytes it stands for. */
  readonly expected: number;
}

function decodeByVectors(by: Base64Vectors, buffer: Buffer, { start, length, expected }: LongText): number | undefined {
  // The end, with the padding, is decoded apart; and looked at first, so that nothing is changed when it is wrong.
  const whole = (length - 4) & -vectorCharacters;
  const decoded = (whole / 4) * 3;
  const rest = expected - decoded;
  if (!isBase64(buffer, start + whole, rest) || !by.decode(buffer, start, whole)) return undefined;
  decodeFrom(buffer, start + whole, start + decoded, rest);
  return expected;
}

function decodeShort(buffer: Uint8Array, start: number, length: number): boolean {
  if (!isBase64(buffer, start, length)) return false;
  decodeFrom(buffer, start, start, length);
  return true;
}

/** Decodes text that is known to be base64 to `length` bytes, which may lie over it but not behind its beginning. */
function decodeFrom(buffer: Uint8Array, textStart: number, start: number, length: number): void {
  const end = start + length;
  let from = textStart;
  for (let to = start; to < end; to += 3) {
    const bits =
      (valueAt(buffer, from) << 18) |
      (valueAt(buffer, from + 1) << 12) |
      (valueAt(buffer, from + 2) << 6) |
      valueAt(buffer, from + 3);
    from += 4;
    buffer[to] = bits >> 16;
    if (to + 1 < end) buffer[to + 1] = bits >> 8;
    if (to + 2 < end) buffer[to + 2] = bits;
  }
}

/** Whether the characters that the bytes come from are all of the alphabet; what follows them is padding. */
function isBase64(buffer: Uint8Array, start: number, length: number): boolean {
  const end = start + Math.ceil((length * 4) / 3);
  let seen = 0;
  for (let at = start; at < end; at += 1) seen |= valueAt(buffer, at);
  return seen < 64;
}

function valueAt(buffer: Uint8Array, at: number): number {
  return values[buffer[at] as number] as number;
}
