import { type Random, seededRandom } from '../../../lib/base/random.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { MoveMemory } from '../../../lib/lease/plan/utilization-moves.ts';
import { planByUtilization } from '../../../lib/lease/plan/utilization-plan.ts';
import { type Move, isBalanceRun } from '../../../lib/lease/plan/utilization-types.ts';
import { inputOf, row } from './utilization-rows.ts';

/** A worker of the model: what it uses at rest, and for each KB/s. Absent: it measures nothing. */
export interface ModelWorker {
  readonly name: string;
  readonly basePercent?: number;
  readonly percentPerKBps?: number;
  /** By how many seconds its reports come before those of others. */
  readonly reportPhase?: number;
}

/** A lease of the model. */
export interface ModelLease {
  readonly key: string;
  readonly throughputKBps: number;
  owner: string | undefined;
}

/** How the model behaves beside its rows. */
export interface ModelOptions {
  readonly seed?: number;
  readonly reportSeconds?: number;
  /** How long the old owner of a balanced lease goes on reading it. */
  readonly handoffSeconds?: number;
  /** Whether the leader remembers moves; without it the model shows what KCL's plan does at this pace. */
  readonly remembersMoves?: boolean;
  /** By how many hundredths of its load what a worker uses in one second may be more or less. */
  readonly noisePercent?: number;
}

/**
 * A fleet second by second: workers use CPU by what they read, report averages, and a leader plans each second and
 * balances at every third, by rows that lag as real ones do. Leases of a balancing are handed over; others move at once.
 */
export class FleetModel {
  readonly leases: readonly ModelLease[];
  readonly workers: ModelWorker[];
  readonly moves: Move[] = [];
  second = 0;
  readonly #options: Required<ModelOptions>;
  readonly #noise: Random;
  readonly #memory = new MoveMemory();
  readonly #handoffs = new Map<string, { reader: string; endsAt: number }>();
  readonly #samples = new Map<string, number[]>();
  readonly #reports = new Map<string, { mark: number; values: number[] }>();

  constructor(leases: readonly ModelLease[], workers: readonly ModelWorker[], options: ModelOptions = {}) {
    this.leases = leases;
    this.workers = [...workers];
    this.#options = { seed: 1, reportSeconds: 5, handoffSeconds: 1, remembersMoves: true, noisePercent: 0, ...options };
    this.#noise = seededRandom(this.#options.seed);
  }

  /** Lets seconds pass; gives the moves of that time. */
  run(seconds: number): readonly Move[] {
    const before = this.moves.length;
    for (let count = 0; count < seconds; count += 1) this.#step();
    return this.moves.slice(before);
  }

  /** What a worker uses now, in percent. */
  percentOf({ name, basePercent = 0, percentPerKBps = 0 }: ModelWorker): number {
    const reading = this.leases.filter(({ key, owner }) => (this.#handoffs.get(key)?.reader ?? owner) === name);
    const throughput = reading.reduce((sum, lease) => sum + lease.throughputKBps, 0);
    return Math.min(100, basePercent + percentPerKBps * throughput);
  }

  /** How many leases a worker owns. */
  countOf(name: string): number {
    return this.leases.filter(({ owner }) => owner === name).length;
  }

  #step(): void {
    this.second += 1;
    for (const [key, { endsAt }] of this.#handoffs) if (endsAt <= this.second) this.#handoffs.delete(key);
    for (const worker of this.workers) this.#measure(worker);
    const rows = this.leases.map((lease) => this.#rowOf(lease));
    const reported = this.workers.map((worker) => ({
      workerIdentifier: worker.name,
      metrics: { sts: { C: this.#reports.get(worker.name)?.values ?? [] }, opr: { C: [100] } },
      reportMark: this.#reports.get(worker.name)?.mark ?? 0,
      reportIntervalMillis: this.#options.reportSeconds * 1_000,
    }));
    const known = reported.map(({ metrics, ...worker }) =>
      metrics.sts.C.length === 0 ? worker : { ...worker, metrics },
    );
    const views = this.#memory.observe(rows, known);
    const workers = this.#options.remembersMoves
      ? views
      : views.map(({ workerIdentifier, metrics }) => ({ workerIdentifier, ...(metrics ? { metrics } : {}) }));
    const plan = planByUtilization(
      inputOf(
        rows.map((lease) => ({ ...row(lease.leaseKey), lease })),
        workers,
        {},
        { balance: isBalanceRun(this.second, 3), random: seededRandom(this.#options.seed + this.second) },
      ),
    );
    for (const move of plan) this.#carryOut(move);
  }

  #measure(worker: ModelWorker): void {
    if (worker.basePercent === undefined && worker.percentPerKBps === undefined) {
      this.#reports.set(worker.name, { mark: Math.floor(this.second / this.#options.reportSeconds), values: [] });
      return;
    }
    const samples = this.#samples.get(worker.name) ?? [];
    const noise = 1 + (this.#options.noisePercent / 100) * (2 * this.#noise.next() - 1);
    samples.push(Math.min(100, this.percentOf(worker) * noise));
    this.#samples.set(worker.name, samples);
    const phase = worker.reportPhase ?? 0;
    if ((this.second + phase) % this.#options.reportSeconds !== 0) return;
    const average = samples.reduce((sum, value) => sum + value, 0) / samples.length;
    const before = this.#reports.get(worker.name);
    this.#reports.set(worker.name, {
      mark: (before?.mark ?? 0) + 1,
      values: [...(before?.values ?? []), average].slice(-10),
    });
    samples.length = 0;
  }

  #carryOut(move: Move): void {
    const lease = this.leases.find(({ key }) => key === move.leaseKey);
    if (lease === undefined) throw new Error(`no lease ${move.leaseKey}`);
    this.moves.push(move);
    if (move.reason === 'balance' && lease.owner !== undefined && this.#options.handoffSeconds > 0)
      this.#handoffs.set(lease.key, { reader: lease.owner, endsAt: this.second + this.#options.handoffSeconds });
    lease.owner = move.to;
  }

  #rowOf({ key, throughputKBps, owner }: ModelLease): Lease {
    const reader = this.#handoffs.get(key)?.reader;
    return row(key, {
      throughputKBps,
      ...(owner === undefined ? {} : { leaseOwner: owner }),
      ...(reader === undefined ? {} : { checkpointOwner: reader }),
    }).lease;
  }
}
