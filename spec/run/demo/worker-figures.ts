import type { WorkerReport } from './report.ts';

/** What the table shows of one worker. */
export interface WorkerFigures {
  readonly number: number;
  readonly pid: number;
  /** Shards that it holds. */
  readonly shards: readonly string[];
  readonly batches: number;
  readonly records: number;
  readonly words: number;
  /** Over the last seconds. */
  readonly recordsPerSecond: number;
  /** How far its last reads were behind the tip; undefined before the first. */
  readonly behindMillis: number | undefined;
  /** Whether it was killed. */
  readonly isKilled: boolean;
}

/** How much time the rate is taken over, and the least of it that says anything. */
const rateWindowMillis = 3_000;
const leastRateMillis = 1_000;

/** Folds the reports of one worker into its figures. */
export class WorkerFold {
  readonly #number: number;
  readonly #pid: number;
  #shards: readonly string[] = [];
  #behindMillis: number | undefined;
  #batches = 0;
  #records = 0;
  #words = 0;
  #firstBatchMillis: number | undefined;
  #isKilled = false;
  /** Batches of the window, oldest first. */
  #recent: { readonly atMillis: number; readonly records: number }[] = [];

  constructor(number: number, pid: number) {
    this.#number = number;
    this.#pid = pid;
  }

  /** Takes a report into account that came at `nowMillis` of a monotonic clock. */
  add(report: WorkerReport, nowMillis: number): void {
    switch (report.type) {
      case 'shards':
        // The last that it wrote may be heard after its end.
        if (this.#isKilled) return;
        this.#shards = report.held;
        this.#behindMillis = report.behindMillis;
        return;
      case 'records':
        this.#batches += 1;
        this.#firstBatchMillis ??= nowMillis;
        this.#records += report.places.length;
        this.#recent.push({ atMillis: nowMillis, records: report.places.length });
        return;
      case 'counts':
        this.#words += report.counts.reduce((sum, [, count]) => sum + count, 0);
        return;
      case 'ready':
      case 'page':
        return;
    }
  }

  /** It was killed: what it held is nobody's. */
  kill(): void {
    this.#isKilled = true;
    this.#shards = [];
    this.#behindMillis = undefined;
  }

  /** The figures at `nowMillis` of the same clock. */
  figuresAt(nowMillis: number): WorkerFigures {
    this.#recent = this.#recent.filter(({ atMillis }) => nowMillis - atMillis < rateWindowMillis);
    const recent = this.#recent.reduce((sum, { records }) => sum + records, 0);
    const sinceFirst = nowMillis - (this.#firstBatchMillis ?? nowMillis);
    const windowMillis = Math.min(rateWindowMillis, Math.max(leastRateMillis, sinceFirst));
    return {
      number: this.#number,
      pid: this.#pid,
      shards: this.#shards,
      batches: this.#batches,
      records: this.#records,
      words: this.#words,
      recordsPerSecond: (recent * 1_000) / windowMillis,
      behindMillis: this.#behindMillis,
      isKilled: this.#isKilled,
    };
  }
}
