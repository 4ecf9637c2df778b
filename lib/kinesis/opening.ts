import { type Clock, sleep } from '../base/clock.ts';
import { isKinesisFault } from './fault.ts';
import type { StartPosition } from './start-position.ts';

/** What {@link openAt} needs. */
export interface OpeningOptions {
  readonly serviceTimeMillis: () => number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A shard that was opened. */
export interface Opened<T> {
  readonly value: T;
  /** Where it must be opened again as long as nothing of it was read. */
  readonly resume: StartPosition;
}

/** The longest sleep towards a start time in the future, so that a corrected clock is noticed. */
const maxFutureSleepMillis = 60_000;

/**
 * Opens a shard, by an iterator or a subscription. A start in the service's future is waited for.
 *
 * LATEST means the time of this opening. Asked again later, when nothing was read meanwhile, it would mean a later one, and
 * what arrived in between would be skipped; so it becomes a time.
 */
export async function openAt<T>(
  start: StartPosition,
  attempt: () => Promise<T>,
  options: OpeningOptions,
): Promise<Opened<T>> {
  const { serviceTimeMillis, clock, signal } = options;
  for (;;) {
    const beforeMillis = clock.monotonicMillis();
    try {
      const value = await attempt();
      if (start.type !== 'LATEST') return { value, resume: start };
      // The service's time is known best after an answer.
      const timestampMillis = serviceTimeMillis() - (clock.monotonicMillis() - beforeMillis);
      return { value, resume: { type: 'AT_TIMESTAMP', timestampMillis } };
    } catch (thrown) {
      // Kinesis refuses a time in its future; this refusal has told us its time. It may have been long on its way, so
      // that by now the time has come: what counts is the service's time when it was asked.
      if (start.type !== 'AT_TIMESTAMP' || !isKinesisFault(thrown, 'invalid')) throw thrown;
      const nowMillis = serviceTimeMillis();
      const askedAtMillis = nowMillis - (clock.monotonicMillis() - beforeMillis);
      if (start.timestampMillis <= askedAtMillis) throw thrown;
      const waitMillis = Math.max(0, start.timestampMillis - nowMillis);
      await sleep(clock, Math.min(waitMillis, maxFutureSleepMillis), signal);
    }
  }
}
