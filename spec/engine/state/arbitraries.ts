import fc from 'fast-check';
import type { PairKey } from '../../../lib/engine/key.ts';

/** Keys of all kinds, with those that trip up objects, and few enough to meet again. */
export const keys: fc.Arbitrary<PairKey> = fc.oneof(
  fc.constantFrom<PairKey>('__proto__', 'constructor', '', '1', 1, 1n, 0, -0, true, false, 'true', 2 ** 53, 0.5, -7n),
  fc.integer({ min: 0, max: 40 }),
  fc.string({ maxLength: 3 }),
);

/** Texts as partition keys are. */
export const partitionKeys: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString'),
  fc.string({ minLength: 1, maxLength: 4 }),
);
