import type { Random } from '../../base/random.ts';
import type { EpochRow } from '../../engine/commit/epoch-table.ts';
import type { Shard } from '../../kinesis/shard.ts';
import { isEnded } from '../../lease/lease.ts';
import { EpochPlace } from '../fake-epoch-table.ts';
import { FakeKinesis } from '../fake-kinesis.ts';
import { hashKeyOf } from '../hash-key.ts';
import { FakeLeaseTable, type RowChange } from '../fake-lease-table.ts';
import { FakeObjectStore } from '../fake-object-store.ts';
import { BrokenPromise } from '../fleet.ts';
import { between, forkRandom, pick, wholeBetween } from '../fork-random.ts';
import { Ledger } from '../ledger.ts';
import { TableHistory } from '../table-history.ts';
import { Trace } from '../trace.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { Books } from './books.ts';
import { countingPlan } from './counting-plan.ts';
import { EngineCleaner } from './engine-cleaner.ts';
import { EngineNemesis } from './engine-nemesis.ts';
import { EngineOperator } from './engine-operator.ts';
import { type EngineSetup, drawEngineSetup } from './engine-setup.ts';
import { EngineWorker } from './engine-worker.ts';
import type { EngineWorld } from './engine-world.ts';
import { Shown } from './shown.ts';

/** What one seed has shown of an engine. */
export interface EngineSimulationResult {
  readonly setup: EngineSetup;
  /** The first sentence that did not hold; absent when all did. */
  readonly broken: string | undefined;
  /** Lines of the trace. */
  readonly events: number;
  readonly traceHash: string;
  readonly tail: readonly string[];
  /** How often each fault and act occurred. */
  readonly faults: ReadonlyMap<string, number>;
  readonly commits: number;
  readonly records: number;
  /** Virtual time that passed. */
  readonly simulatedMillis: number;
}

/** Within this time after the last fault everything must be counted. */
const convergenceMillis = 40_000;
/** A lease that is handed over, and a generation of shards, take as long each at most. */
const convergenceMillisPerShard = 3_000;
/** Within so many batch intervals what ended shards have left is removed: the looks for it become rare. */
const collectIntervals = 300;
/** Within this time processes without faults must have stopped. */
const stopMillis = 30_000;

/**
 * Runs one simulation of an application with an engine: processes under the faults that the seed has drawn, then without
 * faults until everything is counted and every closed shard is ended, then until they have stopped. Whatever is committed on
 * the way is compared with what was put: see {@link Books}. The same seed gives the same trace on every machine.
 */
export async function simulateEngine(
  seed: number | EngineSetup,
  options: { readonly onLine?: (line: string) => void } = {},
): Promise<EngineSimulationResult> {
  const simulation = new EngineSimulation(typeof seed === 'number' ? drawEngineSetup(seed) : seed, options);
  const onRejection = (reason: unknown) => {
    simulation.fail(`a promise was rejected and nobody heard of it: ${String(reason)}`);
  };
  process.on('unhandledRejection', onRejection);
  try {
    return await simulation.run();
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

class EngineSimulation {
  readonly #setup: EngineSetup;
  readonly #clock = new VirtualClock({ turnsToSettle: 1 });
  readonly #kinesis: FakeKinesis;
  readonly #table = new FakeLeaseTable();
  readonly #epochPlace = new EpochPlace();
  readonly #ledger: Ledger;
  readonly #shown = new Shown();
  readonly #trace: Trace;
  readonly #history: TableHistory;
  readonly #books: Books;
  readonly #world: EngineWorld;
  readonly #nemesis: EngineNemesis;
  readonly #operator: EngineOperator;
  readonly #cleaner: EngineCleaner;
  readonly #workers: EngineWorker[] = [];
  readonly #faults = new Map<string, number>();
  readonly #restarts: Random;
  readonly #numbers = new Map<string, number>();
  #isCalm = false;
  #isStopping = false;
  #writer = 'nobody';
  #broken: string | undefined;

  constructor(setup: EngineSetup, options: { readonly onLine?: (line: string) => void }) {
    this.#setup = setup;
    const { seed } = setup;
    const clock = this.#clock;
    const nowMillis = () => clock.monotonicMillis();
    this.#kinesis = new FakeKinesis({ clock, shardCount: setup.shards });
    this.#ledger = new Ledger({
      initialPosition: { type: 'TRIM_HORIZON' },
      retentionMillis: 86_400_000,
      nowMillis: () => this.#kinesis.nowMillis(),
    });
    for (const { shardId } of this.#kinesis.shards) this.#ledger.open(shardId, []);
    this.#history = new TableHistory(this.#table, nowMillis);
    this.#trace = new Trace({ nowMillis, ...options });
    this.#restarts = forkRandom(seed, 'restarts');
    const store = new FakeObjectStore();
    const { keepers, stateKeys } = countingPlan({ ...setup, store, show: async () => {}, keep: async () => {} });
    const codecs = new Map(keepers.map((node) => [stateKeys.get(node.id) as string, node.persistence]));
    this.#books = new Books({
      application: 'app',
      scope: setup.scope,
      retainedVersions: setup.retainedVersions,
      codecs,
      store,
      kinesis: this.#kinesis,
      ledger: this.#ledger,
      shown: this.#shown,
      leaseOf: (shardId) => this.#table.rows.find((row) => row.leaseKey === shardId),
      onCollected: () => this.#count('collected'),
      fail: (sentence) => this.fail(sentence),
    });
    this.#table.observe = (change) => this.#changed(change);
    this.#epochPlace.onWrite = (row) => this.#epochWritten(row);
    this.#world = {
      setup,
      clock,
      kinesis: this.#kinesis,
      table: this.#table,
      history: this.#history,
      epochPlace: this.#epochPlace,
      store,
      shown: this.#shown,
      books: this.#books,
      codecs,
      isCalm: () => this.#isCalm,
      tell: (who, text) => this.#trace.add(who, text),
      noteFault: (who, fault, operation) => {
        this.#trace.add(who, `fault: ${fault} of ${operation}`);
        this.#count(fault);
      },
      notePerform: (who) => {
        this.#writer = who;
      },
      noteEnd: () => this.#restartLater(),
      fail: (sentence) => this.fail(sentence),
    };
    this.#operator = new EngineOperator(this.#world, forkRandom(seed, 'operator'), () => this.#count('rewind'));
    this.#cleaner = new EngineCleaner(this.#world, forkRandom(seed, 'cleaner'), (leaseKey) => {
      this.#trace.add('cleaner', `deleted the lease of ${leaseKey}`);
      this.#count('leaseDeleted');
    });
    this.#nemesis = this.#makeNemesis();
  }

  #makeNemesis(): EngineNemesis {
    const { seed } = this.#setup;
    return new EngineNemesis({
      setup: this.#setup,
      clock: this.#clock,
      kinesis: this.#kinesis,
      random: forkRandom(seed, 'nemesis'),
      workers: () => this.#workers,
      startWorker: () => this.#startWorker(),
      split: (shardId) => {
        for (const child of this.#kinesis.split(shardId)) this.#ledger.open(child, [shardId]);
        this.#trace.add('stream', `split ${shardId}`);
      },
      merge: (one, other) => {
        this.#ledger.open(this.#kinesis.merge(one, other), [one, other]);
        this.#trace.add('stream', `merged ${one} and ${other}`);
      },
      onAct: (act) => this.#count(act),
      tell: (who, text) => this.#trace.add(who, text),
    });
  }

  /** Notes that a promise did not hold. */
  fail(sentence: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = sentence;
    this.#trace.add('BROKEN', sentence);
    this.#trace.close();
  }

  async run(): Promise<EngineSimulationResult> {
    try {
      await this.#faultyPhase();
      await this.#calmPhase();
      await this.#stopPhase();
    } catch (thrown) {
      this.fail(String(thrown));
    }
    return {
      setup: this.#setup,
      broken: this.#broken,
      events: this.#trace.length,
      traceHash: this.#trace.hash,
      tail: this.#trace.tail,
      faults: this.#faults,
      commits: this.#books.commits,
      records: this.#ledger.recordCount,
      simulatedMillis: this.#clock.monotonicMillis(),
    };
  }

  async #faultyPhase(): Promise<void> {
    this.#produce();
    for (let started = 0; started < this.#setup.maxWorkers; started += 1) this.#startWorker();
    this.#nemesis.begin();
    this.#operator.begin();
    this.#cleaner.begin();
    // Killed processes tell nobody; somebody looks from time to time.
    const look = () => {
      if (this.#isCalm) return;
      this.#restartLater();
      this.#clock.timer(500, look);
    };
    look();
    await this.#advance(this.#setup.faultyMillis);
  }

  #produce(): void {
    const { seed, keys, putEveryMillis, maxPut } = this.#setup;
    const random = forkRandom(seed, 'producer');
    const put = () => {
      if (this.#isCalm) return;
      const count = wholeBetween(random, 0, maxPut);
      for (let index = 0; index < count; index += 1) this.#put(`key-${wholeBetween(random, 1, keys)}`);
      this.#clock.timer(between(random, 0, 2 * putEveryMillis), put);
    };
    put();
  }

  #put(partitionKey: string): void {
    const number = this.#numbers.get(partitionKey) ?? 0;
    this.#numbers.set(partitionKey, number + 1);
    const { shardId, sequenceNumber } = this.#kinesis.put(partitionKey, String(number));
    this.#ledger.put(shardId, partitionKey, sequenceNumber, this.#kinesis.nowMillis());
  }

  async #calmPhase(): Promise<void> {
    this.#isCalm = true;
    this.#trace.add('calm', 'no more faults');
    this.#nemesis.end();
    this.#operator.end();
    for (const worker of this.#workers) worker.heal();
    await this.#converge();
    for (let number = 1; number <= 10; number += 1) this.#put(`late-${number}`);
    await this.#converge();
    await this.#collect();
    this.#checkShown();
  }

  /** Once the children of ended shards have gone on for long enough, nothing of these is left. */
  async #collect(): Promise<void> {
    const { scope, retainedVersions, batchIntervalMillis, storeOdds } = this.#setup;
    const { shards, openShards } = this.#kinesis;
    // An object that no listing showed is removed by a later holder of a child, if ever.
    if (scope === 'application' || shards.length === openShards.length || storeOdds.staleListing > 0) return;
    for (let round = 0; round <= retainedVersions; round += 1) {
      for (const shard of openShards) this.#put(keyIn(shard));
      await this.#advance(2 * batchIntervalMillis);
    }
    await this.#converge();
    const deadlineMillis = this.#clock.monotonicMillis() + collectIntervals * batchIntervalMillis;
    for (;;) {
      const why = this.#books.whyNotCollected();
      if (why === undefined) return;
      if (this.#clock.monotonicMillis() > deadlineMillis) this.fail(`long after the last fault ${why}`);
      await this.#advance(batchIntervalMillis);
    }
  }

  async #converge(): Promise<void> {
    const boundMillis = convergenceMillis + this.#kinesis.shards.length * convergenceMillisPerShard;
    const deadlineMillis = this.#clock.monotonicMillis() + boundMillis;
    for (;;) {
      await this.#advance(500);
      const why = this.#whyNotDone();
      if (why === undefined) return;
      if (this.#clock.monotonicMillis() > deadlineMillis) {
        this.fail(`${boundMillis} ms after the last fault ${why}`);
        this.#check();
      }
      if (!this.#workers.some((worker) => worker.isAlive)) this.#startWorker();
    }
  }

  #whyNotDone(): string | undefined {
    const why = this.#books.whyNotCounted();
    if (why !== undefined) return why;
    const closed = this.#table.rows.find((row) => !isEnded(row) && this.#ledger.shard(row.leaseKey).closed);
    return closed === undefined ? undefined : `the lease of ${closed.leaseKey} is not ended`;
  }

  #checkShown(): void {
    for (const [group, tally] of this.#books.openTallies) {
      const wrong = this.#shown.whyWrong(group, tally);
      if (wrong !== undefined) this.fail(wrong);
    }
    const lacks = this.#setup.isPlanned ? this.#shown.whyNotKept(this.#ledger) : undefined;
    if (lacks !== undefined) this.fail(lacks);
    this.#check();
  }

  async #stopPhase(): Promise<void> {
    this.#isStopping = true;
    this.#cleaner.end();
    const alive = this.#workers.filter((worker) => worker.isAlive);
    for (const worker of alive) void worker.drain(stopMillis);
    try {
      await this.#runUntil(() => alive.every((worker) => !worker.isAlive), stopMillis);
    } catch {
      const slow = alive.filter((worker) => worker.isAlive).map(({ id }) => id);
      this.fail(`${slow.join(', ')} had not stopped ${stopMillis} ms after a drain`);
    }
    // Whatever is late must stay silent.
    await this.#advance(5_000);
    const busy = alive.find((worker) => worker.process.pendingTimers > 0);
    if (busy !== undefined) this.fail(`${busy.id} has ${busy.process.pendingTimers} timers after its end`);
    this.#checkShown();
  }

  async #advance(millis: number): Promise<void> {
    const endMillis = this.#clock.monotonicMillis() + millis;
    await this.#runUntil(() => this.#clock.monotonicMillis() >= endMillis, millis + 1);
  }

  async #runUntil(reached: () => boolean, atMostMillis: number): Promise<void> {
    // A timer of its own, so that time passes even when nobody else asks for it.
    const cancel = this.#clock.timer(atMostMillis, () => {});
    await this.#clock.runUntil(() => this.#broken !== undefined || reached(), { atMostMillis });
    cancel();
    this.#check();
  }

  #check(): void {
    if (this.#broken !== undefined) throw new BrokenPromise(this.#broken);
  }

  #startWorker(): void {
    const { seed, maxWallSkewMillis } = this.#setup;
    const random = forkRandom(seed, `clock ${this.#workers.length}`);
    const name = `w${this.#workers.length + 1}`;
    this.#trace.add(name, 'started');
    this.#workers.push(
      new EngineWorker(this.#world, name, {
        startMillis: pick(random, [0, 50_000]),
        wallSkewMillis: Math.round(between(random, -maxWallSkewMillis, maxWallSkewMillis)),
      }),
    );
  }

  /** As an orchestrator does: whoever has ended, or was killed, has a successor soon. */
  #restartLater(): void {
    if (this.#isStopping || this.#workers.some((worker) => worker.isAlive)) return;
    this.#clock.timer(between(this.#restarts, 0, 1_000), () => {
      if (!this.#isStopping && !this.#workers.some((worker) => worker.isAlive)) this.#startWorker();
    });
  }

  #changed(change: RowChange): void {
    this.#history.note(change);
    if (change.kind !== 'lease' || change.after === undefined) return;
    this.#books.noteLease(change.before, change.after, this.#writer);
  }

  #epochWritten(row: EpochRow): void {
    this.#trace.add(this.#writer, `epoch ${row.epoch} batch ${row.batchId}`);
    this.#books.noteEpochRow(row, this.#writer);
  }

  #count(fault: string): void {
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1);
  }
}

/** A partition key of a shard. */
function keyIn({ startingHashKey, endingHashKey }: Pick<Shard, 'startingHashKey' | 'endingHashKey'>): string {
  for (let number = 1; ; number += 1) {
    const hash = hashKeyOf(`last-${number}`);
    if (hash >= BigInt(startingHashKey) && hash <= BigInt(endingHashKey)) return `last-${number}`;
  }
}
