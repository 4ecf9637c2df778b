import { type Lease, isEnded } from '../lease.ts';
import { mustBeGivenOut } from './free-lease.ts';
import {
  type MetricValue,
  cautionFor,
  greatestValue,
  readMetrics,
  smallestValue,
  throughputMetric,
} from './utilization-metrics.ts';
import type { AssignmentInput, ObservedLease, UnreportedLoad, WorkerView } from './utilization-types.ts';

/** A lease with the throughput that the plan counts for it. */
export interface CountedLease {
  readonly observed: ObservedLease;
  readonly throughputKBps: number;
}

/** A worker and its load; changes while a plan is made. */
export interface WorkerLoad {
  readonly workerIdentifier: string;
  readonly metrics: Map<string, MetricValue>;
  /** All leases that count for it: held ones, and those being handed over to it. */
  leases: number;
  throughputKBps: number;
  /** The leases that a balancing may take from it. */
  readonly movable: CountedLease[];
  /** Whether its metrics are newer than its last move, so that balancing may judge by them. */
  isSettled: boolean;
  /** How many times the threshold of balancing is wider for it; see {@link cautionFor}. */
  readonly caution: number;
}

/** The fleet as one plan sees it. */
export interface Fleet {
  /** How many leases are load. */
  readonly leases: number;
  /** In order of name. */
  readonly workers: ReadonlyMap<string, WorkerLoad>;
  /** Unowned, expired and timed-out leases in the order in which they are given out. */
  readonly free: readonly CountedLease[];
  /** Average of each metric over the workers that have it, before any move; in order of name. */
  readonly averages: ReadonlyMap<string, number>;
  /** Throughput of a worker's fair share. */
  readonly targetThroughputKBps: number;
  /**
   * Leases of a worker's fair share, rounded down; the part of a lease where there are more workers than leases. KCL takes 1
   * there, which makes a lease look lighter on its next worker than on its last: an idle one would go to and fro for ever.
   */
  readonly targetLeases: number;
}

/**
 * Counts (kcl.md 2.4 steps 1 to 5, with design 5.7): leases at SHARD_END are no load and are left out of every count;
 * a lease that is being handed over counts for its next owner, `leaseOwner`; an expired one counts for its silent
 * owner until it moves. Everything is put in order of name first, so that the plan does not depend on the order of a scan.
 */
export function readFleet(input: AssignmentInput): Fleet {
  const workers = usableWorkers(input);
  const leases = countLeases(input.leases);
  const free: CountedLease[] = [];
  for (const counted of leases) {
    const { lease } = counted.observed;
    const isFree = mustBeGivenOut(counted.observed, input.options, input.nowMillis);
    if (isFree) free.push(counted);
    const owner = lease.leaseOwner === undefined ? undefined : workers.get(lease.leaseOwner);
    if (owner !== undefined) {
      owner.leases += 1;
      owner.throughputKBps += counted.throughputKBps;
      if (!isFree && isMovable(counted.observed)) owner.movable.push(counted);
    }
    if (lease.checkpointOwner !== undefined) unsettle(workers, lease);
  }
  const count = Math.max(1, workers.size);
  const fairLeases = leases.length / count;
  const average = leases.reduce((sum, lease) => sum + lease.throughputKBps, 0) / Math.max(1, leases.length);
  const targetThroughputKBps = average < smallestValue ? 0 : (average * leases.length) / count;
  judgeByThroughput(workers, targetThroughputKBps, fairLeases);
  const averages = averagesOf(workers);
  const targetLeases = fairLeases < 1 ? Math.max(smallestValue, fairLeases) : Math.floor(fairLeases);
  const fleet: Fleet = {
    leases: leases.length,
    workers,
    free: free.sort(byUrgency),
    averages,
    targetThroughputKBps,
    targetLeases,
  };
  for (const { workerIdentifier, unreported } of input.workers) {
    const worker = workers.get(workerIdentifier);
    if (worker !== undefined && unreported !== undefined) addUnreported(fleet, worker, unreported);
  }
  return fleet;
}

/** What one more lease adds to a metric, from the average of that metric over the fleet (kcl.md 2.4 step 6). */
export function increaseFor(fleet: Fleet, metric: string, load: UnreportedLoad): number {
  const average = fleet.averages.get(metric) ?? 0;
  if (fleet.targetThroughputKBps > 0) return (load.throughputKBps * average) / fleet.targetThroughputKBps;
  return (load.leases * average) / fleet.targetLeases;
}

/**
 * The workers that can be judged, by name. When there is none, because every row shows a failed capture, all of them
 * are judged by throughput: leases must not stay unread because nobody can measure its CPU. KCL would give out nothing.
 */
function usableWorkers({ workers, options }: AssignmentInput): Map<string, WorkerLoad> {
  const read = [...workers]
    .sort((a, b) => (a.workerIdentifier < b.workerIdentifier ? -1 : 1))
    .map((view) => ({ view, metrics: readMetrics(view, options) }));
  const usable = read.filter(({ metrics }) => metrics !== undefined);
  const chosen = usable.length > 0 ? usable : read;
  return new Map(chosen.map(({ view, metrics }) => [view.workerIdentifier, emptyLoad(view, metrics)]));
}

function emptyLoad(view: WorkerView, metrics: ReadonlyMap<string, MetricValue> | undefined): WorkerLoad {
  return {
    workerIdentifier: view.workerIdentifier,
    metrics: new Map(metrics),
    leases: 0,
    throughputKBps: 0,
    movable: [],
    // The throughput of its leases is known as soon as they are its own; a measurement has to be made first.
    isSettled: metrics === undefined || metrics.size === 0 || (view.reportsSinceMove !== 0 && !hasUnreported(view)),
    caution: cautionFor(view),
  };
}

/** Whether moves are known that the metrics do not show: an estimate will do to give out a lease, not to move one. */
function hasUnreported({ unreported }: WorkerView): boolean {
  return unreported !== undefined && (unreported.leases !== 0 || unreported.throughputKBps !== 0);
}

/** The leases that are load, in order of key; those without a known throughput get the average of the others, 0 if there is none. */
function countLeases(leases: readonly ObservedLease[]): readonly CountedLease[] {
  const load = leases
    .filter(({ lease }) => !isEnded(lease))
    .sort((a, b) => (a.lease.leaseKey < b.lease.leaseKey ? -1 : 1));
  const known = load.map(({ lease }) => knownThroughput(lease)).filter((value) => value !== undefined);
  const average = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
  return load.map((observed) => ({ observed, throughputKBps: knownThroughput(observed.lease) ?? average }));
}

/**
 * A handoff needs an owner that reads. One that was just given the lease may not know of it yet; and once a handoff is
 * pending it must not begin, so it would never have anything to finish.
 */
function isMovable({ lease, awaitsOwner }: ObservedLease): boolean {
  return lease.checkpointOwner === undefined && awaitsOwner !== true;
}

function knownThroughput({ throughputKBps }: Lease): number | undefined {
  if (throughputKBps === undefined || !Number.isFinite(throughputKBps) || throughputKBps < 0) return undefined;
  return Math.min(throughputKBps, greatestValue);
}

/** A handoff that goes on is a move that goes on, for both of its workers: no metrics can be newer. */
function unsettle(workers: ReadonlyMap<string, WorkerLoad>, { leaseOwner, checkpointOwner }: Lease): void {
  for (const name of [leaseOwner, checkpointOwner]) {
    const worker = name === undefined ? undefined : workers.get(name);
    if (worker !== undefined) worker.isSettled = false;
  }
}

/**
 * Gives workers without metrics the synthetic one: their throughput in percent of the fair share. While nothing flows
 * the number of leases stands in for it, where KCL divides 0 by 0.
 */
function judgeByThroughput(
  workers: ReadonlyMap<string, WorkerLoad>,
  targetThroughputKBps: number,
  fairLeases: number,
): void {
  for (const worker of workers.values()) {
    if (worker.metrics.size > 0) continue;
    const share =
      targetThroughputKBps > 0
        ? worker.throughputKBps / targetThroughputKBps
        : worker.leases / Math.max(smallestValue, fairLeases);
    worker.metrics.set(throughputMetric, { value: 100 * share, range: 100 });
  }
}

function averagesOf(workers: ReadonlyMap<string, WorkerLoad>): ReadonlyMap<string, number> {
  const sums = new Map<string, { sum: number; count: number }>();
  for (const { metrics } of workers.values()) {
    for (const [name, { value }] of metrics) {
      const { sum, count } = sums.get(name) ?? { sum: 0, count: 0 };
      sums.set(name, { sum: sum + value, count: count + 1 });
    }
  }
  return new Map([...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { sum, count }]) => [name, sum / count]));
}

/** Estimates what a worker's metrics will show once they can tell of its last moves. The synthetic metric knows already. */
function addUnreported(fleet: Fleet, worker: WorkerLoad, unreported: UnreportedLoad): void {
  for (const [name, metric] of worker.metrics) {
    if (name === throughputMetric) continue;
    const value = Math.max(0, metric.value + increaseFor(fleet, name, unreported));
    worker.metrics.set(name, { ...metric, value: Number.isFinite(value) ? value : metric.value });
  }
}

/** Unowned leases first, then the longest silent ones (kcl.md 2.4 step 6), then by key. */
function byUrgency(a: CountedLease, b: CountedLease): number {
  const ages = urgency(a) - urgency(b);
  return ages || (a.observed.lease.leaseKey < b.observed.lease.leaseKey ? -1 : 1);
}

function urgency({ observed }: CountedLease): number {
  return observed.lease.leaseOwner === undefined ? Number.MIN_SAFE_INTEGER : observed.unchangedSinceMillis;
}
