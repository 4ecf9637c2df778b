import { UnreadableAnswer } from './unreadable.ts';

/** Answers of Kinesis are four levels deep; what is deeper than this is no answer. */
const maxDepth = 16;
/** A page of 10,000 records has about 110,000 items: names, values, lists. */
const maxItems = 1_000_000;

/** What an item of CBOR becomes. Byte strings are views; tags are dropped; whole numbers past 2^53 are big integers. */
export type CborValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Uint8Array
  | readonly CborValue[]
  | { readonly [name: string]: CborValue };

/**
 * Decodes one item of CBOR (RFC 8949) that fills the bytes: any form of length, nested to a limit.
 * @throws UnreadableAnswer when the bytes are not such an item, end too early, or hold more than any answer does
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const decoder = new CborDecoder(bytes);
  const value = decoder.item(0);
  decoder.end();
  return value;
}

/** The head of an item: its kind, and its number or length. `undefined` where the end is marked by a break. */
interface Head {
  readonly major: number;
  readonly info: number;
  readonly argument: number | bigint | undefined;
}

const breakCode = 0xff;
const indefinite = 31;

class CborDecoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  item(depth: number): CborValue {
    if (depth > maxDepth) throw this.#fault(`nested more than ${maxDepth} deep`);
    this.#items += 1;
    if (this.#items > maxItems) throw this.#fault(`more than ${maxItems} items`);
    const head = this.#head();
    switch (head.major) {
      case 0:
        return this.#number(head);
      case 1:
        return this.#negative(head);
      case 2:
        return this.#string(head);
      case 3:
        return utf8(this.#string(head));
      case 4:
        return this.#list(head, depth);
      case 5:
        return this.#map(head, depth);
      case 6:
        this.#number(head);
        return this.item(depth + 1);
      default:
        return this.#simple(head);
    }
  }

  end(): void {
    if (this.#at < this.#bytes.length) throw this.#fault('bytes after the end');
  }

  #head(): Head {
    const at = this.#at;
    this.#need(1);
    const first = this.#bytes[at] as number;
    const major = first >> 5;
    const info = first & 31;
    if (info < 24) return this.#headOf(major, info, info, 1);
    if (info === indefinite) return this.#headOf(major, info, undefined, 1);
    if (info > 27) throw this.#fault(`length of unknown form ${info}`);
    const size = 1 << (info - 24);
    this.#need(1 + size);
    return this.#headOf(major, info, this.#argument(at + 1, size), 1 + size);
  }

  #headOf(major: number, info: number, argument: Head['argument'], length: number): Head {
    this.#at += length;
    return { major, info, argument };
  }

  #argument(at: number, size: number): number | bigint {
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at);
    if (size === 4) return this.#view.getUint32(at);
    const big = this.#view.getBigUint64(at);
    return big > BigInt(Number.MAX_SAFE_INTEGER) ? big : Number(big);
  }

  #number(head: Head): number | bigint {
    if (head.argument === undefined) throw this.#fault('number without a value');
    return head.argument;
  }

  #negative(head: Head): number | bigint {
    const value = this.#number(head);
    return typeof value === 'bigint' ? -1n - value : -1 - value;
  }

  /** A length that the rest of the bytes can hold. */
  #length(head: Head): number {
    const length = head.argument;
    if (typeof length !== 'number' || length > this.#bytes.length - this.#at) throw this.#fault('length past the end');
    return length;
  }

  #string(head: Head): Uint8Array {
    if (head.argument !== undefined) return this.#take(this.#length(head));
    const parts: Uint8Array[] = [];
    while (!this.#isBreak()) {
      const part = this.#head();
      if (part.major !== head.major || part.argument === undefined) throw this.#fault('part of another kind');
      parts.push(this.#take(this.#length(part)));
      this.#items += 1;
      if (this.#items > maxItems) throw this.#fault(`more than ${maxItems} items`);
    }
    return Buffer.concat(parts);
  }

  #list(head: Head, depth: number): CborValue[] {
    const list: CborValue[] = [];
    this.#each(head, () => list.push(this.item(depth + 1)));
    return list;
  }

  #map(head: Head, depth: number): Record<string, CborValue> {
    const entries: [string, CborValue][] = [];
    this.#each(head, () => {
      const name = this.item(depth + 1);
      if (typeof name !== 'string') throw this.#fault('name that is no text');
      entries.push([name, this.item(depth + 1)]);
    });
    return Object.fromEntries(entries);
  }

  /** Nothing is set aside for a length that is only claimed: what is not there ends the loop. */
  #each(head: Head, next: () => void): void {
    if (head.argument === undefined) {
      while (!this.#isBreak()) next();
      return;
    }
    const length = this.#length(head);
    for (let count = 0; count < length; count += 1) next();
  }

  #simple(head: Head): CborValue {
    switch (head.info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case 25:
        return halfFloat(this.#view.getUint16(this.#at - 2));
      case 26:
        return this.#view.getFloat32(this.#at - 4);
      case 27:
        return this.#view.getFloat64(this.#at - 8);
      default:
        throw this.#fault(`simple value ${head.info}`);
    }
  }

  #isBreak(): boolean {
    this.#need(1);
    if (this.#bytes[this.#at] !== breakCode) return false;
    this.#at += 1;
    return true;
  }

  #take(length: number): Uint8Array {
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  #need(length: number): void {
    if (this.#at + length > this.#bytes.length) throw this.#fault('end in the middle of an item');
  }

  #fault(what: string): UnreadableAnswer {
    return new UnreadableAnswer(`no CBOR at byte ${this.#at} of ${this.#bytes.length}: ${what}`);
  }
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** IEEE 754 binary16: Node has no reader of its own. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
