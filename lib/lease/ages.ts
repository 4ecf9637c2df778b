import { type Lease, type WorkerRow, reportOf } from './lease.ts';
import type { ObservedLease } from './plan/assign-plan.ts';

/**
 * Remembers since when each counter has stood still, by this process's monotonic clock: the only way in which Millrace
 * judges that somebody else is gone (kcl.md 2.2). Clocks of two machines are never compared.
 */
class CounterAges {
  #seen = new Map<string, { counter: number; sinceMillis: number }>();

  /** Notes the counters of a snapshot taken at `nowMillis`; forgets the keys that are gone. */
  observe(counters: Iterable<readonly [string, number]>, nowMillis: number): void {
    const next = new Map<string, { counter: number; sinceMillis: number }>();
    for (const [key, counter] of counters) {
      const before = this.#seen.get(key);
      next.set(key, before?.counter === counter ? before : { counter, sinceMillis: nowMillis });
    }
    this.#seen = next;
  }

  sinceMillis(key: string): number | undefined {
    return this.#seen.get(key)?.sinceMillis;
  }
}

/** What one observer knows of the ages of leases and workers. */
export class FleetAges {
  readonly #leases = new CounterAges();
  readonly #workers = new CounterAges();

  /**
   * Notes a snapshot. `nowMillis` is the monotonic time after the scan has ended, so that a slow scan cannot make a
   * lease look older than it is.
   */
  observe(leases: readonly Lease[], workers: readonly WorkerRow[], nowMillis: number): readonly ObservedLease[] {
    this.#leases.observe(
      leases.map((lease) => [lease.leaseKey, lease.leaseCounter]),
      nowMillis,
    );
    this.#workers.observe(
      workers.map((worker) => [worker.workerIdentifier, reportOf(worker)]),
      nowMillis,
    );
    return leases.map((lease) => ({
      lease,
      unchangedSinceMillis: this.#leases.sinceMillis(lease.leaseKey) ?? nowMillis,
    }));
  }

  /**
   * The workers that may be given leases, sorted: those whose row changed within `windowMillis`. A row seen for the first
   * time counts as changed. A worker that stops removes its row first, so nobody gives it what it is about to release.
   */
  reportingWorkers(workers: readonly WorkerRow[], windowMillis: number, nowMillis: number): readonly string[] {
    return workers
      .map((worker) => worker.workerIdentifier)
      .filter((worker) => nowMillis - (this.#workers.sinceMillis(worker) ?? nowMillis) <= windowMillis)
      .sort();
  }

  /** The workers that show any life, sorted: those that report, and the owners of leases whose counter moved. */
  liveWorkers(
    leases: readonly ObservedLease[],
    workers: readonly WorkerRow[],
    windowMillis: number,
    nowMillis: number,
  ): readonly string[] {
    const live = new Set(this.reportingWorkers(workers, windowMillis, nowMillis));
    for (const { lease, unchangedSinceMillis } of leases) {
      if (lease.leaseOwner !== undefined && nowMillis - unchangedSinceMillis <= windowMillis)
        live.add(lease.leaseOwner);
    }
    return [...live].sort();
  }
}
