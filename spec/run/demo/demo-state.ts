import type { PutReceipt } from '../../../lib/kinesis/producer.ts';
import { Ledger } from './ledger.ts';
import type { DemoOptions } from './options.ts';
import type { WorkerReport } from './report.ts';
import type { DemoPhase, DemoSnapshot } from './table.ts';
import { type WorkerFigures, WorkerFold } from './worker-figures.ts';

/** How many of the most frequent words are shown. */
const shownWords = 20;

/** All that the demo knows while it runs. Times are those of one monotonic clock, milliseconds. */
export class DemoState {
  readonly options: DemoOptions;
  readonly ledger = new Ledger();
  /** The emulators that run, as texts. */
  services: readonly string[] = [];
  /** What the workers wrote to standard error, if anything; told when something went wrong. */
  workerOutputs: readonly string[] = [];
  /** What was done to the workers and the stream, each as a text. */
  readonly #incidents: string[] = [];
  /** By kind, group and id, what a batch held. */
  readonly #batches = new Map<string, string>();
  #phase: DemoPhase = 'starting';
  #phaseSinceMillis: number;
  readonly #workers = new Map<number, WorkerFold>();
  readonly #startedMillis: number;
  #producingMillis: number | undefined;
  #firstPutMillis: number | undefined;
  #firstCountMillis: number | undefined;

  constructor(options: DemoOptions, nowMillis: number) {
    this.options = options;
    this.#startedMillis = nowMillis;
    this.#phaseSinceMillis = nowMillis;
  }

  /** What the demo is doing. */
  get phase(): DemoPhase {
    return this.#phase;
  }

  /** How long after the start the phase 'producing' began, milliseconds; undefined before. */
  get producingMillis(): number | undefined {
    return this.#producingMillis === undefined ? undefined : this.#producingMillis - this.#startedMillis;
  }

  /** From the first acknowledged record to the first record at an output; undefined before. */
  get firstCountMillis(): number | undefined {
    if (this.#firstPutMillis === undefined || this.#firstCountMillis === undefined) return undefined;
    return Math.max(0, this.#firstCountMillis - this.#firstPutMillis);
  }

  /** The next phase begins. */
  enter(phase: DemoPhase, nowMillis: number): void {
    this.#phase = phase;
    this.#phaseSinceMillis = nowMillis;
    if (phase === 'producing') this.#producingMillis = nowMillis;
  }

  /** A worker process was started. */
  addWorker(number: number, pid: number): void {
    this.#workers.set(number, new WorkerFold(number, pid));
  }

  /** A worker was killed. */
  killWorker(number: number): void {
    this.#workers.get(number)?.kill();
  }

  /** Something was done to the workers or to the stream; answers with it as it is shown. */
  noteIncident(what: string, nowMillis: number): string {
    const seconds = ((nowMillis - (this.#producingMillis ?? nowMillis)) / 1_000).toFixed(1);
    const text = `at ${seconds} s ${what}`;
    this.#incidents.push(text);
    return text;
  }

  get incidents(): readonly string[] {
    return this.#incidents;
  }

  /** Kinesis has taken a record with these words. */
  acknowledge(receipt: PutReceipt, words: readonly string[], nowMillis: number): void {
    this.#firstPutMillis ??= nowMillis;
    this.ledger.acknowledge(receipt, words);
  }

  /** A worker has told something. */
  hear(worker: number, report: WorkerReport, nowMillis: number): void {
    this.#workers.get(worker)?.add(report, nowMillis);
    if (report.type === 'counts' && this.#isFresh(report, report.counts)) this.ledger.count(report.counts);
    if (report.type === 'records' && this.#isFresh(report, report.places)) {
      if (report.places.length > 0) this.#firstCountMillis ??= nowMillis;
      this.ledger.reach(report.places);
    }
  }

  /**
   * Whether a batch is to be counted. Where batches are committed, one that is told again under its id is the same batch, as
   * long as it holds the same; with other contents it counts, and shows as repeated.
   */
  #isFresh(
    { type, group, batchId }: { readonly type: string; readonly group: string; readonly batchId: number },
    contents: readonly unknown[],
  ): boolean {
    if (!this.options.chaos) return true;
    const key = `${type} ${group} ${batchId}`;
    const text = JSON.stringify(contents);
    const isKnown = this.#batches.get(key) === text;
    this.#batches.set(key, text);
    return !isKnown;
  }

  /** The workers' figures, in the order of their numbers. */
  workersAt(nowMillis: number): WorkerFigures[] {
    return [...this.#workers.values()].map((worker) => worker.figuresAt(nowMillis));
  }

  /** All of it, for the table. */
  snapshotAt(nowMillis: number): DemoSnapshot {
    const { options, phase, services, ledger } = this;
    return {
      options,
      phase,
      phaseMillis: nowMillis - this.#phaseSinceMillis,
      services,
      incidents: this.#incidents,
      workers: this.workersAt(nowMillis),
      figures: ledger.figures,
      topWords: ledger.top(shownWords),
    };
  }
}
