import type { Clock } from '../base/clock.ts';
import type { LeaseTable } from './lease-table.ts';

/** What a {@link WorkerReporter} needs. */
export interface WorkerReporterOptions {
  readonly table: LeaseTable;
  readonly workerIdentifier: string;
  readonly exclusive: boolean;
  readonly clock: Clock;
}

/** Writes this worker's own row, by which others see that it lives even while it owns no lease. */
export class WorkerReporter {
  readonly #options: WorkerReporterOptions;
  #reportCounter = 0;

  constructor(options: WorkerReporterOptions) {
    this.#options = options;
  }

  /** Writes the row anew. The counter starts at the wall clock, so a restart under the same name changes it too. */
  async report(signal: AbortSignal): Promise<void> {
    const { table, workerIdentifier, exclusive, clock } = this.#options;
    const wallMillis = clock.wallMillis();
    this.#reportCounter = this.#reportCounter === 0 ? Math.floor(wallMillis) : this.#reportCounter + 1;
    const lastUpdateSeconds = Math.floor(wallMillis / 1000);
    await table.putWorker(
      { workerIdentifier, lastUpdateSeconds, reportCounter: this.#reportCounter, exclusive },
      signal,
    );
  }

  /** Removes the row, so that others stop counting on this worker at once. */
  async withdraw(signal: AbortSignal): Promise<void> {
    await this.#options.table.deleteWorker(this.#options.workerIdentifier, signal);
  }
}
