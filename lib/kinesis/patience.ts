import { type BackoffOptions, backoffMillis } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { unreachableTimeoutMillis } from '../base/retry.ts';
import { KinesisFault, isKinesisFault } from './fault.ts';

/** How a call is repeated; see {@link patiently}. */
export interface PatienceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** How long calls may fail without one answer before it gives up: 30,000 ms. */
  readonly unreachableTimeoutMillis?: number;
  /** How often throttling in a row is waited out; without it for ever, since the service does answer. */
  readonly maxThrottles?: number;
  /** Told before each wait. */
  readonly onRetry?: (fault: KinesisFault, delayMillis: number) => void;
}

/** How often in a row throttling is waited out by whoever does not wait for ever: with backoff up to 10 s each over a minute. */
export const maxThrottles = 12;

const throttledBackoff: BackoffOptions = { baseMillis: 500, capMillis: 10_000 };
const failedBackoff: BackoffOptions = { baseMillis: 200, capMillis: 5_000 };

/**
 * Repeats a call of Kinesis with jittered backoff while it is throttled, or fails without an answer or by the
 * service's own fault. All other faults pass through at once. A call that was repeated may have been applied twice.
 * @throws KinesisFault `MR_ENDPOINT_UNREACHABLE` after `unreachableTimeoutMillis` of failing, `MR_THROTTLED` after
 * `maxThrottles`; the signal's reason when it aborts
 */
export async function patiently<T>(call: () => Promise<T>, options: PatienceOptions): Promise<T> {
  const { clock, random, signal } = options;
  let throttles = 0;
  let failures = 0;
  let failingSinceMillis: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const startedAtMillis = clock.monotonicMillis();
    let fault: KinesisFault;
    try {
      return await call();
    } catch (thrown) {
      signal.throwIfAborted();
      if (!isKinesisFault(thrown, 'throttled', 'unreachable', 'transient')) throw thrown;
      fault = thrown;
    }
    let delayMillis: number;
    if (fault.kind === 'throttled') {
      throttles += 1;
      failures = 0;
      failingSinceMillis = undefined;
      if (throttles > (options.maxThrottles ?? Infinity)) throw fault;
      delayMillis = backoffMillis(throttledBackoff, throttles, random);
    } else {
      throttles = 0;
      failures += 1;
      failingSinceMillis ??= startedAtMillis;
      const limitMillis = options.unreachableTimeoutMillis ?? unreachableTimeoutMillis;
      const leftMillis = failingSinceMillis + limitMillis - clock.monotonicMillis();
      if (leftMillis <= 0) throw givenUp(fault, limitMillis, failures);
      // The last attempt is made exactly when the time is up, so that a short limit does not end before it.
      delayMillis = Math.min(leftMillis, backoffMillis(failedBackoff, failures, random));
    }
    options.onRetry?.(fault, delayMillis);
    await sleep(clock, delayMillis, signal);
  }
}

function givenUp(fault: KinesisFault, limitMillis: number, attempts: number): KinesisFault {
  const message = `no usable answer for ${limitMillis} ms (unreachableTimeoutMillis), ${attempts} attempts; the last: ${fault.message}`;
  const { subject, cause } = fault;
  return new KinesisFault('unreachable', 'MR_ENDPOINT_UNREACHABLE', message, { subject, cause });
}
