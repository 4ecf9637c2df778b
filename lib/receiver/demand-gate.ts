import { type Clock, sleep } from '../base/clock.ts';
import type { DemandLimit } from '../block/block-source.ts';

/** The longest debt that a lowered limit may leave behind. */
const maximumWaitMillis = 1_000;

/**
 * Holds reading back to the rates that the consumer asked for, over all shards together. A read is paid for after it was
 * made, since nobody knows before how much it brings: after a page the gate stays shut until both rates have caught up
 * with it.
 */
export class DemandGate {
  readonly #clock: Clock;
  #limit: DemandLimit = {};
  #openAtMillis = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether bytes are limited: only then need anybody count them. */
  get countsBytes(): boolean {
    return this.#limit.bytesPerSecond !== undefined;
  }

  /** Sets the limit from now on; a rate that is not given is none. */
  limit(limit: DemandLimit): void {
    this.#limit = limit;
    this.#openAtMillis = Math.min(this.#openAtMillis, this.#clock.monotonicMillis() + maximumWaitMillis);
  }

  /** Waits until a read may be made; rejects with the signal's reason when it aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { recordsPerSecond, bytesPerSecond } = this.#limit;
      if (recordsPerSecond === undefined && bytesPerSecond === undefined) return;
      const isShut = (recordsPerSecond ?? 1) <= 0 || (bytesPerSecond ?? 1) <= 0;
      const waitMillis = isShut ? maximumWaitMillis : this.#openAtMillis - this.#clock.monotonicMillis();
      if (waitMillis <= 0) return;
      // In steps, so that a raised limit is felt soon.
      await sleep(this.#clock, Math.min(waitMillis, maximumWaitMillis), signal);
    }
  }

  /** Pays for a page, or a part of one. */
  took(records: number, bytes = 0): void {
    const { recordsPerSecond, bytesPerSecond } = this.#limit;
    const costMillis = Math.max(costOf(records, recordsPerSecond), costOf(bytes, bytesPerSecond));
    if (costMillis === 0) return;
    this.#openAtMillis = Math.max(this.#clock.monotonicMillis(), this.#openAtMillis) + costMillis;
  }
}

/** How long a rate takes to catch up, milliseconds. */
function costOf(amount: number, perSecond: number | undefined): number {
  return perSecond === undefined || perSecond <= 0 ? 0 : (amount / perSecond) * 1_000;
}
