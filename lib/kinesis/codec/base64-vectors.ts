import { instantiate } from '../wasm-code.ts';
import { base64Program, rowBytes, scratchBytes } from './base64-program.ts';

interface Exports {
  readonly m: { readonly buffer: ArrayBuffer };
  readonly d: (from: number, to: number, length: number) => number;
  readonly r: (row: number, rowsEnd: number, piece: number, out: number) => number;
}

/** Enough for a piece of an answer, what comes out of it, and the rows of its records. What is never used is never taken. */
const pages = 128;
const memoryBytes = pages * 65_536;
/** The longest text that is decoded at once, in characters. */
export const maxVectorText: number = 65_536;
/** A text is decoded in whole vectors of so many characters. */
export const vectorCharacters = 16;

/** Its bytes are all different, from the least to the greatest. */
const sample = 'AAECA/3+/0BCgMDB';

/** The records of a piece of an answer, away from it: bytes of their own, and the rows that say what lies where in them. */
export interface MovedRecords {
  readonly bytes: Buffer;
  readonly rows: Int32Array;
}

/**
 * Decodes base64 in the memory of a WebAssembly module: in half the time that Node takes, and without the string that Node
 * needs of each text. One for all, since nothing is decoded across a wait.
 */
export class Base64Vectors {
  readonly #exports: Exports;
  readonly #memory: Uint8Array;
  readonly #numbers: Int32Array;

  private constructor(exports: Exports) {
    this.#exports = exports;
    this.#memory = new Uint8Array(exports.m.buffer);
    this.#numbers = new Int32Array(exports.m.buffer);
  }

  /** `undefined` where WebAssembly, or its vectors, are not to be had, or where a text comes out wrong. */
  static create(): Base64Vectors | undefined {
    try {
      const made = new Base64Vectors(instantiate<Exports>(base64Program(pages)));
      const text = Buffer.from(sample, 'latin1');
      const isRight = made.decode(text, 0, text.length) && text.subarray(0, 12).equals(Buffer.from(sample, 'base64'));
      return isRight ? made : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Decodes `length` characters of a text without padding, a multiple of {@link vectorCharacters} up to {@link maxVectorText},
   * and leaves the bytes where the text began. `false`, and nothing changed, when one of them is none of base64.
   */
  decode(buffer: Buffer, start: number, length: number): boolean {
    const memory = this.#memory;
    memory.set(new Uint8Array(buffer.buffer, buffer.byteOffset + start, length), scratchBytes);
    if (this.#exports.d(scratchBytes, scratchBytes, length) !== 0) return false;
    buffer.set(new Uint8Array(memory.buffer, scratchBytes, (length / 4) * 3), start);
    return true;
  }

  /** Whether there is room for so large a piece and so many rows. */
  hasRoomFor(pieceBytes: number, rows: number): boolean {
    return scratchBytes + rows * rowBytes + 2 * (pieceBytes + vectorCharacters) <= memoryBytes;
  }

  /**
   * Moves the records of a piece to bytes of their own, no more than they need, and decodes their data on the way. `rows` has
   * eight numbers for each (see `RecordTable`). `undefined` when some data are not base64. The piece is left as it was.
   */
  moveRecords(piece: Buffer, rows: Int32Array): MovedRecords | undefined {
    const memory = this.#memory;
    const rowsEnd = scratchBytes + rows.byteLength;
    const out = rowsEnd + piece.length + vectorCharacters;
    this.#numbers.set(rows, scratchBytes / 4);
    memory.set(piece, rowsEnd);
    const length = this.#exports.r(scratchBytes, rowsEnd, rowsEnd, out);
    if (length === 0) return undefined;
    const rowsAt = (length + 3) & -4;
    // One piece of memory for both, since each costs the collector the same.
    const { buffer } = Buffer.allocUnsafeSlow(rowsAt + rows.byteLength);
    const bytes = Buffer.from(buffer, 0, length);
    bytes.set(new Uint8Array(memory.buffer, out, length));
    const moved = new Int32Array(buffer, rowsAt, rows.length);
    moved.set(new Int32Array(memory.buffer, scratchBytes, rows.length));
    return { bytes, rows: moved };
  }
}
