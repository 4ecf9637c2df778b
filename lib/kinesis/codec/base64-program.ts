import {
  type Code,
  constant,
  get,
  joined,
  list,
  section,
  set,
  tee,
  unsigned,
  vector,
  wasmHeader,
} from '../wasm-code.ts';

// A WebAssembly module that decodes base64, sixteen characters at a time, put together here instead of being kept as bytes that
// nobody can read. Node decodes from a string alone, and that string, one for each record, was most of what a reader of JSON
// left to the garbage collector.

const [plus, isBelow] = [[0x6a], [0x49]] as const;
const [swizzle, equal, and, or, anyTrue] = [0x0e, 0x23, 0x4e, 0x50, 0x53].map(vector) as [Code, Code, Code, Code, Code];
const [addBytes, shiftBytesRight] = [vector(0x6e), vector(0x6d)] as const;
const [shiftPairsLeft, shiftPairsRight, multiplyPairs] = [vector(0x8b), vector(0x8d), vector(0xba)] as const;
const [load, store] = [
  [...vector(0x00), 0, 0],
  [...vector(0x0b), 0, 0],
] as const;

/** Sixteen bytes. */
const bytes = (values: Code): Code => [...vector(0x0c), ...values.map((value) => value & 0xff)];
const all = (value: number): Code => bytes(Array.from({ length: 16 }, () => value));
const repeated = (values: Code): Code =>
  bytes(Array.from({ length: 16 }, (_, index) => values[index % values.length] ?? 0));

/** By the lower and the higher half of a character: they have a bit in common when it is none of base64. */
const wrongByLow = bytes([0x15, ...Array.from({ length: 9 }, () => 0x11), 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a]);
const wrongByHigh = bytes([0x10, 0x10, 1, 2, 4, 8, 4, 8, ...Array.from({ length: 8 }, () => 0x10)]);
/** By the higher half of a character, less one for `/`: what makes its value of it. */
const shiftByHigh = bytes([0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0]);
/** Of each four bytes, which have three in reverse order, those three. */
const threeOfFour = bytes([2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1]);

/** How many characters there are: a whole number of vectors, one at least. */
const length = 0;
const [from, to, text, high, wrong] = [1, 2, 3, 4, 5] as const;

/** By Wojciech Muła, "Base64 decoding with SIMD instructions". The decoded bytes take the place of the text, from its start on. */
const loop: Code = joined(
  [0x03, 0x40],
  joined(get(from), load, tee(text), constant(4), shiftBytesRight, set(high)),
  joined(wrongByLow, get(text), all(0x0f), and, swizzle, wrongByHigh, get(high), swizzle, and),
  joined(get(wrong), or, set(wrong)),
  joined(shiftByHigh, get(high), get(text), all(0x2f), equal, addBytes, swizzle),
  joined(get(text), addBytes, set(text)),
  // Pairs of six bits to twelve, and pairs of twelve to twenty-four.
  get(to),
  joined(get(text), repeated([0xff, 0]), and, constant(6), shiftPairsLeft),
  joined(get(text), constant(8), shiftPairsRight, or),
  joined(repeated([0x00, 0x10, 0x01, 0x00]), multiplyPairs, threeOfFour, swizzle),
  store,
  joined(get(to), constant(12), plus, set(to)),
  joined(get(from), constant(16), plus, tee(from), get(length), isBelow, [0x0d, 0, 0x0b]),
);

/**
 * The module. It has a memory `m` of that many pages of 64 KiB and a function `d` (number of characters, a multiple of 16 and
 * not 0), which decodes the text at address 0 in its place and answers with 0, or with 1 when it is not base64.
 */
export function base64Program(pages: number): Uint8Array {
  const [i32, v128] = [0x7f, 0x7b];
  const locals = list([
    [2, i32],
    [3, v128],
  ]);
  const body = joined(locals, loop, get(wrong), anyTrue, [0x0b]);
  const signature = joined([0x60], list([[i32]]), list([[i32]]));
  const exported = [
    [1, 0x6d, 2, 0],
    [1, 0x64, 0, 0],
  ];
  return Uint8Array.from(
    joined(
      wasmHeader,
      section(1, list([signature])),
      section(3, list([[0]])),
      section(5, list([[0, ...unsigned(pages)]])),
      section(7, list(exported)),
      section(10, list([[...unsigned(body.length), ...body]])),
    ),
  );
}
