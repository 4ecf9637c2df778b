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

const [plus, minus, times, andBits, orBits] = [[0x6a], [0x6b], [0x6c], [0x71], [0x72]] as const;
const [isZero, isEqual, isBelow, select] = [[0x45], [0x46], [0x49], [0x1b]] as const;
const [shiftLeft, shiftRight] = [[0x74], [0x76]] as const;
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

/** Where a text is decoded from and to, and how many characters it has: a whole number of vectors, one at least. */
const [from, to, length] = [0, 1, 2] as const;
const [end, text, high, wrong] = [3, 4, 5, 6] as const;

/**
 * By Wojciech Muła, "Base64 decoding with SIMD instructions". The decoded bytes may take the place of the text, from its start
 * on; the four behind the last of them are written over.
 */
const decodeVectors: Code = joined(
  joined(get(from), get(length), plus, set(end)),
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
  joined(get(from), constant(16), plus, tee(from), get(end), isBelow, [0x0d, 0, 0x0b]),
  joined(get(wrong), anyTrue),
);

/** Numbers of a record's row: where its data, its key and its sequence number begin, and how long each is. */
export const rowBytes = 32;
const [dataAt, keyAt, sequenceAt] = [0, 8, 16] as const;
/** The end of a text is decoded here, filled up to a vector: the memory's first bytes are for nothing else. */
export const scratchBytes = 64;

const row = 0;
const [rowsEnd, piece, out] = [1, 2, 3] as const;
const [at, source, characters, whole, padded, isWrong] = [4, 5, 6, 7, 8, 9] as const;
const letterA = 0x41;
const equalsSign = 0x3d;

const readNumber = (offset: number): Code => joined(get(row), [0x28, 2, ...unsigned(offset)]);
const writeNumber = (offset: number, value: Code): Code => joined(get(row), value, [0x36, 2, ...unsigned(offset)]);
const copyBytes: Code = [0xfc, 0x0a, 0, 0];
/** Whether the character so many before the text's end is padding. */
const isPadding = (before: number): Code =>
  joined(get(source), get(characters), plus, constant(before), minus, [0x2d, 0, 0], constant(equalsSign), isEqual);
/** Puts an `A` in the place of padding in the scratch, so many before the text's end. */
const coverPadding = (before: number): Code =>
  joined(
    joined(get(padded), constant(before), isBelow, isZero, [0x04, 0x40]),
    joined(get(characters), get(whole), minus, constant(before), minus, constant(letterA), [0x3a, 0, 0, 0x0b]),
  );
/** Copies what is no base64 text to what comes out, and says where it is now. */
const moveText = (offset: number): Code =>
  joined(
    joined(get(at), get(piece), readNumber(offset), plus, readNumber(offset + 4), copyBytes),
    writeNumber(offset, joined(get(at), get(out), minus)),
    joined(get(at), readNumber(offset + 4), plus, set(at)),
  );
const noteWrong: Code = joined([0x10, 0], get(isWrong), orBits, set(isWrong));

/** One record after the other: its data as bytes, its key, its sequence number. */
const moveRecords: Code = joined(
  joined(get(out), set(at)),
  [0x03, 0x40],
  joined(get(piece), readNumber(dataAt), plus, set(source), readNumber(dataAt + 4), set(characters)),
  writeNumber(dataAt, joined(get(at), get(out), minus)),
  joined(get(characters), constant(3), andBits, get(isWrong), orBits, set(isWrong)),
  joined(get(characters), constant(4), isBelow, isZero, [0x04, 0x40]),
  joined(isPadding(1), tee(padded), isPadding(2), andBits, get(padded), plus, set(padded)),
  joined(get(characters), constant(4), minus, constant(4), shiftRight, constant(4), shiftLeft, tee(whole)),
  joined([0x04, 0x40], get(source), get(at), get(whole), noteWrong, [0x0b]),
  joined(constant(0), all(letterA), store),
  joined(constant(0), get(source), get(whole), plus, get(characters), get(whole), minus, copyBytes),
  joined(coverPadding(1), coverPadding(2)),
  joined(constant(0), get(at), get(whole), constant(2), shiftRight, constant(3), times, plus, constant(16), noteWrong),
  joined(get(characters), constant(2), shiftRight, constant(3), times, get(padded), minus, set(characters)),
  [0x0b],
  writeNumber(dataAt + 4, get(characters)),
  joined(get(at), get(characters), plus, set(at)),
  joined(moveText(keyAt), moveText(sequenceAt)),
  joined(get(row), constant(rowBytes), plus, tee(row), get(rowsEnd), isBelow, [0x0d, 0, 0x0b]),
  joined(get(at), get(out), minus, constant(0), get(isWrong), isZero, select),
);

/**
 * The module. It has a memory `m` of that many pages of 64 KiB and two functions:
 * - `d` (from, to, number of characters: a multiple of 16 and not 0) decodes a text, and answers with 0, or with 1 when it is
 *   not base64;
 * - `r` (first row, end of the rows, piece, out) goes over the rows of records that lie in a piece of an answer: one or more,
 *   {@link rowBytes} each, whose places are told from the beginning of the piece. Data are decoded, keys and numbers copied
 *   to where `out` is, one after the other, and the rows say where they lie there. Answers with how many bytes that are; with
 *   0 when some data are not base64, and then the rows are of no more use. It writes up to 16 bytes beyond.
 */
export function base64Program(pages: number): Uint8Array {
  const [i32, v128] = [0x7f, 0x7b];
  const functionOf = (locals: readonly Code[], code: Code): Code => {
    const body = joined(list(locals), code, [0x0b]);
    return [...unsigned(body.length), ...body];
  };
  const signature = (parameters: number): Code =>
    joined([0x60], list(Array.from({ length: parameters }, () => [i32])), list([[i32]]));
  const vectorsCode = functionOf(
    [
      [1, i32],
      [3, v128],
    ],
    decodeVectors,
  );
  const recordsCode = functionOf([[6, i32]], moveRecords);
  const exported = [
    [1, 0x6d, 2, 0],
    [1, 0x64, 0, 0],
    [1, 0x72, 0, 1],
  ];
  return Uint8Array.from(
    joined(
      wasmHeader,
      section(1, list([signature(3), signature(4)])),
      section(3, list([[0], [1]])),
      section(5, list([[0, ...unsigned(pages)]])),
      section(7, list(exported)),
      section(10, list([vectorsCode, recordsCode])),
    ),
  );
}
