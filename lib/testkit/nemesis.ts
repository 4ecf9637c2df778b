import type { Random } from '../base/random.ts';
import { isEnded } from '../lease/lease.ts';
import { type NemesisAct, type SimulationSetup, nemesisActs } from './faults.ts';
import type { Fleet } from './fleet.ts';
import type { FleetWorker } from './fleet-worker.ts';
import { between, chance, pick, wholeBetween } from './fork-random.ts';

/** What a {@link Nemesis} needs of the simulation. */
export interface NemesisOptions {
  readonly fleet: Fleet;
  readonly setup: SimulationSetup;
  readonly random: Random;
  /** Starts a worker with the drawn clocks and faults. */
  readonly startWorker: (name: string) => FleetWorker;
  readonly onAct: (act: NemesisAct) => void;
}

/** What may be done to any worker that runs. */
type Affliction = Exclude<
  NemesisAct,
  'split' | 'merge' | 'trim' | 'forget' | 'loseLease' | 'denyMidway' | 'drainNext' | 'join' | LeaderStrike
>;

/** How often, and how closely, a shard that waits is looked out for; what it needs is refused for long enough to be asked for. */
const midwayLooks = 200;
const midwayLookMillis = 50;
const midwayDenialMillis = 1_500;
/** What a shard asks the table for while it waits for its parents, and while it ends. */
const midwayOperations = ['get', 'createIfAbsent'];

/** What may be done to the leader. */
type LeaderStrike = keyof typeof leaderStrikes;

const leaderStrikes = {
  killLeader: 'kill',
  pauseLeader: 'pause',
  cutLeader: 'cutTable',
  deafLeader: 'deafTable',
  fadeLeader: 'fadeTable',
} as const;

/** No stream of a simulation has more open shards. */
const maxOpenShards = 16;

/** Does to the fleet what the seed has drawn, one act after another, until it is called off. */
export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #undo = new Set<() => void>();
  #cancel: (() => void) | undefined;
  #isOver = false;
  #names = 0;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Plans the next act. */
  begin(): void {
    const { random, setup, fleet } = this.#options;
    if (this.#isOver) return;
    // Exponential gaps, so that acts come in bunches too.
    const gapMillis = -Math.log(1 - random.next()) * setup.actEveryMillis;
    this.#cancel = fleet.clock.timer(gapMillis, () => {
      this.#act();
      this.begin();
    });
  }

  /** Ends it, and undoes what it has done: paused workers go on, cut wires are whole. */
  end(): void {
    this.#isOver = true;
    this.#cancel?.();
    for (const undo of this.#undo) undo();
  }

  #act(): void {
    const { random, setup, onAct } = this.#options;
    const total = nemesisActs.reduce((sum, act) => sum + setup.acts[act], 0);
    if (total === 0) return;
    let left = random.next() * total;
    const act = nemesisActs.find((one) => (left -= setup.acts[one]) < 0) ?? 'kill';
    if (this.#perform(act)) onAct(act);
  }

  /** Whether there was anything to do it to. */
  #perform(act: NemesisAct): boolean {
    switch (act) {
      case 'split':
      case 'merge':
      case 'trim':
      case 'forget':
        return this.#reshape(act);
      case 'loseLease':
        this.#options.fleet.loseNextLease();
        return true;
      case 'denyMidway':
        this.#denyMidway(midwayLooks);
        return true;
      case 'drainNext':
        this.#drainNext(midwayLooks);
        return true;
      case 'killLeader':
      case 'pauseLeader':
      case 'cutLeader':
      case 'deafLeader':
      case 'fadeLeader':
        return this.#strikeLeader(act);
      case 'join':
        return this.#join();
      default: {
        const { fleet, random } = this.#options;
        const alive = fleet.workers.filter((worker) => worker.isRunning);
        if (alive.length === 0) return false;
        return this.#afflict(act, pick(random, alive));
      }
    }
  }

  /**
   * What a refused permission does to a shard that waits for its parents, or for its own end, is seen only while one waits, and
   * that is never long: so the next one is lain in wait for.
   */
  #denyMidway(looks: number): void {
    const { fleet } = this.#options;
    const worker = fleet.workers.find((one) => one.isRunning && one.isMidway);
    if (worker !== undefined) this.#deny(worker, midwayOperations, midwayDenialMillis);
    else if (looks > 0) fleet.clock.timer(midwayLookMillis, () => this.#isOver || this.#denyMidway(looks - 1));
  }

  /** A handoff takes a few seconds: the next one is lain in wait for, and the worker to which it goes is told to drain. */
  #drainNext(looks: number): void {
    const { fleet } = this.#options;
    const pending = fleet.table.rows.find(({ checkpointOwner }) => checkpointOwner !== undefined);
    const next = fleet.workers.find((one) => one.isRunning && one.name === pending?.leaseOwner);
    if (next !== undefined) this.#drain(next, 25_000);
    else if (looks > 0) fleet.clock.timer(midwayLookMillis, () => this.#isOver || this.#drainNext(looks - 1));
  }

  #drain(worker: FleetWorker, graceMillis: number): void {
    this.#say(worker, 'is told to drain');
    void worker.drain(graceMillis).then(() => this.#restartLater(worker));
  }

  /** One of the worker's shards cannot be read by it for a while, for a reason that does not pass. */
  #makeUnreadable(worker: FleetWorker): boolean {
    const { fleet, random, setup } = this.#options;
    const held = fleet.table.rows.filter((row) => row.leaseOwner === worker.name && !isEnded(row));
    if (held.length === 0) return false;
    const { leaseKey } = pick(random, held);
    const millis = between(random, 0.1, 4) * setup.settings.failoverTimeMillis;
    this.#say(worker, `cannot read ${leaseKey} for ${Math.round(millis)} ms`);
    worker.kinesisView.unreadable.add(leaseKey);
    this.#later(fleet, millis, () => worker.kinesisView.unreadable.delete(leaseKey));
    return true;
  }

  #deny(worker: FleetWorker, operations: readonly string[], millis: number): void {
    this.#say(worker, `has no permission for ${operations.join(' and ')} for ${Math.round(millis)} ms`);
    worker.tableWire.denies = operations;
    this.#later(this.#options.fleet, millis, () => {
      worker.tableWire.denies = false;
    });
  }

  /** The leader is one of many; what happens to it alone would be rare. */
  #strikeLeader(act: LeaderStrike): boolean {
    const { fleet } = this.#options;
    const leader = fleet.workers.find((worker) => worker.isRunning && worker.name === fleet.table.lock?.ownerName);
    if (leader === undefined) return false;
    return this.#afflict(leaderStrikes[act], leader);
  }

  #afflict(act: Affliction, worker: FleetWorker): boolean {
    const { fleet, random, setup, startWorker } = this.#options;
    const { failoverTimeMillis } = setup.settings;
    switch (act) {
      case 'kill':
        this.#say(worker, 'is killed');
        worker.kill();
        this.#restartLater(worker);
        return true;
      case 'drain':
        this.#drain(worker, pick(random, [0, 1_000, 25_000]));
        return true;
      case 'unreadable':
        return this.#makeUnreadable(worker);
      case 'stop':
        this.#say(worker, 'is told to stop');
        void worker.stop().then(() => this.#restartLater(worker));
        return true;
      case 'pause':
        return this.#pause(worker, between(random, 0.1, 3) * failoverTimeMillis, false);
      case 'suspend':
        return this.#pause(worker, between(random, 0.1, 3) * failoverTimeMillis, true);
      case 'block':
        return this.#pause(worker, between(random, 20, 1_500), false);
      case 'wallJump': {
        const millis = Math.round((random.next() - 0.5) * 2 * pick(random, [1_000, failoverTimeMillis, 86_400_000]));
        this.#say(worker, `has its wall clock moved by ${millis} ms`);
        worker.process.jumpWall(millis);
        return true;
      }
      case 'fadeTable':
        return this.#fade(worker);
      case 'twin':
        // Rare: it ends both workers' work for a while.
        if (!chance(random, 0.2)) return false;
        this.#say(worker, 'gets a twin');
        startWorker(worker.name);
        return true;
      default:
        return this.#disturb(act, worker, between(random, 0.1, 4) * failoverTimeMillis, fleet);
    }
  }

  /**
   * A way to the table that gets worse: first no answer comes, then a few, then nothing goes through. What was applied before
   * the last answers counts for others from when it was applied, and for the worker from when it was sent.
   */
  #fade(worker: FleetWorker): boolean {
    const { fleet, random, setup } = this.#options;
    const { failoverTimeMillis } = setup.settings;
    const deafMillis = between(random, 0.2, 0.7) * failoverTimeMillis;
    this.#say(worker, `hears nothing of the table for ${Math.round(deafMillis)} ms, and then little`);
    const wire = worker.tableWire;
    wire.answersPass = false;
    this.#later(fleet, deafMillis, () => {
      wire.answersPass = true;
      if (!this.#isOver) wire.answersUntilCut = wholeBetween(random, 1, 4);
    });
    this.#later(fleet, deafMillis + between(random, 1, 2) * failoverTimeMillis, () => {
      wire.requestsPass = true;
      wire.answersPass = true;
      wire.answersUntilCut = undefined;
    });
    return true;
  }

  /** Disturbs a wire for a while. */
  #disturb(
    act: 'cutTable' | 'cutKinesis' | 'deafTable' | 'deafKinesis' | 'denyTable' | 'denyKinesis',
    worker: FleetWorker,
    millis: number,
    fleet: Fleet,
  ): boolean {
    const wire = act.endsWith('Table') ? worker.tableWire : worker.kinesisWire;
    const service = act.endsWith('Table') ? 'the table' : 'the stream';
    if (act.startsWith('cut')) {
      this.#say(worker, `is cut off from ${service} for ${Math.round(millis)} ms`);
      wire.requestsPass = false;
      wire.answersPass = false;
    } else if (act.startsWith('deaf')) {
      this.#say(worker, `hears nothing of ${service} for ${Math.round(millis)} ms`);
      wire.answersPass = false;
    } else {
      this.#say(worker, `has no permission for ${service} for ${Math.round(millis / 10)} ms`);
      wire.denies = true;
    }
    this.#later(fleet, act.startsWith('deny') ? millis / 10 : millis, () => {
      wire.requestsPass = true;
      wire.answersPass = true;
      wire.denies = false;
    });
    return true;
  }

  #pause(worker: FleetWorker, millis: number, clockStoodStill: boolean): boolean {
    const { fleet, random } = this.#options;
    const timersFirst = chance(random, 0.5);
    this.#say(worker, `${clockStoodStill ? 'is suspended' : 'stands still'} for ${Math.round(millis)} ms`);
    worker.process.pause();
    this.#later(fleet, millis, () => worker.process.resume({ timersFirst, clockStoodStill }));
    return true;
  }

  #join(): boolean {
    const { fleet, setup, startWorker } = this.#options;
    if (fleet.workers.filter((worker) => worker.isAlive).length >= setup.maxWorkers) return false;
    this.#names += 1;
    startWorker(`joined-${this.#names}`);
    return true;
  }

  /** As an orchestrator does: under the same name or another, soon or late. */
  #restartLater(worker: FleetWorker): void {
    const { fleet, random, setup, startWorker } = this.#options;
    const name = chance(random, 0.5) ? worker.name : `${worker.name}'`;
    fleet.clock.timer(between(random, 0, 2) * setup.settings.failoverTimeMillis, () => {
      if (!this.#isOver && fleet.workers.filter((other) => other.isAlive).length < setup.maxWorkers) startWorker(name);
    });
  }

  #reshape(act: 'split' | 'merge' | 'trim' | 'forget'): boolean {
    const { fleet, random } = this.#options;
    const open = [...fleet.kinesis.openShards].sort((a, b) =>
      BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1,
    );
    switch (act) {
      case 'split':
        if (open.length >= maxOpenShards) return false;
        fleet.split(pick(random, open).shardId);
        return true;
      case 'merge': {
        if (open.length < 2) return false;
        const index = Math.floor(random.next() * (open.length - 1));
        fleet.merge(open[index]?.shardId as string, open[index + 1]?.shardId as string);
        return true;
      }
      case 'trim':
        return fleet.trimFinished(random);
      case 'forget':
        return fleet.forgetFinished(random);
    }
  }

  #later(fleet: Fleet, millis: number, action: () => unknown): void {
    const undo = () => {
      cancel();
      this.#undo.delete(undo);
      action();
    };
    const cancel = fleet.clock.timer(millis, undo);
    this.#undo.add(undo);
  }

  #say(worker: FleetWorker, text: string): void {
    this.#options.fleet.trace.add(worker.id, text);
  }
}
