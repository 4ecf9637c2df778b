import { crc32 } from 'node:zlib';
import { UnreadableAnswer } from './unreadable.ts';

/** One message of `application/vnd.amazon.eventstream`. */
export interface EventFrame {
  /** The headers whose values are texts, by name; Kinesis sends no others. */
  readonly headers: ReadonlyMap<string, string>;
  /** The payload in the pieces in which it came: views of what was pushed. */
  readonly payload: readonly Buffer[];
}

/** Total length, length of the headers, and the CRC of both. */
const preludeBytes = 12;
const trailerBytes = 4;
/** The format allows 24 MiB of payload. An event with one record of 10 MiB has 14 MiB in base64. */
export const maxFrameBytes = 25 * 1024 * 1024;
const maxHeaderBytes = 128 * 1024;
/** A frame in this many pieces is put together: there are never more objects than bytes deserve. */
const maxPieces = 4_096;

/** Bytes of the values of header types that have a fixed length, by type; 6 and 7 (bytes, text) tell theirs. */
const valueBytes: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];
const textType = 7;

/**
 * Takes the frames out of the pieces of an event stream. Nothing is copied but preludes and headers. A length is believed
 * only when the checksum over it is right, and is bounded even then; a frame is given out only when it is there as a whole
 * and its checksum is right.
 */
export class EventFrames {
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** The lengths of the frame that comes next, once they are known. */
  #prelude: { readonly total: number; readonly headers: number; readonly crc: number } | undefined;
  /** Why nothing behind this can be read. */
  #failure: unknown;

  /** Bytes that belong to a frame which is not complete. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Adds a piece as it came from the network. Its bytes belong to the frames from now on. */
  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#pieces.length > maxPieces) this.#pieces = [Buffer.concat(this.#pieces)];
  }

  /** Whether `next` has something to say: a frame that is there as a whole, or a failure. */
  get isReady(): boolean {
    this.#guarded(() => (this.#prelude ??= this.#readPrelude()));
    // The prelude itself was taken already.
    return (
      this.#failure !== undefined || (this.#prelude !== undefined && this.#bytes >= this.#prelude.total - preludeBytes)
    );
  }

  /**
   * The next frame; `undefined` when more pieces are needed for it.
   * @throws UnreadableAnswer for a checksum that is wrong, and lengths that cannot be; then the stream is of no more use
   */
  next(): EventFrame | undefined {
    if (!this.isReady) return undefined;
    const frame = this.#guarded(() => this.#readFrame());
    if (this.#failure !== undefined) throw this.#failure as Error;
    return frame;
  }

  /** What is behind damaged bytes cannot be told apart any more. */
  #guarded<T>(read: () => T): T | undefined {
    if (this.#failure !== undefined) return undefined;
    try {
      return read();
    } catch (thrown) {
      this.#failure = thrown;
      return undefined;
    }
  }

  #readFrame(): EventFrame | undefined {
    const prelude = this.#prelude;
    if (prelude === undefined) return undefined;
    this.#prelude = undefined;
    const head = this.#copy(prelude.headers);
    const payload = this.#take(prelude.total - preludeBytes - prelude.headers - trailerBytes);
    const told = this.#copy(trailerBytes).readUInt32BE(0);
    let crc = crc32(head, prelude.crc);
    for (const piece of payload) crc = crc32(piece, crc);
    if (crc !== told) throw new UnreadableAnswer(`a frame of ${prelude.total} bytes of the event stream is damaged`);
    return { headers: headersOf(head), payload };
  }

  #readPrelude() {
    if (this.#bytes < preludeBytes) return undefined;
    const prelude = this.#copy(preludeBytes);
    const total = prelude.readUInt32BE(0);
    const headers = prelude.readUInt32BE(4);
    const told = prelude.readUInt32BE(8);
    if (crc32(prelude.subarray(0, 8)) !== told) {
      throw new UnreadableAnswer('the lengths of a frame of the event stream are damaged');
    }
    if (headers > maxHeaderBytes || total > maxFrameBytes || total < preludeBytes + headers + trailerBytes) {
      throw new UnreadableAnswer(
        `a frame of the event stream says to have ${total} bytes, ${headers} of them headers; at most ${maxFrameBytes} and ${maxHeaderBytes} are read`,
      );
    }
    return { total, headers, crc: crc32(prelude) };
  }

  /** Takes so many bytes out, in one buffer. */
  #copy(length: number): Buffer {
    const pieces = this.#take(length);
    const [only] = pieces;
    return only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces);
  }

  /** Takes so many bytes out, as views. There must be as many. */
  #take(length: number): readonly Buffer[] {
    const taken: Buffer[] = [];
    let left = length;
    let whole = 0;
    while (left > 0) {
      const piece = this.#pieces[whole] as Buffer;
      if (piece.length <= left) {
        taken.push(piece);
        left -= piece.length;
        whole += 1;
      } else {
        taken.push(piece.subarray(0, left));
        this.#pieces[whole] = piece.subarray(left);
        left = 0;
      }
    }
    this.#pieces.splice(0, whole);
    this.#bytes -= length;
    return taken;
  }
}

function headersOf(head: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const need = (bytes: number) => {
    if (at + bytes > head.length) throw new UnreadableAnswer('a header of the event stream is longer than all headers');
  };
  while (at < head.length) {
    const nameLength = head[at] as number;
    at += 1;
    need(nameLength + 1);
    const name = head.toString('utf8', at, at + nameLength);
    const type = head[at + nameLength] as number;
    at += nameLength + 1;
    let length = valueBytes[type];
    if (length === undefined) {
      if (type >= valueBytes.length) throw new UnreadableAnswer(`a header of the event stream has the type ${type}`);
      need(2);
      length = head.readUInt16BE(at);
      at += 2;
    }
    need(length);
    if (type === textType) headers.set(name, head.toString('utf8', at, at + length));
    at += length;
  }
  return headers;
}
