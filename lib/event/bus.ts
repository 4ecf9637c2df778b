import diagnosticsChannel from 'node:diagnostics_channel';
import type { MillraceEvent } from './event.ts';

/** Hears events. It is called in line with the publisher, so it should return soon; what it throws is counted, not passed on. */
export type EventListener = (event: MillraceEvent) => void;

/** Where the layers publish what happens; they do not know who listens. */
export interface EventSink {
  publish(event: MillraceEvent): void;
}

/** The name under which every event is mirrored onto `node:diagnostics_channel`. */
export const diagnosticsChannelName = 'millrace';

const mirror = diagnosticsChannel.channel(diagnosticsChannelName);

/** Publishes events to its listeners and to the diagnostics channel `millrace`. A listener that throws harms nobody. */
export class EventBus implements EventSink {
  #listeners: readonly EventListener[] = [];
  #faults = 0;

  /** How often a listener has thrown. */
  get listenerFaults(): number {
    return this.#faults;
  }

  /** Adds a listener; the returned function removes it. */
  subscribe(listener: EventListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  publish(event: MillraceEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        this.#faults += 1;
      }
    }
    if (mirror.hasSubscribers) mirror.publish(event);
  }
}
