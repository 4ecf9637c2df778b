import { type Clock, pause } from '../../base/clock.ts';
import { type Heartbeat, heartbeatIntervalOf } from './heartbeat.ts';

/** What is done about a main thread that does not answer: its leases are given up, or it is only told. */
export type OnStall = 'RELEASE' | 'WARN';

/** What a {@link StallGuard} needs. */
export interface StallGuardOptions {
  readonly heartbeat: Heartbeat;
  /** A main thread that has not answered for so long is stalled. */
  readonly stalledAfterMillis: number;
  readonly clock: Clock;
  /** Called once for each stall. */
  readonly onStalled: (forMillis: number) => void;
}

/**
 * Watches over the main thread from another one. A heartbeat is not progress: leases that are renewed by this thread while
 * the one that should work on them stands still would be read by nobody for ever.
 */
export class StallGuard {
  readonly #options: StallGuardOptions;
  #isStalled = false;

  constructor(options: StallGuardOptions) {
    this.#options = options;
  }

  /** Whether the main thread stands still, as far as was seen. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, stalledAfterMillis } = this.#options;
    const intervalMillis = heartbeatIntervalOf(stalledAfterMillis);
    let lookedAtMillis = clock.monotonicMillis();
    while (await pause(clock, intervalMillis, signal)) {
      const nowMillis = clock.monotonicMillis();
      // A process that was stopped as a whole finds both threads silent: give the other one its chance to answer.
      const wasHereMeanwhile = nowMillis - lookedAtMillis < 2 * intervalMillis + stalledAfterMillis / 4;
      lookedAtMillis = nowMillis;
      if (wasHereMeanwhile) this.#look(nowMillis);
    }
  }

  #look(nowMillis: number): void {
    const { heartbeat, stalledAfterMillis, onStalled } = this.#options;
    const silentMillis = heartbeat.silentMillis(nowMillis);
    const wasStalled = this.#isStalled;
    this.#isStalled = silentMillis > stalledAfterMillis;
    if (this.#isStalled && !wasStalled) onStalled(silentMillis);
  }
}
