/** How many of the last batches are looked at. */
const batchesWatched = 100;
/** How many there must be before anything is said. */
const leastBatches = 20;
/** The share of the interval that the processing may take. */
const limitShare = 0.8;
const percentile = 0.95;

/** What is told when the processing comes near the interval. */
export interface LoadWarning {
  readonly percentile95Millis: number;
  readonly batches: number;
}

/**
 * Watches how much of the batch interval the processing takes: warns when the 95th percentile of the last hundred
 * batches passes 80 % of it, once, and again only after it has been below in between.
 */
export class LoadWatch {
  readonly #limitMillis: number;
  readonly #last: number[] = [];
  #warned = false;

  constructor(batchIntervalMillis: number) {
    this.#limitMillis = batchIntervalMillis * limitShare;
  }

  /** Notes a batch; the warning, when it is due. */
  completed(processingDelayMillis: number): LoadWarning | undefined {
    this.#last.push(processingDelayMillis);
    if (this.#last.length > batchesWatched) this.#last.shift();
    const batches = this.#last.length;
    if (batches < leastBatches) return undefined;
    const sorted = this.#last.toSorted((a, b) => a - b);
    const percentile95Millis = sorted[Math.min(Math.floor(percentile * batches), batches - 1)] as number;
    const isOver = percentile95Millis > this.#limitMillis;
    const isNew = isOver && !this.#warned;
    this.#warned = isOver;
    return isNew ? { percentile95Millis, batches } : undefined;
  }
}
