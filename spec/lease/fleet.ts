import { linkedController } from '../../lib/base/abort.ts';
import { type CancelTimer, type Clock, pause } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { positionOf } from '../../lib/base/position.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import type { Shard } from '../../lib/kinesis/shard.ts';
import type { LeaseLost } from '../../lib/lease/keeper-messages.ts';
import { LeaseCoordinator, type LeaseCoordinatorOptions } from '../../lib/lease/lease-coordinator.ts';
import { LeaseKeeper } from '../../lib/lease/lease-keeper.ts';
import type { LeaseTable } from '../../lib/lease/lease-table.ts';
import { type AssignPlan, type Move, planByLeaseCount } from '../../lib/lease/plan/assign-plan.ts';
import type { InitialPosition } from '../../lib/lease/plan/shard-sync-plan.ts';
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
      scan: (signal) => call(() => table.scan(signal)),
      listKeysOwnedBy: (name, signal) => call(() => table.listKeysOwnedBy(name, signal)),
      get: (key, signal) => call(() => table.get(key, signal)),
      createIfAbsent: (lease, signal) => call(() => table.createIfAbsent(lease, signal)),
      write: (write, signal) => call(() => table.write(write, signal)),
      putWorker: (row, signal) => call(() => table.putWorker(row, signal)),
      deleteWorker: (row, signal) => call(() => table.deleteWorker(row, signal)),
    };
  }
}

/** Options of {@link Fleet}. */
export interface FleetOptions {
  readonly shards?: readonly Shard[];
  readonly initialPosition?: InitialPosition;
  readonly plan?: AssignPlan;
}

/** Workers of one application on one table and one virtual clock. */
export class Fleet {
  readonly clock = new VirtualClock();
  readonly table = new FakeLeaseTable();
  readonly workers: FleetWorker[] = [];
  readonly options: FleetOptions;
  /** All calls that change the table, in order. */
  readonly changes: LeaseTableCall[] = [];

  constructor(options: FleetOptions = {}) {
    this.options = options;
    this.table.intercept = (call) => this.noteCall(call);
  }

  /** For interceptors that add to the fleet's own. */
  noteCall(call: LeaseTableCall): void {
    if (['createIfAbsent', 'write', 'putWorker', 'deleteWorker'].includes(call.name)) this.changes.push(call);
  }

  /** Starts a process; a name may be used again. */
  start(name: string, options: Partial<LeaseCoordinatorOptions> = {}): FleetWorker {
    const worker = new FleetWorker(this, name, options);
    this.workers.push(worker);
    return worker;
  }

  get leaseKeys(): readonly string[] {
    return (this.options.shards ?? sixShards).map((shard) => shard.shardId);
  }

  /** The workers that may hand out data of a lease at this moment. */
  holdersOf(leaseKey: string): readonly FleetWorker[] {
    return this.workers.filter((worker) => worker.holds(leaseKey));
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

/** Six open shards. */
export const sixShards: readonly Shard[] = Array.from({ length: 6 }, (_, index) => shardOf(index));

/** One process with its keeper, its coordinator and a reader that reads one record every second of every lease. */
export class FleetWorker {
  readonly name: string;
  readonly process: Process;
  readonly keeper: LeaseKeeper;
  readonly coordinator: LeaseCoordinator;
  readonly events: MillraceEvent[] = [];
  readonly lost: LeaseLost[] = [];
  readonly moves: Move[] = [];
  readonly ended: Promise<void>;
  state: 'starting' | 'running' | 'stopping' | 'stopped' | 'failed' | 'killed' = 'starting';
  fault: unknown;
  readonly #loops = linkedController();
  readonly #moving = new Set<string>();

  constructor(fleet: Fleet, name: string, options: Partial<LeaseCoordinatorOptions>) {
    this.name = name;
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
    this.keeper = new LeaseKeeper({ ...common, onLost: (lost) => this.lost.push(lost) });
    this.coordinator = new LeaseCoordinator({
      ...common,
      keeper: this.keeper,
      syncer: new ShardSyncer({ ...common, stream, listShards: () => Promise.resolve(shards) }),
      stream: { ...stream, streamName: 'orders' },
      plan: fleet.options.plan ?? planByLeaseCount,
      applicationName: 'mailer',
      leaseDiscoveryIntervalMillis: 1_000,
      maxLeasesForWorker: Number.MAX_SAFE_INTEGER,
      exclusive: false,
      onGained: (lease) => void this.#read(lease.leaseKey, lease.tenure!),
      onSurplus: (move) => void this.#giveAway(move),
      onSnapshot: () => {},
      ...options,
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

  /** Reads and checkpoints as long as it may. */
  async #read(leaseKey: string, tenure: number): Promise<void> {
    const { signal } = this.#loops;
    let position = 0n;
    while (await pause(this.process, 1_000, signal)) {
      if (!this.keeper.confirmCurrent(leaseKey, tenure)) return;
      position += 1n;
      if (position % 5n !== 0n) continue;
      const checkpoint = positionOf(BigInt(tenure) * 1_000_000n + position);
      const asked = this.keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint });
      if ((await asked.catch(() => 'lost')) === 'lost') return;
    }
  }

  async #giveAway(move: Move): Promise<void> {
    const tenure = this.keeper.held.find((lease) => lease.leaseKey === move.leaseKey)?.tenure;
    if (tenure === undefined || this.#moving.has(move.leaseKey)) return;
    this.#moving.add(move.leaseKey);
    this.moves.push(move);
    await this.keeper.ask({ type: 'release', leaseKey: move.leaseKey, tenure, to: move.to }).catch(() => 'lost');
    this.#moving.delete(move.leaseKey);
  }

  get tenures(): ReadonlyMap<string, number> {
    return new Map(this.keeper.held.map((lease) => [lease.leaseKey, lease.tenure!]));
  }

  /** Whether this process may hand out data of the lease now; one that is paused or dead hands out nothing. */
  holds(leaseKey: string): boolean {
    const tenure = this.tenures.get(leaseKey);
    return tenure !== undefined && !this.process.paused && this.keeper.confirmCurrent(leaseKey, tenure);
  }

  /** The process is gone, in the middle of whatever it did. */
  kill(): void {
    this.state = 'killed';
    this.process.pause();
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
    await this.coordinator.releaseAll(signal);
    this.#loops.abort(new Error('the worker has stopped'));
  }
}
