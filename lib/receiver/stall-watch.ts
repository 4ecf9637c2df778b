import type { Clock } from '../base/clock.ts';
import type { EventSink } from '../event/bus.ts';
import type { PolicyWork } from './handler-runner.ts';

/** What a {@link StallWatch} needs. */
export interface StallWatchOptions {
  readonly clock: Clock;
  readonly events: EventSink;
  /** Work that has not come back for so long is stalled. */
  readonly stalledAfterMillis: number;
  readonly onStall: 'RELEASE' | 'WARN';
  /** Gives up the lease of a shard whose work is stalled. */
  readonly giveUp: (shardId: string) => void;
}

/** The shards that stand still because of a piece of work; `undefined` when nobody waits for it any more. */
export type Standing = () => readonly string[] | undefined;

/**
 * Watches over work that does not come back: a handler that does not return, an engine that does not settle, a block that
 * is not acked. A heartbeat is not progress: the lease of a shard whose handler hangs would be renewed for ever, and nobody
 * would read the shard. Each attempt counts for itself: one that fails again and again returns.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /**
   * Work begins; to be told when it has come back. Until then the shards that stand still for it are told, and given up,
   * every `stalledAfterMillis`: others may come to wait for the same work.
   */
  begin(standing: Standing): () => void {
    const { clock, events, stalledAfterMillis, onStall, giveUp } = this.#options;
    let cancel = () => {};
    const watch = (forMillis: number): void => {
      const onStalled = (): void => {
        const shardIds = standing();
        if (shardIds === undefined) return;
        const released = onStall === 'RELEASE';
        // Armed first: giving up may end the watch.
        watch(forMillis + stalledAfterMillis);
        for (const shardId of shardIds) {
          events.publish({ type: 'shard.stalled', shardId, forMillis, released });
          if (released) giveUp(shardId);
        }
      };
      cancel = clock.timer(stalledAfterMillis, onStalled, { keepAlive: false });
    };
    watch(stalledAfterMillis);
    return () => cancel();
  }
}

/** The one shard of a piece of work, as long as its lease is held: work that is of no more use may take its time. */
export function standingOf({ shardId, signal }: Pick<PolicyWork, 'shardId' | 'signal'>): Standing {
  return () => (signal.aborted ? undefined : [shardId]);
}
