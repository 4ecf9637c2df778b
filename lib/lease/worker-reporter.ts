import type { Clock } from '../base/clock.ts';
import type { WorkerRow } from './lease.ts';
import type { LeaseTable } from './lease-table.ts';

/** What a {@link WorkerReporter} needs. */
export interface WorkerReporterOptions {
  readonly table: LeaseTable;
  readonly workerIdentifier: string;
  readonly exclusive: boolean;
  readonly clock: Clock;
  /** The figures to report: the last averages of this worker's load. */
  readonly measurements: () => Pick<WorkerRow, 'metrics' | 'operatingRange'>;
}

/** Writes this worker's own row, by which others see that it lives even while it owns no lease. */
export class WorkerReporter {
  readonly #options: WorkerReporterOptions;
  #row: WorkerRow | undefined;

  constructor(options: WorkerReporterOptions) {
    this.#options = options;
  }

  /** Writes the row anew. The counter starts at the wall clock, so a restart under the same name changes it too. */
  async report(signal: AbortSignal): Promise<void> {
    const { table, workerIdentifier, exclusive, clock, measurements } = this.#options;
    const wallMillis = clock.wallMillis();
    const before = this.#row?.reportCounter;
    this.#row = {
      workerIdentifier,
      lastUpdateSeconds: Math.floor(wallMillis / 1000),
      reportCounter: before === undefined ? Math.floor(wallMillis) : before + 1,
      exclusive,
      ...measurements(),
    };
    await table.putWorker(this.#row, signal);
  }

  /**
   * Removes the row, so that others stop counting on this worker at once. A row that was written anew by a process of
   * the same name stays.
   */
  async withdraw(signal: AbortSignal): Promise<void> {
    if (this.#row !== undefined) await this.#options.table.deleteWorker(this.#row, signal);
  }
}
