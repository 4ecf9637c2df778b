import { type Clock, sleep } from '../base/clock.ts';
import type { DemandLimit } from '../block/block-source.ts';

/** The longest debt of records that a lowered limit may leave behind. */
const maximumWaitMillis = 1_000;

/**
 * Holds reading back to the rate that the consumer asked for, over all shards together. A read is paid for after it was
 * made, since nobody knows before how many records it brings: after a page the gate stays shut until the rate has
 * caught up with it.
 */
export class DemandGate {
  readonly #clock: Clock;
  #recordsPerSecond: number | undefined;
  #openAtMillis = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets the limit from now on; without `recordsPerSecond` there is none. */
  limit(limit: DemandLimit): void {
    this.#recordsPerSecond = limit.recordsPerSecond;
    this.#openAtMillis = Math.min(this.#openAtMillis, this.#clock.monotonicMillis() + maximumWaitMillis);
  }

  /** Waits until a read may be made; rejects with the signal's reason when it aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      const rate = this.#recordsPerSecond;
      if (rate === undefined) return;
      const waitMillis = rate <= 0 ? maximumWaitMillis : this.#openAtMillis - this.#clock.monotonicMillis();
      if (waitMillis <= 0) return;
      // In steps, so that a raised limit is felt soon.
      await sleep(this.#clock, Math.min(waitMillis, maximumWaitMillis), signal);
    }
  }

  /** Pays for a page. */
  took(records: number): void {
    const rate = this.#recordsPerSecond;
    if (rate === undefined || rate <= 0) return;
    const now = this.#clock.monotonicMillis();
    this.#openAtMillis = Math.max(now, this.#openAtMillis) + (records / rate) * 1_000;
  }
}
