import { type LinkedController, linkedController } from '../../lib/base/abort.ts';
import { type CancelTimer, type Clock, pause, sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { positionOf } from '../../lib/base/position.ts';
import { randomInteger, seededRandom } from '../../lib/base/random.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import type { Shard } from '../../lib/kinesis/shard.ts';
import type { HandoffBegun, KeeperOutcome, LeaseLost } from '../../lib/lease/keeper-messages.ts';
import { LeaseCoordinator, type LeaseCoordinatorOptions } from '../../lib/lease/lease-coordinator.ts';
import { LeaseKeeper } from '../../lib/lease/lease-keeper.ts';
import type { LeaseTable } from '../../lib/lease/lease-table.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { planLeaseCountBased } from '../../lib/lease/plan/lease-count-plan.ts';
import { maximumHashKey } from '../../lib/lease/plan/hash-coverage.ts';
import type { InitialPosition } from '../../lib/lease/plan/shard-sync-plan.ts';
import { type AssignmentPlan, defaultAssignmentOptions } from '../../lib/lease/plan/utilization-types.ts';
import { ShardSyncer } from '../../lib/lease/shard-syncer.ts';
import { FakeLeaseTable, type LeaseTableCall } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { shardOf, stream } from './plan/lineage.ts';

/** F of the fleets, milliseconds. */
export const failoverTimeMillis = 10_000;

/** A process that can be stopped in its tracks: while it is paused no timer fires and no answer arrives, but time goes on. */
class Process implements Clock {
  readonly #clock: Clock;
  #waiting: (() => void)[] | undefined;
  /** No request leaves it, and no answer reaches it. */
  isolated = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get paused(): boolean {
    return this.#waiting !== undefined;
  }

  wallMillis(): number {
    return this.#clock.wallMillis();
  }

  monotonicMillis(): number {
    return this.#clock.monotonicMillis();
  }

  timer(delayMillis: number, callback: () => void): CancelTimer {
    let cancelled = false;
    const cancel = this.#clock.timer(delayMillis, () => this.#whenAwake(() => cancelled || callback()));
    return () => {
      cancelled = true;
      cancel();
    };
  }

  #whenAwake(action: () => void): void {
    if (this.#waiting === undefined) action();
    else this.#waiting.push(action);
  }

  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of waiting) action();
  }

  #throwIfIsolated(): void {
    if (this.isolated) throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the network is down');
  }

  /** The table as this process reaches it. */
  reach(table: LeaseTable): LeaseTable {
    const awake = () => new Promise<void>((resolve) => this.#whenAwake(resolve));
    const call = async <T>(send: () => Promise<T>): Promise<T> => {
      await awake();
      this.#throwIfIsolated();
      try {
        return await send();
      } finally {
        await awake();
        this.#throwIfIsolated();
      }
    };
    return {
      open: (signal) => call(() => table.open(signal)),
      coordination: (signal) => call(() => table.coordination(signal)),
      scan: (signal, consistency) => call(() => table.scan(signal, consistency)),
      listKeysOwnedBy: (name, signal) => call(() => table.listKeysOwnedBy(name, signal)),
      get: (key, signal) => call(() => table.get(key, signal)),
      createIfAbsent: (lease, signal) => call(() => table.createIfAbsent(lease, signal)),
      write: (write, signal) => call(() => table.write(write, signal)),
      deleteEnded: (lease, signal) => call(() => table.deleteEnded(lease, signal)),
      readLock: (signal) => call(() => table.readLock(signal)),
      writeLock: (lock, condition, signal) => call(() => table.writeLock(lock, condition, signal)),
      deleteLock: (lock, signal) => call(() => table.deleteLock(lock, signal)),
      putWorker: (row, signal) => call(() => table.putWorker(row, signal)),
      requestDrain: (name, request, signal) => call(() => table.requestDrain(name, request, signal)),
      cancelDrain: (name, request, signal) => call(() => table.cancelDrain(name, request, signal)),
      deleteWorker: (row, signal) => call(() => table.deleteWorker(row, signal)),
    };
  }
}

/** Options of {@link Fleet}. */
export interface FleetOptions {
  readonly shards?: readonly Shard[];
  readonly initialPosition?: InitialPosition;
  readonly plan?: AssignmentPlan;
}

/** How a worker is started. */
export interface FleetWorkerOptions extends Partial<LeaseCoordinatorOptions> {
  /** The limit that this worker sets as a leader. */
  readonly maxLeasesForWorker?: number;
  /** How long it takes to finish what was handed out when reading has ended; none unless told otherwise. */
  readonly finishMillis?: number;
}

/** One time in which one process read one shard. */
export interface Reading {
  readonly leaseKey: string;
  readonly worker: string;
  readonly beganAtMillis: number;
  /** When it read no more: it was handed over, released, lost or killed. */
  endedAtMillis?: number;
}

/** Workers of one application on one table and one virtual clock. */
export class Fleet {
  readonly clock = new VirtualClock();
  readonly table = new FakeLeaseTable();
  readonly workers: FleetWorker[] = [];
  readonly options: FleetOptions;
  /** All calls that change the table, in order. */
  readonly changes: LeaseTableCall[] = [];
  /** Who read which shard and when, in the order in which the readings began. */
  readonly readings: Reading[] = [];
  readonly #delivered = new Map<string, number>();

  constructor(options: FleetOptions = {}) {
    this.options = options;
    this.table.intercept = (call) => this.noteCall(call);
  }

  /** For interceptors that add to the fleet's own. */
  noteCall(call: LeaseTableCall): void {
    if (changingCalls.includes(call.name)) this.changes.push(call);
  }

  /** Notes that a record was handed out. */
  noteRecord(leaseKey: string, sequenceNumber: bigint): void {
    const record = `${leaseKey} ${sequenceNumber}`;
    this.#delivered.set(record, (this.#delivered.get(record) ?? 0) + 1);
  }

  /** The records that were handed out more than once: shard and sequence number. */
  get repeated(): readonly string[] {
    return [...this.#delivered].filter(([, times]) => times > 1).map(([record]) => record);
  }

  get recordCount(): number {
    return this.#delivered.size;
  }

  /** For each change of the reader of a shard: how long nobody read it, milliseconds. */
  get pausesMillis(): readonly number[] {
    const pauses: number[] = [];
    for (const leaseKey of this.leaseKeys) {
      const readings = this.readings.filter((reading) => reading.leaseKey === leaseKey);
      for (const [index, { beganAtMillis }] of readings.entries()) {
        const before = readings[index - 1];
        if (before !== undefined) pauses.push(beganAtMillis - (before.endedAtMillis ?? Number.NaN));
      }
    }
    return pauses;
  }

  /** Starts a process; a name may be used again. */
  start(name: string, options: FleetWorkerOptions = {}): FleetWorker {
    const worker = new FleetWorker(this, name, options);
    this.workers.push(worker);
    return worker;
  }

  get leaseKeys(): readonly string[] {
    return (this.options.shards ?? sixShards).map((shard) => shard.shardId);
  }

  /** The running process that leads, by the lock. */
  get leader(): FleetWorker | undefined {
    return this.workers.findLast((worker) => worker.name === this.table.lock?.ownerName);
  }

  /** The workers that may hand out data of a lease at this moment. */
  holdersOf(leaseKey: string): readonly FleetWorker[] {
    return this.workers.filter((worker) => worker.holds(leaseKey));
  }

  /** Gives every call of the table a latency of 5 to `mostMillis` milliseconds from here on. */
  slow(mostMillis: number, seed: number): void {
    const random = seededRandom(seed);
    this.table.intercept = (call) => {
      this.noteCall(call);
      return sleep(this.clock, 5 + randomInteger(random, Math.max(1, mostMillis - 5)));
    };
  }

  /** How many leases each process holds, by name. */
  get shares(): Readonly<Record<string, number>> {
    const shares: Record<string, number> = {};
    for (const worker of this.workers) {
      const count = this.leaseKeys.filter((leaseKey) => worker.holds(leaseKey)).length;
      if (count > 0) shares[worker.name] = (shares[worker.name] ?? 0) + count;
    }
    return shares;
  }

  get allHeld(): boolean {
    return this.leaseKeys.every((leaseKey) => this.holdersOf(leaseKey).length === 1);
  }

  /** The moves that leaders began for balance, as `lease from>to`, in order. */
  get handoffs(): readonly string[] {
    return this.workers
      .flatMap((worker) => worker.events)
      .flatMap((event) => (event.type === 'lease.handoff' ? [`${event.leaseKey} ${event.from}>${event.to}`] : []));
  }

  advance(millis: number): Promise<void> {
    return this.clock.advance(millis);
  }

  /** Waits on virtual time; answers with the milliseconds that it took. */
  async until(goal: () => boolean, atMostMillis: number): Promise<number> {
    const startedAtMillis = this.clock.monotonicMillis();
    try {
      await this.clock.runUntil(goal, { atMostMillis });
    } catch (thrown) {
      const rows = this.table.rows.map((row) => `${row.leaseKey}:${row.leaseOwner ?? '-'}:${row.leaseCounter}`);
      throw new Error(`${String(thrown)}; shares ${JSON.stringify(this.shares)}; rows ${rows.join(' ')}`, {
        cause: thrown,
      });
    }
    return this.clock.monotonicMillis() - startedAtMillis;
  }
}

const changingCalls =
  'createIfAbsent write deleteEnded putWorker requestDrain cancelDrain deleteWorker writeLock deleteLock'.split(' ');

/** Open shards that divide the hash space evenly. */
export function openShards(count: number): readonly Shard[] {
  const width = (maximumHashKey + 1n) / BigInt(count);
  return Array.from({ length: count }, (_, index) => ({
    ...shardOf(index),
    startingHashKey: String(width * BigInt(index)),
    endingHashKey: String(index === count - 1 ? maximumHashKey : width * BigInt(index + 1) - 1n),
  }));
}

/** The size of each record. */
const recordBytes = 1_024;

/** Six open shards. */
export const sixShards: readonly Shard[] = openShards(6);

/** One process with its keeper, its coordinator and a reader that hands out one record every second of every lease. */
export class FleetWorker {
  readonly name: string;
  readonly process: Process;
  readonly keeper: LeaseKeeper;
  readonly coordinator: LeaseCoordinator;
  readonly events: MillraceEvent[] = [];
  readonly lost: LeaseLost[] = [];
  /** The handoffs of its own leases that it heard of. */
  readonly handoffs: HandoffBegun[] = [];
  readonly ended: Promise<void>;
  state: 'starting' | 'running' | 'stopping' | 'stopped' | 'failed' | 'killed' = 'starting';
  fault: unknown;
  readonly #fleet: Fleet;
  readonly #finishMillis: number;
  readonly #loops = linkedController();
  readonly #readers = new Map<string, Reader>();
  /** Leases that are being finished: a stop waits for them. */
  readonly #finishing = new Set<Promise<void>>();
  /** The latest tenure of each lease that it ever held. */
  readonly #gained = new Map<string, number>();

  constructor(fleet: Fleet, name: string, options: FleetWorkerOptions) {
    const { maxLeasesForWorker, finishMillis = 0, ...others } = options;
    this.name = name;
    this.#finishMillis = finishMillis;
    this.#fleet = fleet;
    this.process = new Process(fleet.clock);
    const bus = new EventBus();
    bus.subscribe((event) => this.events.push(event));
    const initialPosition = fleet.options.initialPosition ?? { type: 'TRIM_HORIZON' };
    const shards = fleet.options.shards ?? sixShards;
    const common = {
      table: this.process.reach(fleet.table),
      clock: this.process,
      random: seededRandom(name.length + fleet.workers.length),
      events: bus,
      workerIdentifier: name,
      failoverTimeMillis,
      initialPosition,
      serviceTimeMillis: () => fleet.clock.wallMillis(),
    };
    this.keeper = new LeaseKeeper({
      ...common,
      onLost: (lost) => {
        this.lost.push(lost);
        this.#stopReading(lost.leaseKey, lost.tenure);
      },
      onHandoff: (begun) => void this.#handOver(begun),
    });
    this.coordinator = new LeaseCoordinator({
      ...common,
      keeper: this.keeper,
      syncer: new ShardSyncer({ ...common, stream, listShards: () => Promise.resolve(shards) }),
      stream: { ...stream, streamName: 'orders' },
      plan: fleet.options.plan ?? planLeaseCountBased,
      assignment: {
        ...defaultAssignmentOptions,
        failoverTimeMillis,
        ...(maxLeasesForWorker === undefined ? {} : { maxLeasesForWorker }),
      },
      applicationName: 'mailer',
      leaseDiscoveryIntervalMillis: 1_000,
      exclusive: false,
      measurements: () => ({ metrics: {}, operatingRange: {} }),
      onGained: (lease) => void this.#read(lease),
      onSnapshot: () => {},
      needsView: false,
      ...others,
    });
    this.ended = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#loops;
    try {
      await this.coordinator.start(signal);
      if (this.state === 'starting') this.state = 'running';
      await Promise.all([this.keeper.run(signal), this.coordinator.run(signal)]);
    } catch (thrown) {
      if (this.state === 'stopping') return;
      this.fault = thrown;
      this.state = 'failed';
      await this.#leave();
    }
  }

  /** Hands out records and checkpoints them as long as it may. */
  async #read(lease: Lease): Promise<void> {
    const { leaseKey, checkpoint } = lease;
    const tenure = lease.tenure!;
    const next = checkpoint.kind === 'SEQUENCE' ? checkpoint.sequenceNumber + 1n : 1n;
    const reading: Reading = { leaseKey, worker: this.name, beganAtMillis: this.process.monotonicMillis() };
    this.#gained.set(leaseKey, tenure);
    const reader: Reader = { tenure, next, reading, stopped: linkedController(this.#loops.signal) };
    this.#readers.set(leaseKey, reader);
    this.#fleet.readings.push(reading);
    while (await pause(this.process, 1_000, reader.stopped.signal)) {
      if (!this.keeper.confirmCurrent(leaseKey, tenure)) break;
      this.#fleet.noteRecord(leaseKey, reader.next);
      this.keeper.noteBytes(leaseKey, recordBytes);
      reader.next += 1n;
      if (reader.next % 5n === 0n && (await this.#checkpoint(leaseKey, reader)) === 'lost') break;
    }
    this.#stopReading(leaseKey, tenure);
  }

  /** Everything that was handed out is finished at once. */
  #checkpoint(leaseKey: string, { tenure, next }: Reader): Promise<KeeperOutcome> {
    const checkpoint = positionOf(next - 1n);
    return this.keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint }).catch(() => 'lost');
  }

  /** Ends the reader of a tenure; answers it when it was still reading. */
  #stopReading(leaseKey: string, tenure: number): Reader | undefined {
    const reader = this.#readers.get(leaseKey);
    if (reader === undefined || reader.tenure !== tenure) return undefined;
    this.#readers.delete(leaseKey);
    reader.reading.endedAtMillis = this.process.monotonicMillis();
    reader.stopped.abort(new Error('reading has ended'));
    return reader;
  }

  /** As a receiver does: stop reading, checkpoint what is finished, then complete the handoff. */
  async #handOver(begun: HandoffBegun): Promise<void> {
    const { leaseKey, tenure, to } = begun;
    this.handoffs.push(begun);
    // One that stops finishes and releases all its leases, and completes the handoffs with them.
    if (this.state === 'stopping') return;
    await this.#finish(leaseKey, tenure);
    await this.keeper.ask({ type: 'release', leaseKey, tenure, to }).catch(() => 'lost');
  }

  #finish(leaseKey: string, tenure: number): Promise<void> {
    const reader = this.#stopReading(leaseKey, tenure);
    if (reader === undefined) return Promise.resolve();
    const finishing = this.#finishReader(leaseKey, reader).finally(() => this.#finishing.delete(finishing));
    this.#finishing.add(finishing);
    return finishing;
  }

  async #finishReader(leaseKey: string, reader: Reader): Promise<void> {
    if (this.#finishMillis > 0) await pause(this.process, this.#finishMillis, this.#loops.signal);
    if (reader.next > 1n) await this.#checkpoint(leaseKey, reader);
  }

  get tenures(): ReadonlyMap<string, number> {
    return new Map(this.keeper.held.map((lease) => [lease.leaseKey, lease.tenure!]));
  }

  /** Whether this process may hand out data of the lease now; one that is paused or dead hands out nothing. */
  holds(leaseKey: string): boolean {
    const tenure = this.#gained.get(leaseKey);
    return tenure !== undefined && !this.process.paused && this.keeper.confirmCurrent(leaseKey, tenure);
  }

  /** The process is gone, in the middle of whatever it did. */
  kill(): void {
    this.state = 'killed';
    this.process.pause();
    for (const { reading } of this.#readers.values()) reading.endedAtMillis = this.process.monotonicMillis();
  }

  pause(): void {
    this.process.pause();
  }

  resume(): void {
    if (this.state !== 'killed') this.process.resume();
  }

  /** Cuts the process off from the table; it goes on running. */
  isolate(): void {
    this.process.isolated = true;
  }

  /** Ends `isolate`. */
  reconnect(): void {
    this.process.isolated = false;
  }

  /** A clean stop. */
  async stop(): Promise<void> {
    this.state = 'stopping';
    await this.#leave();
    this.state = 'stopped';
  }

  async #leave(): Promise<void> {
    const { signal } = new AbortController();
    await this.coordinator.stopTaking(signal);
    for (const [leaseKey, { tenure }] of this.#readers) void this.#finish(leaseKey, tenure);
    await Promise.all(this.#finishing);
    await this.coordinator.releaseAll(signal);
    this.#loops.abort(new Error('the worker has stopped'));
  }
}

/** What is known of a shard that is being read. */
interface Reader {
  readonly tenure: number;
  /** The sequence number of the next record. */
  next: bigint;
  readonly reading: Reading;
  readonly stopped: LinkedController;
}
