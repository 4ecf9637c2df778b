import { hostname } from 'node:os';
import type { ConsumerSettings } from '../../lib/app/config/consumer-settings.ts';
import { systemClock } from '../../lib/base/clock.ts';
import type { EventBus, EventListener } from '../../lib/event/bus.ts';
import { Monitor } from '../../lib/monitor/monitor.ts';
import type { Snapshot } from '../../lib/monitor/snapshot/snapshot.ts';
import type { UiSource } from '../../lib/web/source.ts';

/**
 * Everything that watches a consumer, to be switched off and on again: the fold of its events into a snapshot, its alerts, and
 * what the page is told. While it is off the bus has no listener of it, and the page gets the snapshot that it has.
 */
export class Watching implements UiSource {
  readonly #bus: EventBus;
  readonly #monitor: Monitor;
  #listener: EventListener = () => {};
  #unsubscribe: (() => void) | undefined;
  #shown: Snapshot;
  #events = 0;

  /** It is on at first, so that it hears of every lease. */
  constructor(bus: EventBus, { applicationName, streamName, workerIdentifier, alerts }: ConsumerSettings) {
    this.#bus = bus;
    this.#monitor = new Monitor({
      bus: {
        publish: (event) => bus.publish(event),
        subscribe: (listener) => {
          this.#listener = (event) => {
            this.#events += 1;
            listener(event);
          };
          return () => {};
        },
      },
      clock: systemClock,
      location: hostname(),
      receivers: [{ receiverId: 0, streamName, workerIdentifier }],
      applicationName,
      alerts,
    });
    this.#shown = this.#monitor.snapshot();
    this.set(true);
  }

  /** Events taken in so far. */
  get events(): number {
    return this.#events;
  }

  set(isOn: boolean): void {
    if (isOn === (this.#unsubscribe !== undefined)) return;
    this.#unsubscribe?.();
    this.#unsubscribe = isOn ? this.#bus.subscribe(this.#listener) : undefined;
  }

  checkAlerts(): void {
    this.#monitor.checkAlerts();
  }

  snapshot(): Snapshot {
    if (this.#unsubscribe !== undefined) this.#shown = this.#monitor.snapshot();
    return this.#shown;
  }
}
