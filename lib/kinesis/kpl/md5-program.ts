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

// A WebAssembly module that computes eight MD5s at a time, one in each lane of two 128-bit vectors, put together here
// instead of being kept as bytes that nobody can read. MD5 has no parallel parts inside one message, so this is the only
// way to be faster than OpenSSL, and by four times it is: one vector waits for itself, two fill each other's waits.

const [plus, minus, multiply] = [[0x6a], [0x6b], [0x6c]] as const;
const [or, xor, not, select] = [vector(0x50), vector(0x51), vector(0x4d), vector(0x52)];
const [shiftLeft, shiftRight, add] = [vector(0xab), vector(0xad), vector(0xae)];
const load = (address: number): Code => [...constant(0), ...vector(0x00), 4, ...unsigned(address)];
/** Stores what is on the stack above the 0 that {@link constant} put there. */
const store = (address: number): Code => [...vector(0x0b), 4, ...unsigned(address)];

/** One 32-bit number in all lanes. */
function splat(value: number): Code {
  const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  return [...vector(0x0c), ...bytes, ...bytes, ...bytes, ...bytes];
}

/** How many vectors; each has four lanes. */
const vectors = 2;
/** How many messages are digested at a time. */
export const lanes: number = 4 * vectors;
/** The state is at address 0: word by word, vector by vector. Behind it the words of the block at work. */
const stateAt = (place: number, word: number): number => 16 * (4 * place + word);
const wordAt = (place: number, word: number): number => stateAt(vectors, 0) + 16 * (16 * place + word);
/** What the module needs of its memory for itself. */
export const workBytes: number = wordAt(vectors, 0);

/** Parameters: where the first lane begins, how far it is from one lane to the next, and how many blocks follow. */
const [first, distance, blocks] = [0, 1, 2] as const;
/** Then where the next block of each lane is, the variables of each vector, and one more vector for each. */
const addressOf = (lane: number): number => 3 + lane;
const variableOf = (place: number, word: number): number => addressOf(lanes) + 4 * place + word;
const scratchOf = (place: number): number => variableOf(vectors, place);
const vectorLocals = 5 * vectors;
const blockBytes = 64;

const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21] as const;

/** Gathers one word of the block of four lanes into a vector, and puts it where the steps find it. */
function gather(place: number, word: number): Code {
  const at = [2, ...unsigned(4 * word)];
  const addresses = [3, 2, 1, 0].flatMap((lane) => get(addressOf(4 * place + lane)));
  const further = [1, 2, 3].flatMap((lane) => [...vector(0x56), ...at, lane]);
  return joined(constant(0), addresses, [...vector(0x5c), ...at], further, store(wordAt(place, word)));
}

/** One of the 64 steps of RFC 1321, for the lanes of one vector. */
function step(index: number, place: number): Code {
  const round = index >> 4;
  const variable = (word: number): number => variableOf(place, (word + 64 - index) & 3);
  const [a, b, c, d] = [variable(0), variable(1), variable(2), variable(3)];
  const mixed = [
    joined(get(c), get(d), get(b), select),
    joined(get(b), get(c), get(d), select),
    joined(get(b), get(c), xor, get(d), xor),
    joined(get(c), get(b), get(d), not, or, xor),
  ][round] as Code;
  const word = ([index, 5 * index + 1, 3 * index + 5, 7 * index][round] as number) & 15;
  const shift = shifts[4 * round + (index & 3)] as number;
  const sine = Math.trunc(Math.abs(Math.sin(index + 1)) * 2 ** 32);
  const scratch = scratchOf(place);
  return joined(
    joined(get(a), load(wordAt(place, word)), add, splat(sine), add, mixed, add, tee(scratch)),
    joined(constant(shift), shiftLeft, get(scratch), constant(32 - shift), shiftRight, or),
    joined(get(b), add, set(a)),
  );
}

/** Sets the lanes to where they begin. */
function beginLanes(): Code {
  return times(lanes, (lane) =>
    joined(get(first), get(distance), constant(lane), multiply, plus, set(addressOf(lane))),
  );
}

/** What happens to one block of each lane. */
function blockCode(): Code {
  const eachWord = (code: (place: number, word: number) => Code): Code =>
    times(vectors, (place) => times(4, (word) => code(place, word)));
  return joined(
    times(vectors, (place) => times(16, (word) => gather(place, word))),
    eachWord((place, word) => joined(load(stateAt(place, word)), set(variableOf(place, word)))),
    times(64, (index) => times(vectors, (place) => step(index, place))),
    eachWord((place, word) => {
      const at = stateAt(place, word);
      return joined(constant(0), load(at), get(variableOf(place, word)), add, store(at));
    }),
    times(lanes, (lane) => joined(get(addressOf(lane)), constant(blockBytes), plus, set(addressOf(lane)))),
  );
}

/**
 * The module. It has a memory `m` of that many pages of 64 KiB and a function `r` (address of the first lane, distance
 * between lanes, number of blocks), which adds blocks of all {@link lanes} to the state at address 0: vector by vector the
 * four words, each of four lanes.
 */
export function md5Program(pages: number): Uint8Array {
  const [i32, v128] = [0x7f, 0x7b];
  const signature = [0x60, ...list([[i32], [i32], [i32]]), ...list([])];
  const exported = [
    [1, 0x6d, 2, 0],
    [1, 0x72, 0, 0],
  ];
  const locals = list([
    [lanes, i32],
    [vectorLocals, v128],
  ]);
  const loop = joined([0x03, 0x40], blockCode(), get(blocks), constant(1), minus, tee(blocks), [0x0d, 0, 0x0b]);
  const body = joined(locals, beginLanes(), loop, [0x0b]);
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

function times(count: number, codeOf: (index: number) => Code): Code {
  return Array.from({ length: count }, (_, index) => codeOf(index)).flat();
}
