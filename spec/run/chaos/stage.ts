import { join } from 'node:path';
import { readFileSync, statSync } from 'node:fs';
import { systemClock, pause, sleep } from '../../../lib/base/clock.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import type { ConsumerOptions } from '../../../lib/index.ts';
import { testCredentials, testRegion } from '../../support/local-stack.ts';
import { type Excuse, type LateWork, placeOf } from './audit.ts';
import { Holdings } from './holdings.ts';
import { machineMillis } from './ledger-line.ts';
import { Load } from './load.ts';
import type { Services } from './services.ts';
import { voidingStallMillis } from './stalls.ts';
import { StreamControl } from './stream-control.ts';
import { ChaosWorker, type WorkerProgram } from './worker-process.ts';
import { type ChaosWorkerSettings, batchIntervalMillis } from './worker-settings.ts';

/** How a stage is set. */
export interface StageOptions {
  readonly services: Services;
  /** A folder of its own, for ledgers and dead letters. */
  readonly folder: string;
  /** Names stream, application and table. */
  readonly name: string;
  readonly shards: number;
  readonly failoverTimeMillis: number;
  readonly program: WorkerProgram;
  /** Options of the workers beside those that the stage sets. */
  readonly options?: Partial<ConsumerOptions>;
  /** Aborts when the harness is ended from outside. */
  readonly signal: AbortSignal;
}

/** What a worker is given beside what all have. */
export type WorkerExtras = Partial<Pick<ChaosWorkerSettings, 'onFailure' | 'poison' | 'handlerMillis' | 'way'>>;

/** The longest that anything is waited for. */
const waitLimitMillis = 60_000;
const lookIntervalMillis = 50;
/** How long the usual handler works on a block. */
const handlerMillis = 20;
/** Beside the interval itself: a checkpoint has to be written, and timers are late on a busy machine. */
const checkpointSlackMillis = 500;

/** A stream under a steady load, workers in processes of their own, and what is known of them. */
export class Stage {
  readonly options: StageOptions;
  readonly control: StreamControl;
  readonly load: Load;
  /** All that were started, those that have ended too. */
  readonly workers: ChaosWorker[] = [];
  readonly excuses: Excuse[] = [];
  readonly lateWork: LateWork[] = [];
  /** What a scenario found wrong. */
  readonly faults: string[] = [];
  /** Processes that may be late from a moment on: they were stopped or blocked on purpose. */
  readonly stalledOnPurpose: {
    readonly worker: string;
    readonly fromMillis: number;
    readonly throughMillis: number;
  }[] = [];
  readonly #holdings = new Map<ChaosWorker, Holdings>();
  readonly #struck = new Set<ChaosWorker>();
  #measuringSinceMillis: number | undefined;

  private constructor(options: StageOptions, control: StreamControl) {
    this.options = options;
    this.control = control;
    this.load = new Load(control.api, options.signal);
  }

  static async set(options: StageOptions): Promise<Stage> {
    const control = await StreamControl.create(options.services, options.name, options.shards);
    return new Stage(options, control);
  }

  /** How often a worker writes checkpoints. */
  get checkpointIntervalMillis(): number {
    return this.options.failoverTimeMillis / 3;
  }

  /** When the durations began to count. */
  get measuringSinceMillis(): number {
    return this.#measuringSinceMillis ?? machineMillis();
  }

  /** The options that all workers have, and whoever administers them. */
  get consumerOptions(): ConsumerOptions {
    const { services, name, failoverTimeMillis, options } = this.options;
    return {
      applicationName: name,
      streamName: name,
      region: testRegion,
      credentials: testCredentials,
      kinesisEndpoint: services.kinesisEndpoint,
      dynamoDBEndpoint: services.dynamoDBEndpoint,
      failoverTimeMillis,
      idleTimeBetweenReadsInMillis: 250,
      // The scenarios are about who reads what when; how leases move by load is another matter.
      leaseAssignmentStrategy: 'LEASE_COUNT_BASED',
      ...options,
    };
  }

  /** Starts a worker under a name; a name whose worker has ended may be used again. */
  start(name: string, extras: WorkerExtras = {}): ChaosWorker {
    const { folder, program } = this.options;
    const settings: ChaosWorkerSettings = {
      options: { ...this.consumerOptions, workerIdentifier: name },
      way: 'handler',
      handlerMillis,
      ...extras,
      ledgerPath: join(folder, `${name}-${this.workers.length + 1}.jsonl`),
    };
    const worker = new ChaosWorker(name, settings, program);
    this.workers.push(worker);
    this.#holdings.set(worker, new Holdings());
    return worker;
  }

  /** The workers that run. */
  get running(): readonly ChaosWorker[] {
    return this.workers.filter((worker) => worker.end === undefined);
  }

  /**
   * Starts workers and the load, and waits until all shards are read; from then on durations count. Then it waits for
   * some part of a further checkpoint interval, so that what is struck next has checkpoints behind it, but not just now.
   */
  async begin(...workers: readonly string[]): Promise<void> {
    for (const name of workers) this.start(name);
    this.load.start();
    await this.settled();
    this.beginMeasuring();
    await this.wait((1 + systemRandom.next()) * this.checkpointIntervalMillis);
  }

  /** From now on durations count. */
  beginMeasuring(): void {
    this.#measuringSinceMillis = machineMillis();
  }

  /** Reads what the ledgers have got. */
  look(): void {
    for (const worker of this.workers) {
      const holdings = this.#holdings.get(worker);
      for (const line of worker.read()) holdings?.note(line);
    }
  }

  /** What a worker holds, as far as its ledger was read. */
  holdingsOf(worker: ChaosWorker): Holdings {
    return this.#holdings.get(worker) ?? new Holdings();
  }

  /** The running worker that holds a shard. */
  holderOf(shardId: string): ChaosWorker | undefined {
    return this.running.find((worker) => this.holdingsOf(worker).shards.includes(shardId));
  }

  /** The worker that leads, and one that does not. */
  get leader(): ChaosWorker {
    return this.#oneOf((worker) => this.holdingsOf(worker).isLeader, 'leads');
  }

  get follower(): ChaosWorker {
    return this.#oneOf((worker) => !this.holdingsOf(worker).isLeader, 'follows');
  }

  #oneOf(fits: (worker: ChaosWorker) => boolean, what: string): ChaosWorker {
    const found = this.running.find((worker) => !this.#struck.has(worker) && fits(worker));
    if (found === undefined) throw new Error(`no worker ${what}: ${this.#state()}`);
    return found;
  }

  /** Waits until a condition holds; a time-out tells the last state. */
  async until(what: string, holds: () => boolean, limitMillis = waitLimitMillis): Promise<void> {
    const giveUpAt = machineMillis() + limitMillis;
    for (;;) {
      this.look();
      if (holds()) return;
      if (machineMillis() > giveUpAt) {
        throw new Error(`not seen within ${limitMillis / 1_000} s: ${what}; the last state: ${this.#state()}`);
      }
      await pause(systemClock, lookIntervalMillis, this.options.signal);
      this.options.signal.throwIfAborted();
    }
  }

  /** Waits until every open shard is handled by one running worker, and all have the same number, give or take one. */
  async settled(limitMillis?: number): Promise<void> {
    await this.until('every open shard is read, evenly', () => this.#isSettled(), limitMillis);
  }

  #isSettled(): boolean {
    const takers = this.running.filter((worker) => !this.#struck.has(worker));
    const open = this.control.openShards.map(({ shardId }) => shardId);
    const isHandled = (shardId: string) =>
      takers.filter((worker) => this.holdingsOf(worker).isHandling(shardId)).length === 1;
    const counts = takers.map((worker) => this.holdingsOf(worker).shards.filter((one) => open.includes(one)).length);
    return open.every(isHandled) && Math.max(...counts) - Math.min(...counts) <= 1;
  }

  /** Lets time pass. */
  wait(millis: number): Promise<void> {
    return sleep(systemClock, millis, this.options.signal);
  }

  /** Asks a worker to finish, and waits until it has ended; anything but exit code 0 is a fault. */
  async terminate(worker: ChaosWorker): Promise<void> {
    worker.signal('SIGTERM');
    await this.ended(worker);
  }

  /** Waits until a worker that was told to finish has ended. */
  async ended(worker: ChaosWorker): Promise<void> {
    await this.until(`${worker.name} has ended`, () => worker.end !== undefined);
    if (worker.end?.code !== 0) this.faults.push(`${worker.name} ended with ${endText(worker)}`);
  }

  /** kill -9: what it did after its last checkpoint may come again. */
  async kill(worker: ChaosWorker): Promise<void> {
    this.#struck.add(worker);
    worker.signal('SIGKILL');
    await worker.ended;
    this.excuseTail(worker, machineMillis());
  }

  /** What a worker did in the last checkpoint interval before a moment may come again, and the batch that was not finished. */
  excuseTail(worker: ChaosWorker, throughMillis: number): void {
    const unfinishedMillis = worker.settings.way === 'engine' ? batchIntervalMillis : 0;
    const fromMillis = throughMillis - this.checkpointIntervalMillis - checkpointSlackMillis - unfinishedMillis;
    this.excuses.push({ worker: worker.name, fromMillis, throughMillis });
  }

  /** Stops a process where it stands; until `resume` it takes no part. */
  freeze(worker: ChaosWorker): void {
    this.#struck.add(worker);
    worker.signal('SIGSTOP');
    const nowMillis = machineMillis();
    this.excuseTail(worker, nowMillis);
    this.lateWork.push({ worker: worker.name, begunBeforeMillis: nowMillis });
    this.stalledOnPurpose.push({ worker: worker.name, fromMillis: nowMillis, throughMillis: Number.POSITIVE_INFINITY });
  }

  resume(worker: ChaosWorker): void {
    worker.signal('SIGCONT');
    this.#struck.delete(worker);
  }

  /** Has a worker's main thread do nothing but compute for a time; its process lives, and so do its other threads. */
  block(worker: ChaosWorker, forMillis: number): void {
    worker.send({ type: 'block', forMillis });
    const fromMillis = machineMillis();
    const throughMillis = fromMillis + forMillis + voidingStallMillis;
    this.stalledOnPurpose.push({ worker: worker.name, fromMillis, throughMillis });
  }

  /** A worker is not counted on any more, though its process may run. */
  giveUpOn(worker: ChaosWorker): void {
    this.#struck.add(worker);
  }

  /** Notes a fault unless the condition holds. */
  expect(holds: boolean, fault: string): void {
    if (!holds) this.faults.push(fault);
  }

  /** The records in the dead-letter files of the workers, as places; one that stands there twice is named twice. */
  deadLetters(): readonly string[] {
    const paths = new Set(this.workers.flatMap(({ settings }) => settings.onFailure?.deadLetterPath ?? []));
    return [...paths].flatMap((path) =>
      linesOf(path).map((line) => {
        const { shardId, sequenceNumber } = JSON.parse(line) as { shardId: string; sequenceNumber: string };
        return placeOf(shardId, sequenceNumber);
      }),
    );
  }

  #state(): string {
    const states = this.workers.map((worker) => {
      const holdings = this.holdingsOf(worker);
      const state = worker.end === undefined ? `holds ${holdings.shards.join(' ') || 'nothing'}` : endText(worker);
      return `${worker.name}${holdings.isLeader ? ' (leader)' : ''}: ${state}${worker.lastOutput === '' ? '' : `, said ${worker.lastOutput}`}`;
    });
    return states.join('; ');
  }

  /** Ends all processes of this stage that are left. */
  async leave(): Promise<void> {
    await this.load.stop().catch(() => {});
    await Promise.all(this.workers.map((worker) => worker.destroy()));
    for (const worker of this.workers) {
      worker.read();
      worker.close();
    }
    this.control[Symbol.dispose]();
  }
}

/** How a worker ended, with the last of what it said. */
export function endText(worker: ChaosWorker): string {
  const { code = null, signal = null } = worker.end ?? {};
  const ended = worker.lines.findLast((line) => line.type === 'ended');
  const fault = ended?.fault === undefined ? '' : `, ${ended.fault}`;
  return `${signal === null ? `code ${code}` : `signal ${signal}`}${fault}`;
}

function linesOf(path: string): readonly string[] {
  try {
    // A device such as /dev/full can be read for ever.
    if (!statSync(path).isFile()) return [];
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
