import type { Assembly } from './assembly.ts';
import type { DispatchSignals } from './block-lanes.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';

/** The name of the method that makes an object a {@link BlockWork}. */
export const workOnBlocks: unique symbol = Symbol.for('millrace.workOnBlocks') as never;

/** Something other than a plain function that `createConsumer().run` takes: it makes its own batches of the blocks. */
export interface BlockWork {
  /** Takes the blocks of the assembly's receiver and acks what is finished, until they end or a signal aborts. */
  [workOnBlocks](assembly: Assembly, signals: DispatchSignals): Promise<void>;
  /**
   * Refuses options of the consumer that make no sense with it, before anything is sent.
   * @throws MillraceError `MR_CONFIG_INVALID`
   */
  check(settings: ConsumerSettings): void;
  /** For how long records may be held back before they are finished, milliseconds. */
  readonly longestHoldMillis: number;
}

/** Whether a value is one. */
export function isBlockWork(value: unknown): value is BlockWork {
  return typeof value === 'object' && value !== null && workOnBlocks in value;
}

/**
 * Settings with room for the blocks of so many milliseconds: reading must not stop while they are held back. The byte
 * budget stays the limit on memory: a block is sealed at its interval, or before it with so many bytes of the budget that no
 * more of these can be. Whoever set `maxUnackedBlocks`, in the program, a flag, the environment or a file, meant it.
 */
export function withRoomFor(settings: ConsumerSettings, millis: number): ConsumerSettings {
  const { maxUnackedBlocks, isUnackedLimitGiven, blockIntervalMillis, maxBufferedBytes } = settings;
  const { sealAtOnceBytes = Infinity } = settings;
  if (isUnackedLimitGiven) return settings;
  const blocks = Math.ceil(millis / blockIntervalMillis) + Math.ceil(maxBufferedBytes / sealAtOnceBytes);
  return { ...settings, maxUnackedBlocks: Math.max(maxUnackedBlocks, blocks) };
}
