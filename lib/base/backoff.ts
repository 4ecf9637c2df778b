import type { Random } from './random.ts';

/** How long to wait between attempts. All times are milliseconds. */
export interface BackoffOptions {
  /** Upper bound of the first wait. */
  readonly baseMillis: number;
  /** Upper bound of every wait. */
  readonly capMillis: number;
}

/**
 * The wait before attempt `attempt` (1 = after the first failure): a random time between half and all of
 * min(cap, base x 2^(attempt - 1)), so that a fleet that failed together does not come back together.
 */
export function backoffMillis(options: BackoffOptions, attempt: number, random: Random): number {
  const exponent = Math.min(30, Math.max(0, attempt - 1));
  const bound = Math.min(options.capMillis, options.baseMillis * 2 ** exponent);
  return bound / 2 + random.next() * (bound / 2);
}
