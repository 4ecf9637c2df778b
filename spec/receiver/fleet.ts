import { MillraceError } from '../../lib/base/error.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { formatPosition } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import type { EventOf, EventType, MillraceEvent } from '../../lib/event/event.ts';
import { createPollingReader } from '../../lib/kinesis/polling-reader.ts';
import type { LeaseTable } from '../../lib/lease/lease-table.ts';
import { planLeaseCountBased } from '../../lib/lease/plan/lease-count-plan.ts';
import type { AssignmentPlan } from '../../lib/lease/plan/utilization-types.ts';
import { Receiver } from '../../lib/receiver/receiver.ts';
import type { ReceiverOptions, ReceiverSettings } from '../../lib/receiver/receiver-options.ts';
import { FakeKinesis, type FakeKinesisOptions } from '../../lib/testkit/fake-kinesis.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { Process } from './process.ts';

/** What a worker does with a block; when it resolves without `false` the block is acked. */
export type BlockHandler = (block: Block, worker: Worker) => Promise<boolean | void> | boolean | void;

/** How a worker is started. */
export interface WorkerOptions extends Partial<Omit<ReceiverSettings, 'workerIdentifier'>> {
  readonly handle?: BlockHandler;
  /** `false` leaves the blocks to the test. */
  readonly drinks?: boolean;
  /** How far the wall clock of the worker's machine is off. */
  readonly wallSkewMillis?: number;
  /** The table as this worker sees it, for faults. */
  readonly table?: (table: LeaseTable) => LeaseTable;
  /** How it assigns when it leads; by the number of leases unless told otherwise. */
  readonly plan?: AssignmentPlan;
  readonly assignment?: ReceiverOptions['assignment'];
  readonly measurements?: ReceiverOptions['measurements'];
  readonly startAt?: ReceiverOptions['startAt'];
  readonly open?: ReceiverOptions['open'];
  readonly takesOver?: ReceiverOptions['takesOver'];
  /** Records of a page, at most; 10,000 unless told otherwise. */
  readonly maxRecords?: number;
}

/** One step of the history of a fleet. */
export type Step =
  | { readonly type: 'delivered'; readonly worker: string; readonly block: Block; readonly atMillis: number }
  | { readonly type: 'acked'; readonly worker: string; readonly block: Block; readonly atMillis: number };

/** A record that was put. */
export interface PutRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/** A call of the lease table that brought no answer; whether it was applied is unknown. */
export function noAnswer(): MillraceError {
  return new MillraceError('MR_ENDPOINT_UNREACHABLE', 'injected', { reaction: 'retry' });
}

/** Lets time of the worker's process pass. */
export function wait(worker: Worker, millis: number): Promise<void> {
  return new Promise((resolve) => void worker.process.timer(millis, resolve));
}

const defaults: Omit<ReceiverSettings, 'workerIdentifier'> = {
  applicationName: 'app',
  tableName: 'app',
  initialPosition: { type: 'TRIM_HORIZON' },
  until: undefined,
  failoverTimeMillis: 10_000,
  leaseDiscoveryIntervalMillis: 1_000,
  checkpointIntervalMillis: 3_333,
  maxBufferedBytes: 128 * 1024 * 1024,
  blockIntervalMillis: 200,
  blockMaxBytes: 4 * 1024 * 1024,
  blockMaxRecords: 10_000,
  maxUnackedBlocks: 64,
};

/** Workers of one application over one stream, on virtual time, with the history of what they handed out. */
export class Fleet {
  readonly clock = new VirtualClock();
  readonly kinesis: FakeKinesis;
  readonly table = new FakeLeaseTable();
  readonly history: Step[] = [];
  readonly produced: PutRecord[] = [];
  readonly workers: Worker[] = [];

  constructor(options: Omit<FakeKinesisOptions, 'clock'> = {}) {
    this.kinesis = new FakeKinesis({ clock: this.clock, latencyMillis: 5, ...options });
  }

  /** Puts records, each with its running number as data; into one shard, or spread by key. */
  put(count: number, shardId?: string): void {
    for (let index = 0; index < count; index += 1) {
      const number = String(this.produced.length);
      if (shardId === undefined) this.produced.push(this.kinesis.put(`key ${number}`, number));
      else this.produced.push({ shardId, ...this.kinesis.putTo(shardId, number) });
    }
  }

  start(name: string, options: WorkerOptions = {}): Worker {
    const worker = new Worker(this, name, options);
    this.workers.push(worker);
    return worker;
  }

  /** How often each record was handed out, by its running number. */
  get timesDelivered(): readonly number[] {
    const counts = new Map<string, number>();
    for (const step of this.history) {
      if (step.type !== 'delivered') continue;
      for (const { shardId, sequenceNumber } of step.block.records) {
        const key = `${shardId} ${sequenceNumber}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    return this.produced.map(({ shardId, sequenceNumber }) => counts.get(`${shardId} ${sequenceNumber}`) ?? 0);
  }

  /** Numbers of the records that nobody was given, and of those given more than once. */
  get verdict(): { readonly missing: readonly number[]; readonly repeated: readonly number[] } {
    const times = this.timesDelivered;
    const numbers = times.map((_, number) => number);
    return {
      missing: numbers.filter((number) => times[number] === 0),
      repeated: numbers.filter((number) => (times[number] ?? 0) > 1),
    };
  }

  get allDelivered(): boolean {
    return this.timesDelivered.every((times) => times > 0);
  }

  /** The checkpoints of the rows as text. */
  get checkpoints(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.table.rows.map((row) => [row.leaseKey, formatPosition(row.checkpoint)]));
  }

  /** The owners of the rows; empty for none. */
  get owners(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.table.rows.map((row) => [row.leaseKey, row.leaseOwner ?? '']));
  }

  /** Whether every lease is at the end of its shard or of what was put there. */
  get isCheckpointed(): boolean {
    return this.table.rows.every((row) => {
      const last = this.produced.findLast((put) => put.shardId === row.leaseKey);
      if (row.checkpoint.kind === 'SHARD_END' || last === undefined) return true;
      return formatPosition(row.checkpoint) === `${last.sequenceNumber}:0`;
    });
  }
}

/** One worker of a fleet: a receiver, whatever drinks from it, and the process they live in. */
export class Worker {
  readonly name: string;
  readonly process: Process;
  readonly receiver: Receiver;
  readonly events: MillraceEvent[] = [];
  readonly blocks: Block[] = [];
  /** How the run ended: `undefined` while it runs, `'resolved'`, or what it threw. */
  outcome: unknown;
  readonly #run: Promise<unknown>;
  readonly #abort = new AbortController();

  constructor(fleet: Fleet, name: string, options: WorkerOptions) {
    const { handle = () => {}, drinks = true, wallSkewMillis, table, ...others } = options;
    const { plan = planLeaseCountBased, assignment, measurements, startAt, open, takesOver, ...rest } = others;
    const { maxRecords, ...settings } = rest;
    this.name = name;
    this.process = new Process(fleet.clock, wallSkewMillis);
    const clock = this.process;
    const random = seededRandom(fleet.workers.length + 1);
    const events = { publish: (event: MillraceEvent) => void this.events.push(event) };
    const api = this.process.connect(fleet.kinesis, name, events);
    const own = this.process.connectTable(fleet.table);
    this.receiver = new Receiver({
      api,
      reader: createPollingReader({
        api,
        streamName: fleet.kinesis.streamName,
        clock,
        random,
        events,
        ...(maxRecords === undefined ? {} : { maxRecords }),
      }),
      table: table === undefined ? own : table(own),
      plan,
      ...(assignment === undefined ? {} : { assignment }),
      ...(measurements === undefined ? {} : { measurements }),
      ...(startAt === undefined ? {} : { startAt }),
      ...(open === undefined ? {} : { open }),
      ...(takesOver === undefined ? {} : { takesOver }),
      clock,
      random,
      events,
      settings: { ...defaults, ...settings, workerIdentifier: name },
    });
    const drinking = drinks ? this.#drink(fleet, handle) : Promise.resolve();
    this.#run = Promise.allSettled([this.receiver.run(this.#abort.signal), drinking]).then(([run]) => {
      this.outcome = run.status === 'fulfilled' ? 'resolved' : run.reason;
    });
  }

  async #drink(fleet: Fleet, handle: BlockHandler): Promise<void> {
    const lanes = new Map<string, Promise<void>>();
    const work = async (block: Block) => {
      if ((await handle(block, this)) === false) return;
      await this.process.runs();
      fleet.history.push({ type: 'acked', worker: this.name, block, atMillis: fleet.clock.monotonicMillis() });
      this.receiver.ack(block.range);
    };
    for await (const block of this.receiver.blocks) {
      await this.process.runs();
      this.blocks.push(block);
      fleet.history.push({ type: 'delivered', worker: this.name, block, atMillis: fleet.clock.monotonicMillis() });
      const before = lanes.get(block.shardId) ?? Promise.resolve();
      const next = before.then(() => work(block));
      lanes.set(block.shardId, next);
    }
  }

  /** Resolves when the run has ended, whatever it ended with. */
  get ended(): Promise<unknown> {
    return this.#run;
  }

  get hasEnded(): boolean {
    return this.outcome !== undefined;
  }

  /** Numbers of the records that this worker was given, in order. */
  get numbers(): readonly number[] {
    return this.blocks.flatMap((block) => block.records.map((record) => Number(record.text())));
  }

  eventsOf<T extends EventType>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** Drains as SIGTERM does. */
  drain(graceMillis = 25_000): Promise<void> {
    const deadline = new AbortController();
    this.process.timer(graceMillis, () => deadline.abort(new Error('grace is over')));
    const drained = this.receiver.drain(deadline.signal);
    drained.catch(() => {});
    return drained;
  }

  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }
}
