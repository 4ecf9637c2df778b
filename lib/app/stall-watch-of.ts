import { StallWatch } from '../receiver/stall-watch.ts';
import type { Assembly } from './assembly.ts';

/** How the watch of one way to consume differs from the others. */
export interface StallWatchWays {
  /** Leaves what hangs to itself, so that the shard may come back to this worker; what it answers is called when it was given up. */
  readonly leave?: (shardId: string) => () => void;
  /** Work of the user's own may take so long, whatever `stalledAfterMillis` says. */
  readonly leastMillis?: number;
}

/** The watch over the work on an assembly's blocks, by its `stalledAfterMillis` and `onStall`. */
export function stallWatchOf(
  { clock, events, settings, receiver }: Pick<Assembly, 'clock' | 'events' | 'settings' | 'receiver'>,
  { leave, leastMillis = 0 }: StallWatchWays = {},
): StallWatch {
  const { onStall } = settings;
  const stalledAfterMillis = Math.max(settings.stalledAfterMillis, leastMillis);
  const giveUp = (shardId: string) => {
    const left = leave?.(shardId);
    receiver.giveUpStalled(shardId);
    left?.();
  };
  return new StallWatch({ clock, events, stalledAfterMillis, onStall, giveUp });
}
