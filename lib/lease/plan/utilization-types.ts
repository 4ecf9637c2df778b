import type { Random } from '../../base/random.ts';
import type { Lease } from '../lease.ts';

/** A lease with what the observer knows about its age. */
export interface ObservedLease {
  readonly lease: Lease;
  /** Since when, by the observer's monotonic clock, its counter has stood still. */
  readonly unchangedSinceMillis: number;
  /** After how long a still counter means that the lease has expired; `failoverTimeMillis` of the options by default. */
  readonly expiresAfterMillis?: number;
  /** Whether a pending handoff has used up its time (kcl.md 2.7: 30 s + F), so that the lease may be given away. */
  readonly handoffTimedOut?: boolean;
  /** Whether the observer has not yet seen the owner renew the lease: it may not know of it, and so not begin it. */
  readonly awaitsOwner?: boolean;
}

/** The measurements in a worker's row (kcl.md 1.3), by short name: `C` is CPU. */
export interface WorkerMetrics {
  /** The latest averages, oldest first; -1 is a failed capture. */
  readonly sts: Readonly<Record<string, readonly number[]>>;
  /** Operating ranges; the first element is the greatest value that is still healthy, 100 for CPU. */
  readonly opr: Readonly<Record<string, readonly number[]>>;
}

/** What a worker was given, less what it gave up, since its metrics could last tell. */
export interface UnreportedLoad {
  readonly leases: number;
  readonly throughputKBps: number;
}

/** A worker that may be given leases, as a plan sees it. */
export interface WorkerView {
  readonly workerIdentifier: string;
  /** Absent or empty: the worker measures nothing and is judged by the throughput of its leases. */
  readonly metrics?: WorkerMetrics;
  /**
   * How many of the newest values were measured wholly after the worker's last move. 0: none yet, so it takes no part
   * in balancing. Absent: no move is remembered, and all values count.
   */
  readonly reportsSinceMove?: number;
  /**
   * `false`: the observer has seen the worker's row, but nothing of it move yet; it may be dead. A free lease may be given
   * to it, since it waits anyway; none is taken from a reader for it.
   */
  readonly isProven?: boolean;
  /** Moves that the metrics do not show yet; none by default. */
  readonly unreported?: UnreportedLoad;
  /** The time of which each value speaks: that between two reports. KCL's {@link kclReportIntervalMillis} by default. */
  readonly reportIntervalMillis?: number;
}

/** KCL's `workerMetricsReporterFreqInMillis`: its constants are made for values that are averages of so long a time. */
export const kclReportIntervalMillis = 30_000;

/**
 * How the leader chooses, by KCL's names: by what workers can still take, measured in CPU, or by the number of leases alone.
 */
export type LeaseAssignmentStrategy = 'WORKER_UTILIZATION_AWARE' | 'LEASE_COUNT_BASED';

/** Limits and constants of assignment, by KCL's names. */
export interface AssignmentOptions {
  /** A lease whose counter has stood still for longer is expired. */
  readonly failoverTimeMillis: number;
  /** No worker is given more leases than this. */
  readonly maxLeasesForWorker: number;
  /** A worker whose leases carry more than this is given no further lease. */
  readonly maxThroughputPerHostKBps: number;
  /** Which part of a worker's surplus one balancing takes, in percent. */
  readonly dampeningPercentage: number;
  /** How far from the average a worker must be before anything is balanced, in percent of the average. */
  readonly reBalanceThresholdPercentage: number;
  /** Whether a surplus smaller than every lease still moves one, the smallest. */
  readonly allowThroughputOvershoot: boolean;
  /** Weight of the newer value in the moving average of a metric. */
  readonly workerMetricsEMAAlpha: number;
  /** Balancing takes part in every so many runs of a leader, its first one included; see {@link isBalanceRun}. */
  readonly varianceBalancingFrequency: number;
  /** Whether a lease is moved from a live worker by a handoff, which lets that worker finish; if not, it is cut off. */
  readonly isGracefulLeaseHandoffEnabled: boolean;
  /** How long the old owner has to finish; F later the leader gives the lease away without it. */
  readonly gracefulLeaseHandoffTimeoutMillis: number;
}

/** KCL's defaults (kcl.md 3). */
export const defaultAssignmentOptions: AssignmentOptions = {
  failoverTimeMillis: 10_000,
  maxLeasesForWorker: 2_147_483_647,
  maxThroughputPerHostKBps: Number.MAX_VALUE,
  dampeningPercentage: 60,
  reBalanceThresholdPercentage: 10,
  allowThroughputOvershoot: true,
  workerMetricsEMAAlpha: 0.5,
  varianceBalancingFrequency: 3,
  isGracefulLeaseHandoffEnabled: true,
  gracefulLeaseHandoffTimeoutMillis: 30_000,
};

/** All that a strategy may depend on. */
export interface AssignmentInput {
  readonly leases: readonly ObservedLease[];
  readonly workers: readonly WorkerView[];
  readonly options: AssignmentOptions;
  /** The observer's monotonic clock. */
  readonly nowMillis: number;
  /** Whether leases may move between live workers; expired and unowned ones are given out in any case. */
  readonly balance: boolean;
  /** For the shuffle of a worker's leases. The same seed gives the same moves. */
  readonly random: Random;
}

/** Why a lease is given to a worker: nobody owns it, nobody renews it or hands it over in time, or loads differ. */
export type MoveReason = 'unowned' | 'expired' | 'balance' | 'epoch';

/** One intended change of ownership. */
export interface Move {
  readonly leaseKey: string;
  /** `leaseOwner` of the row. While a handoff is pending that is the next owner, who may get the lease for good: `from` = `to`. */
  readonly from: string | undefined;
  readonly to: string;
  readonly reason: MoveReason;
}

/** A strategy of assignment: pure, so that the same rows, time and seed always give the same moves. */
export type AssignmentPlan = (input: AssignmentInput) => readonly Move[];

/**
 * Whether a leader's n-th run (from 0, counted from the election) balances: 0, 3, 6 and so on with KCL's
 * `varianceBalancingFrequency` of 3.
 */
export function isBalanceRun(run: number, varianceBalancingFrequency: number): boolean {
  return run % varianceBalancingFrequency === 0;
}
