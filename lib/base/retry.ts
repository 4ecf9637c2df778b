import { type BackoffOptions, backoffMillis } from './backoff.ts';
import { type Clock, sleep } from './clock.ts';
import { type MillraceError, toMillraceError } from './error.ts';
import type { Random } from './random.ts';

/** How {@link retryWhilePassing} behaves. */
export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /**
   * How long failures may go on, counted from the start of the first attempt that failed, so that an action with retries
   * of its own does not double the time; then the last one is thrown. Default 30,000.
   */
  readonly timeoutMillis?: number;
  /** Default 100 ms doubling to 2 s. */
  readonly backoff?: BackoffOptions;
  /** Hears of each failure that will be repeated. */
  readonly onFault?: (fault: MillraceError) => void;
  readonly signal: AbortSignal;
}

/** How long a service may be out of reach before a start gives up. */
export const unreachableTimeoutMillis = 30_000;

/**
 * Repeats an action while it fails with a fault that may pass (reaction `retry` or `restart`).
 * @throws MillraceError at once for a `fatal` fault, or the last one after `timeoutMillis`; the signal's reason when it aborts
 */
export async function retryWhilePassing<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, random, signal } = options;
  const backoff = options.backoff ?? { baseMillis: 100, capMillis: 2_000 };
  const timeoutMillis = options.timeoutMillis ?? unreachableTimeoutMillis;
  let firstFailureMillis: number | undefined;
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    const startedAtMillis = clock.monotonicMillis();
    try {
      return await action();
    } catch (thrown) {
      signal.throwIfAborted();
      const fault = toMillraceError(thrown);
      const now = clock.monotonicMillis();
      firstFailureMillis ??= startedAtMillis;
      const delayMillis = backoffMillis(backoff, attempt, random);
      if (fault.reaction === 'fatal' || now - firstFailureMillis + delayMillis > timeoutMillis) throw fault;
      options.onFault?.(fault);
      await sleep(clock, delayMillis, signal);
    }
  }
}
