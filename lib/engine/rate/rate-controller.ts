import type { DemandLimit } from '../../block/block-source.ts';
import { PidEstimator } from './pid-estimator.ts';

/** How reading is held back when batches take longer than they come. Names and defaults are Spark's, apart from the last. */
export interface BackpressureOptions {
  /** Records a second before the first estimate, for all shards; absent: `maxRate`. */
  readonly initialRate?: number;
  /** Records a second that are never passed; absent: no limit. */
  readonly maxRate?: number;
  readonly proportional?: number;
  readonly integral?: number;
  readonly derived?: number;
  /** The lowest rate, records a second: 100. */
  readonly minRate?: number;
  /** The backlog counts as at most this many batch intervals: 2.5, so that at least half of the pace is kept. */
  readonly windUpIntervals?: number;
}

/** The figures of a batch that was completed. */
export interface CompletedBatch {
  readonly group: string;
  readonly timeMillis: number;
  readonly records: number;
  readonly bytes: number;
  readonly processingDelayMillis: number;
  readonly schedulingDelayMillis: number;
}

/** Bytes a second that are always allowed: one page of a shard. */
const leastBytesPerSecond = 1_048_576;

const defaultWindUpIntervals = 2.5;

interface GroupRate {
  readonly records: PidEstimator;
  readonly bytes: PidEstimator;
  limit: DemandLimit;
}

/**
 * Makes what the source may read out of the batches that are done: an estimate for each commit group, in records and in
 * bytes, and their sum for the source. A group without an estimate yet does not limit the others.
 */
export class RateController {
  readonly #batchIntervalMillis: number;
  readonly #options: BackpressureOptions;
  readonly #groups = new Map<string, GroupRate>();

  /** @throws MillraceError `MR_CONFIG_INVALID` for constants that the estimator refuses */
  constructor(batchIntervalMillis: number, options: BackpressureOptions) {
    this.#batchIntervalMillis = batchIntervalMillis;
    this.#options = options;
    this.#newGroup();
  }

  /** What may be read before the first batch is done. */
  get initial(): DemandLimit {
    const { initialRate, maxRate } = this.#options;
    return this.#capped({ recordsPerSecond: initialRate ?? maxRate });
  }

  /** What may be read from now on; `undefined` when the batch says nothing new. */
  completed(batch: CompletedBatch): DemandLimit | undefined {
    const group = this.#groups.get(batch.group) ?? this.#newGroup();
    this.#groups.set(batch.group, group);
    const recordsPerSecond = group.records.compute({ ...batch, items: batch.records });
    const bytesPerSecond = group.bytes.compute({ ...batch, items: batch.bytes });
    if (recordsPerSecond === undefined && bytesPerSecond === undefined) return undefined;
    group.limit = {
      recordsPerSecond: recordsPerSecond ?? group.limit.recordsPerSecond,
      bytesPerSecond: bytesPerSecond ?? group.limit.bytesPerSecond,
    };
    return this.#sum();
  }

  /** Forgets a group that is over. */
  forget(group: string): void {
    this.#groups.delete(group);
  }

  #sum(): DemandLimit {
    let records: number | undefined = 0;
    let bytes: number | undefined = 0;
    for (const { limit } of this.#groups.values()) {
      records = plus(records, limit.recordsPerSecond);
      bytes = plus(bytes, limit.bytesPerSecond);
    }
    return this.#capped({ recordsPerSecond: records, bytesPerSecond: bytes });
  }

  #capped({ recordsPerSecond, bytesPerSecond }: DemandLimit): DemandLimit {
    const { maxRate } = this.#options;
    const records = recordsPerSecond === undefined ? maxRate : Math.min(recordsPerSecond, maxRate ?? recordsPerSecond);
    return { recordsPerSecond: records, bytesPerSecond };
  }

  #newGroup(): GroupRate {
    const { initialRate: _initialRate, maxRate: _maxRate, ...constants } = this.#options;
    const options = {
      windUpIntervals: defaultWindUpIntervals,
      ...constants,
      batchIntervalMillis: this.#batchIntervalMillis,
    };
    return {
      records: new PidEstimator(options),
      bytes: new PidEstimator({ ...options, minRate: leastBytesPerSecond }),
      limit: {},
    };
  }
}

/** The sum of two limits, where no limit swallows all. */
function plus(sum: number | undefined, limit: number | undefined): number | undefined {
  return sum === undefined || limit === undefined ? undefined : sum + limit;
}
