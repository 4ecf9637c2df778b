import type { Clock } from '../base/clock.ts';
import type { EventSink } from '../event/bus.ts';
import type { PolicyWork } from './handler-runner.ts';

/** What a {@link StallWatch} needs. */
export interface StallWatchOptions {
  readonly clock: Clock;
  readonly events: EventSink;
  /** A handler that has not returned for so long is stalled. */
  readonly stalledAfterMillis: number;
  readonly onStall: 'RELEASE' | 'WARN';
  /** Gives up the lease of a shard whose handler is stalled. */
  readonly giveUp: (shardId: string) => void;
}

/**
 * Watches over handlers that do not return. A heartbeat is not progress: the lease of a shard whose handler hangs would be
 * renewed for ever, and nobody would read the shard. Each attempt counts for itself: one that fails again and again returns.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** A handler is called; to be told when it has returned. */
  begin({ shardId, signal }: PolicyWork): () => void {
    const { clock, events, stalledAfterMillis, onStall, giveUp } = this.#options;
    const onStalled = (): void => {
      // Work that is of no more use may take its time.
      if (signal.aborted) return;
      const released = onStall === 'RELEASE';
      events.publish({ type: 'shard.stalled', shardId, forMillis: stalledAfterMillis, released });
      if (released) giveUp(shardId);
    };
    return clock.timer(stalledAfterMillis, onStalled, { keepAlive: false });
  }
}
