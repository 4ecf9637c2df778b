import { hash } from 'node:crypto';

/** The greatest hash key: 2^128 - 1. */
export const maxHashKey = (1n << 128n) - 1n;
const maxHashKeyDigits = 39;

/** The place of a partition key in the hash space of a stream: its MD5 as an unsigned 128-bit integer. */
export function hashKeyOf(partitionKey: string): bigint {
  return BigInt(`0x${hash('md5', partitionKey)}`);
}

/** Reads a hash key: decimal digits, up to 2^128 - 1; `undefined` for anything else. */
export function parseHashKey(text: string): bigint | undefined {
  if (text.length > maxHashKeyDigits || !/^\d+$/.test(text)) return undefined;
  const hashKey = BigInt(text);
  return hashKey <= maxHashKey ? hashKey : undefined;
}

/** The part of the hash space that a shard takes, both ends inclusive. */
export class HashRange {
  readonly #start: bigint;
  readonly #end: bigint;
  readonly #startWords: Uint32Array;
  readonly #endWords: Uint32Array;

  private constructor(start: bigint, end: bigint) {
    this.#start = start;
    this.#end = end;
    this.#startWords = wordsOf(start);
    this.#endWords = wordsOf(end);
  }

  /**
   * The range of a shard; `undefined` when it holds every key, or when it is not known. Then nothing is left out, as
   * KCL has it too (kcl.md 2.19).
   */
  static of(
    shard: { readonly startingHashKey: string; readonly endingHashKey: string } | undefined,
  ): HashRange | undefined {
    const start = parseHashKey(shard?.startingHashKey ?? '');
    const end = parseHashKey(shard?.endingHashKey ?? '');
    if (start === undefined || end === undefined || start > end) return undefined;
    return start === 0n && end === maxHashKey ? undefined : new HashRange(start, end);
  }

  /** Whether a hash key lies inside. */
  holds(hashKey: bigint): boolean {
    return this.#start <= hashKey && hashKey <= this.#end;
  }

  /** Whether a hash key lies inside that is given as four numbers of 32 bits, `words[from]` the highest. */
  holdsWords(words: Uint32Array, from: number): boolean {
    return compareWords(words, from, this.#startWords) >= 0 && compareWords(words, from, this.#endWords) <= 0;
  }
}

function wordsOf(hashKey: bigint): Uint32Array {
  return Uint32Array.from([96n, 64n, 32n, 0n], (shift) => Number((hashKey >> shift) & 0xffffffffn));
}

function compareWords(words: Uint32Array, from: number, others: Uint32Array): number {
  for (let index = 0; index < 4; index += 1) {
    const difference = (words[from + index] as number) - (others[index] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
