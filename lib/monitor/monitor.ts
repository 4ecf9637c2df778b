import type { Clock, CancelTimer } from '../base/clock.ts';
import type { EventListener, EventSink } from '../event/bus.ts';
import { type Alert, type AlertThresholds, alertChanges, alertsOf } from './alerts.ts';
import { SnapshotFold, type SnapshotFoldOptions, noOrigin } from './snapshot/fold.ts';
import type { Origin } from './snapshot/origin.ts';
import type { Snapshot } from './snapshot/snapshot.ts';

/** How often alerts are looked for, milliseconds. */
export const alertIntervalMillis = 5_000;

/** What a monitor needs. */
export interface MonitorOptions extends Omit<SnapshotFoldOptions, 'startedAtMillis'> {
  readonly bus: EventSink & { subscribe(listener: EventListener): () => void };
  readonly clock: Clock;
  readonly alerts?: AlertThresholds | undefined;
  /** Which receiver is publishing now; default: the only one. */
  readonly origin?: () => Origin;
}

/** Watches a program: folds its events into a snapshot, and raises and clears alerts. Dispose it when the run has ended. */
export class Monitor implements Disposable {
  readonly #options: MonitorOptions;
  readonly #fold: SnapshotFold;
  readonly #unsubscribe: () => void;
  #standing: readonly Alert[] = [];
  #cancelTimer: CancelTimer = () => {};
  #isOver = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
    const { bus, clock, origin = () => options.receivers?.[0] ?? noOrigin } = options;
    this.#fold = new SnapshotFold({ ...options, startedAtMillis: clock.wallMillis() });
    this.#unsubscribe = bus.subscribe((event) => this.#fold.add(event, clock.wallMillis(), origin()));
  }

  /** Begins to look for alerts, every 5 s. */
  start(): void {
    this.#wait();
  }

  /** What is known now. */
  snapshot(): Snapshot {
    return this.#fold.snapshot(this.#options.clock.wallMillis());
  }

  /** Looks for alerts now, and tells those that began or ended. */
  checkAlerts(): void {
    const wanted = alertsOf(this.snapshot(), this.#options.alerts);
    const changes = alertChanges(this.#standing, wanted);
    this.#standing = wanted;
    for (const event of changes) this.#options.bus.publish(event);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#cancelTimer();
    this.#unsubscribe();
  }

  #wait(): void {
    const onTimer = () => {
      if (this.#isOver) return;
      this.checkAlerts();
      this.#wait();
    };
    // Watching is no reason for a process to live.
    this.#cancelTimer = this.#options.clock.timer(alertIntervalMillis, onTimer, { keepAlive: false });
  }
}
