import { alignRows, endedRows } from '../../../lib/app/state/align-rows.ts';
import { heirRowsOf } from '../../../lib/app/state/heir-rows.ts';
import type { StateTables } from '../../../lib/app/state/state-tables.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { deferred } from '../../../lib/base/service.ts';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import { CommitPlace } from '../../../lib/engine/commit/commit-place.ts';
import { EpochKeeper } from '../../../lib/engine/commit/epoch-keeper.ts';
import { codecsOf } from '../../../lib/engine/commit/plan-codecs.ts';
import type { ConfirmEnded } from '../../../lib/engine/commit/pruning.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import { type BatchPlanEngine, type EngineOptions, createEngine } from '../../../lib/engine/engine.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../lib/engine/store/object-store.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import type { EventOf, EventType, MillraceEvent } from '../../../lib/event/event.ts';
import { stateTablesOf } from '../../../lib/testkit/engine/state-tables.ts';
import { EpochPlace, FakeEpochTable } from '../../../lib/testkit/fake-epoch-table.ts';
import { Fleet, type Worker, type WorkerOptions } from '../../receiver/fleet.ts';

/** How a process of an {@link EngineFleet} is started. */
export interface EngineProcessOptions extends WorkerOptions {
  readonly scope: 'shard' | 'application';
  /** Whether the process is killed at an event, before anything else of it happens. */
  readonly diesAt?: (event: MillraceEvent) => boolean;
  readonly engine?: Partial<EngineOptions>;
  /** Versions that can be gone back to: 10. */
  readonly retainedVersions?: number;
}

/** Processes with an engine over a real receiver, on virtual time: one stream, one lease table, one state store. */
export class EngineFleet extends Fleet {
  /** A memory store unless a test gives another one before the first process. */
  store: ObjectStore = new MemoryStore();
  readonly epochPlace = new EpochPlace();
  #processes = 0;

  /** Starts one process; resolves when it reads, in `application` scope as the holder of the epoch. */
  async startEngine(
    build: (stream: DStream<KinesisRecord>) => void,
    options: EngineProcessOptions,
  ): Promise<EngineProcess> {
    const { scope, diesAt, engine: engineOptions, retainedVersions = 10, ...workerOptions } = options;
    this.#processes += 1;
    const random = seededRandom(this.#processes);
    const made = deferred<BatchPlanEngine>();
    const worker = this.start(`process-${this.#processes}`, {
      ...workerOptions,
      drinks: false,
      takesOver: scope === 'application',
      open: async (shard, source, signal) => (await made.promise).open(shard, source, signal),
    });
    const clock = worker.process;
    const bus = new EventBus();
    const started = new EngineProcess(worker);
    bus.subscribe((event) => {
      if (clock.life !== 'running') return;
      started.events.push(event);
      if (diesAt?.(event) === true) started.kill();
    });
    const context = new EngineContext({ batchIntervalMillis: 1_000, state: this.store });
    build(context.addInput<KinesisRecord>(this.kinesis.streamName));
    const plan = context.seal();
    const codecs = codecsOf(plan);
    const place = new CommitPlace({ store: this.store, application: 'app', scope, codecs, random, retainedVersions });
    const signal = started.life.signal;
    const keeper = new EpochKeeper({
      table: new FakeEpochTable(this.epochPlace, { before: () => clock.runs() }),
      applicationName: 'app',
      workerIdentifier: worker.name,
      failoverTimeMillis: 10_000,
      clock,
      random,
      events: bus,
    });
    const epoch = scope === 'application' ? await this.clock.runUntil(keeper.acquire(signal)) : undefined;
    if (epoch !== undefined) {
      void epoch.run(signal);
      await this.#align(place, epoch.pointer, bus);
    }
    const heirRows = async () => heirRowsOf(this.table.rows);
    const confirmEnded: ConfirmEnded = (shards, inner) => endedRows(this.#tables, shards, inner);
    const commits = { place, heirRows, ...(epoch === undefined ? {} : { epoch, confirmEnded }) };
    const source = worker.receiver;
    const engine = createEngine({ plan, source, clock, events: bus, random, commits, ...engineOptions });
    engine.run(signal).catch((thrown: unknown) => (started.fault = thrown));
    made.resolve(engine);
    return started;
  }

  get #tables(): StateTables {
    return stateTablesOf(this.table, new FakeEpochTable(this.epochPlace));
  }

  /** As the holder of the epoch does before it reads. */
  async #align(place: CommitPlace, pointer: string | undefined, events: EventBus): Promise<void> {
    if (pointer === undefined) return;
    const { signal } = new AbortController();
    const { shards = [] } = (await place.manifestOf(pointer, 'the row of application app', signal)) ?? {};
    await alignRows({ tables: this.#tables, streamName: this.kinesis.streamName, shards, events }, signal);
  }
}

/** One process: a receiver and an engine. */
export class EngineProcess {
  readonly worker: Worker;
  /** Of the engine; those of the receiver are the worker's. */
  readonly events: MillraceEvent[] = [];
  readonly life = new AbortController();
  /** What ended the engine. */
  fault: unknown;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  /** Ends it as kill -9 does. */
  kill(): void {
    this.worker.process.kill();
    // Whatever the engine does from here on, it does to nobody.
    queueMicrotask(() => this.life.abort(new Error('killed')));
  }

  get isKilled(): boolean {
    return this.worker.process.life === 'killed';
  }

  eventsOf<T extends EventType>(type: T): EventOf<T>[] {
    const all = [...this.events, ...this.worker.events];
    return all.filter((event): event is EventOf<T> => event.type === type);
  }
}
