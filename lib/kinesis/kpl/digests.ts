import { hash } from 'node:crypto';
import { Md5Lanes, lanes, maxKeyBytes } from './md5-lanes.ts';

/** Made when the first aggregate comes; `undefined` before, and `false` where it is not to be had. */
let shared: Md5Lanes | false | undefined;

/** From here on digests together cost less than one after the other: the bytes of all over those of the longest. */
const leastLoad = 2;

/** Tells of up to {@link lanes} messages whether their MD5 is the one given; what has not 16 bytes is none. */
export function haveDigests(messages: readonly Uint8Array[], digests: readonly Uint8Array[]): readonly boolean[] {
  const lengths = messages.map((message) => message.length);
  const load = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, ...lengths);
  const together = load < leastLoad ? undefined : md5Lanes()?.digests(messages);
  return messages.map((message, index) => {
    const { buffer, byteOffset, length } = digests[index] as Uint8Array;
    const digest = Buffer.from(buffer, byteOffset, length);
    const words = length === 16 ? together?.[index] : undefined;
    if (words === undefined) return hash('md5', message, 'binary') === digest.toString('binary');
    return words.every((word, place) => word === digest.readUInt32LE(4 * place));
  });
}

/**
 * Writes the hash keys of up to {@link lanes} partition keys, the UTF-8 bytes between `bounds[from]` and `bounds[from + 1]` and so
 * on, into `words`: four numbers of 32 bits for each, the highest first. No string or big integer is made of them.
 */
export function hashKeyWords(bytes: Buffer, bounds: readonly number[], from: number, words: Uint32Array): void {
  const end = Math.min(bounds.length, from + 2 * lanes);
  const together = areShort(bounds, from, end) ? md5Lanes() : undefined;
  if (together !== undefined) {
    together.digestKeys(bytes, bounds, from, words);
    return;
  }
  for (let place = from; place < end; place += 2) {
    const digest = hash('md5', bytes.subarray(bounds[place], bounds[place + 1]));
    for (let word = 0; word < 4; word += 1) {
      words[2 * (place - from) + word] = Number.parseInt(digest.slice(8 * word, 8 * word + 8), 16);
    }
  }
}

function areShort(bounds: readonly number[], from: number, end: number): boolean {
  for (let place = from; place < end; place += 2) {
    if ((bounds[place + 1] as number) - (bounds[place] as number) > maxKeyBytes) return false;
  }
  return true;
}

function md5Lanes(): Md5Lanes | undefined {
  shared ??= Md5Lanes.create() ?? false;
  return shared === false ? undefined : shared;
}
