import { type Lease, type WorkerRow, reportOf } from './lease.ts';
import type { ObservedLease } from './plan/assign-plan.ts';

/**
 * Remembers since when each counter has stood still, by this process's monotonic clock: the only way in which Millrace
 * judges that somebody else is gone (kcl.md 2.2). Clocks of two machines are never compared.
 */
class CounterAges {
  #seen = new Map<string, SeenCounter>();

  /** Notes the counters of a snapshot taken at `nowMillis`; forgets the keys that are gone. */
  observe(counters: Iterable<Omit<SeenCounter, 'sinceMillis' | 'hasMoved'>>, nowMillis: number): void {
    const next = new Map<string, SeenCounter>();
    for (const { key, counter, holder } of counters) {
      const before = this.#seen.get(key);
      const isSameHolder = before?.holder === holder;
      if (before?.counter !== counter) {
        next.set(key, { key, counter, holder, sinceMillis: nowMillis, hasMoved: before !== undefined && isSameHolder });
      } else next.set(key, isSameHolder ? before : { ...before, holder, hasMoved: false });
    }
    this.#seen = next;
  }

  sinceMillis(key: string): number | undefined {
    return this.#seen.get(key)?.sinceMillis;
  }

  /** Whether this process has itself seen the holder move the counter, and within `windowMillis`. */
  hasMoved(key: string, windowMillis: number, nowMillis: number): boolean {
    const seen = this.#seen.get(key);
    return seen?.hasMoved === true && nowMillis - seen.sinceMillis <= windowMillis;
  }
}

/** One counter as last seen. */
interface SeenCounter {
  readonly key: string;
  readonly counter: number;
  /** Who may move the counter. A counter that moved together with its holder proves nothing: somebody else wrote it. */
  readonly holder: string | undefined;
  readonly sinceMillis: number;
  readonly hasMoved: boolean;
}

/** What one observer knows of the ages of leases and workers. */
export class FleetAges {
  readonly #leases = new CounterAges();
  readonly #workers = new CounterAges();

  /**
   * Notes a snapshot. `seenAtMillis` is the monotonic time after the scan has ended; what the snapshot says of ages is
   * to be judged by the time before the scan began. So a slow scan cannot make a lease look older than it is: its counter
   * was read somewhere between the two, and the owner may have written since.
   */
  observe(leases: readonly Lease[], workers: readonly WorkerRow[], seenAtMillis: number): readonly ObservedLease[] {
    this.#leases.observe(
      leases.map((lease) => ({ key: lease.leaseKey, counter: lease.leaseCounter, holder: lease.leaseOwner })),
      seenAtMillis,
    );
    this.#workers.observe(
      workers.map((worker) => ({
        key: worker.workerIdentifier,
        counter: reportOf(worker),
        holder: worker.workerIdentifier,
      })),
      seenAtMillis,
    );
    return leases.map((lease) => ({
      lease,
      unchangedSinceMillis: this.#leases.sinceMillis(lease.leaseKey) ?? seenAtMillis,
    }));
  }

  /**
   * The workers that may be given leases, sorted: those whose row changed within `windowMillis`. A row seen for the first
   * time counts as changed. A worker that stops removes its row first, so nobody gives it what it is about to release.
   */
  reportingWorkers(workers: readonly WorkerRow[], windowMillis: number, nowMillis: number): readonly string[] {
    return workers
      .filter((worker) => this.#silentMillis(worker, nowMillis) <= windowMillis)
      .map((worker) => worker.workerIdentifier)
      .sort();
  }

  /** The rows of Millrace workers that have not changed for `windowMillis`. */
  silentWorkers(workers: readonly WorkerRow[], windowMillis: number, nowMillis: number): readonly WorkerRow[] {
    return workers.filter(
      (worker) => worker.reportCounter !== undefined && this.#silentMillis(worker, nowMillis) > windowMillis,
    );
  }

  #silentMillis(worker: WorkerRow, nowMillis: number): number {
    return nowMillis - (this.#workers.sinceMillis(worker.workerIdentifier) ?? nowMillis);
  }

  /**
   * The workers that this process has itself seen alive within `windowMillis`, sorted: their report or the counter of a lease
   * of theirs moved from one look to another. The rows of a worker that was killed before the first look are no proof, as
   * new as they may look.
   */
  provenWorkers(
    leases: readonly Lease[],
    workers: readonly WorkerRow[],
    windowMillis: number,
    nowMillis: number,
  ): readonly string[] {
    const proven = new Set<string>();
    for (const { workerIdentifier } of workers) {
      if (this.#workers.hasMoved(workerIdentifier, windowMillis, nowMillis)) proven.add(workerIdentifier);
    }
    for (const { leaseKey, leaseOwner } of leases) {
      if (leaseOwner !== undefined && this.#leases.hasMoved(leaseKey, windowMillis, nowMillis)) proven.add(leaseOwner);
    }
    return [...proven].sort();
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
