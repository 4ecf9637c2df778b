import type { CancelTimer, Clock } from '../base/clock.ts';
import { nextTurn } from '../base/turn.ts';

/** Options of {@link VirtualClock}. */
export interface VirtualClockOptions {
  /** The wall clock at the start, milliseconds since 1970; 2026-01-01T00:00:00Z unless told otherwise. */
  readonly startWallMillis?: number;
  /**
   * Turns of the event loop that promises get to settle after each timer: 3, since a chain through streams or immediates needs a
   * few. Promises alone need 1, which is faster.
   */
  readonly turnsToSettle?: number;
}

/** Limits of {@link VirtualClock.runUntil}. */
export interface RunUntilOptions {
  /** Virtual time after which it gives up; 60,000 unless told otherwise. */
  readonly atMostMillis?: number;
}

interface VirtualTimer {
  readonly dueMillis: number;
  readonly order: number;
  readonly callback: () => void;
}

/** The default of {@link VirtualClockOptions.turnsToSettle}. */
const defaultTurnsToSettle = 3;
/** Turns granted when no timer is left, before a wait is declared hopeless. */
const turnsBeforeGivingUp = 50;
/** Timers that one `advance` or `runUntil` may fire; more means that something asks for time without end. */
const maxTimersPerRun = 5_000_000;

/**
 * A clock that the test drives: time stands still until `advance` or `runUntil`, which fire the timers in the order
 * of their due times (equal ones in the order of their making) and let the promises settle after each. Code under
 * it must wait by the clock alone: real I/O does not move it.
 */
export class VirtualClock implements Clock {
  #nowMillis = 0;
  #wallOffsetMillis: number;
  readonly #turnsToSettle: number;
  #order = 0;
  /** Sorted by due time, then order; the next one is the last, so that taking it is cheap. */
  readonly #timers: VirtualTimer[] = [];

  constructor(options: VirtualClockOptions = {}) {
    this.#wallOffsetMillis = options.startWallMillis ?? Date.UTC(2026, 0, 1);
    this.#turnsToSettle = options.turnsToSettle ?? defaultTurnsToSettle;
  }

  wallMillis(): number {
    return this.#nowMillis + this.#wallOffsetMillis;
  }

  monotonicMillis(): number {
    return this.#nowMillis;
  }

  timer(delayMillis: number, callback: () => void): CancelTimer {
    const timer = { dueMillis: this.#nowMillis + Math.max(0, delayMillis || 0), order: this.#order, callback };
    this.#order += 1;
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  /** Timers that wait. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Moves the wall clock alone, as a person or NTP would; monotonic time and timers do not notice. */
  jumpWall(millis: number): void {
    this.#wallOffsetMillis += millis;
  }

  /** Lets that much time pass, firing what comes due on the way. */
  async advance(millis: number): Promise<void> {
    const endMillis = this.#nowMillis + millis;
    await this.#settle();
    for (let fired = 0; this.#nextDueMillis() <= endMillis; fired += 1) {
      if (fired >= maxTimersPerRun)
        throw new Error(`more than ${maxTimersPerRun} timers in ${millis} ms of virtual time`);
      await this.#fireNext();
    }
    this.#nowMillis = Math.max(this.#nowMillis, endMillis);
    await this.#settle();
  }

  /**
   * Lets time pass until the promise has settled (and answers or throws what it did), or until the predicate holds.
   * Looks after each timer, so it stops at the earliest time. Throws when the time runs out, or when no timer is left
   * that could change anything.
   */
  async runUntil<T>(goal: Promise<T>, options?: RunUntilOptions): Promise<T>;
  async runUntil(goal: () => boolean, options?: RunUntilOptions): Promise<void>;
  async runUntil<T>(goal: Promise<T> | (() => boolean), options: RunUntilOptions = {}): Promise<T | void> {
    if (typeof goal === 'function') return this.#run(goal, options.atMostMillis ?? 60_000);
    let settled = false;
    const watch = () => {
      settled = true;
    };
    goal.then(watch, watch);
    await this.#run(() => settled, options.atMostMillis ?? 60_000);
    return goal;
  }

  async #run(reached: () => boolean, atMostMillis: number): Promise<void> {
    const endMillis = this.#nowMillis + atMostMillis;
    await this.#settle();
    for (let fired = 0; !reached(); fired += 1) {
      const dueMillis = this.#nextDueMillis();
      if (dueMillis === Infinity && (await settleUntil(reached))) return;
      if (this.#nextDueMillis() === Infinity) {
        throw new Error(
          `virtual time stands still at ${this.#nowMillis} ms: no timer is pending and the goal is not reached`,
        );
      }
      if (this.#nextDueMillis() > endMillis || fired >= maxTimersPerRun) {
        this.#nowMillis = Math.max(this.#nowMillis, Math.min(endMillis, this.#nextDueMillis()));
        throw new Error(`the goal is not reached after ${atMostMillis} ms of virtual time and ${fired} timers`);
      }
      await this.#fireNext();
    }
  }

  async #fireNext(): Promise<void> {
    const timer = this.#timers.pop();
    if (timer === undefined) return;
    this.#nowMillis = Math.max(this.#nowMillis, timer.dueMillis);
    timer.callback();
    await this.#settle();
  }

  /** Lets every promise settle that can settle without time. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < this.#turnsToSettle; turn += 1) await nextTurn();
  }

  #nextDueMillis(): number {
    return this.#timers.at(-1)?.dueMillis ?? Infinity;
  }

  /** Where the timer belongs in a list that is sorted from the latest to the earliest. */
  #placeOf(timer: VirtualTimer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle] as VirtualTimer;
      const isLater =
        other.dueMillis > timer.dueMillis || (other.dueMillis === timer.dueMillis && other.order > timer.order);
      if (isLater) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

async function settleUntil(reached: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < turnsBeforeGivingUp; turn += 1) {
    if (reached()) return true;
    await nextTurn();
  }
  return reached();
}
