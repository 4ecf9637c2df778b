import type { FleetAges } from './ages.ts';
import { type AloneCheckOptions, findIntruder, notAlone } from './alone-check.ts';
import type { TableSnapshot } from './lease-table.ts';

/** How often a worker that needs the whole picture looks at the table. */
export const viewIntervalMillis = 1_000;
/** For how many F after its start, or after a pause, a worker watches for one that must be alone. */
const watchFailovers = 3;

/** What a {@link FleetView} needs. */
export interface FleetViewOptions extends AloneCheckOptions {
  /** What the start has observed already; a leader has ages of its own, since its scans are not consistent. */
  readonly ages: FleetAges;
  /** Hears of every look. */
  readonly onSnapshot: (snapshot: TableSnapshot, provenWorkers: readonly string[]) => void;
}

/**
 * The whole picture of the fleet, by consistent scans, for those who need it beside the leader: a bounded run, a worker that
 * must be alone, and every worker for a while after its start, because one that must be alone may have started at the same
 * moment. Later, one that must be alone refuses to start, unless it believed this worker dead:
 *
 *   1. this process is paused for longer than F
 *   2. a worker that must be alone starts, sees nobody alive, and reads all shards
 *   3. this process wakes: it watches again, and one of the two leaves
 */
export class FleetView {
  readonly #options: FleetViewOptions;
  /** The workers of Millrace that were ever seen. */
  readonly #peers = new Set<string>();
  #watchedFromMillis: number;
  #lastAskedAtMillis: number;

  constructor(options: FleetViewOptions) {
    this.#options = options;
    this.#watchedFromMillis = options.clock.monotonicMillis();
    this.#lastAskedAtMillis = this.#watchedFromMillis;
  }

  /** Whether the fleet is to be looked at now although nobody needs the picture. Ask every `viewIntervalMillis`. */
  get isWatchful(): boolean {
    const { clock, failoverTimeMillis } = this.#options;
    const now = clock.monotonicMillis();
    if (now - this.#lastAskedAtMillis > failoverTimeMillis) this.#watchedFromMillis = now;
    this.#lastAskedAtMillis = now;
    return now - this.#watchedFromMillis <= watchFailovers * failoverTimeMillis;
  }

  /**
   * One look.
   * @throws MillraceError `MR_ENGINE_NOT_ALONE` when this worker must leave
   */
  async look(signal: AbortSignal): Promise<void> {
    const { table, clock, ages, workerIdentifier, onSnapshot } = this.#options;
    const askedAtMillis = clock.monotonicMillis();
    const snapshot = await table.scan(signal, 'consistent');
    const observed = ages.observe(snapshot.leases, snapshot.workers, clock.monotonicMillis());
    for (const row of snapshot.workers) if (row.reportCounter !== undefined) this.#peers.add(row.workerIdentifier);
    const live = ages.liveWorkers(observed, snapshot.workers, askedAtMillis);
    const intruder = findIntruder(this.#options, live, snapshot, this.#peers);
    if (intruder !== undefined) throw notAlone(this.#options, intruder);
    const proven = ages.provenWorkers(snapshot.leases, snapshot.workers, askedAtMillis);
    onSnapshot(
      snapshot,
      proven.filter((worker) => worker !== workerIdentifier),
    );
  }
}
