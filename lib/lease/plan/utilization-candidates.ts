import { type CountedLease, type Fleet, type WorkerLoad, increaseFor } from './utilization-fleet.ts';
import { smallestValue } from './utilization-metrics.ts';
import { WorkerQueue } from './utilization-queue.ts';
import type { AssignmentOptions } from './utilization-types.ts';

/** A worker with its place in the queue, as it was when it was added. */
interface Candidate {
  readonly worker: WorkerLoad;
  readonly room: number;
  readonly leases: number;
}

/** How much room a worker has, by whatever a strategy goes by. */
export type Room = (fleet: Fleet, worker: WorkerLoad) => number;

/**
 * The workers that may be given a lease, the one with the most room first (kcl.md 2.4 step 6). Equal ones, such as all
 * workers of an idle fleet, go by their number of leases, then by name; KCL leaves that to the order of its heap.
 */
export class Candidates {
  readonly #fleet: Fleet;
  readonly #options: AssignmentOptions;
  readonly #room: Room;
  readonly #queue = new WorkerQueue<Candidate>(comesBefore);

  constructor(fleet: Fleet, options: AssignmentOptions, workers: Iterable<WorkerLoad>, room: Room) {
    this.#fleet = fleet;
    this.#options = options;
    this.#room = room;
    for (const worker of workers) this.putBack(worker);
  }

  /** Takes out the worker with the most room. */
  poll(): WorkerLoad | undefined {
    return this.#queue.poll()?.worker;
  }

  /** Takes out the worker with the most room that is not the named one. */
  pollOther(workerIdentifier: string | undefined): WorkerLoad | undefined {
    const first = this.poll();
    if (first === undefined || first.workerIdentifier !== workerIdentifier) return first;
    const second = this.poll();
    this.putBack(first);
    return second;
  }

  /** Adds a worker, unless it has reached a limit. */
  putBack(worker: WorkerLoad): void {
    if (worker.throughputKBps > this.#options.maxThroughputPerHostKBps) return;
    if (worker.leases >= this.#options.maxLeasesForWorker) return;
    this.#queue.add({ worker, room: this.#room(this.#fleet, worker), leases: worker.leases });
  }

  /** Gives a polled worker a lease: counts it, adds what it is expected to do to the metrics, and puts the worker back. */
  give(counted: CountedLease, to: WorkerLoad): void {
    const { lease } = counted.observed;
    const from = lease.leaseOwner === undefined ? undefined : this.#fleet.workers.get(lease.leaseOwner);
    if (from !== undefined) {
      from.leases -= 1;
      from.throughputKBps -= counted.throughputKBps;
      from.isSettled = false;
    }
    to.leases += 1;
    to.throughputKBps += counted.throughputKBps;
    to.isSettled = false;
    for (const [name, metric] of to.metrics) {
      to.metrics.set(name, { ...metric, value: metric.value + increaseFor(this.#fleet, name, loadOf(counted)) });
    }
    this.putBack(to);
  }
}

/** Whether one more lease would bring a metric above the average of the fleet or above the worker's operating range. */
export function wouldExceed(fleet: Fleet, worker: WorkerLoad, counted: CountedLease): boolean {
  for (const [name, { value, range }] of worker.metrics) {
    const next = value + increaseFor(fleet, name, loadOf(counted));
    if (next > Math.min(fleet.averages.get(name) ?? 0, range) + smallestValue) return true;
  }
  return false;
}

/**
 * How much load, in parts of its own, a worker can take before the first of its metrics reaches the average of the
 * fleet. KCL's rule for a metric at 0 is 1, though another worker may have more room than that.
 */
export function percentageToReachAverage(fleet: Fleet, { metrics }: WorkerLoad): number {
  let least = Number.MAX_VALUE;
  for (const [name, { value }] of metrics) {
    const average = fleet.averages.get(name) ?? 0;
    least = Math.min(least, value < smallestValue ? 1 : (average - value) / value);
  }
  return least;
}

function comesBefore(a: Candidate, b: Candidate): boolean {
  if (a.room !== b.room) return a.room > b.room;
  if (a.leases !== b.leases) return a.leases < b.leases;
  return a.worker.workerIdentifier < b.worker.workerIdentifier;
}

function loadOf({ throughputKBps }: CountedLease): { leases: number; throughputKBps: number } {
  return { leases: 1, throughputKBps };
}
