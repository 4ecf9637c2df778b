import { linkedController } from '../base/abort.ts';
import { pause } from '../base/clock.ts';
import { messageOf } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { isEnded } from '../lease/lease.ts';
import { type NemesisAct, type QuietAct, type SimulationSetup, drawSetup } from './faults.ts';
import { Fleet } from './fleet.ts';
import type { FleetConsumer } from './fleet-consumer.ts';
import type { FleetWorker, ViewFault } from './fleet-worker.ts';
import { between, chance, forkRandom, pick, wholeBetween } from './fork-random.ts';
import { whyNotConverged } from './convergence.ts';
import { Nemesis } from './nemesis.ts';
import { disturbQuietly } from './quiet-phase.ts';
import { type LoadModel, WorkerLoad } from './worker-load.ts';

/** Options of {@link simulate}. */
export interface SimulateOptions {
  /** Hears every line of the trace as it is written. */
  readonly onLine?: (line: string) => void;
}

/** What one seed has shown. */
export interface SimulationResult {
  readonly setup: SimulationSetup;
  /** The first sentence that did not hold; absent when all did. */
  readonly broken: string | undefined;
  /** Lines of the trace. */
  readonly events: number;
  readonly traceHash: string;
  readonly tail: readonly string[];
  /** How often each fault and act occurred. */
  readonly faults: ReadonlyMap<string, number>;
  /** How often each edge of the shard state machine was taken, as `from->to`. */
  readonly edges: ReadonlyMap<string, number>;
  /** Virtual time that passed. */
  readonly simulatedMillis: number;
  /** Virtual time from the end of the faults until the fleet had converged. */
  readonly convergedAfterMillis: number | undefined;
}

/** Within this time after the last fault a fleet must have converged: F, a handoff, and the longest backoffs. */
const convergenceMillis = 90_000;
/** What each shard adds to it at most: a lineage is read generation by generation. */
const convergenceMillisPerShard = 3_000;
/** Calls that went wrong before the calm are answered by then, slow ones apart. */
const settledMillis = 12_000;
/** What the monotonic clocks of processes show at their start: soon after the boot, or such that periodic work comes soon. */
const startsMillis = [0, 500, 2_000, 50_000, 58_000, 1e9];
/** Within this time a fleet without faults must have stopped. */
const stopMillis = 60_000;

/**
 * Runs one simulation: a fleet under the faults that the seed has drawn, then without faults until it has converged,
 * then until it has stopped. The same seed gives the same trace on every machine; so does the same setup, which outlives
 * changes of what a seed draws.
 */
export async function simulate(
  seed: number | SimulationSetup,
  options: SimulateOptions = {},
): Promise<SimulationResult> {
  const simulation = new Simulation(typeof seed === 'number' ? drawSetup(seed) : seed, options);
  const onRejection = (reason: unknown) => {
    simulation.fleet.fail(`a promise was rejected and nobody heard of it: ${String(reason)}`);
  };
  process.on('unhandledRejection', onRejection);
  try {
    return await simulation.run();
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

class Simulation {
  readonly fleet: Fleet;
  readonly #setup: SimulationSetup;
  readonly #faults = new Map<string, number>();
  readonly #edges = new Map<string, number>();
  readonly #nemesis: Nemesis;
  /** Aborts when the faults end: no handler takes its time any more. */
  readonly #calm = new AbortController();
  #convergedAfterMillis: number | undefined;

  constructor(setup: SimulationSetup, options: SimulateOptions) {
    this.#setup = setup;
    const { seed, shards, settings, commits, blocksAtOnce, maxLatencyMillis, maxSlowMillis } = setup;
    this.fleet = new Fleet({
      seed,
      shards,
      leaseAssignmentStrategy: setup.strategy,
      settings,
      commits,
      blocksAtOnce,
      maxLatencyMillis,
      maxSlowMillis,
      turnsToSettle: 1,
      stream: { listShardsPageSize: setup.listShardsPageSize, retentionPeriodHours: setup.retentionMillis / 3_600_000 },
      consumer: this.#consumer(forkRandom(seed, 'handler')),
      onFault: (fault: ViewFault) => this.#count(this.#faults, fault),
      onEdge: (from, to) => this.#count(this.#edges, `${from}->${to}`),
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    });
    this.#nemesis = new Nemesis({
      fleet: this.fleet,
      setup,
      random: forkRandom(seed, 'nemesis'),
      startWorker: (name) => this.#startWorker(name),
      onAct: (act: NemesisAct) => this.#count(this.#faults, act),
    });
  }

  #count(counts: Map<string, number>, key: string): void {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }

  async run(): Promise<SimulationResult> {
    let broken: string | undefined;
    try {
      await this.#faultyPhase();
      await this.#calmPhase();
      await this.#quietPhase();
      await this.#stopPhase();
    } catch (thrown) {
      broken = this.fleet.broken ?? String(thrown);
    }
    return {
      setup: this.#setup,
      broken,
      events: this.fleet.trace.length,
      traceHash: this.fleet.trace.hash,
      tail: this.fleet.trace.tail,
      faults: this.#faults,
      edges: this.#edges,
      simulatedMillis: this.fleet.clock.monotonicMillis(),
      convergedAfterMillis: this.#convergedAfterMillis,
    };
  }

  async #faultyPhase(): Promise<void> {
    const { fleet } = this;
    const { historyMillis, faultyMillis, workers } = this.#setup;
    this.#produce();
    const past = forkRandom(this.#setup.seed, 'history');
    for (let passed = 0; passed < historyMillis; passed += 5_000) {
      await fleet.advance(5_000);
      const open = fleet.kinesis.openShards;
      if (chance(past, 0.3)) fleet.split(open[Math.floor(past.next() * open.length)]?.shardId as string);
    }
    for (let number = 1; number <= workers; number += 1) this.#startWorker(`w${number}`);
    this.#nemesis.begin();
    await fleet.advance(faultyMillis);
  }

  /** Puts records until the calm has lasted a while. */
  #produce(): void {
    const { fleet } = this;
    const { seed, keys, putEveryMillis, maxPut, recordBytes } = this.#setup;
    const random = forkRandom(seed, 'producer');
    const data = new Uint8Array(recordBytes);
    const put = () => {
      if (this.#isCalm) return;
      const count = wholeBetween(random, 0, maxPut);
      for (let index = 0; index < count; index += 1) fleet.put(`key-${wholeBetween(random, 1, keys)}`, data);
      fleet.clock.timer(between(random, 0, 2 * putEveryMillis), put);
    };
    put();
  }

  /** No more faults: the fleet must catch up and be balanced; then one record more per shard must come through. */
  async #calmPhase(): Promise<void> {
    const { fleet } = this;
    this.#calm.abort('no more faults');
    fleet.trace.add('calm', 'no more faults');
    this.#nemesis.end();
    fleet.loseNextLease(false);
    for (const worker of fleet.workers) worker.heal();
    if (!fleet.workers.some((worker) => worker.isAlive)) this.#startWorker('last');
    const fromMillis = fleet.clock.monotonicMillis();
    await this.#converge();
    this.#convergedAfterMillis = fleet.clock.monotonicMillis() - fromMillis;
    fleet.trace.add('calm', `converged after ${Math.round(this.#convergedAfterMillis)} ms`);
    for (let number = 1; number <= 20; number += 1) fleet.put(`late-${number}`);
    await this.#converge();
    const calmMillis = fleet.clock.monotonicMillis() - fromMillis;
    const settled = settledMillis + this.#setup.maxSlowMillis;
    if (calmMillis < settled) await fleet.advance(settled - calmMillis);
  }

  /** What the faults left behind is repaired: from now on a fleet must do as well as one that never had any. */
  async #quietPhase(): Promise<void> {
    const { fleet } = this;
    await this.#converge();
    fleet.trace.add('quiet', 'everything has settled');
    fleet.isQuiet = true;
    const random = forkRandom(this.#setup.seed, 'quiet');
    const startWorker = (name: string) => this.#startWorker(name);
    for (const act of this.#setup.quietActs) {
      if (!(await disturbQuietly(act, { fleet, random, startWorker, converge: () => this.#converge() }))) continue;
      this.#count(this.#faults, act satisfies QuietAct);
      await this.#converge();
    }
    fleet.isQuiet = false;
  }

  async #converge(): Promise<void> {
    const { fleet } = this;
    const boundMillis = convergenceMillis + [...fleet.ledger.shards].length * convergenceMillisPerShard;
    const deadlineMillis = fleet.clock.monotonicMillis() + boundMillis;
    for (;;) {
      await fleet.advance(1_000);
      const why = whyNotConverged(fleet);
      if (why === undefined) return;
      if (fleet.clock.monotonicMillis() > deadlineMillis) {
        fleet.fail(`${boundMillis} ms after the last fault ${why}`);
        fleet.check();
      }
      // A worker that has met a fault which does not pass is started again, as an orchestrator does.
      if (!fleet.workers.some((worker) => worker.isAlive)) this.#startWorker('last');
    }
  }

  /**
   * Everybody drains, all at once or one after the other: all promises settle, and every lease is free. When two drain at once,
   * the one may give its leases to the other just as that looks for the last time; then they expire.
   */
  async #stopPhase(): Promise<void> {
    const { fleet } = this;
    const alive = fleet.workers.filter((worker) => worker.isAlive);
    if (this.#setup.seed % 2 === 0) await this.#drain(alive);
    else {
      for (const worker of alive) {
        await this.#drain([worker]);
        if (alive.some((other) => other.isAlive && other.name === worker.name)) continue;
        const kept = fleet.table.rows.find((row) => row.leaseOwner === worker.name);
        if (kept !== undefined) fleet.fail(`${worker.name} has stopped and still owns ${kept.leaseKey}`);
      }
    }
    // Whatever is late must stay silent.
    await fleet.advance(20_000);
    const busy = alive.find((worker) => worker.process.pendingTimers > 0);
    if (busy !== undefined) fleet.fail(`${busy.id} has ${busy.process.pendingTimers} timers 20 s after its end`);
    fleet.check();
  }

  async #drain(workers: readonly FleetWorker[]): Promise<void> {
    const { fleet } = this;
    let drained = false;
    void Promise.all(workers.map((worker) => worker.drain())).then(() => (drained = true));
    try {
      await fleet.runUntil(() => drained && workers.every((worker) => worker.end !== undefined), stopMillis);
    } catch {
      const slow = workers.filter((worker) => worker.end === undefined).map(({ id }) => id);
      fleet.fail(`${slow.join(', ') || 'a drain'} had not stopped ${stopMillis} ms after a drain`);
    }
    fleet.check();
    // A twin finds out at any time that it is one.
    const faulty = workers.find((worker) => worker.end?.type === 'fault' && !worker.hasTwin);
    if (faulty?.end?.type === 'fault')
      fleet.fail(`${faulty.id} could not drain in the calm: ${messageOf(faulty.end.fault)}`);
    fleet.check();
  }

  #startWorker(name: string): FleetWorker {
    const { fleet } = this;
    const { seed, maxWallSkewMillis, maxDriftPpm, tableOdds, kinesisOdds, reads, pages, loads } = this.#setup;
    const random = forkRandom(seed, `clock ${fleet.workers.length}`);
    const load = this.#load(name, loads[fleet.workers.length % loads.length]);
    const worker = fleet.start(name, {
      startMillis: pick(random, startsMillis),
      ...(load === undefined ? {} : { measurements: () => load.measure() }),
      wallSkewMillis: Math.round(between(random, -maxWallSkewMillis, maxWallSkewMillis)),
      rate: 1 + between(random, -maxDriftPpm, maxDriftPpm) / 1_000_000,
    });
    if (!this.#isCalm) {
      worker.tableWire.odds = tableOdds;
      worker.kinesisWire.odds = kinesisOdds;
      worker.tableView.odds = reads;
      worker.kinesisView.odds = pages;
    }
    return worker;
  }

  #load(name: string, model: LoadModel | null | undefined): WorkerLoad | undefined {
    if (model === undefined || model === null) return undefined;
    const { table, workers } = this.fleet;
    return new WorkerLoad(model, forkRandom(this.#setup.seed, `load ${workers.length}`), {
      leases: () => table.rows.filter((row) => row.leaseOwner === name && !isEnded(row)).length,
      isDisturbed: () => !this.#isCalm,
    });
  }

  #consumer(random: Random): FleetConsumer {
    const { maxMillis, failing, stuck } = this.#setup.handler;
    const { failoverTimeMillis } = this.#setup.settings;
    return async ({ clock, signal }) => {
      // In the calm the handler is quick, so that what has piled up is soon worked off.
      if (this.#isCalm) return;
      const millis = chance(random, stuck) ? 4 * failoverTimeMillis : random.next() * maxMillis;
      using either = linkedController(signal, this.#calm.signal);
      if (millis > 0 && !(await pause(clock, millis, either.signal))) signal.throwIfAborted();
      if (!this.#isCalm && chance(random, failing)) throw new Error('injected: the handler fails');
    };
  }

  get #isCalm(): boolean {
    return this.#calm.signal.aborted;
  }
}
