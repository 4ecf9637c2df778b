import { hostname } from 'node:os';
import type { ConsumerSettings } from '../../lib/app/config/consumer-settings.ts';
import { type Ui, startUi } from '../../lib/app/ui.ts';
import { sleep, systemClock } from '../../lib/base/clock.ts';
import type { EventBus, EventListener, EventSink } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { Monitor, alertIntervalMillis } from '../../lib/monitor/monitor.ts';
import type { Snapshot } from '../../lib/monitor/snapshot/snapshot.ts';
import type { UiSource } from '../../lib/web/source.ts';
import { dueIn } from './schedule.ts';

/**
 * Everything that watches a consumer, to be switched off and on again: the fold of its events into a snapshot, its alerts, and
 * what the page is told. While it is off it hears nothing, and the page gets the snapshot that it has.
 */
class Watcher implements UiSource {
  readonly #monitor: Monitor;
  readonly #isOn: () => boolean;
  #hear: EventListener = () => {};
  #shown: Snapshot;

  constructor(bus: EventSink, settings: ConsumerSettings, isOn: () => boolean) {
    const { applicationName, streamName, workerIdentifier, alerts } = settings;
    this.#isOn = isOn;
    this.#monitor = new Monitor({
      bus: {
        publish: (event) => bus.publish(event),
        subscribe: (listener) => {
          this.#hear = listener;
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
  }

  hear(event: MillraceEvent, burnMicros: number): void {
    this.#hear(event);
    if (burnMicros === 0) return;
    const until = systemClock.monotonicMillis() + burnMicros / 1_000;
    while (systemClock.monotonicMillis() < until);
  }

  checkAlerts(): void {
    this.#monitor.checkAlerts();
  }

  snapshot(): Snapshot {
    if (this.#isOn()) this.#shown = this.#monitor.snapshot();
    return this.#shown;
  }
}

/** What watchers have heard. */
export interface Heard {
  /** Events that each of them took in. */
  readonly events: number;
  /** Microseconds in which the first of them took them in. */
  readonly firstMicros: number;
  /** Microseconds in which all others together did. */
  readonly othersMicros: number;
}

/** How one is watched. */
export interface WatchingOptions {
  /** How many watch. */
  readonly watchers: number;
  /** CPU microseconds that each burns at each event of a slice beside its work: to see that what watching takes is told. */
  readonly burnMicros: number;
}

/** Several watchers of one consumer, each whole: its own fold, alerts, and server with its own page and `/metrics`. */
export class Watching {
  readonly #bus: EventBus;
  readonly #burnMicros: number;
  readonly #watchers: readonly Watcher[];
  readonly #uis: Promise<readonly Ui[]>;
  #unsubscribe: (() => void) | undefined;
  #watchedMillis = 0;
  #isInSlice = false;
  #heard: Heard = { events: 0, firstMicros: 0, othersMicros: 0 };

  /** They are on at first, so that they hear of every lease. */
  constructor(bus: EventBus, settings: ConsumerSettings, { watchers, burnMicros }: WatchingOptions) {
    this.#bus = bus;
    this.#burnMicros = burnMicros;
    const isOn = () => this.#unsubscribe !== undefined;
    this.#watchers = Array.from({ length: watchers }, () => new Watcher(bus, settings, isOn));
    this.#uis = Promise.all(this.#watchers.map((watcher) => startUi(watcher, { port: 0 })));
    this.set(true);
  }

  /** What they have heard so far. */
  get heard(): Heard {
    return this.#heard;
  }

  /** The addresses of their pages. */
  async pages(): Promise<readonly string[]> {
    return (await this.#uis).map(({ url }) => url);
  }

  /** Switches them on or off. While they are off the bus has no listener of theirs. */
  set(isOn: boolean): void {
    if (isOn === (this.#unsubscribe !== undefined)) return;
    this.#unsubscribe?.();
    this.#unsubscribe = isOn ? this.#bus.subscribe((event) => this.#hear(event)) : undefined;
  }

  /** Has each of them look once, as if it had long been at it. */
  look(): void {
    for (const watcher of this.#watchers) {
      watcher.snapshot();
      watcher.checkAlerts();
    }
  }

  /** Lets a slice of time pass, in which each watcher that is on looks for alerts as often as it does in a program. */
  async pass(millis: number): Promise<void> {
    this.#isInSlice = true;
    const begunMillis = systemClock.monotonicMillis();
    const until = (atMillis: number) => sleep(systemClock, begunMillis + atMillis - systemClock.monotonicMillis());
    if (this.#unsubscribe !== undefined) {
      const fromMillis = this.#watchedMillis;
      this.#watchedMillis += millis;
      for (const { watcher, atMillis } of dueIn({ fromMillis, millis }, this.#watchers.length, alertIntervalMillis)) {
        await until(atMillis);
        this.#watchers[watcher]?.checkAlerts();
      }
    }
    await until(millis);
    this.#isInSlice = false;
  }

  #hear(event: MillraceEvent): void {
    const [first, ...others] = this.#watchers;
    const burnMicros = this.#isInSlice ? this.#burnMicros : 0;
    const begunMillis = systemClock.monotonicMillis();
    first?.hear(event, burnMicros);
    const firstMillis = systemClock.monotonicMillis();
    for (const watcher of others) watcher.hear(event, burnMicros);
    const { events, firstMicros, othersMicros } = this.#heard;
    this.#heard = {
      events: events + 1,
      firstMicros: firstMicros + 1_000 * (firstMillis - begunMillis),
      othersMicros: othersMicros + 1_000 * (systemClock.monotonicMillis() - firstMillis),
    };
  }
}

/** What was heard between two looks. */
export function heardBetween(before: Heard, after: Heard): Heard {
  return {
    events: after.events - before.events,
    firstMicros: after.firstMicros - before.firstMicros,
    othersMicros: after.othersMicros - before.othersMicros,
  };
}
