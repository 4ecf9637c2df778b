import { raceAbort, stayingController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import type { WorkerRow } from './lease.ts';
import type { LeaseTable } from './lease-table.ts';

/** What a {@link WorkerReporter} needs. */
export interface WorkerReporterOptions {
  readonly table: LeaseTable;
  readonly workerIdentifier: string;
  readonly exclusive: boolean;
  readonly failoverTimeMillis: number;
  readonly clock: Clock;
  /** The figures to report: the last averages of this worker's load. */
  readonly measurements: () => Measurements;
  /** Somebody asked for this worker's drain by its row (`createAdmin().drain`); called once for each request that is found. */
  readonly onDrainRequested?: (request: string) => void;
}

/** The longest time between two reports of a worker. */
const maximumReportIntervalMillis = 5_000;

/** How often a worker reports, milliseconds: every 5 s (design 5.7), or three times in F where that is more often. */
export function reportIntervalOf(failoverTimeMillis: number): number {
  return Math.min(maximumReportIntervalMillis, failoverTimeMillis / 2);
}

/** What a worker tells of its load. */
export type Measurements = Pick<WorkerRow, 'metrics' | 'operatingRange'>;

/** Writes this worker's own row, by which others see that it lives even while it owns no lease. */
export class WorkerReporter {
  readonly #options: WorkerReporterOptions;
  #row: WorkerRow | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: WorkerReporterOptions) {
    this.#options = options;
  }

  /**
   * Writes the row anew, and takes the request to drain that was in it. The counter starts at the wall clock, so a restart
   * under the same name changes it too. What the first report finds was meant for the process before this one:
   *
   *   1. the drain of a worker is asked for; 2. the worker dies; 3. it is started again under its name, and finds the request
   */
  async report(signal: AbortSignal): Promise<void> {
    const { table, workerIdentifier, exclusive, failoverTimeMillis, clock, measurements } = this.#options;
    const wallMillis = clock.wallMillis();
    const before = this.#row?.reportCounter;
    this.#row = {
      workerIdentifier,
      lastUpdateSeconds: Math.floor(wallMillis / 1000),
      reportCounter: before === undefined ? Math.floor(wallMillis) : before + 1,
      failoverTimeMillis,
      exclusive,
      ...measurements(),
    };
    // Not ended with the loops: a put that is given up may still be applied, and then after the row was removed.
    const writing = table.putWorker(this.#row, stayingController().signal);
    this.#writing = writing;
    const replaced = await raceAbort(writing, signal);
    const isOurs = before !== undefined;
    if (isOurs && replaced?.drainRequested !== undefined) this.#options.onDrainRequested?.(replaced.drainRequested);
  }

  /**
   * Removes the row, so that others stop counting on this worker at once. A row that was written anew by a process of
   * the same name stays.
   */
  async withdraw(signal: AbortSignal): Promise<void> {
    const written = this.#writing.catch(() => {});
    await raceAbort(written, signal);
    if (this.#row !== undefined) await this.#options.table.deleteWorker(this.#row, signal);
  }
}
