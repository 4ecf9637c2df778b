import { type Random, randomInteger } from '../../base/random.ts';
import { Candidates, percentageToReachAverage, wouldExceed } from './utilization-candidates.ts';
import type { CountedLease, Fleet, WorkerLoad } from './utilization-fleet.ts';
import { smallestValue } from './utilization-metrics.ts';
import type { AssignmentOptions, Move } from './utilization-types.ts';

/** A worker above the average and the throughput that it should give up. */
interface Source {
  readonly worker: WorkerLoad;
  readonly throughputKBps: number;
}

/**
 * Moves leases from workers above the fleet's average to workers below it (kcl.md 2.4 step 7). Only settled workers
 * take part: the others' metrics do not show their last move yet, and what was moved once would be moved again.
 *
 * The leases of a source go one by one to the worker with the most room. When even that one would be brought above the
 * average or its operating range, the source keeps the rest, and that worker is out for the sources that follow.
 */
export function balanceFleet(fleet: Fleet, options: AssignmentOptions, random: Random): readonly Move[] {
  const settled = [...fleet.workers.values()].filter((worker) => worker.isSettled);
  const sources = chooseSources(fleet, settled, options);
  if (sources.length === 0) return [];
  const candidates = new Candidates(fleet, options, settled, percentageToReachAverage);
  const moves: Move[] = [];
  for (const source of sources) {
    for (const counted of leasesToTake(source, options, random)) {
      const to = candidates.pollOther(source.worker.workerIdentifier);
      if (to === undefined) return moves;
      if (wouldExceed(fleet, to, counted)) break;
      candidates.give(counted, to);
      const { leaseKey, leaseOwner } = counted.observed.lease;
      moves.push({ leaseKey, from: leaseOwner, to: to.workerIdentifier, reason: 'balance' });
    }
  }
  return moves;
}

/** The sources by the metric that asks for the most throughput to move, the one with the greatest surplus first. */
function chooseSources(fleet: Fleet, settled: readonly WorkerLoad[], options: AssignmentOptions): readonly Source[] {
  let chosen: readonly Source[] = [];
  let greatest = -1;
  for (const [metric, average] of fleet.averages) {
    const sources = sourcesBy(metric, average, settled, options);
    const total = sources.reduce((sum, source) => sum + source.throughputKBps, 0);
    if (sources.length === 0 || total <= greatest) continue;
    chosen = sources;
    greatest = total;
  }
  return [...chosen].sort(byThroughput);
}

/**
 * The workers that one metric says must give up load, when it says that the fleet is out of balance at all: those at
 * the upper limit or above their operating range; without any, the most loaded one. Nobody gives up load because of
 * others' surplus alone, so the most loaded one must be above the average itself.
 */
function sourcesBy(
  metric: string,
  average: number,
  settled: readonly WorkerLoad[],
  options: AssignmentOptions,
): readonly Source[] {
  let isOutOfBalance = false;
  let mostLoaded: { worker: WorkerLoad; value: number } | undefined;
  const sources: Source[] = [];
  for (const worker of settled) {
    const { value, range } = worker.metrics.get(metric) ?? {};
    if (value === undefined || range === undefined) continue;
    const distance = (options.reBalanceThresholdPercentage / 100) * worker.caution;
    const [upperLimit, lowerLimit] = [average * (1 + distance), average * (1 - distance)];
    const isAboveRange = value > range;
    if (value > upperLimit || value < lowerLimit || isAboveRange) isOutOfBalance = true;
    if (value >= upperLimit || isAboveRange) sources.push(sourceOf(worker, value, average, options));
    if (value > average && value > (mostLoaded?.value ?? 0)) mostLoaded = { worker, value };
  }
  if (!isOutOfBalance) return [];
  if (sources.length > 0 || mostLoaded === undefined) return sources;
  return [sourceOf(mostLoaded.worker, mostLoaded.value, average, options)];
}

/** The part of a worker's throughput by which its metric exceeds the average, dampened. */
function sourceOf(worker: WorkerLoad, value: number, average: number, options: AssignmentOptions): Source {
  const surplus = value < smallestValue ? 0 : Math.max(0, (value - average) / value);
  return { worker, throughputKBps: worker.throughputKBps * surplus * (options.dampeningPercentage / 100) };
}

/**
 * Leases of a source that together stay below the throughput to take, at random. When every lease is too large, the
 * smallest one if overshooting is allowed; when the source has no throughput to go by, exactly one.
 */
function leasesToTake(source: Source, options: AssignmentOptions, random: Random): readonly CountedLease[] {
  const leases = shuffled(source.worker.movable, random);
  if (source.worker.throughputKBps < smallestValue) return leases.slice(0, 1);
  let remaining = source.throughputKBps;
  const taken = leases.filter(({ throughputKBps }) => {
    if (remaining - throughputKBps <= 0) return false;
    remaining -= throughputKBps;
    return true;
  });
  if (taken.length > 0 || !options.allowThroughputOvershoot) return taken;
  return leases.toSorted((a, b) => a.throughputKBps - b.throughputKBps).slice(0, 1);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = randomInteger(random, last + 1);
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}

function byThroughput(a: Source, b: Source): number {
  return b.throughputKBps - a.throughputKBps || (a.worker.workerIdentifier < b.worker.workerIdentifier ? -1 : 1);
}
