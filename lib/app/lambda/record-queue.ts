import type { KinesisRecord } from '../../block/record.ts';
import { eventBytesOf, mostEventBytes } from './lambda-event.ts';

interface Waiting {
  readonly record: KinesisRecord;
  readonly eventBytes: number;
  readonly arrivedMillis: number;
}

/** Records that wait for an invocation, in order. Batches are cut by number and by the size of their event. */
export class RecordQueue {
  readonly #batchSize: number;
  #waiting: Waiting[] = [];

  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The first record. */
  get first(): KinesisRecord | undefined {
    return this.#waiting[0]?.record;
  }

  /** When the first record came, monotonic. */
  get oldestMillis(): number | undefined {
    return this.#waiting[0]?.arrivedMillis;
  }

  add(record: KinesisRecord, nowMillis: number): void {
    this.#waiting.push({ record, eventBytes: eventBytesOf(record), arrivedMillis: nowMillis });
  }

  /** Whether the next batch can grow no more: it is full, or a record follows that it may not hold. */
  isFull(belongs: (record: KinesisRecord) => boolean): boolean {
    const length = this.#nextLength(belongs);
    return length > 0 && (length === this.#batchSize || length < this.#waiting.length);
  }

  /** Takes the next batch: the first records that belong, as many as fit; at least one where the first belongs. */
  take(belongs: (record: KinesisRecord) => boolean): readonly KinesisRecord[] {
    return this.#waiting.splice(0, this.#nextLength(belongs)).map(({ record }) => record);
  }

  #nextLength(belongs: (record: KinesisRecord) => boolean): number {
    let bytes = 0;
    let length = 0;
    for (const { record, eventBytes } of this.#waiting) {
      bytes += eventBytes;
      if (length === this.#batchSize || !belongs(record) || (length > 0 && bytes > mostEventBytes)) break;
      length += 1;
    }
    return length;
  }
}
