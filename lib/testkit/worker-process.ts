import type { CancelTimer, Clock } from '../base/clock.ts';

/** What a process may be doing. A killed one never runs again. */
export type ProcessLife = 'running' | 'paused' | 'killed';

/** Options of {@link WorkerProcess}. */
export interface WorkerProcessOptions {
  /** The time of the world. */
  readonly clock: Clock;
  /** What its monotonic clock shows at the start: 0 ms. */
  readonly startMillis?: number;
  /** How far the wall clock of its machine is off: 0 ms. */
  readonly wallSkewMillis?: number;
  /** Seconds of its monotonic clock in one second of the world: 1. */
  readonly rate?: number;
}

/** How a process goes on after a pause. */
export interface ResumeOptions {
  /** Whether overdue timers come before the answers that have arrived meanwhile, as they do in Node: true. */
  readonly timersFirst?: boolean;
  /**
   * Whether the monotonic clock stood still as well, as that of a suspended machine does: false. Its timers are then late by
   * the length of the pause.
   */
  readonly clockStoodStill?: boolean;
}

interface Waiting {
  readonly kind: 'timer' | 'answer';
  readonly run: () => void;
}

/**
 * The process of one worker, and its clock: it can be paused, as by SIGSTOP or a long collection of garbage, and killed.
 * While it stands still no timer of it fires and no answer reaches it; what it has sent before is applied all the same.
 */
export class WorkerProcess implements Clock {
  readonly #clock: Clock;
  readonly #rate: number;
  readonly #startMillis: number;
  readonly #startedAtMillis: number;
  #wallOffsetMillis: number;
  #life: ProcessLife = 'running';
  #pausedAtMillis = 0;
  /** World time during which the monotonic clock stood still. */
  #standstillMillis = 0;
  #waiting: Waiting[] = [];
  #wake: (() => void)[] = [];
  #pendingTimers = 0;

  constructor(options: WorkerProcessOptions) {
    this.#clock = options.clock;
    this.#wallOffsetMillis = options.wallSkewMillis ?? 0;
    this.#rate = options.rate ?? 1;
    this.#startMillis = options.startMillis ?? 0;
    this.#startedAtMillis = options.clock.monotonicMillis();
  }

  get life(): ProcessLife {
    return this.#life;
  }

  /** Timers of the process that have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#pendingTimers;
  }

  /** Whether the monotonic clock has ever stood still: then nothing can be said about what the process believes. */
  get hasStoodStill(): boolean {
    return this.#standstillMillis > 0;
  }

  wallMillis(): number {
    return this.#clock.wallMillis() + this.#wallOffsetMillis;
  }

  monotonicMillis(): number {
    const worldMillis = this.#clock.monotonicMillis() - this.#startedAtMillis - this.#standstillMillis;
    return this.#startMillis + worldMillis * this.#rate;
  }

  timer(delayMillis: number, callback: () => void): CancelTimer {
    const dueMillis = this.monotonicMillis() + Math.max(0, delayMillis || 0);
    let state: 'pending' | 'over' = 'pending';
    const over = () => {
      if (state === 'over') return;
      state = 'over';
      this.#pendingTimers -= 1;
    };
    this.#pendingTimers += 1;
    const fire = () => {
      if (state === 'over' || this.#life === 'killed') return;
      if (this.#life === 'paused') this.#waiting.push({ kind: 'timer', run: fire });
      else if (this.monotonicMillis() < dueMillis - 1e-6) cancel = this.#arm(dueMillis, fire);
      else {
        over();
        callback();
      }
    };
    let cancel = this.#arm(dueMillis, fire);
    return () => {
      over();
      cancel();
    };
  }

  #arm(dueMillis: number, fire: () => void): CancelTimer {
    return this.#clock.timer((dueMillis - this.monotonicMillis()) / this.#rate, fire);
  }

  /** Moves the wall clock of its machine, as a person or NTP would. */
  jumpWall(millis: number): void {
    this.#wallOffsetMillis += millis;
  }

  /** Stops the process until `resume`. */
  pause(): void {
    if (this.#life !== 'running') return;
    this.#life = 'paused';
    this.#pausedAtMillis = this.#clock.monotonicMillis();
  }

  /** Lets a paused process go on. What is overdue comes one by one, each with its own turn. */
  resume(options: ResumeOptions = {}): void {
    if (this.#life !== 'paused') return;
    this.#life = 'running';
    if (options.clockStoodStill === true) {
      this.#standstillMillis += this.#clock.monotonicMillis() - this.#pausedAtMillis;
    }
    const waiting = this.#waiting.splice(0);
    const isFirst = ({ kind }: Waiting) => (kind === 'timer') === (options.timersFirst ?? true);
    for (const one of [...waiting.filter(isFirst), ...waiting.filter((other) => !isFirst(other))]) {
      this.#clock.timer(0, () => this.deliver(one.run));
    }
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Ends the process at once: nothing of it runs on, and nothing is given back. */
  kill(): void {
    this.#life = 'killed';
    this.#waiting = [];
    this.#wake = [];
  }

  /** Runs a callback that an answer brings: now, when the process goes on, or never. */
  deliver(run: () => void): void {
    if (this.#life === 'running') run();
    else if (this.#life === 'paused') this.#waiting.push({ kind: 'answer', run });
  }

  /** Resolves when the process runs; never when it is killed. */
  async runs(): Promise<void> {
    while (this.#life !== 'running') await new Promise<void>((resolve) => this.#wake.push(resolve));
  }
}
