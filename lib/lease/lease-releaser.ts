import { type Clock, pause } from '../base/clock.ts';
import { type MillraceError, toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { EventSink } from '../event/bus.ts';
import type { FleetAges } from './ages.ts';
import { workerViews } from './assigner.ts';
import type { Keeper } from './keeper.ts';
import type { Lease } from './lease.ts';
import type { LeaseTable, WriteOutcome } from './lease-table.ts';
import { type LeaseWrite, assignLease, evictLease } from './lease-write.ts';
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
   * lease that was assigned at the last moment is found. A handoff that had begun is completed instead. Each release
   * stands alone: one that fails is told, and expires. Where the table cannot be read, by a damaged row or a lost permission,
   * what this worker holds is known all the same: it is released to nobody.
   * @throws MillraceError when the table cannot be read for 30 s
   */
  async releaseAll(signal: AbortSignal): Promise<void> {
    const releases = await this.#planned(() => true, signal).catch(async (thrown: unknown) => {
      await this.#releaseHeld(signal);
      throw thrown;
    });
    await Promise.all(releases.map((release) => this.#release(release, signal)));
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
    const releases = await this.#planned((lease) => lease.leaseKey === leaseKey, signal);
    await Promise.all(releases.map((release) => this.#release(release, signal)));
  }

  /** Looks at the table, and plans where those leases of this worker go that `goes` names. */
  async #planned(goes: (lease: Lease) => boolean, signal: AbortSignal): Promise<readonly Release[]> {
    const { table, ages, clock, random, plan, assignment, workerIdentifier } = this.#options;
    const { leases, workers, askedAtMillis } = await this.#persist(async () => {
      const before = clock.monotonicMillis();
      return { ...(await table.scan(signal, 'consistent')), askedAtMillis: before };
    }, signal);
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
    await Promise.all(held.map((lease) => this.#release({ lease, to: undefined }, signal)));
  }

  async #release(release: Release, signal: AbortSignal): Promise<void> {
    try {
      await this.#releaseOne(release, signal);
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

  #persist<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, random } = this.#options;
    return retryWhilePassing(action, { clock, random, signal, onFault: (fault) => this.#publishFault(fault) });
  }

  #publishFault(fault: MillraceError): void {
    const { code, message, subject } = fault;
    this.#options.events.publish({ type: 'fault.seen', code, message, subject });
  }
}
