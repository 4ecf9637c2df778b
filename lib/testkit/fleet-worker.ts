import { MillraceError, toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import type { MillraceEvent } from '../event/event.ts';
import { createPollingReader } from '../kinesis/polling-reader.ts';
import { toKinesisFault } from '../kinesis/fault.ts';
import { dynamoFault } from '../lease/dynamo/dynamo-fault.ts';
import type { AssignmentPlan } from '../lease/plan/utilization-types.ts';
import type { Measurements } from '../lease/worker-reporter.ts';
import { Receiver } from '../receiver/receiver.ts';
import type { ReceiverSettings } from '../receiver/receiver-options.ts';
import type { CheckedWorker, Checker, WorkerLimits } from './checkers/checker.ts';
import type { FakeKinesis } from './fake-kinesis.ts';
import type { FakeLeaseTable } from './fake-lease-table.ts';
import { type FinishingOptions, type FleetConsumer, consumeBlocks } from './fleet-consumer.ts';
import { forkRandom } from './fork-random.ts';
import { KinesisView, type PageFault, calmPages } from './kinesis-view.ts';
import type { TableHistory } from './table-history.ts';
import { type ReadFault, TableView, calmReads } from './table-view.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { Wire, type WireFault, type WireOptions } from './wire.ts';
import { WorkerProcess, type WorkerProcessOptions } from './worker-process.ts';

/** Any fault of what a worker sees of the table or of the stream. */
export type ViewFault = WireFault | ReadFault | PageFault;

/** The world of a worker. */
export interface FleetWorld {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly kinesis: FakeKinesis;
  readonly table: FakeLeaseTable;
  readonly history: TableHistory;
  /** Everything that watches. */
  readonly watch: Required<Omit<Checker, 'promise' | 'onLease' | 'onLock'>>;
  /** Told of whose call comes next. */
  readonly onPerform: (worker: FleetWorker) => void;
  readonly onFault: (worker: FleetWorker, fault: ViewFault, operation: string) => void;
  /** Told of what a worker did, for the trace. */
  readonly tell: (worker: FleetWorker, text: string) => void;
}

/** How one worker is made. */
export interface FleetWorkerOptions extends FinishingOptions, Omit<WorkerProcessOptions, 'clock'> {
  readonly name: string;
  /** Which process of this name it is, from 1. */
  readonly incarnation: number;
  readonly settings: ReceiverSettings;
  readonly consumer: FleetConsumer;
  /** Pause between reads of a shard that is caught up: 1,000 ms. */
  readonly idleTimeBetweenReadsInMillis?: number;
  /** How it assigns when it leads. */
  readonly plan: AssignmentPlan;
  /** What it reports of its load; nothing, so that it is judged by the throughput of its leases. */
  readonly measurements?: () => Measurements;
  readonly wire?: Pick<WireOptions, 'maxLatencyMillis' | 'maxSlowMillis' | 'timeoutMillis'>;
}

/** How a worker has ended. */
export type WorkerEnd = { readonly type: 'drained' } | { readonly type: 'fault'; readonly fault: unknown };

/**
 * One worker of a fleet: a receiver with a handler, in a process of its own, behind wires of its own. It runs from the moment
 * it is made.
 */
export class FleetWorker implements CheckedWorker {
  readonly id: string;
  readonly name: string;
  readonly process: WorkerProcess;
  readonly limits: WorkerLimits;
  hasTwin = false;
  wasDenied = false;
  isEnding = false;
  isDropping = false;
  readonly tableWire: Wire;
  readonly kinesisWire: Wire;
  readonly tableView: TableView;
  readonly kinesisView: KinesisView;
  readonly #receiver: Receiver;
  readonly #world: FleetWorld;
  readonly #run: Promise<void>;
  #end: WorkerEnd | undefined;
  /** Shards that wait for their parents, or are read to their end and not ended: few calls matter to them, and not for long. */
  readonly #midway = new Set<string>();

  constructor(world: FleetWorld, options: FleetWorkerOptions) {
    const { clock, seed } = world;
    this.name = options.name;
    this.id = `${options.name}#${options.incarnation}`;
    this.limits = options.settings;
    this.#world = world;
    this.process = new WorkerProcess({ ...options, clock });
    const randomOf = (purpose: string) => forkRandom(seed, `${this.id} ${purpose}`);
    const onFault = (fault: ViewFault, operation: string) => {
      if (fault === 'denied') this.wasDenied = true;
      world.onFault(this, fault, operation);
    };
    const events: EventSink = { publish: (event) => this.#publish(event) };
    const wireTo = (service: string, toFault: WireOptions['toFault']) =>
      new Wire({
        ...options.wire,
        clock,
        process: this.process,
        random: randomOf(service),
        toFault,
        onFault,
        onCall: (operation) => world.watch.onCall(this, operation),
      });
    this.tableWire = wireTo('table', (error, _operation, signal) => {
      return dynamoFault(error, options.settings.tableName, signal);
    });
    this.kinesisWire = wireTo('kinesis', (error, operation, signal) => {
      const cause = signal.aborted ? new DOMException(String(signal.reason), 'AbortError') : error;
      return toKinesisFault(cause, { operation, stream: world.kinesis.streamName });
    });
    this.tableView = new TableView({
      ...world,
      wire: this.tableWire,
      random: randomOf('reads'),
      onAsk: (call) => world.watch.onAsk(this, call),
      onPerform: () => world.onPerform(this),
      onFault,
    });
    this.kinesisView = new KinesisView({
      ...world,
      name: this.id,
      process: this.process,
      wire: this.kinesisWire,
      random: randomOf('pages'),
      events,
      onFault,
    });
    const random = randomOf('worker');
    this.#receiver = this.#compose(options, random, events);
    this.#run = this.#live(options, random, events);
  }

  /** The one place that knows how a worker is put together. */
  #compose(options: FleetWorkerOptions, random: Random, events: EventSink): Receiver {
    const { settings, plan, measurements, idleTimeBetweenReadsInMillis } = options;
    const { kinesis } = this.#world;
    const clock = this.process;
    const api = this.kinesisView.port;
    const table = this.tableView.port;
    const { streamName } = kinesis;
    const pace = idleTimeBetweenReadsInMillis === undefined ? {} : { idleTimeBetweenReadsInMillis };
    const reader = createPollingReader({ api, streamName, clock, random, events, ...pace });
    const load = measurements === undefined ? {} : { measurements };
    return new Receiver({ api, reader, table, plan, clock, random, events, settings, ...load });
  }

  async #live(options: FleetWorkerOptions, random: Random, events: EventSink): Promise<void> {
    const { watch, tell } = this.#world;
    const receiver = this.#receiver;
    let failure: { readonly thrown: unknown } | undefined;
    const consuming = consumeBlocks({
      ...options,
      receiver,
      process: this.process,
      worker: this.name,
      random,
      events,
      serviceTimeMillis: () => this.kinesisView.port.serviceTimeMillis(),
      onBlock: (block) => watch.onBlock(this, block),
      onAck: (block) => watch.onAck(this, block),
      onCommitted: (block, outcome) => watch.onCommitted(this, block, outcome),
      onFailed: (thrown) => {
        failure ??= { thrown };
        void receiver.stop(thrown).catch(() => {});
      },
    });
    const running = receiver.run(new AbortController().signal);
    const [run] = await Promise.allSettled([running, consuming]);
    if (failure !== undefined) this.#end = { type: 'fault', fault: failure.thrown };
    else if (run.status === 'rejected') this.#end = { type: 'fault', fault: run.reason };
    else this.#end = { type: 'drained' };
    const fault = this.#end.type === 'fault' ? this.#end.fault : undefined;
    tell(this, fault === undefined ? 'ended' : `ended with ${toMillraceError(fault).message}`);
    watch.onEnded(this, fault);
  }

  #publish(event: MillraceEvent): void {
    // The block itself is told when it is handed out.
    if (event.type !== 'block.sealed') this.#world.tell(this, textOf(event));
    if (event.type === 'lease.gained' && this.#hasParents(event.leaseKey)) this.#midway.add(event.leaseKey);
    if (event.type === 'lease.lost' || event.type === 'lease.released') this.#midway.delete(event.leaseKey);
    if (event.type === 'shard.changed') {
      if (event.to === 'draining') this.#midway.add(event.shardId);
      else this.#midway.delete(event.shardId);
    }
    this.#world.watch.onEvent(this, event);
  }

  #hasParents(leaseKey: string): boolean {
    return this.#world.table.rows.some((row) => row.leaseKey === leaseKey && row.parentShardIds.length > 0);
  }

  /** Whether a shard of this worker waits for its parents or for its own end. */
  get isMidway(): boolean {
    return this.#midway.size > 0;
  }

  /** How the worker has ended; absent while it has not, and for one that was killed. */
  get end(): WorkerEnd | undefined {
    return this.#end;
  }

  /** Whether the worker is alive and not paused. */
  get isRunning(): boolean {
    return this.#end === undefined && this.process.life === 'running';
  }

  /** Whether the worker may still do something: neither killed nor ended. */
  get isAlive(): boolean {
    return this.#end === undefined && this.process.life !== 'killed';
  }

  /** Resolves when the worker has ended, whatever with; never for one that was killed. */
  get ended(): Promise<void> {
    return this.#run;
  }

  /** Ends the worker as SIGTERM does: finishes what it has, within `graceMillis`. */
  async drain(graceMillis = 25_000): Promise<void> {
    this.isEnding = true;
    const deadline = new AbortController();
    const late = () => new MillraceError('MR_DRAIN_TIMEOUT', `the drain took over ${graceMillis} ms`);
    const cancel = this.process.timer(graceMillis, () => deadline.abort(late()));
    await this.#receiver.drain(deadline.signal).catch(() => {});
    cancel();
  }

  /** Ends the worker at once; it still gives its leases back. */
  async stop(): Promise<void> {
    this.isEnding = true;
    this.isDropping = true;
    await this.#receiver.stop().catch(() => {});
  }

  /** Ends the process as `kill -9` does. */
  kill(): void {
    this.process.kill();
  }

  /** Ends the faults of what the worker sees. */
  heal(): void {
    this.tableWire.heal();
    this.kinesisWire.heal();
    this.tableView.odds = calmReads;
    this.kinesisView.odds = calmPages;
    this.kinesisView.unreadable.clear();
  }
}

function textOf(event: MillraceEvent): string {
  const { type, ...fields } = event;
  const words = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  return [type, ...words].join(' ');
}
