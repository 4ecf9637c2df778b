import { type Lease, type WorkerRow, reportOf } from './lease.ts';
import type { ObservedLease } from './plan/utilization-types.ts';

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

/** Java workers report every 30 s and count as active for twice as long (kcl.md 1.3). */
const javaReportWindowMillis = 60_000;

/** KCL's `gracefulLeaseHandoffTimeoutMillis`: how long the old owner has to finish. */
export const gracefulLeaseHandoffTimeoutMillis = 30_000;

/** What one observer knows of the ages of leases, handoffs and workers. */
export class FleetAges {
  readonly #failoverTimeMillis: number;
  readonly #leases = new CounterAges();
  readonly #workers = new CounterAges();
  #handoffs = new Map<string, { readonly owners: string; readonly sinceMillis: number }>();

  constructor(failoverTimeMillis: number) {
    this.#failoverTimeMillis = failoverTimeMillis;
  }

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
    this.#observeHandoffs(leases, nowMillis);
    return leases.map((lease) => ({
      lease,
      unchangedSinceMillis: this.#leases.sinceMillis(lease.leaseKey) ?? nowMillis,
      ...(this.#isHandoffOver(lease.leaseKey, nowMillis) ? { handoffTimedOut: true } : {}),
    }));
  }

  /** A pending handoff is remembered as long as both owners stay the same (kcl.md 2.4). */
  #observeHandoffs(leases: readonly Lease[], nowMillis: number): void {
    const next = new Map<string, { readonly owners: string; readonly sinceMillis: number }>();
    for (const { leaseKey, leaseOwner, checkpointOwner } of leases) {
      if (checkpointOwner === undefined) continue;
      const owners = JSON.stringify([checkpointOwner, leaseOwner]);
      const before = this.#handoffs.get(leaseKey);
      next.set(leaseKey, before?.owners === owners ? before : { owners, sinceMillis: nowMillis });
    }
    this.#handoffs = next;
  }

  #isHandoffOver(leaseKey: string, nowMillis: number): boolean {
    const handoff = this.#handoffs.get(leaseKey);
    if (handoff === undefined) return false;
    return nowMillis - handoff.sinceMillis > gracefulLeaseHandoffTimeoutMillis + this.#failoverTimeMillis;
  }

  /**
   * The workers that may be given leases, sorted: those whose row changed lately, which is within F for a worker of
   * Millrace and within twice its report period for a Java worker. A row seen for the first time counts as changed. A
   * worker that stops removes its row first, so nobody gives it what it is about to release.
   */
  reportingWorkers(workers: readonly WorkerRow[], nowMillis: number): readonly string[] {
    const isReporting = (row: WorkerRow) => {
      const windowMillis = row.reportCounter === undefined ? javaReportWindowMillis : this.#failoverTimeMillis;
      return nowMillis - (this.#workers.sinceMillis(row.workerIdentifier) ?? nowMillis) <= windowMillis;
    };
    return workers
      .filter(isReporting)
      .map((row) => row.workerIdentifier)
      .sort();
  }

  /** The workers that show any life, sorted: those that report, and the owners of leases whose counter moved. */
  liveWorkers(
    leases: readonly ObservedLease[],
    workers: readonly WorkerRow[],
    windowMillis: number,
    nowMillis: number,
  ): readonly string[] {
    const live = new Set(this.reportingWorkers(workers, nowMillis));
    for (const { lease, unchangedSinceMillis } of leases) {
      if (lease.leaseOwner !== undefined && nowMillis - unchangedSinceMillis <= windowMillis)
        live.add(lease.leaseOwner);
    }
    return [...live].sort();
  }
}
