import { hashKeyWords } from './digests.ts';
import { type HashRange, parseHashKey } from './hash-range.ts';
import { lanes } from './md5-lanes.ts';

/** One key table of an aggregate: where its keys lie in the message, and what has been found out about them. */
export class KeyTable {
  readonly #message: Buffer;
  readonly #bounds: number[] = [];
  readonly #texts: (string | undefined)[] = [];
  readonly #hashKeys: (bigint | undefined)[] = [];
  #inside: Uint8Array | undefined;

  constructor(message: Buffer) {
    this.#message = message;
  }

  /** The number of keys. */
  get size(): number {
    return this.#bounds.length / 2;
  }

  /** Notes the next key, which lies at `message[start..end)`. */
  add(start: number, end: number): void {
    this.#bounds.push(start, end);
  }

  /** A key as text, made once however many user records share it. What is not UTF-8 comes out as U+FFFD, as in Java. */
  textOf(index: number): string {
    return (this.#texts[index] ??= this.#message.toString(
      'utf8',
      this.#bounds[2 * index],
      this.#bounds[2 * index + 1],
    ));
  }

  /** Whether the table has a hash key at an index; the KPL writes them in decimal digits. */
  isHashKey(index: number): boolean {
    return index < this.size && (this.#hashKeys[index] ??= parseHashKey(this.textOf(index))) !== undefined;
  }

  /** Whether the hash key at an index lies inside a range. */
  isHashKeyInside(index: number, range: HashRange): boolean {
    return this.isHashKey(index) && range.holds(this.#hashKeys[index] as bigint);
  }

  /** Whether the MD5 of the partition key at an index lies inside a range, which is the same in every call. */
  isPartitionKeyInside(index: number, range: HashRange): boolean {
    this.#inside ??= this.#allInside(range);
    return this.#inside[index] === 1;
  }

  /** For all keys at once, since many at a time are digested faster. */
  #allInside(range: HashRange): Uint8Array {
    const inside = new Uint8Array(this.size);
    for (let first = 0; first < inside.length; first += lanes) {
      hashKeyWords(this.#message, this.#bounds, 2 * first, words);
      const end = Math.min(inside.length, first + lanes);
      for (let index = first; index < end; index += 1) {
        inside[index] = range.holdsWords(words, 4 * (index - first)) ? 1 : 0;
      }
    }
    return inside;
  }
}

const words = new Uint32Array(4 * lanes);
