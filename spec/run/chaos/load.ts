import { systemClock, pause } from '../../../lib/base/clock.ts';
import { messageOf } from '../../../lib/base/error.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { KinesisApi } from '../../../lib/kinesis/kinesis-api.ts';
import { createProducer } from '../../../lib/kinesis/producer.ts';
import { machineMillis } from './ledger-line.ts';
import { evenKeys, recordText } from './load-keys.ts';

/** A record that Kinesis has acknowledged. */
export interface ProducedRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly key: string;
  /** The number of the record among those of its key, from 1. */
  readonly number: number;
  /** When the answer came. */
  readonly atMillis: number;
}

/** Keys in each of the 32 parts of the hash space. */
const keysPerPart = 2;
/** How often records are put, and how many: 160 a second. */
export const putIntervalMillis = 50;
const recordsPerPut = 8;

/**
 * A steady load with known contents: each key has its own sequence of numbers, and no record is put before the one
 * before it of its key was acknowledged. So the order that Kinesis keeps for a key is known.
 */
export class Load {
  readonly produced: ProducedRecord[] = [];
  readonly #api: KinesisApi;
  readonly #signal: AbortSignal;
  readonly #keys = evenKeys(keysPerPart);
  readonly #numbers = new Map<string, number>();
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  /** Words that wait for the next record of their shard. */
  #marks: readonly { readonly shardId: string; readonly mark: string }[] = [];
  /** Where the last record of each key went. */
  readonly #shardOf = new Map<string, string>();
  #turn = 0;
  /** The time between two answers, when it was longer than it should be. */
  readonly #gaps: { readonly atMillis: number; readonly latenessMillis: number }[] = [];
  #fault: Error | undefined;

  /** `signal` aborts when nobody wants to know any more what became of the load. */
  constructor(api: KinesisApi, signal: AbortSignal) {
    this.#api = api;
    this.#signal = signal;
  }

  /** The records put each second, as long as the services keep up. */
  static get recordsPerSecond(): number {
    return (recordsPerPut * 1_000) / putIntervalMillis;
  }

  /** When the load itself came too late, and by how much. */
  get gaps(): readonly { readonly atMillis: number; readonly latenessMillis: number }[] {
    return this.#gaps;
  }

  start(): void {
    this.#running ??= this.#run().catch((thrown: unknown) => {
      this.#fault = new Error(`the load ended: ${messageOf(thrown)}`, { cause: thrown });
    });
  }

  /** The next record that should go to this shard carries this word in its text. */
  markNext(shardId: string, mark: string): void {
    this.#marks = [...this.#marks, { shardId, mark }];
  }

  /** Ends it after the put that is under way. @throws what ended the load before. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    if (this.#fault !== undefined) throw this.#fault;
  }

  async #run(): Promise<void> {
    const producer = createProducer({ api: this.#api, clock: systemClock, random: seededRandom(1) });
    let dueMillis = machineMillis();
    let lastMillis = dueMillis;
    while (!this.#stopped.signal.aborted && !this.#signal.aborted) {
      const entries = this.#next();
      const encoder = new TextEncoder();
      const puts = entries.map(({ key, number, mark }) => ({
        data: encoder.encode(recordText(key, number, mark)),
        partitionKey: key,
      }));
      // Not ended by `stop`: whether a call that is given up was applied, nobody would know.
      const receipts = await producer.putAll(puts, this.#signal);
      const atMillis = machineMillis();
      for (const [index, { shardId, sequenceNumber }] of receipts.entries()) {
        const { key = '', number = 0 } = entries[index] ?? {};
        this.#shardOf.set(key, shardId);
        this.produced.push({ shardId, sequenceNumber, key, number, atMillis });
      }
      const latenessMillis = atMillis - lastMillis - putIntervalMillis;
      if (latenessMillis > putIntervalMillis) this.#gaps.push({ atMillis, latenessMillis });
      lastMillis = atMillis;
      // After a gap the lost time is not made up for: a burst would be another load.
      dueMillis = Math.max(dueMillis + putIntervalMillis, machineMillis());
      await pause(systemClock, dueMillis - machineMillis(), this.#stopped.signal);
    }
  }

  /** The records of one put, each of another key. */
  #next(): readonly { readonly key: string; readonly number: number; readonly mark: string }[] {
    return Array.from({ length: recordsPerPut }, () => {
      const key = this.#keys[this.#turn % this.#keys.length] ?? '';
      this.#turn += 1;
      const number = (this.#numbers.get(key) ?? 0) + 1;
      this.#numbers.set(key, number);
      const marked = this.#marks.find(({ shardId }) => shardId === this.#shardOf.get(key));
      this.#marks = this.#marks.filter((one) => one !== marked);
      return { key, number, mark: marked?.mark ?? '' };
    });
  }
}
