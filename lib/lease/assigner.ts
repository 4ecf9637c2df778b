import PQueue from 'p-queue';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import { allDone } from './all-done.ts';
import type { FleetAges } from './ages.ts';
import { requestDeadline } from './holding.ts';
import { isEnded } from './lease.ts';
import type { LeaseTable, TableSnapshot, WriteOutcome } from './lease-table.ts';
import { type LeaseWrite, assignLease, initiateHandoff } from './lease-write.ts';
import { writeOf } from './plan/assignment-plan.ts';
import { isExpired } from './plan/free-lease.ts';
import {
  type AssignmentOptions,
  type AssignmentPlan,
  type Move,
  type ObservedLease,
  type WorkerView,
  isBalanceRun,
} from './plan/utilization-types.ts';
import { reportIntervalOf } from './worker-reporter.ts';

/**
 * How many writes are under way at once. One that waited in the client for a free connection would be sent long after the
 * question whether this worker still leads.
 */
const maximumConcurrentWrites = 32;

/** What an {@link Assigner} needs. */
export interface AssignerOptions {
  readonly table: LeaseTable;
  readonly plan: AssignmentPlan;
  readonly assignment: AssignmentOptions;
  readonly ages: FleetAges;
  readonly workerIdentifier: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** Whether this worker may still write as the leader; asked before each write. */
  readonly isLeader: () => boolean;
  /** A lease was just given to this worker itself: it need not wait for the index. */
  readonly onGivenToMe: (leaseKey: string, signal: AbortSignal) => Promise<void>;
  /** A handoff of one of this worker's own leases was just begun: it need not wait for its next heartbeat. */
  readonly onHandoffFromMe: (leaseKey: string) => void;
}

/**
 * The leader's part of assignment (kcl.md 2.4): a plan over one scan, and its writes. Free leases are assigned at once;
 * leases of workers that live are handed over gracefully, so that moving one repeats nothing, unless the options say no.
 */
export class Assigner {
  readonly #options: AssignerOptions;
  readonly #writes = new PQueue({ concurrency: maximumConcurrentWrites });
  #runs = 0;

  constructor(options: AssignerOptions) {
    this.#options = options;
  }

  /** Begins to count runs anew, as a new leader does. */
  restart(): void {
    this.#runs = 0;
  }

  /**
   * Plans on a snapshot that was asked for at `nowMillis`, and performs the moves. One row that fails does not cut off the
   * others.
   * @throws MillraceError the first fault, once all writes have ended
   */
  async assign(
    observed: readonly ObservedLease[],
    workers: readonly WorkerView[],
    nowMillis: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { plan, assignment: options, random } = this.#options;
    const balance = isBalanceRun(this.#runs, options.varianceBalancingFrequency);
    this.#runs += 1;
    const moves = plan({ leases: observed, workers, options, nowMillis, balance, random });
    const byKey = new Map(observed.map((one) => [one.lease.leaseKey, one]));
    const unproven = new Set(workers.filter((one) => one.isProven === false).map((one) => one.workerIdentifier));
    const safe = moves.filter((move) => move.reason !== 'balance' || !unproven.has(move.to));
    const writes = safe.map((move) => {
      const one = byKey.get(move.leaseKey) as ObservedLease;
      const isHandoff = move.reason === 'balance' && writeOf(move, one, options, nowMillis) === 'handoff';
      return this.#writes.add(() => this.#perform(move, one, isHandoff, signal));
    });
    await allDone(writes);
  }

  async #perform(move: Move, { lease }: ObservedLease, isHandoff: boolean, signal: AbortSignal): Promise<void> {
    const { clock, ages, events, isLeader, workerIdentifier, onGivenToMe, onHandoffFromMe } = this.#options;
    if (!isLeader()) return;
    const written = await this.#write(
      isHandoff ? initiateHandoff(lease, move.to) : assignLease(lease, move.to),
      signal,
    );
    if (written.outcome === 'refused') return;
    const { leaseKey } = lease;
    if (isHandoff) {
      const from = lease.leaseOwner as string;
      events.publish({ type: 'lease.handoff', leaseKey, from, to: move.to });
      if (from === workerIdentifier) onHandoffFromMe(leaseKey);
      return;
    }
    ages.noteAssigned(written.lease, clock.monotonicMillis());
    events.publish({ type: 'lease.assigned', leaseKey, workerIdentifier: move.to, reason: move.reason });
    if (move.to === workerIdentifier) await onGivenToMe(leaseKey, signal);
  }

  /** One row without an answer must not keep the leader from the others for long. */
  async #write(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome> {
    const { table, clock, assignment } = this.#options;
    using request = requestDeadline(clock, assignment.failoverTimeMillis, signal);
    return await table.write(write, request.signal);
  }

  /**
   * The earliest moment at which a lease can expire that had not when the snapshot was asked for, on the monotonic clock;
   * it may have passed already.
   */
  earliestExpiryMillis(observed: readonly ObservedLease[], askedAtMillis: number): number {
    const { assignment: options } = this.#options;
    let earliest = Number.POSITIVE_INFINITY;
    for (const one of observed) {
      if (one.lease.leaseOwner === undefined || isEnded(one.lease) || isExpired(one, options, askedAtMillis)) continue;
      const afterMillis = one.expiresAfterMillis ?? options.failoverTimeMillis;
      earliest = Math.min(earliest, one.unchangedSinceMillis + afterMillis);
    }
    return earliest;
  }
}

/** The workers of a snapshot as a plan sees them: those that report, and this one. */
export function workerViews(snapshot: TableSnapshot, reporting: readonly string[]): readonly WorkerView[] {
  const rows = new Map(snapshot.workers.map((row) => [row.workerIdentifier, row]));
  return reporting.map((workerIdentifier) => {
    const row = rows.get(workerIdentifier);
    if (row === undefined) return { workerIdentifier };
    const { metrics, operatingRange, failoverTimeMillis } = row;
    return {
      workerIdentifier,
      metrics: { sts: metrics, opr: operatingRange },
      // Java workers do not tell theirs, and report as the plan takes it for granted.
      ...(failoverTimeMillis === undefined ? {} : { reportIntervalMillis: reportIntervalOf(failoverTimeMillis) }),
    };
  });
}
