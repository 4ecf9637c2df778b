import type { Random } from '../base/random.ts';
import { isEnded } from '../lease/lease.ts';
import { chooseAssignmentPlan } from '../lease/plan/assignment-plan.ts';
import type { AssignmentPlan, LeaseAssignmentStrategy } from '../lease/plan/utilization-types.ts';
import type { ReceiverSettings } from '../receiver/receiver-options.ts';
import { allCheckers } from './checkers/all.ts';
import type { CheckContext, Checker } from './checkers/checker.ts';
import { FakeKinesis } from './fake-kinesis.ts';
import { FakeLeaseTable, type RowChange } from './fake-lease-table.ts';
import { type Balancing, type FleetOptions, type StartOptions, defaultSettings } from './fleet-options.ts';
import { FleetWorker } from './fleet-worker.ts';
import { pick } from './fork-random.ts';
import { Ledger, type LedgerRecord } from './ledger.ts';
import { textOfChange } from './row-text.ts';
import { TableHistory } from './table-history.ts';
import { Trace } from './trace.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What a fleet found broken: the first promise that did not hold, as a sentence. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
}

/**
 * Makes a fleet: workers of one application over one stream, in one process and on virtual time. The workers run the given
 * handler; everything that Millrace promises of a fleet is watched after every event.
 */
export function createFleet(options: FleetOptions = {}): Fleet {
  return new Fleet(options);
}

/** Workers of one application over one stream; see {@link createFleet}. */
export class Fleet {
  readonly clock: VirtualClock;
  readonly kinesis: FakeKinesis;
  readonly table = new FakeLeaseTable();
  readonly ledger: Ledger;
  readonly trace: Trace;
  readonly settings: Omit<ReceiverSettings, 'workerIdentifier'>;
  readonly strategy: LeaseAssignmentStrategy;
  readonly #options: FleetOptions;
  readonly #history: TableHistory;
  readonly #workers: FleetWorker[] = [];
  readonly #checkers: readonly Checker[];
  #writer: FleetWorker | undefined;
  #broken: string | undefined;
  /** Set when the faults are over and what they left behind is repaired; then everything must go smoothly. */
  isQuiet = false;
  /** The leases that were lost; see {@link loseNextLease}. */
  readonly lostLeases: string[] = [];
  #losesNextLease = false;
  #lastBalancing: Balancing | undefined;
  /** By worker, when a lease came to be its own. */
  readonly #givenAtMillis = new Map<string, number>();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.settings = { ...defaultSettings, ...options.settings };
    this.strategy = options.leaseAssignmentStrategy ?? 'WORKER_UTILIZATION_AWARE';
    this.clock = new VirtualClock(options.turnsToSettle === undefined ? {} : { turnsToSettle: options.turnsToSettle });
    const nowMillis = () => this.clock.monotonicMillis();
    this.kinesis = new FakeKinesis({ ...options.stream, clock: this.clock, shardCount: options.shards ?? 1 });
    this.ledger = new Ledger({
      initialPosition: this.settings.initialPosition,
      retentionMillis: (options.stream?.retentionPeriodHours ?? 24) * 3_600_000,
      nowMillis: () => this.kinesis.nowMillis(),
    });
    for (const shard of this.kinesis.shards) this.ledger.open(shard.shardId, shard.parentShardIds);
    this.#history = new TableHistory(this.table, nowMillis);
    this.trace = new Trace({
      nowMillis,
      ...(options.keepLines === undefined ? {} : { keep: options.keepLines }),
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    });
    this.table.observe = (change) => this.#changed(change);
    const context: CheckContext = {
      ledger: this.ledger,
      table: this.table,
      kinesis: this.kinesis,
      nowMillis,
      workers: () => this.#workers,
      isQuiet: () => this.isQuiet,
      fail: (sentence) => this.#fail(sentence),
    };
    this.#checkers = allCheckers.map((make) => make(context));
    for (let count = 1; count <= (options.workers ?? 0); count += 1) this.start(`worker-${count}`);
  }

  /** Every worker that was ever started. */
  get workers(): readonly FleetWorker[] {
    return this.#workers;
  }

  /** The first promise that did not hold; absent while all do. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** The last time at which a leader looked at the balance. */
  get lastBalancing(): Balancing | undefined {
    return this.#lastBalancing;
  }

  /** World time at which a worker was given a lease last, or another was begun to be handed over to it. */
  givenAtMillis(name: string): number {
    return this.#givenAtMillis.get(name) ?? -Infinity;
  }

  /** @throws BrokenPromise when a promise did not hold */
  check(): void {
    if (this.#broken !== undefined) throw new BrokenPromise(this.#broken);
  }

  /** Notes that a promise did not hold, for checks of a test's own. */
  fail(sentence: string): void {
    this.#fail(sentence);
  }

  /** Starts a worker: a new process, under a new name or one that another process has or had. */
  start(name: string, options: StartOptions = {}): FleetWorker {
    const incarnation = this.#workers.filter((worker) => worker.name === name).length + 1;
    const { maxLatencyMillis, maxSlowMillis, seed = 1 } = this.#options;
    const worker = new FleetWorker(this.#world(seed), {
      ...this.#options,
      ...options,
      name,
      incarnation,
      settings: { ...this.settings, ...options.settings, workerIdentifier: name },
      consumer: options.consumer ?? this.#options.consumer ?? (() => {}),
      plan: this.#watchedPlan(),
      wire: {
        ...(maxLatencyMillis === undefined ? {} : { maxLatencyMillis }),
        ...(maxSlowMillis === undefined ? {} : { maxSlowMillis }),
      },
    });
    for (const twin of this.#workers.filter((other) => other.name === name && other.isAlive)) {
      twin.hasTwin = true;
      worker.hasTwin = true;
    }
    this.#workers.push(worker);
    this.trace.add(worker.id, 'started');
    return worker;
  }

  /** Puts a record by its partition key. */
  put(partitionKey: string, data: Uint8Array | string = ''): void {
    const { shardId, sequenceNumber } = this.kinesis.put(partitionKey, data);
    this.ledger.put(shardId, partitionKey, sequenceNumber, this.kinesis.nowMillis());
  }

  /** Splits an open shard in the middle. Answers the ids of the children. */
  split(shardId: string): readonly [string, string] {
    const children = this.kinesis.split(shardId);
    for (const child of children) this.ledger.open(child, [shardId]);
    this.trace.add('stream', `split ${shardId} into ${children.join(' and ')}`);
    return children;
  }

  /** Merges two adjacent open shards. Answers the id of the child. */
  merge(shardId: string, adjacentShardId: string): string {
    const child = this.kinesis.merge(shardId, adjacentShardId);
    this.ledger.open(child, [shardId, adjacentShardId]);
    this.trace.add('stream', `merged ${shardId} and ${adjacentShardId} into ${child}`);
    return child;
  }

  /** Takes the oldest finished records of a shard away, as retention would; `false` when there are none. */
  trimFinished(random: Random): boolean {
    const shards = [...this.ledger.shards].filter((shard) => shard.records.some(isTrimmable));
    if (shards.length === 0) return false;
    const shard = pick(random, shards);
    const end = shard.records.findIndex((record) => !record.acked && !record.trimmed);
    const finished = shard.records.slice(0, end === -1 ? undefined : end).filter(isTrimmable);
    const last = finished[Math.floor(random.next() * finished.length)];
    if (last === undefined) return false;
    for (const record of finished) if (record.sequence <= last.sequence) record.trimmed = true;
    this.kinesis.trim(shard.shardId, String(last.sequence));
    this.trace.add('stream', `trimmed ${shard.shardId} through ${last.sequence}`);
    return true;
  }

  /** Takes a closed shard whose lease is ended off the list, as retention would; `false` when there is none. */
  forgetFinished(random: Random): boolean {
    const ended = this.table.rows.filter(isEnded).map(({ leaseKey }) => leaseKey);
    const listed = this.kinesis.shards.filter(({ shardId }) => ended.includes(shardId));
    if (listed.length === 0) return false;
    const { shardId } = pick(random, listed);
    for (const record of this.ledger.shard(shardId).records) record.trimmed = true;
    this.kinesis.forget(shardId);
    this.trace.add('stream', `forgot ${shardId}`);
    return true;
  }

  /**
   * Loses the lease of the next child that is leased, before anybody begins to read it: as an operator's hand or a restored
   * backup would.
   */
  loseNextLease(isOn = true): void {
    this.#losesNextLease = isOn;
  }

  /** Loses the lease if it is still as it was created, and others tell that the first sync has ended. */
  #loseLease(leaseKey: string): void {
    const row = this.table.rows.find((one) => one.leaseKey === leaseKey);
    const isUntouched = row !== undefined && row.tenure === undefined;
    const isMarked = this.table.rows.some((one) => one !== row && one.firstSyncEnded === true);
    if (!isUntouched || !isMarked || this.kinesis.openShards.every(({ shardId }) => shardId !== leaseKey)) return;
    this.#losesNextLease = false;
    this.#writer = undefined;
    this.lostLeases.push(leaseKey);
    this.trace.add('table', `loses the lease of ${leaseKey}`);
    this.table.deleteRow(leaseKey);
  }

  /** Lets that much time pass. @throws BrokenPromise */
  async advance(millis: number): Promise<void> {
    const endMillis = this.clock.monotonicMillis() + millis;
    await this.runUntil(() => this.clock.monotonicMillis() >= endMillis, millis + 1);
  }

  /** Lets time pass until the predicate holds, 60 s at most. @throws BrokenPromise */
  async runUntil(reached: () => boolean, atMostMillis = 60_000): Promise<void> {
    // A timer of its own, so that time passes even when nobody else asks for it.
    const cancel = this.clock.timer(atMostMillis, () => {});
    await this.clock.runUntil(() => this.#broken !== undefined || reached(), { atMostMillis });
    cancel();
    this.check();
  }

  #watchedPlan(): AssignmentPlan {
    const plan = chooseAssignmentPlan(this.strategy);
    return (input) => {
      const moves = plan(input);
      if (input.balance) this.#lastBalancing = { atMillis: this.clock.monotonicMillis(), input, moves };
      return moves;
    };
  }

  #world(seed: number): ConstructorParameters<typeof FleetWorker>[0] {
    return {
      seed,
      clock: this.clock,
      kinesis: this.kinesis,
      table: this.table,
      history: this.#history,
      watch: {
        onBlock: (worker, block) => {
          this.trace.add(worker.id, `was given ${block.id} with ${block.records.length} records`);
          this.#each((checker) => checker.onBlock?.(worker, block));
        },
        onAck: (worker, block) => {
          this.trace.add(worker.id, `finished ${block.id}`);
          this.#noteAcked(block.shardId, block.records);
          this.#each((checker) => checker.onAck?.(worker, block));
        },
        onCommitted: (worker, block, outcome) => {
          this.trace.add(worker.id, `commit of ${block.id}: ${outcome}`);
          this.#each((checker) => checker.onCommitted?.(worker, block, outcome));
        },
        onEvent: (worker, event) => {
          if (event.type === 'shard.changed') this.#options.onEdge?.(event.from, event.to);
          this.#each((checker) => checker.onEvent?.(worker, event));
        },
        onCall: (worker, operation) => this.#each((checker) => checker.onCall?.(worker, operation)),
        onAsk: (worker, call) => this.#each((checker) => checker.onAsk?.(worker, call)),
        onEnded: (worker, fault) => this.#each((checker) => checker.onEnded?.(worker, fault)),
      },
      onPerform: (worker) => {
        this.#writer = worker;
      },
      onFault: (worker, fault, operation) => {
        this.trace.add(worker.id, `fault: ${fault} of ${operation}`);
        this.#options.onFault?.(fault);
      },
      tell: (worker, text) => this.trace.add(worker.id, text),
    };
  }

  #noteAcked(shardId: string, records: readonly { readonly sequenceNumber: string }[]): void {
    const shard = this.ledger.shard(shardId);
    for (const { sequenceNumber } of records) {
      const record = shard.records[shard.bySequence.get(sequenceNumber) ?? -1];
      if (record !== undefined) record.acked = true;
    }
  }

  #changed(change: RowChange): void {
    this.#history.note(change);
    if (change.kind === 'lock') this.#lockChanged(change);
    if (change.kind !== 'lease') return;
    const { before, after } = change;
    if (after !== undefined) this.ledger.noteLease(before, after, this.kinesis.nowMillis());
    if (after?.leaseOwner !== undefined && after.leaseOwner !== before?.leaseOwner)
      this.#givenAtMillis.set(after.leaseOwner, this.clock.monotonicMillis());
    if (before === undefined && after !== undefined && this.#losesNextLease) {
      this.clock.timer(1, () => this.#loseLease(after.leaseKey));
    }
    this.trace.add(this.#writer?.id ?? 'test', `row ${textOfChange(before, after)}`);
    this.#each((checker) => checker.onLease?.({ before, after, writer: this.#writer }));
  }

  #lockChanged({ before, after }: Extract<RowChange, { kind: 'lock' }>): void {
    if (before?.ownerName !== after?.ownerName) {
      const [from, to] = [before, after].map((lock) => lock?.ownerName ?? '-');
      this.trace.add(this.#writer?.id ?? 'test', `lock [${from}] -> [${to}]`);
    }
    this.#each((checker) => checker.onLock?.({ before, after, writer: this.#writer }));
  }

  #each(tell: (checker: Checker) => void): void {
    if (this.#broken !== undefined) return;
    for (const checker of this.#checkers) tell(checker);
  }

  #fail(sentence: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = sentence;
    this.trace.add('BROKEN', sentence);
    this.trace.close();
  }
}

function isTrimmable(record: LedgerRecord): boolean {
  return record.acked && !record.trimmed;
}
