import type { RawRecord } from './kinesis-api.ts';

/** Watches that what comes of a shard is after what came before: an iterator that stands still would repeat it for ever. */
export class AdvanceGuard {
  #last: string | undefined;

  /** Whether these records begin at or before the last one that was taken; then none of them is. One comparison a page. */
  isRepetition(records: readonly RawRecord[]): boolean {
    const [first] = records;
    if (first === undefined) return false;
    if (this.#last !== undefined && BigInt(first.sequenceNumber) <= BigInt(this.#last)) return true;
    this.#last = records.at(-1)?.sequenceNumber;
    return false;
  }
}
