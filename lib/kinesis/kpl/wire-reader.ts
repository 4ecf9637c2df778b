/** What the methods of {@link WireReader} answer when the bytes are not the wire format of protocol buffers. */
export const malformed = -1;

/** A varint has at most so many bytes; more of them is a bomb. */
const maxVarintBytes = 10;
const continuation = 0x80;

/**
 * Reads the wire format of protocol buffers from bytes, without a copy and never past `end`. It reads lengths as they are
 * written and believes none: a length that does not fit into what is left is malformed. Groups, which nest without a
 * bound and which no encoder of this century writes, are malformed too, so there is nothing to nest.
 */
export class WireReader {
  readonly bytes: Uint8Array;
  position = 0;
  /** Where the message at work ends; a nested message sets it and puts it back. */
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** A number; exact up to 2^53, and beyond that still greater than any count or length could be. */
  varint(): number {
    const { position } = this;
    if (position >= this.end) return malformed;
    const first = this.bytes[position] as number;
    this.position = position + 1;
    return first < continuation ? first : this.#longVarint(first);
  }

  #longVarint(first: number): number {
    let value = first - continuation;
    let scale = continuation;
    for (let count = 1; count < maxVarintBytes; count += 1) {
      if (this.position >= this.end) return malformed;
      const byte = this.bytes[this.position] as number;
      this.position += 1;
      if (byte < continuation) return value + byte * scale;
      value += (byte - continuation) * scale;
      scale *= continuation;
    }
    return malformed;
  }

  /** Reads a length and answers where what it counts will end; `position` is where it begins. */
  fieldEnd(): number {
    const length = this.varint();
    return length === malformed || length > this.end - this.position ? malformed : this.position + length;
  }

  /** Skips the value of a field that nobody asked for; `false` when it is malformed. */
  skip(tag: number): boolean {
    // Field numbers have 29 bits and begin at 1.
    if (tag < 8 || tag >= 2 ** 32) return false;
    let next: number;
    switch (tag % 8) {
      case 0:
        return this.varint() !== malformed;
      case 1:
        next = this.position + 8;
        break;
      case 2:
        next = this.fieldEnd();
        break;
      case 5:
        next = this.position + 4;
        break;
      default:
        return false;
    }
    if (next === malformed || next > this.end) return false;
    this.position = next;
    return true;
  }
}
