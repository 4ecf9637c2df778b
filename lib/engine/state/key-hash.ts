import type { PairKey } from '../key.ts';

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** The bits of a number that is no 32-bit integer. */
const doubles = new Float64Array(1);
const words = new Uint32Array(doubles.buffer);

/**
 * The hash of a key, 32 bits. Keys that a `Map` takes for one have one hash; it is the same in every process and every
 * version of Millrace's state, but nothing stored depends on it. Keys of different kinds with the same text differ.
 */
export function hashKey(key: PairKey): number {
  switch (typeof key) {
    case 'string':
      return mix(hashText(key, fnvOffset));
    case 'number':
      return hashNumber(key);
    case 'bigint':
      return mix(hashText(key.toString(36), ~fnvOffset));
    default:
      return key ? mix(1_231) : mix(1_237);
  }
}

/** FNV-1a over the code units. */
function hashText(text: string, start: number): number {
  let hash = start;
  for (let index = 0; index < text.length; index += 1) {
    // oxlint-disable-next-line unicorn/prefer-code-point -- code units are what is hashed
    hash = Math.imul(hash ^ text.charCodeAt(index), fnvPrime);
  }
  return hash;
}

function hashNumber(key: number): number {
  const whole = key | 0;
  if (whole === key) return mix(Math.imul(whole, 0x9e3779b1) ^ fnvOffset);
  doubles[0] = key;
  return mix((words[0] as number) ^ Math.imul(words[1] as number, 0x9e3779b1));
}

/** Murmur3's last step: every bit of the input reaches every bit of the answer, so that any four of them spread well. */
function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
