/** RFC 1321's table: the integer part of 2^32 x |sin(i + 1)|. */
const sines = Int32Array.from({ length: 64 }, (_, index) => Math.abs(Math.sin(index + 1)) * 2 ** 32);
const blockBytes = 64;
/** The block at work, little-endian, and the state; work on a key never pauses, so one of each is enough. */
const block = new Int32Array(16);
const state = new Int32Array(4);

/**
 * Writes the MD5 of `bytes[start..end)` into `words`, four unsigned 32-bit integers with the most significant first:
 * the form in which hash keys are compared. Meant for partition keys, which are short: for them a call into OpenSSL costs
 * more than twice the work. Aggregates as a whole are digested by `node:crypto`.
 */
export function md5Words(bytes: Uint8Array, start: number, end: number, words: Uint32Array): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  let offset = start;
  for (; end - offset >= blockBytes; offset += blockBytes) {
    load(bytes, offset, offset + blockBytes);
    mix();
  }
  load(bytes, offset, end);
  const rest = end - offset;
  block[rest >> 2] = at(block, rest >> 2) | (0x80 << ((rest & 3) << 3));
  if (rest >= blockBytes - 8) {
    mix();
    block.fill(0);
  }
  block[14] = (end - start) << 3;
  block[15] = (end - start) >>> 29;
  mix();
  for (let index = 0; index < 4; index += 1) words[index] = swapped(at(state, index));
}

function load(bytes: Uint8Array, start: number, end: number): void {
  block.fill(0);
  for (let offset = start; offset < end; offset += 1) {
    const place = offset - start;
    block[place >> 2] = at(block, place >> 2) | (at(bytes, offset) << ((place & 3) << 3));
  }
}

/** One block: four rounds of sixteen steps, written four steps at a time so that the variables keep their places. */
function mix(): void {
  let a = at(state, 0);
  let b = at(state, 1);
  let c = at(state, 2);
  let d = at(state, 3);
  for (let step = 0; step < 16; step += 4) {
    a = (b + rotated((a + ((b & c) | (~b & d)) + at(sines, step) + at(block, step)) | 0, 7)) | 0;
    d = (a + rotated((d + ((a & b) | (~a & c)) + at(sines, step + 1) + at(block, step + 1)) | 0, 12)) | 0;
    c = (d + rotated((c + ((d & a) | (~d & b)) + at(sines, step + 2) + at(block, step + 2)) | 0, 17)) | 0;
    b = (c + rotated((b + ((c & d) | (~c & a)) + at(sines, step + 3) + at(block, step + 3)) | 0, 22)) | 0;
  }
  for (let step = 16; step < 32; step += 4) {
    const place = 5 * step;
    a = (b + rotated((a + ((d & b) | (~d & c)) + at(sines, step) + at(block, (place + 1) & 15)) | 0, 5)) | 0;
    d = (a + rotated((d + ((c & a) | (~c & b)) + at(sines, step + 1) + at(block, (place + 6) & 15)) | 0, 9)) | 0;
    c = (d + rotated((c + ((b & d) | (~b & a)) + at(sines, step + 2) + at(block, (place + 11) & 15)) | 0, 14)) | 0;
    b = (c + rotated((b + ((a & c) | (~a & d)) + at(sines, step + 3) + at(block, place & 15)) | 0, 20)) | 0;
  }
  for (let step = 32; step < 48; step += 4) {
    const place = 3 * step;
    a = (b + rotated((a + (b ^ c ^ d) + at(sines, step) + at(block, (place + 5) & 15)) | 0, 4)) | 0;
    d = (a + rotated((d + (a ^ b ^ c) + at(sines, step + 1) + at(block, (place + 8) & 15)) | 0, 11)) | 0;
    c = (d + rotated((c + (d ^ a ^ b) + at(sines, step + 2) + at(block, (place + 11) & 15)) | 0, 16)) | 0;
    b = (c + rotated((b + (c ^ d ^ a) + at(sines, step + 3) + at(block, (place + 14) & 15)) | 0, 23)) | 0;
  }
  for (let step = 48; step < 64; step += 4) {
    const place = 7 * step;
    a = (b + rotated((a + (c ^ (b | ~d)) + at(sines, step) + at(block, place & 15)) | 0, 6)) | 0;
    d = (a + rotated((d + (b ^ (a | ~c)) + at(sines, step + 1) + at(block, (place + 7) & 15)) | 0, 10)) | 0;
    c = (d + rotated((c + (a ^ (d | ~b)) + at(sines, step + 2) + at(block, (place + 14) & 15)) | 0, 15)) | 0;
    b = (c + rotated((b + (d ^ (c | ~a)) + at(sines, step + 3) + at(block, (place + 21) & 15)) | 0, 21)) | 0;
  }
  state[0] = (at(state, 0) + a) | 0;
  state[1] = (at(state, 1) + b) | 0;
  state[2] = (at(state, 2) + c) | 0;
  state[3] = (at(state, 3) + d) | 0;
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Turns a little-endian word into the unsigned big-endian one. */
function swapped(word: number): number {
  return ((word << 24) | ((word << 8) & 0xff0000) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/** An element that is there. */
function at(values: Int32Array | Uint8Array, index: number): number {
  return values[index] as number;
}
