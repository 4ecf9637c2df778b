import type { LinkedController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import type { Given } from './given.ts';

/** What a local source is told when the engine starts. */
export interface LocalSourceStart {
  readonly clock: Clock;
  /** Aborts when the run ends at once. */
  readonly signal: LinkedController['signal'];
  /** Tells of a fault that the source gets over by itself. */
  readonly onFault: (thrown: unknown, delayMillis: number) => void;
}

/**
 * Where an input gets its items from when they come from no shard: a queue, a generator, a receiver of the program's
 * own. What it gave is gone with the process; a batch that is tried again keeps what it was given.
 */
export interface LocalSource {
  /** What the stream gives at a batch time. */
  take(batchTimeMillis: number, signal: AbortSignal): Given | Promise<Given>;
  /** Begins to receive. */
  start?(start: LocalSourceStart): void;
  /** Receives no more; what was received is still taken. Resolves when the last item is in. */
  drain?(): Promise<void>;
  /** Whether something was received that no batch has taken. */
  hasItems?(): boolean;
}
