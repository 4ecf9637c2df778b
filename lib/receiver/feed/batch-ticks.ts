import { linkedController } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { Notifier } from '../../base/notifier.ts';

/**
 * When batches are cut: at the multiples of the interval by the wall clock, as Spark's are. A tick that passes while a
 * batch is under way is due as soon as that one ends; several are one.
 */
export class BatchTicks {
  readonly #clock: Clock;
  readonly #intervalMillis: number;
  readonly #woken = new Notifier();
  #dueMillis: number;
  #lastBatchMillis = 0;

  constructor(clock: Clock, intervalMillis: number) {
    this.#clock = clock;
    this.#intervalMillis = intervalMillis;
    this.#dueMillis = this.#nextTick();
  }

  /** Has whoever waits for a tick look again. */
  wake(): void {
    this.#woken.notify();
  }

  /** Whether a tick has passed since `taken` was last called. */
  get isDue(): boolean {
    return this.#clock.monotonicMillis() >= this.#dueMillis;
  }

  /** Begins the wait for the next tick. */
  taken(): void {
    this.#dueMillis = this.#nextTick();
  }

  /** Waits for the tick, a wake-up or the signal. */
  async wait(signal: AbortSignal): Promise<void> {
    using wake = linkedController(signal);
    const cancel = this.#clock.timer(this.#dueMillis - this.#clock.monotonicMillis(), () => wake.abort('tick'));
    await this.#woken.wait(wake.signal);
    cancel();
  }

  /** The time of the batch that is cut now: the last tick, but after the last batch, whatever the wall clock does. */
  batchTime(): number {
    const wall = this.#clock.wallMillis();
    const tick = wall - (wall % this.#intervalMillis);
    this.#lastBatchMillis = Math.max(tick, this.#lastBatchMillis + this.#intervalMillis);
    return this.#lastBatchMillis;
  }

  #nextTick(): number {
    const wall = this.#clock.wallMillis();
    return this.#clock.monotonicMillis() + this.#intervalMillis - (wall % this.#intervalMillis);
  }
}
