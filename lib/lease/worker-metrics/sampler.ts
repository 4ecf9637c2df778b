import { linkedController, raceAbort } from '../../base/abort.ts';
import { type CancelTimer, type Clock, pause } from '../../base/clock.ts';
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

/** What a worker's own row says of how busy it is. */
export interface WorkerMetricsSource {
  /** The measurements for one report. Call it once for each: what was measured since the last call becomes one value. */
  report(): WorkerMetricsReport;
}

/** KCL's `disableWorkerMetrics`: the worker is judged by the throughput of its leases. */
export const noWorkerMetrics: WorkerMetricsSource = { report: () => ({ sts: {}, opr: {} }) };

/** KCL's short name of CPU. */
const cpuMetric = 'C';
/** An average that could not be made. */
const failed = -1;
const operatingRangePercent = 100;
/** Captures kept between two reports; five minutes of them, as KCL keeps. Beyond it the oldest are dropped. */
const maxCaptures = 300;

/** What was read at one time, and the milliseconds of which it speaks. */
interface Capture {
  readonly percent: number;
  readonly millis: number;
}

/**
 * Measures how busy this worker is and keeps the last averages for its row: `C` is the larger of CPU and event-loop
 * utilisation in percent (design 5.7), because one full event loop is all that one Node process can use of many
 * processors. Nothing is thrown out of it: what cannot be read becomes -1, by which leaders see that the worker cannot be judged.
 */
export class WorkerMetricsSampler implements WorkerMetricsSource {
  readonly #options: WorkerMetricsSamplerOptions;
  #captures: Capture[] = [];
  readonly #averages: number[] = [];
  #measuredUntilMillis: number;
  #isFailing = false;
  #hasTried = false;
  #hasFailedSinceReport = false;

  constructor(options: WorkerMetricsSamplerOptions) {
    this.#options = options;
    this.#measuredUntilMillis = options.clock.monotonicMillis();
  }

  /** Captures until the signal aborts; resolves then and never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, eventLoop, selectSource, captureIntervalMillis = 1_000 } = this.#options;
    let source: CpuSource | undefined;
    try {
      // The first readings only mark the beginning: CPU is always 0 then and would pull the first average down.
      eventLoop.utilization();
      source = await this.#timed(signal, selectSource);
      await this.#timed(signal, async (deadline) => source?.capture(deadline));
    } catch (thrown) {
      if (!signal.aborted) this.#fail(thrown);
    }
    this.#measuredUntilMillis = clock.monotonicMillis();
    while (await pause(clock, captureIntervalMillis, signal)) {
      this.#hasTried = true;
      try {
        const cpu = (await this.#timed(signal, async (deadline) => source?.capture(deadline))) ?? 0;
        this.#add(Math.max(cpu, eventLoop.utilization() * 100));
      } catch (thrown) {
        if (!signal.aborted) this.#fail(thrown);
      }
    }
  }

  /**
   * Averages over time what was captured since the last call, to six decimals, and gives the latest averages, oldest first;
   * -1 for a time in which every capture failed. Empty in the first second: KCL takes such a row for that of a worker that
   * measures nothing, and gives it leases at once.
   */
  report(): WorkerMetricsReport {
    if (!this.#hasTried) return noWorkerMetrics.report();
    if (this.#captures.length === 0 && !this.#hasFailedSinceReport) this.#captureLoopAlone();
    const captures = this.#captures;
    this.#captures = [];
    this.#hasFailedSinceReport = false;
    this.#averages.push(averageOf(captures));
    if (this.#averages.length > (this.#options.reportsKept ?? 10)) this.#averages.shift();
    return { sts: { [cpuMetric]: [...this.#averages] }, opr: { [cpuMetric]: [operatingRangePercent] } };
  }

  /**
   * Reads the event loop when a report finds no capture. That is no fault but a very busy worker: 1. a handler blocks the
   * loop for longer than the time between two reports; 2. the timers of the next capture and the next report are due
   * together; 3. the capture waits for its file, the report does not. A -1 would say that the worker cannot be judged.
   */
  #captureLoopAlone(): void {
    try {
      this.#add(this.#options.eventLoop.utilization() * 100);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #add(percent: number): void {
    if (!Number.isFinite(percent)) throw new Error('the measured utilisation is no number');
    const nowMillis = this.#options.clock.monotonicMillis();
    // At least 1, so that two readings within a millisecond count too.
    const millis = Math.max(1, nowMillis - this.#measuredUntilMillis);
    this.#measuredUntilMillis = nowMillis;
    this.#isFailing = false;
    this.#captures.push({ percent: Math.min(100, Math.max(0, percent)), millis });
    if (this.#captures.length > maxCaptures) this.#captures.shift();
  }

  #fail(thrown: unknown): void {
    this.#hasFailedSinceReport = true;
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
    using deadline = linkedController(signal);
    const cancel = this.#whenPast(clock.monotonicMillis() + captureIntervalMillis, () =>
      deadline.abort(new Error(`reading the CPU took longer than ${captureIntervalMillis} ms`)),
    );
    try {
      return await raceAbort(read(deadline.signal), deadline.signal);
    } finally {
      cancel();
    }
  }

  /**
   * Calls back at a time, unless that call comes late itself: then the loop was blocked, and the reading may have been
   * answered long ago, or waited as long as the timer. It gets as much time once more.
   */
  #whenPast(dueMillis: number, callback: () => void): CancelTimer {
    const { clock, captureIntervalMillis = 1_000 } = this.#options;
    let cancel: CancelTimer = () => {};
    const wait = (until: number): void => {
      cancel = clock.timer(until - clock.monotonicMillis(), () => {
        const now = clock.monotonicMillis();
        if (now - until > captureIntervalMillis / 4) wait(now + captureIntervalMillis);
        else callback();
      });
    };
    wait(dueMillis);
    return () => cancel();
  }
}

/** Weighted by time: a capture that comes late, because the loop was blocked, speaks of all that time. */
function averageOf(captures: readonly Capture[]): number {
  if (captures.length === 0) return failed;
  let [sum, millis] = [0, 0];
  for (const capture of captures) {
    sum += capture.percent * capture.millis;
    millis += capture.millis;
  }
  return Math.round((sum / millis) * 1e6) / 1e6;
}
