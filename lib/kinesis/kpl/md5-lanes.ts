import { instantiate } from '../wasm-code.ts';
import { lanes, md5Program, workBytes } from './md5-program.ts';

export { lanes } from './md5-program.ts';

interface Exports {
  readonly m: { readonly buffer: ArrayBuffer };
  readonly r: (first: number, distance: number, blocks: number) => void;
}

const blockBytes = 64;
/** What the padding of a message takes at least: a bit, and the length. */
const paddingBytes = 9;
/** Keys up to this length are digested in one block. */
export const maxKeyBytes = blockBytes - paddingBytes;
/** So many bytes of each message are in the module's memory at a time: all of one that the KPL makes by default. */
const segmentBytes = 52 * 1024;
const segmentBlocks = segmentBytes / blockBytes;
/** The module's own part comes first, then a segment for each lane. */
const firstSegment = Math.ceil(workBytes / blockBytes) * blockBytes;
const pages = Math.ceil((firstSegment + lanes * segmentBytes) / 65_536);
/** The state that every digest begins with, in all lanes. */
const initialState = Uint32Array.from(
  Array.from({ length: lanes / 4 }, () =>
    [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476].flatMap((word) => [word, word, word, word]),
  ).flat(),
);

/** The MD5 of "a" begins with 0c c1 75 b9. */
const firstWordOfA = 0xb975c10c;

/**
 * Computes MD5s {@link lanes} at a time. For as many messages of like length it takes a quarter of the time of OpenSSL; for
 * one it takes longer. It is one for all, since no digest is computed across a wait.
 */
export class Md5Lanes {
  readonly #run: Exports['r'];
  readonly #bytes: Uint8Array;
  readonly #state: Uint32Array;

  private constructor({ m, r }: Exports) {
    this.#run = r;
    this.#bytes = new Uint8Array(m.buffer);
    this.#state = new Uint32Array(m.buffer, 0, initialState.length);
  }

  /**
   * `undefined` where WebAssembly, or its vectors, are not to be had (`node --jitless`, some processors), or where a digest
   * comes out wrong, as it would on a machine whose numbers begin with the highest byte.
   */
  static create(): Md5Lanes | undefined {
    try {
      const made = new Md5Lanes(instantiate<Exports>(md5Program(pages)));
      return made.digests([Uint8Array.of(0x61)])[0]?.[0] === firstWordOfA ? made : undefined;
    } catch {
      return undefined;
    }
  }

  /** The digests of up to {@link lanes} messages, each as four numbers; the first byte is the lowest of the first one. */
  digests(messages: readonly Uint8Array[]): readonly Uint32Array[] {
    const digests: Uint32Array[] = [];
    const ends = messages.map((message) => Math.ceil((message.length + paddingBytes) / blockBytes));
    this.#begin();
    for (let done = 0, last = Math.max(0, ...ends); done < last;) {
      const next = Math.min(done + segmentBlocks, ...ends.filter((end) => end > done));
      for (const [lane, message] of messages.entries()) {
        if ((ends[lane] as number) > done) this.#load(lane, message, done * blockBytes, next * blockBytes);
      }
      this.#run(firstSegment, segmentBytes, next - done);
      for (const [lane, end] of ends.entries()) if (end === next) digests[lane] = this.#digestOf(lane);
      done = next;
    }
    return digests;
  }

  /**
   * Digests up to {@link lanes} keys of at most {@link maxKeyBytes} bytes, which lie in `bytes` between `bounds[from]` and
   * `bounds[from + 1]` and so on, into `words`: four numbers for each, the highest first.
   */
  digestKeys(bytes: Uint8Array, bounds: readonly number[], from: number, words: Uint32Array): void {
    const memory = this.#bytes;
    const count = Math.min(lanes, (bounds.length - from) / 2);
    memory.fill(0, firstSegment, firstSegment + lanes * blockBytes);
    for (let lane = 0; lane < count; lane += 1) {
      const start = bounds[from + 2 * lane] as number;
      const length = (bounds[from + 2 * lane + 1] as number) - start;
      const address = firstSegment + lane * blockBytes;
      for (let place = 0; place < length; place += 1) memory[address + place] = bytes[start + place] as number;
      memory[address + length] = 0x80;
      memory[address + blockBytes - 8] = (length << 3) & 0xff;
      memory[address + blockBytes - 7] = length >> 5;
    }
    this.#begin();
    this.#run(firstSegment, blockBytes, 1);
    for (let lane = 0; lane < count; lane += 1) {
      const first = placeOf(lane);
      for (let word = 0; word < 4; word += 1) words[4 * lane + word] = swapped(this.#state[first + 4 * word] as number);
    }
  }

  #begin(): void {
    this.#state.set(initialState);
  }

  #digestOf(lane: number): Uint32Array {
    const first = placeOf(lane);
    return Uint32Array.from({ length: 4 }, (_, word) => this.#state[first + 4 * word] as number);
  }

  /** Puts a part of a message into its lane; behind the end of the message comes its padding. */
  #load(lane: number, message: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes;
    const address = firstSegment + lane * segmentBytes;
    const { length } = message;
    if (start < length) bytes.set(message.subarray(start, Math.min(end, length)), address);
    if (end <= length) return;
    const padding = address + Math.max(0, length - start);
    bytes.fill(0, padding, address + end - start);
    if (start <= length) bytes[padding] = 0x80;
    if (end - length < paddingBytes) return;
    const size = address + end - start - 8;
    // The length in bits, 64 of them, the lowest byte first.
    for (let place = 0, rest = length * 8; place < 8; place += 1, rest = Math.floor(rest / 256)) {
      bytes[size + place] = rest % 256;
    }
  }
}

/** Where the state has the first word of a lane; the next ones follow at every fourth place. */
function placeOf(lane: number): number {
  return 16 * (lane >> 2) + (lane & 3);
}

/** Turns a number whose first byte is the lowest into the one whose first byte is the highest. */
function swapped(word: number): number {
  return ((word << 24) | ((word << 8) & 0xff0000) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
