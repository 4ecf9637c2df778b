import { deadlineController, raceAbort } from '../../base/abort.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import type { EventLoopMeter } from '../../base/event-loop.ts';
import type { CpuSource } from './cpu-source.ts';

/** What a {@link WorkerMetricsSampler} needs. */
export interface WorkerMetricsSamplerOptions {
  readonly clock: Clock;
  /** The loop of the thread that runs the handler. */
  readonly eventLoop: EventLoopMeter;
  /** Finds where to read the CPU; called once. Undefined: the event loop alone is measured. */
  readonly selectSource: (signal: AbortSignal) => Promise<CpuSource | undefined>;
  /** KCL's `inMemoryWorkerMetricsCaptureFrequencyMillis`; 1,000 by default. Also the most that one capture may take. */
  readonly captureIntervalMillis?: number;
  /** KCL's `noOfPersistedMetricsPerWorkerMetrics`: how many averages a report has; 10 by default. */
  readonly reportsKept?: number;
  /** Told when a capture fails after one that did not, with the reason. */
  readonly onCaptureFailed?: (message: string) => void;
}

/** The attributes `sts` and `opr` of a worker's row (kcl.md 1.3). */
export interface WorkerMetricsReport {
  readonly sts: Readonly<Record<string, readonly number[]>>;
  readonly opr: Readonly<Record<string, readonly number[]>>;
}

/** Millrace reports every 5 s, KCL every 30 s (`workerMetricsReporterFreqInMillis`). */
export const defaultReportIntervalMillis = 5_000;

/** KCL's short name of CPU. */
const cpuMetric = 'C';
/** An average that could not be made. */
const failed = -1;
const operatingRangePercent = 100;
/** Captures kept between two reports; five minutes of them, as KCL keeps. Beyond it the oldest are dropped. */
const maxCaptures = 300;

/**
 * Measures how busy this worker is and keeps the last averages for its row: `C` is the larger of CPU and event-loop
 * utilisation in percent (design 5.7), because one full event loop is all that one Node process can use of many
 * processors. Nothing is thrown out of it: what cannot be read becomes -1, by which leaders see that the worker cannot be judged.
 */
export class WorkerMetricsSampler {
  readonly #options: WorkerMetricsSamplerOptions;
  #captures: number[] = [];
  readonly #averages: number[] = [];
  #isFailing = false;
  #hasTried = false;

  constructor(options: WorkerMetricsSamplerOptions) {
    this.#options = options;
  }

  /** Captures until the signal aborts; resolves then and never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, eventLoop, selectSource, captureIntervalMillis = 1_000 } = this.#options;
    let source: CpuSource | undefined;
    try {
      source = await this.#timed(signal, selectSource);
      // The first reading only marks the beginning: it is always 0 and would pull the first average down.
      await this.#timed(signal, async (deadline) => source?.capture(deadline));
      eventLoop.utilization();
    } catch (thrown) {
      if (!signal.aborted) this.#fail(thrown);
    }
    while (await pause(clock, captureIntervalMillis, signal)) {
      try {
        const cpu = (await this.#timed(signal, async (deadline) => source?.capture(deadline))) ?? 0;
        this.#add(Math.max(cpu, eventLoop.utilization() * 100));
      } catch (thrown) {
        if (!signal.aborted) this.#fail(thrown);
      }
    }
  }

  /**
   * Averages what was captured since the last call, to six decimals, and gives the latest averages, oldest first; -1 for
   * a time in which every capture failed. Empty before the first capture: KCL takes such a row for that of a worker
   * that measures nothing, and gives it leases at once.
   */
  report(): WorkerMetricsReport {
    if (!this.#hasTried) return { sts: {}, opr: {} };
    const captures = this.#captures;
    this.#captures = [];
    const sum = captures.reduce((total, value) => total + value, 0);
    this.#averages.push(captures.length === 0 ? failed : Math.round((sum / captures.length) * 1e6) / 1e6);
    if (this.#averages.length > (this.#options.reportsKept ?? 10)) this.#averages.shift();
    return { sts: { [cpuMetric]: [...this.#averages] }, opr: { [cpuMetric]: [operatingRangePercent] } };
  }

  #add(percent: number): void {
    if (!Number.isFinite(percent)) throw new Error('the measured utilisation is no number');
    this.#hasTried = true;
    this.#isFailing = false;
    this.#captures.push(Math.min(100, Math.max(0, percent)));
    if (this.#captures.length > maxCaptures) this.#captures.shift();
  }

  #fail(thrown: unknown): void {
    this.#hasTried = true;
    if (this.#isFailing) return;
    this.#isFailing = true;
    try {
      this.#options.onCaptureFailed?.(messageOf(thrown));
    } catch {
      // A listener's fault is not the sampler's.
    }
  }

  /** Runs one reading, which may take as long as the time between two. */
  async #timed<T>(signal: AbortSignal, read: (deadline: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, captureIntervalMillis = 1_000 } = this.#options;
    const tooSlow = () => new Error(`reading the CPU took longer than ${captureIntervalMillis} ms`);
    using deadline = deadlineController(clock, captureIntervalMillis, tooSlow, signal);
    return await raceAbort(read(deadline.signal), deadline.signal);
  }
}
