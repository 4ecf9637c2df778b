import { type Clock, pause } from '../base/clock.ts';
import { type MillraceError, toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { EventSink } from '../event/bus.ts';
import type { FleetAges } from './ages.ts';
import { workerViews } from './assigner.ts';
import type { Keeper } from './keeper.ts';
import type { Lease } from './lease.ts';
import type { LeaseTable, TableSnapshot, WriteOutcome } from './lease-table.ts';
import { type LeaseWrite, assignLease, evictLease, withdrawHandoff } from './lease-write.ts';
import { type Release, ownerNow, planReleaseToProven } from './plan/release-plan.ts';
import type { AssignmentOptions, AssignmentPlan } from './plan/utilization-types.ts';

/** How often a lease that was never begun is released while its row changes under the attempt. */
const maximumReleaseAttempts = 3;

/** What a {@link LeaseReleaser} needs. */
export interface LeaseReleaserOptions {
  readonly table: LeaseTable;
  readonly keeper: Keeper;
  readonly plan: AssignmentPlan;
  readonly assignment: AssignmentOptions;
  readonly workerIdentifier: string;
  readonly ages: FleetAges;
  /** The workers that this one has seen alive within F in another way, as the leader. */
  readonly seenAlive: () => readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
}

/** What the second look showed, and the monotonic time before it. */
interface SecondLook extends TableSnapshot {
  readonly askedAtMillis: number;
}

/**
 * Releases the leases of a worker that stops. It looks twice: when the stop begins, and when the last block is finished.
 * A worker whose counters moved in between lives, and so does one that this worker saw alive as the leader. Leases go to
 * those, as far as that is fair; the owner of the others is cleared, and the leader, which knows who lives, assigns them
 * at its next look.
 */
export class LeaseReleaser {
  readonly #options: LeaseReleaserOptions;

  constructor(options: LeaseReleaserOptions) {
    this.#options = options;
  }

  /** The first look. */
  async look(signal: AbortSignal): Promise<void> {
    const { table, ages, clock } = this.#options;
    const { leases, workers } = await table.scan(signal, 'consistent');
    ages.observe(leases, workers, clock.monotonicMillis());
  }

  /**
   * Looks again, and releases every lease that the table gives to this worker, held or not: the scan is consistent, so a
   * lease that was assigned at the last moment is found. A handoff from this worker that had begun is completed instead, and
   * one to it is taken back. Each release stands alone: one that fails is told, and expires. Where the table cannot be read,
   * by a damaged row or a lost permission, what this worker holds is known all the same: it is released to nobody.
   * @throws MillraceError when the table cannot be read for 30 s
   */
  async releaseAll(signal: AbortSignal): Promise<void> {
    const plan = async () => {
      const look = await this.#lookAgain(signal);
      return { releases: this.#planned(() => true, look), handoffs: this.#handoffsToMe(look) };
    };
    const { releases, handoffs } = await plan().catch(async (thrown: unknown) => {
      await this.#releaseHeld(signal);
      throw thrown;
    });
    await Promise.all([
      ...releases.map((release) => this.#attempt(() => this.#releaseOne(release, signal))),
      ...handoffs.map((lease) => this.#attempt(() => this.#withdraw(lease, signal))),
    ]);
  }

  /**
   * Gives one held lease away and goes on with the others: to a worker that was seen alive, by the assign plan, else to
   * nobody. Two looks, so far apart that whoever lives has renewed in between.
   * @throws MillraceError when the table cannot be read for 30 s
   */
  async giveAway(leaseKey: string, signal: AbortSignal): Promise<void> {
    const { clock, assignment } = this.#options;
    await this.#persist(() => this.look(signal), signal);
    if (!(await pause(clock, assignment.failoverTimeMillis / 2, signal))) return;
    const releases = this.#planned((lease) => lease.leaseKey === leaseKey, await this.#lookAgain(signal));
    await Promise.all(releases.map((release) => this.#attempt(() => this.#releaseOne(release, signal))));
  }

  async #lookAgain(signal: AbortSignal): Promise<SecondLook> {
    const { table, clock } = this.#options;
    return this.#persist(async () => {
      const askedAtMillis = clock.monotonicMillis();
      return { ...(await table.scan(signal, 'consistent')), askedAtMillis };
    }, signal);
  }

  /** Plans where those leases of this worker go that `goes` names. */
  #planned(goes: (lease: Lease) => boolean, { leases, workers, askedAtMillis }: SecondLook): readonly Release[] {
    const { ages, clock, random, plan, assignment, workerIdentifier } = this.#options;
    const observed = ages.observe(leases, workers, clock.monotonicMillis());
    const proven = new Set([...ages.provenWorkers(leases, workers, askedAtMillis), ...this.#options.seenAlive()]);
    const others = ages.reportingWorkers(workers, askedAtMillis).filter((worker) => worker !== workerIdentifier);
    const takers = workerViews({ leases, workers }, others);
    const concerned = observed.filter(({ lease }) => ownerNow(lease) !== workerIdentifier || goes(lease));
    const input = { leases: concerned, workers: takers, options: assignment, nowMillis: askedAtMillis, random };
    return planReleaseToProven(plan, input, proven, workerIdentifier);
  }

  async #releaseHeld(signal: AbortSignal): Promise<void> {
    const { held } = this.#options.keeper;
    await Promise.all(held.map((lease) => this.#attempt(() => this.#releaseOne({ lease, to: undefined }, signal))));
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (thrown) {
      this.#publishFault(toMillraceError(thrown));
    }
  }

  async #releaseOne({ lease, to }: Release, signal: AbortSignal): Promise<void> {
    const { table, keeper, workerIdentifier } = this.#options;
    const { leaseKey } = lease;
    const tenure = keeper.held.find((held) => held.leaseKey === leaseKey)?.tenure;
    if (tenure !== undefined) {
      await keeper.ask({ type: 'release', leaseKey, tenure, ...(to === undefined ? {} : { to }) });
      return;
    }
    // Another process of this name holds what this one does not.
    if (keeper.hasTwin) return;
    // During a handoff to this worker the old owner still reads; taking the lease away would cut it off.
    if (lease.checkpointOwner !== undefined && lease.checkpointOwner !== workerIdentifier) return;
    // Assigned at the last moment, never begun: nobody reads it, so it may go at once. The begin of a tenure that the stop
    // has cut off may still be applied after the look; then the row is as new, and still nobody reads it.
    let row: Lease | undefined = lease;
    for (let attempt = 1; row !== undefined && attempt <= maximumReleaseAttempts; attempt += 1) {
      const write: LeaseWrite = to === undefined ? evictLease(row) : assignLease(row, to);
      const written: WriteOutcome = await this.#persist(() => table.write(write, signal), signal);
      row = written.outcome === 'refused' && written.lease?.leaseOwner === workerIdentifier ? written.lease : undefined;
    }
  }

  /**
   * The handoffs to this worker that are under way. Without more ado their old owners would finish them, and the shards would
   * wait for F for a worker that is gone:
   *
   *   1. the leader hands a lease from A to B; A finishes its blocks
   *   2. B stops
   *   3. A completes the handoff to B
   *
   * A Java worker that has begun to finish could not take the lease back, and would let it expire; it is left alone.
   */
  #handoffsToMe({ leases, workers }: SecondLook): readonly Lease[] {
    const { keeper, workerIdentifier } = this.#options;
    // Another process of this name goes on and waits for them.
    if (keeper.hasTwin) return [];
    const java = new Set(workers.filter((row) => row.reportCounter === undefined).map((row) => row.workerIdentifier));
    return leases.filter(
      ({ leaseOwner, checkpointOwner: from }) =>
        leaseOwner === workerIdentifier && from !== undefined && from !== workerIdentifier && !java.has(from),
    );
  }

  /** Leaves the lease to its old owner; if that has just completed the handoff, the lease is this worker's to release. */
  async #withdraw(lease: Lease, signal: AbortSignal): Promise<void> {
    const { table, workerIdentifier } = this.#options;
    const written = await this.#persist(() => table.write(withdrawHandoff(lease), signal), signal);
    const row = written.outcome === 'refused' ? written.lease : undefined;
    if (row?.leaseOwner !== workerIdentifier || row.checkpointOwner !== undefined) return;
    await this.#releaseOne({ lease: row, to: undefined }, signal);
  }

  #persist<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, random } = this.#options;
    return retryWhilePassing(action, { clock, random, signal, onFault: (fault) => this.#publishFault(fault) });
  }

  #publishFault(fault: MillraceError): void {
    const { code, message, subject } = fault;
    this.#options.events.publish({ type: 'fault.seen', code, message, subject });
  }
}
