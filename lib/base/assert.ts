import { MillraceError } from './error.ts';

/**
 * States what must be true inside Millrace. A false condition is a bug of ours, never bad input.
 * @throws MillraceError `MR_INTERNAL` with the message
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new MillraceError('MR_INTERNAL', `broken invariant: ${message}`);
}

/**
 * Marks a branch that the types say cannot be reached.
 * @throws MillraceError `MR_INTERNAL`, always
 */
export function unreachable(value: never): never {
  throw new MillraceError('MR_INTERNAL', `unreachable value: ${JSON.stringify(value)}`);
}
