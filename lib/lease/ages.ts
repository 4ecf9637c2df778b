import { CounterAges } from './counter-ages.ts';
import { type Lease, type WorkerRow, reportOf } from './lease.ts';
import { type ObservedLease, defaultAssignmentOptions } from './plan/utilization-types.ts';

/** Java workers report every 30 s and count as active for twice as long (kcl.md 1.3). */
const javaReportWindowMillis = 60_000;

/** KCL's default of its option of this name: how long the old owner has to finish. */
export const { gracefulLeaseHandoffTimeoutMillis } = defaultAssignmentOptions;

/**
 * How many of an owner's longest renewal gaps must pass before its lease counts as expired. A Java worker's F cannot be
 * seen; it renews three times in it.
 */
const renewalGaps = 3;
/** How much longer a lease is waited for whose last assign was not answered by a single renewal. */
const patienceAfterSilence = 3;

/** What one observer knows of the ages of leases, handoffs and workers. */
export class FleetAges {
  readonly #failoverTimeMillis: number;
  readonly #handoffTimeoutMillis: number;
  readonly #leases = new CounterAges();
  readonly #workers = new CounterAges();
  /** The longest time between two renewals that was seen of each owner. */
  readonly #gapsMillis = new Map<string, number>();
  /** Workers that let something expire, with the report that they had made by then. */
  readonly #distrusted = new Map<string, number | undefined>();
  #handoffs = new Map<string, { readonly owners: string; readonly sinceMillis: number }>();

  /** `handoffTimeoutMillis` is the option `gracefulLeaseHandoffTimeoutMillis`. */
  constructor(failoverTimeMillis: number, handoffTimeoutMillis = gracefulLeaseHandoffTimeoutMillis) {
    this.#failoverTimeMillis = failoverTimeMillis;
    this.#handoffTimeoutMillis = handoffTimeoutMillis;
  }

  /**
   * Notes a snapshot. `seenAtMillis` is the monotonic time after the scan has ended; what the snapshot says of ages is
   * to be judged by the time before the scan began. So a slow scan cannot make a lease look older than it is: its counter
   * was read somewhere between the two, and the owner may have written since.
   */
  observe(leases: readonly Lease[], workers: readonly WorkerRow[], seenAtMillis: number): readonly ObservedLease[] {
    this.#observeGaps(leases, seenAtMillis);
    this.#leases.observe(
      leases.map((lease) => ({ key: lease.leaseKey, counter: lease.leaseCounter, holder: writerOf(lease) })),
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
    this.#observeHandoffs(leases, seenAtMillis);
    const rows = new Map(workers.map((row) => [row.workerIdentifier, row]));
    return leases.map((lease) => ({
      lease,
      unchangedSinceMillis: this.#leases.sinceMillis(lease.leaseKey) ?? seenAtMillis,
      expiresAfterMillis: this.#expiresAfterMillis(lease, rows),
      ...(this.#isHandoffOver(lease.leaseKey, seenAtMillis) ? { handoffTimedOut: true } : {}),
      ...(this.#leases.isUnanswered(lease.leaseKey) ? { awaitsOwner: true } : {}),
    }));
  }

  /** Notes a lease that this process has just given to a worker: the counter moved, and no owner has moved it. */
  noteAssigned(lease: Lease, nowMillis: number): void {
    const { leaseKey: key, leaseCounter: counter, leaseOwner: holder } = lease;
    this.#leases.noteGiven({ key, counter, holder }, nowMillis);
  }

  /**
   * The counter of an owner that renews every 5 s rises by one each time, whoever looks how often. So a look that comes
   * late, after a pause of this process, sees a counter that rose by several, and the gap is a part of the time.
   */
  #observeGaps(leases: readonly Lease[], nowMillis: number): void {
    for (const lease of leases) {
      const before = this.#leases.seen(lease.leaseKey);
      const writer = writerOf(lease);
      if (before === undefined || writer === undefined || before.holder !== writer) continue;
      const steps = lease.leaseCounter - before.counter;
      if (steps <= 0) continue;
      const gapMillis = (nowMillis - before.sinceMillis) / steps;
      if (gapMillis > (this.#gapsMillis.get(writer) ?? 0)) this.#gapsMillis.set(writer, gapMillis);
    }
  }

  /**
   * After how long a still counter means that the owner is gone: F; the owner's own F where its row tells it; three of its
   * longest renewal gaps where no row does, as with Java workers (design 5.13). Three times as long when the last assign
   * of this lease brought no renewal at all: its owner may be one that discovers slowly (design 5.5).
   */
  #expiresAfterMillis(lease: Lease, rows: ReadonlyMap<string, WorkerRow>): number {
    const owner = writerOf(lease);
    if (owner === undefined) return this.#failoverTimeMillis;
    const told = rows.get(owner)?.failoverTimeMillis ?? renewalGaps * (this.#gapsMillis.get(owner) ?? 0);
    const patience = this.#leases.wasSilentWhenGiven(lease.leaseKey) ? patienceAfterSilence : 1;
    return patience * Math.max(this.#failoverTimeMillis, told);
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
    return nowMillis - handoff.sinceMillis > this.#handoffTimeoutMillis + this.#failoverTimeMillis;
  }

  /**
   * Notes that a worker has let a lease or the leader's lock expire: it is given nothing until it reports anew. Without this
   * a dead worker would be given the leases of those that live:
   *
   *   1. worker C reports, renews its lease and dies
   *   2. its lease expires, and is given to A
   *   3. the report of C is younger than F still, and C has fewer leases than A: A hands one over to it
   */
  distrust(workerIdentifier: string): void {
    this.#distrusted.set(workerIdentifier, this.#workers.seen(workerIdentifier)?.counter);
  }

  #isTrusted(row: WorkerRow): boolean {
    const { workerIdentifier } = row;
    return !this.#distrusted.has(workerIdentifier) || this.#distrusted.get(workerIdentifier) !== reportOf(row);
  }

  /**
   * The workers that may be given leases, sorted: those whose row changed lately, which is within F for a worker of
   * Millrace (its own F where that is longer) and within twice its report period for a Java worker. A row seen for the
   * first time counts as changed. A worker that stops removes its row first, so nobody gives it what it is about to
   * release.
   */
  reportingWorkers(workers: readonly WorkerRow[], nowMillis: number): readonly string[] {
    return workers
      .filter((row) => this.#silentMillis(row, nowMillis) <= this.#reportWindowMillis(row) && this.#isTrusted(row))
      .map((row) => row.workerIdentifier)
      .sort();
  }

  #reportWindowMillis(row: WorkerRow): number {
    if (row.reportCounter === undefined) return javaReportWindowMillis;
    return Math.max(this.#failoverTimeMillis, row.failoverTimeMillis ?? 0);
  }

  /** The rows of Millrace workers that have not changed for `failovers` times as long as a living worker may be silent. */
  silentWorkers(workers: readonly WorkerRow[], failovers: number, nowMillis: number): readonly WorkerRow[] {
    return workers.filter(
      (row) =>
        row.reportCounter !== undefined &&
        this.#silentMillis(row, nowMillis) > failovers * this.#reportWindowMillis(row),
    );
  }

  #silentMillis(worker: WorkerRow, nowMillis: number): number {
    return nowMillis - (this.#workers.sinceMillis(worker.workerIdentifier) ?? nowMillis);
  }

  /**
   * The workers that this process has itself seen alive within F, sorted: their report or the counter of a lease of theirs
   * moved from one look to another. The rows of a worker that was killed before the first look are no proof, as new as
   * they may look.
   */
  provenWorkers(leases: readonly Lease[], workers: readonly WorkerRow[], nowMillis: number): readonly string[] {
    const windowMillis = this.#failoverTimeMillis;
    const proven = new Set<string>();
    for (const { workerIdentifier } of workers) {
      if (this.#workers.hasMoved(workerIdentifier, windowMillis, nowMillis)) proven.add(workerIdentifier);
    }
    for (const lease of leases) {
      const writer = writerOf(lease);
      if (writer !== undefined && this.#leases.hasMoved(lease.leaseKey, windowMillis, nowMillis)) proven.add(writer);
    }
    return [...proven].sort();
  }

  /** The workers that show any life, sorted: those that report, and the owners of leases whose counter moved within F. */
  liveWorkers(leases: readonly ObservedLease[], workers: readonly WorkerRow[], nowMillis: number): readonly string[] {
    const live = new Set(this.reportingWorkers(workers, nowMillis));
    for (const { lease, unchangedSinceMillis } of leases) {
      const isFresh = nowMillis - unchangedSinceMillis <= this.#failoverTimeMillis;
      const writer = writerOf(lease);
      if (writer !== undefined && isFresh) live.add(writer);
    }
    return [...live].sort();
  }
}

/** Who renews a lease: the old owner as long as a handoff is pending. */
function writerOf(lease: Lease): string | undefined {
  return lease.checkpointOwner ?? lease.leaseOwner;
}
