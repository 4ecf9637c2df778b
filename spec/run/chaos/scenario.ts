import type { ConsumerOptions } from '../../../lib/index.ts';
import type { Stage } from './stage.ts';

/** What the bounds of a scenario may depend on. */
export interface Pace {
  readonly failoverTimeMillis: number;
}

/** Something that goes wrong, or only changes, while a fleet reads. */
export interface Scenario {
  readonly name: string;
  /** What happens, in some words for `--help`. */
  readonly summary: string;
  /** Shards at the start. */
  readonly shards: number;
  /** Options of the workers beside those that the stage sets. */
  readonly options?: (pace: Pace) => Partial<ConsumerOptions>;
  /** Starts the workers, lets it happen, and waits until all is well again. */
  play(stage: Stage): Promise<void>;
  /** The longest that any shard may be silent, milliseconds. */
  pauseBoundMillis(pace: Pace): number;
  /** Whether it needs calls to go wrong, which the emulators cannot do. */
  readonly needsFaults?: boolean;
}

/**
 * The time between two blocks of a shard that nothing disturbs is up to a pause between reads (250 ms), the interval of
 * blocks (200 ms) and that of the load (50 ms); the rest of the second is for a busy machine.
 */
export const undisturbedMillis = 1_000;

/** A clean stop, a handoff or a reshard: at most two seconds. */
export const cleanPauseMillis = 2_000 + undisturbedMillis;
