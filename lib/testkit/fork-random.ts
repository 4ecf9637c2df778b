import { type Random, seededRandom } from '../base/random.ts';

/** A generator of its own for each purpose, so that one more draw for one of them does not change the others. */
export function forkRandom(seed: number, purpose: string): Random {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (let index = 0; index < purpose.length; index += 1) {
    hash = Math.imul(hash ^ purpose.charCodeAt(index), 0x01000193) >>> 0;
  }
  const random = seededRandom(hash);
  // Neighbouring seeds differ in a few bits; the first values of the generator would show it.
  for (let skipped = 0; skipped < 4; skipped += 1) random.next();
  return random;
}

/** Whether something that happens with this probability happens now. */
export function chance(random: Random, probability: number): boolean {
  return probability > 0 && random.next() < probability;
}

/** A number from `least` to `most`. */
export function between(random: Random, least: number, most: number): number {
  return least + random.next() * (most - least);
}

/** A whole number from `least` to `most`, both included. */
export function wholeBetween(random: Random, least: number, most: number): number {
  return Math.floor(between(random, least, most + 1));
}

/** One of the items. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.next() * items.length)] as T;
}
