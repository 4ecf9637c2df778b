import type { MillraceError } from '../base/error.ts';

/** Spark's `spark.streaming.receiverRestartDelay`. */
const defaultRestartDelayMillis = 2_000;
/** The delay doubles up to this. */
const longestRestartDelayMillis = 60_000;
const defaultMaxReceiverRestarts = 5;
/** A life that has read, and took part for this long, was a healthy one: the next fault is counted from one again. */
const healthyMillis = 60_000;

/** The settings of restarts; see the options of the same names. */
export interface RestartSettings {
  /** 2,000 by default. */
  readonly receiverRestartDelayMillis?: number;
  /** 5 by default. */
  readonly maxReceiverRestarts?: number;
}

/** The restarts since the receiver was last healthy. */
export interface Restarts {
  /** Whether it took part in the application at all: a first start that fails is not tried again. */
  readonly hasStarted: boolean;
  readonly count: number;
}

/** Of a receiver that has not lived yet. */
export const noRestarts: Restarts = { hasStarted: false, count: 0 };

/** What is known of the life that ended with a fault. */
export interface LivedFacts {
  readonly hasStarted: boolean;
  readonly hasRead: boolean;
  readonly ranMillis: number;
}

/**
 * Whether a receiver that has ended with `fault` is started again, and after which wait: 2 s, 4 s, ... 60 s, as long as
 * there were fewer than `maxReceiverRestarts` without a healthy life in between. Only what may pass (`retry`, `restart`) is
 * worth it; and a first start that fails is told at once, since it is most likely a mistake in the configuration.
 */
export function planRestart(
  fault: MillraceError,
  lived: LivedFacts,
  before: Restarts,
  settings: RestartSettings,
): { readonly delayMillis: number; readonly restarts: Restarts } | undefined {
  const { receiverRestartDelayMillis = defaultRestartDelayMillis, maxReceiverRestarts = defaultMaxReceiverRestarts } =
    settings;
  if (fault.reaction === 'fatal' || !(before.hasStarted || lived.hasStarted)) return undefined;
  const wasHealthy = lived.hasRead && lived.ranMillis >= healthyMillis;
  const count = (wasHealthy ? 0 : before.count) + 1;
  if (count > maxReceiverRestarts) return undefined;
  const longestMillis = Math.max(receiverRestartDelayMillis, longestRestartDelayMillis);
  const delayMillis = Math.min(receiverRestartDelayMillis * 2 ** (count - 1), longestMillis);
  return { delayMillis, restarts: { hasStarted: true, count } };
}
