import type { Clock } from '../base/clock.ts';
import type { EventSink } from '../event/bus.ts';

/** How far this machine's clock may be off before `clock.skewed` is told (design section 4). */
const skewLimitMillis = 10_000;
/** The Date header counts whole seconds, so estimates differ by up to that without anything having changed. */
const headerPrecisionMillis = 1_000;

/**
 * The service's time, from the Date headers of its answers. A header is cut to the second and is read late, so each
 * one says "at least": the greatest is the best, until one contradicts it. The estimate is therefore never ahead of
 * the service, which refuses times in its future.
 */
export class ServiceTime {
  readonly #clock: Clock;
  readonly #events: EventSink;
  /** Service time minus monotonic time. */
  #offsetMillis: number | undefined;
  #toldSkewMillis = 0;

  constructor(clock: Clock, events: EventSink) {
    this.#clock = clock;
    this.#events = events;
  }

  /** Milliseconds since 1970; by this machine's clock before the first answer. */
  nowMillis(): number {
    if (this.#offsetMillis === undefined) return this.#clock.wallMillis();
    return this.#clock.monotonicMillis() + this.#offsetMillis;
  }

  /** Takes the Date header of an answer just received; anything else than a date is passed over. */
  observe(dateHeader: string | undefined): void {
    const dateMillis = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader);
    if (Number.isNaN(dateMillis)) return;
    const offsetMillis = dateMillis - this.#clock.monotonicMillis();
    const best = this.#offsetMillis;
    if (best === undefined || offsetMillis > best || offsetMillis < best - 2 * headerPrecisionMillis) {
      this.#offsetMillis = offsetMillis;
    }
    this.#tellSkew(this.#clock.wallMillis() - this.nowMillis());
  }

  /** Tells a skew once, and again when it has changed by more than the limit; a right clock is forgotten silently. */
  #tellSkew(skewMillis: number): void {
    if (Math.abs(skewMillis) <= skewLimitMillis) {
      this.#toldSkewMillis = 0;
      return;
    }
    if (Math.abs(skewMillis - this.#toldSkewMillis) <= skewLimitMillis) return;
    this.#toldSkewMillis = skewMillis;
    this.#events.publish({ type: 'clock.skewed', skewMillis: Math.round(skewMillis) });
  }
}
