import type { PutReceipt } from '../../../lib/kinesis/producer.ts';

/** What the ledger knows at one moment. */
export interface LedgerFigures {
  /** Records acknowledged by PutRecords, by the (shard, sequence number) of the answer. */
  readonly produced: number;
  /** How many of these have reached an output of a worker. */
  readonly counted: number;
  /** How many have not. */
  readonly missing: number;
  /** How often a record reached an output after it had done so already. */
  readonly repeated: number;
  /** Records that reached an output though no answer of PutRecords named them. */
  readonly unacknowledged: number;
  /** Words of the produced records. */
  readonly words: number;
  /** Words that the workers have counted. */
  readonly wordsCounted: number;
  /** How many different words were counted more or less often than they were produced. */
  readonly wordsDiffering: number;
}

/** The place of a record in the stream: its shard and sequence number. */
export type RecordPlace = readonly [shardId: string, sequenceNumber: string];

/** Counts of words, as one batch of one shard gives them. */
export type WordCounts = readonly (readonly [word: string, count: number])[];

/**
 * Compares what was put into the stream with what came out of the workers: record by record, and word by word. The
 * two sides arrive in any order: a worker is often done with a record before PutRecords has answered.
 */
export class Ledger {
  readonly #acknowledged = new Set<string>();
  readonly #reached = new Set<string>();
  #counted = 0;
  #repeated = 0;
  readonly #wordsProduced = new Map<string, number>();
  readonly #wordsCounted = new Map<string, number>();
  #words = 0;
  #wordsOut = 0;

  /** A record was put, with these words. */
  acknowledge(receipt: PutReceipt, words: readonly string[]): void {
    const key = keyOf(receipt.shardId, receipt.sequenceNumber);
    if (this.#acknowledged.has(key)) return;
    this.#acknowledged.add(key);
    if (this.#reached.has(key)) this.#counted += 1;
    for (const word of words) add(this.#wordsProduced, word, 1);
    this.#words += words.length;
  }

  /** Records have reached the output of a worker. */
  reach(places: readonly RecordPlace[]): void {
    for (const [shardId, sequenceNumber] of places) {
      const key = keyOf(shardId, sequenceNumber);
      if (this.#reached.has(key)) {
        this.#repeated += 1;
        continue;
      }
      this.#reached.add(key);
      if (this.#acknowledged.has(key)) this.#counted += 1;
    }
  }

  /** Counts of words have reached the output of a worker: partial ones, put together here. */
  count(counts: WordCounts): void {
    for (const [word, count] of counts) {
      add(this.#wordsCounted, word, count);
      this.#wordsOut += count;
    }
  }

  /** The figures now. */
  get figures(): LedgerFigures {
    const produced = this.#acknowledged.size;
    return {
      produced,
      counted: this.#counted,
      missing: produced - this.#counted,
      repeated: this.#repeated,
      unacknowledged: this.#reached.size - this.#counted,
      words: this.#words,
      wordsCounted: this.#wordsOut,
      ...this.#differing(),
    };
  }

  /** Whether every produced record and every word of them has come out at least once. */
  get isComplete(): boolean {
    return this.#counted === this.#acknowledged.size && this.#wordsOut >= this.#words;
  }

  /** The `n` words counted most often, the most frequent first, equal ones by their text. */
  top(n: number): WordCounts {
    return [...this.#wordsCounted].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, n);
  }

  #differing(): { readonly wordsDiffering: number } {
    const all = [...new Set([...this.#wordsProduced.keys(), ...this.#wordsCounted.keys()])];
    const surplusOf = (word: string) => (this.#wordsCounted.get(word) ?? 0) - (this.#wordsProduced.get(word) ?? 0);
    return {
      wordsDiffering: all.filter((word) => surplusOf(word) !== 0).length,
    };
  }
}

function keyOf(shardId: string, sequenceNumber: string): string {
  return `${shardId}:${sequenceNumber}`;
}

function add(counts: Map<string, number>, word: string, count: number): void {
  counts.set(word, (counts.get(word) ?? 0) + count);
}
