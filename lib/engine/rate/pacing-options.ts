import { MillraceError } from '../../base/error.ts';
import type { OnDowntime } from '../tick-plan.ts';
import { type BackpressureOptions, RateController } from './rate-controller.ts';

/** How the batches of a context are kept in step with what comes in. */
export interface PacingOptions {
  /**
   * What becomes of batch times that passed while the process could not look, or, where state is kept, while no process
   * ran at all: `'run'` (default) runs each, the newest 100 at most, so that every window is there; `'coalesce'` the newest,
   * `'skip'` none.
   */
  readonly onDowntime?: OnDowntime;
  /**
   * Reads no more than the batches can take: `true`, or its constants. Default `false`, as in Spark: then only the bounds
   * of memory hold reading back.
   */
  readonly backpressure?: boolean | BackpressureOptions;
}

const choices: readonly OnDowntime[] = ['run', 'coalesce', 'skip'];

/**
 * The pacing options alone.
 * @throws MillraceError `MR_CONFIG_INVALID` for another `onDowntime`, and for constants that make no estimator
 */
export function checkPacing({ onDowntime = 'run', backpressure = false }: PacingOptions): Required<PacingOptions> {
  if (!choices.includes(onDowntime)) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `onDowntime is ${JSON.stringify(onDowntime)}: give one of ${choices.join(', ')}`,
      { subject: { option: 'onDowntime' } },
    );
  }
  controllerFor(1, backpressure);
  return { onDowntime, backpressure };
}

/** The controller that the options ask for. */
export function controllerFor(
  batchIntervalMillis: number,
  backpressure: boolean | BackpressureOptions,
): RateController | undefined {
  if (backpressure === false) return undefined;
  return new RateController(batchIntervalMillis, backpressure === true ? {} : backpressure);
}
