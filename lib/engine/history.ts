import type { Batch } from './batch.ts';

/** Keeps what streams gave at past batch times, for `slice`: only of those that were told to `remember`. */
export class History {
  readonly #batches = new Map<number, Batch<unknown>[]>();

  /** Notes what a stream gave, and forgets what it gave more than `keepMillis` before. */
  note(nodeId: number, batch: Batch<unknown>, keepMillis: number): void {
    const oldest = batch.batchTimeMillis - keepMillis;
    const kept = (this.#batches.get(nodeId) ?? []).filter(({ batchTimeMillis }) => batchTimeMillis > oldest);
    kept.push(batch);
    this.#batches.set(nodeId, kept);
  }

  /** What a stream gave from one time to another, both included, in the order of time. */
  between(nodeId: number, fromMillis: number, toMillis: number): Batch<unknown>[] {
    return (this.#batches.get(nodeId) ?? [])
      .filter(({ batchTimeMillis: time }) => time >= fromMillis && time <= toMillis)
      .sort((a, b) => a.batchTimeMillis - b.batchTimeMillis);
  }
}
