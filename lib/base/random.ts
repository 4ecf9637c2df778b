import { randomBytes } from 'node:crypto';

/** Randomness as a port: jitter, shuffles and identifiers. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `digits` lower-case hexadecimal digits. */
  hex(digits: number): string;
}

/** The randomness of the process. */
export const systemRandom: Random = {
  next: () => Math.random(),
  hex: (digits) =>
    randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits),
};

/** A repeatable generator (mulberry32): the same seed gives the same sequence on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    hex(digits) {
      let text = '';
      while (text.length < digits) text += Math.floor(next() * 16).toString(16);
      return text;
    },
  };
}

/** A whole number from 0 to `below` - 1. */
export function randomInteger(random: Random, below: number): number {
  return Math.floor(random.next() * below);
}
