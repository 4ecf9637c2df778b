import { MillraceError } from '../../base/error.ts';

/** The constants of a {@link PidEstimator}, with Spark's names and defaults. */
export interface PidOptions {
  readonly batchIntervalMillis: number;
  /** How strongly the error (rate last set, less the rate of processing) is corrected: 1. */
  readonly proportional?: number;
  /** How strongly the backlog (what waits while batches are late) is corrected: 0.2. */
  readonly integral?: number;
  /** How strongly a change of the error is answered: 0. */
  readonly derived?: number;
  /** The lowest rate, items a second, so that there is always something to measure: 100. */
  readonly minRate?: number;
  /**
   * Ours: the backlog is reckoned as at most this many batch intervals. Far above its pace, Spark's estimator stays at
   * the lowest rate until the whole delay is gone; with a bound it gives what can be processed beside the backlog.
   * Absent: no bound, as in Spark.
   */
  readonly windUpIntervals?: number;
}

/** The figures of a batch that is done. */
export interface BatchPace {
  /** When the batch was done, milliseconds. */
  readonly timeMillis: number;
  /** Records, or bytes. */
  readonly items: number;
  readonly processingDelayMillis: number;
  readonly schedulingDelayMillis: number;
}

const millisPerSecond = 1_000;

/**
 * Estimates how many items a second can be taken, from the batches that are done: Spark's `PIDRateEstimator`, formula
 * and constants, and a bound against wind-up.
 */
export class PidEstimator {
  readonly #options: Required<Omit<PidOptions, 'windUpIntervals'>> & Pick<PidOptions, 'windUpIntervals'>;
  #last: { readonly timeMillis: number; readonly rate: number; readonly error: number } | undefined;

  /** @throws MillraceError `MR_CONFIG_INVALID` for an interval or `minRate` not above 0, and for a negative constant */
  constructor(options: PidOptions) {
    this.#options = { proportional: 1, integral: 0.2, derived: 0, minRate: 100, ...options };
    for (const name of ['batchIntervalMillis', 'minRate'] as const) checkLeast(name, this.#options[name], false);
    for (const name of ['proportional', 'integral', 'derived'] as const) checkLeast(name, this.#options[name], true);
  }

  /**
   * The rate from now on, items a second; `undefined` where the batch says nothing: the first, one without items or time,
   * and one that was done before the last.
   */
  compute(batch: BatchPace): number | undefined {
    const { timeMillis, items, processingDelayMillis } = batch;
    const last = this.#last;
    const since = last?.timeMillis ?? Number.NEGATIVE_INFINITY;
    if (!(timeMillis > since) || !(items > 0) || !(processingDelayMillis > 0)) return undefined;
    const processingRate = (items / processingDelayMillis) * millisPerSecond;
    if (last === undefined) {
      this.#last = { timeMillis, rate: processingRate, error: 0 };
      return undefined;
    }
    const { proportional, integral, derived, minRate, batchIntervalMillis } = this.#options;
    const error = last.rate - processingRate;
    const backlog = (this.#delayOf(batch) * processingRate) / batchIntervalMillis;
    const change = ((error - last.error) / (timeMillis - last.timeMillis)) * millisPerSecond;
    const rate = Math.max(minRate, last.rate - proportional * error - integral * backlog - derived * change);
    this.#last = { timeMillis, rate, error };
    return rate;
  }

  #delayOf({ schedulingDelayMillis }: BatchPace): number {
    const { windUpIntervals, batchIntervalMillis } = this.#options;
    if (windUpIntervals === undefined) return schedulingDelayMillis;
    return Math.min(schedulingDelayMillis, windUpIntervals * batchIntervalMillis);
  }
}

function checkLeast(name: string, value: number, orZero: boolean): void {
  if (Number.isFinite(value) && (value > 0 || (orZero && value === 0))) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${name} of the rate estimator is ${value}: give a number ${orZero ? 'of at least' : 'above'} 0`,
    { subject: { option: name } },
  );
}
