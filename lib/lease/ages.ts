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
  /** Workers that let something expire, with the report that they had made by then. */
  readonly #distrusted = new Map<string, number | undefined>();
  /** What is known of each owner's F, kept as long as it owns a lease: a worker that stops removes its row first. */
  #patience = new Map<string, OwnerPatience>();
  #lookedAtMillis = Number.NEGATIVE_INFINITY;
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
    this.#observeOwners(leases, workers, seenAtMillis);
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
    return leases.map((lease) => ({
      lease,
      unchangedSinceMillis: this.#leases.sinceMillis(lease.leaseKey) ?? seenAtMillis,
      expiresAfterMillis: this.#expiresAfterMillis(lease),
      ...(this.#isHandoffOver(lease.leaseKey, seenAtMillis) ? { handoffTimedOut: true } : {}),
      ...(this.#leases.isUnanswered(lease.leaseKey) ? { awaitsOwner: true } : {}),
    }));
  }

  /** Notes a lease that this process has just given to a worker: the counter moved, and no owner has moved it. */
  noteAssigned(lease: Lease, nowMillis: number): void {
    const { leaseKey: key, leaseCounter: counter, leaseOwner: holder } = lease;
    this.#leases.noteGiven({ key, counter, holder }, nowMillis);
  }

  #observeOwners(leases: readonly Lease[], workers: readonly WorkerRow[], nowMillis: number): void {
    const told = new Map(workers.map((row) => [row.workerIdentifier, row.failoverTimeMillis]));
    const next = new Map<string, OwnerPatience>();
    for (const lease of leases) {
      const owner = writerOf(lease);
      if (owner === undefined) continue;
      const before = next.get(owner) ?? this.#patience.get(owner);
      const gapMillis = Math.max(before?.gapMillis ?? 0, this.#gapOf(lease, owner, nowMillis));
      next.set(owner, { gapMillis, toldMillis: told.get(owner) ?? before?.toldMillis });
    }
    this.#patience = next;
    this.#lookedAtMillis = nowMillis;
  }

  /**
   * The time between two renewals, as far as this look shows it; 0 when it shows none. The counter of an owner that renews
   * every 5 s rises by one each time, whoever looks how often: a counter that rose by several tells a part of the
   * time. A look long after the one before tells nothing:
   *
   *   1. this process looks, and is then paused for 20 s
   *   2. the owner renews once more, and dies
   *   3. the next look shows one step in 20 s
   */
  #gapOf(lease: Lease, owner: string, nowMillis: number): number {
    const before = this.#leases.seen(lease.leaseKey);
    if (before === undefined || before.holder !== owner) return 0;
    const steps = lease.leaseCounter - before.counter;
    const isLate = nowMillis - this.#lookedAtMillis > this.#failoverTimeMillis / 2;
    return steps <= 0 || isLate ? 0 : (nowMillis - before.sinceMillis) / steps;
  }

  /**
   * After how long a still counter means that the owner is gone: F; the owner's own F where its row tells it, or told it
   * before it was removed; three of its longest renewal gaps where no row did, as with Java workers (design 5.13). Three
   * times as long when the last assign of this lease brought no renewal at all: its owner may be one that discovers
   * slowly (design 5.5).
   */
  #expiresAfterMillis(lease: Lease): number {
    const owner = writerOf(lease);
    if (owner === undefined) return this.#failoverTimeMillis;
    const { toldMillis, gapMillis = 0 } = this.#patience.get(owner) ?? {};
    const told = toldMillis ?? renewalGaps * gapMillis;
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
    for (const row of workers) {
      const { workerIdentifier } = row;
      if (this.#workers.hasMoved(workerIdentifier, this.#reportWindowMillis(row), nowMillis))
        proven.add(workerIdentifier);
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

/** What is known of how long an owner may be silent. */
interface OwnerPatience {
  /** The longest time between two renewals that was seen of it. */
  readonly gapMillis: number;
  /** Its own F, as its row told it last; undefined for Java workers. */
  readonly toldMillis: number | undefined;
}

/** Who renews a lease: the old owner as long as a handoff is pending. */
function writerOf(lease: Lease): string | undefined {
  return lease.checkpointOwner ?? lease.leaseOwner;
}
