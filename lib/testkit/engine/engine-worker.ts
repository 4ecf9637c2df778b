import { deadlineController, linkedController } from '../../base/abort.ts';
import { pause } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import type { KinesisRecord } from '../../block/record.ts';
import type { Random } from '../../base/random.ts';
import { deferred } from '../../base/service.ts';
import type { Batch } from '../../engine/batch.ts';
import type { HeirRow } from '../../engine/commit/ended-plan.ts';
import { CommitPlace } from '../../engine/commit/commit-place.ts';
import { type Epoch, EpochKeeper } from '../../engine/commit/epoch-keeper.ts';
import type { EngineCommits } from '../../engine/commit/commit-groups.ts';
import { type BatchPlanEngine, createEngine } from '../../engine/engine.ts';
import type { OutputContext } from '../../engine/node.ts';
import type { BatchStep, MillraceEvent } from '../../event/event.ts';
import { runTogether } from '../../app/run-together.ts';
import { alignRows, endedRows } from '../../app/state/align-rows.ts';
import { heirRowsOf } from '../../app/state/heir-rows.ts';
import { retryWhilePassing } from '../../base/retry.ts';
import { toKinesisFault } from '../../kinesis/fault.ts';
import { createPollingReader } from '../../kinesis/polling-reader.ts';
import { dynamoFault } from '../../lease/dynamo/dynamo-fault.ts';
import { chooseAssignmentPlan } from '../../lease/plan/assignment-plan.ts';
import { Receiver } from '../../receiver/receiver.ts';
import type { OpenShard } from '../../receiver/open-shard.ts';
import { FakeEpochTable } from '../fake-epoch-table.ts';
import { defaultSettings } from '../fleet-options.ts';
import { chance, forkRandom } from '../fork-random.ts';
import { KinesisView, calmPages } from '../kinesis-view.ts';
import { TableView, calmReads } from '../table-view.ts';
import { Wire, type WireOptions } from '../wire.ts';
import { WorkerProcess, type WorkerProcessOptions } from '../worker-process.ts';
import { HarmedBlocks, calmBlocks } from './block-harm.ts';
import { countingPlan } from './counting-plan.ts';
import type { EngineWorld } from './engine-world.ts';
import { EpochView } from './epoch-view.ts';
import { stateTablesOf } from './state-tables.ts';
import { StoreView, calmStore, toStoreFault } from './store-view.ts';
import type { Counted } from './tally.ts';

/** What befalls a process at a step of a batch. */
export interface Trap {
  readonly step: BatchStep;
  /** At which pass of the step. */
  passes: number;
  readonly spring: () => void;
}

/** How likely it is, at each pause of a failing batch, that another shard wants memory. */
const shortMemory = 0.5;

/** How long giving an epoch back may take, as in `app`. */
const releaseTimeoutMillis = 5_000;

/**
 * One process of an application with an engine, put together as `StreamingContext` does: it waits for the epoch where its plan
 * needs one, reads, computes, and commits to a store. It runs from the moment it is made.
 */
export class EngineWorker {
  readonly id: string;
  readonly process: WorkerProcess;
  readonly tableWire: Wire;
  readonly kinesisWire: Wire;
  readonly storeWire: Wire;
  readonly #world: EngineWorld;
  readonly #name: string;
  readonly #random: Random;
  readonly #table: TableView;
  readonly #kinesis: KinesisView;
  readonly #store: StoreView;
  readonly #events = { publish: (event: MillraceEvent) => this.#publish(event) };
  readonly #life = linkedController();
  /** Aborts when a process that waits for the epoch is to end. */
  readonly #leaving = linkedController(this.#life.signal);
  #blocks: HarmedBlocks | undefined;
  #drain: (deadline: AbortSignal) => Promise<unknown> = async () => this.#leaving.abort(left);
  #isOver = false;
  trap: Trap | undefined;

  constructor(world: EngineWorld, name: string, options: Omit<WorkerProcessOptions, 'clock'>) {
    const { clock, setup, kinesis } = world;
    this.#world = world;
    this.#name = name;
    this.id = name;
    this.process = new WorkerProcess({ ...options, clock });
    this.#random = this.#randomOf('worker');
    const onFault = (fault: string, operation: string) => world.noteFault(this.id, fault, operation);
    const wireTo = (service: string, toFault: WireOptions['toFault']) =>
      new Wire({
        clock,
        process: this.process,
        random: this.#randomOf(service),
        maxLatencyMillis: setup.maxLatencyMillis,
        maxSlowMillis: 3 * setup.settings.failoverTimeMillis,
        timeoutMillis: 2 * setup.settings.failoverTimeMillis,
        toFault,
        onFault,
      });
    this.tableWire = wireTo('table', (error, _operation, signal) => dynamoFault(error, 'app', signal));
    this.kinesisWire = wireTo('kinesis', (error, operation, signal) => {
      const cause = signal.aborted ? new DOMException(String(signal.reason), 'AbortError') : error;
      return toKinesisFault(cause, { operation, stream: kinesis.streamName });
    });
    this.storeWire = wireTo('store', toStoreFault);
    const onPerform = () => world.notePerform(this.id);
    this.#table = new TableView({
      ...world,
      wire: this.tableWire,
      random: this.#randomOf('reads'),
      onPerform,
      onFault,
    });
    this.#kinesis = new KinesisView({
      ...world,
      name: this.id,
      process: this.process,
      wire: this.kinesisWire,
      random: this.#randomOf('pages'),
      events: this.#events,
      onFault,
    });
    this.#store = new StoreView({
      store: world.store,
      wire: this.storeWire,
      random: this.#randomOf('objects'),
      onFault,
    });
    if (!world.isCalm()) this.#fall();
    void this.#live();
  }

  /** Whether it may still do something: neither killed nor ended. */
  get isAlive(): boolean {
    return !this.#isOver && this.process.life !== 'killed';
  }

  /** Whether it is alive and not paused. */
  get isRunning(): boolean {
    return !this.#isOver && this.process.life === 'running';
  }

  /** Ends it as SIGTERM does. */
  async drain(graceMillis: number): Promise<void> {
    const deadline = new AbortController();
    const late = () => new MillraceError('MR_DRAIN_TIMEOUT', `the drain took over ${graceMillis} ms`);
    const cancel = this.process.timer(graceMillis, () => deadline.abort(late()));
    await this.#drain(deadline.signal).catch(() => {});
    cancel();
  }

  /** Ends it at once; it still gives back what it holds. */
  stop(): void {
    this.#life.abort(new MillraceError('MR_ABORTED', 'the process was told to stop at once'));
  }

  /** Ends all faults of what it sees. */
  heal(): void {
    for (const wire of [this.tableWire, this.kinesisWire, this.storeWire]) wire.heal();
    this.#table.odds = calmReads;
    this.#kinesis.odds = calmPages;
    this.#store.odds = calmStore;
    this.trap = undefined;
    if (this.#blocks === undefined) return;
    this.#blocks.odds = calmBlocks;
    if (this.#blocks.hasLost) this.stop();
  }

  #fall(): void {
    const { setup } = this.#world;
    this.tableWire.odds = setup.tableOdds;
    this.kinesisWire.odds = setup.kinesisOdds;
    this.storeWire.odds = setup.storeWireOdds;
    this.#table.odds = setup.reads;
    this.#kinesis.odds = setup.pages;
    this.#store.odds = setup.storeOdds;
  }

  #randomOf(purpose: string): Random {
    return forkRandom(this.#world.setup.seed, `${this.id} ${purpose}`);
  }

  async #live(): Promise<void> {
    const { tell, setup } = this.#world;
    let end = 'ended';
    try {
      const place = this.#place();
      if (setup.scope === 'shard') await this.#run({ place, heirRows: (_stream, signal) => this.#heirRows(signal) });
      else await this.#runUnderEpoch(place);
    } catch (thrown) {
      if (thrown !== left) end = `ended with ${String(thrown)}`;
    }
    this.#isOver = true;
    tell(this.id, end);
    this.#world.noteEnd();
  }

  #place(): CommitPlace {
    const { setup, codecs } = this.#world;
    const { snapshotIntervalBatches, retainedVersions, scope } = setup;
    const options = { store: this.#store, application: 'app', scope, codecs, random: this.#random };
    return new CommitPlace({ ...options, snapshotIntervalBatches, retainedVersions });
  }

  async #heirRows(signal: AbortSignal): Promise<readonly HeirRow[]> {
    return heirRowsOf((await this.#table.port.scan(signal, 'consistent')).leases);
  }

  async #runUnderEpoch(place: CommitPlace): Promise<void> {
    const { setup, epochPlace } = this.#world;
    const table = new EpochView({
      table: new FakeEpochTable(epochPlace),
      wire: this.tableWire,
      onPerform: () => this.#world.notePerform(this.id),
    });
    const epoch = await new EpochKeeper({
      table,
      applicationName: 'app',
      workerIdentifier: this.#name,
      failoverTimeMillis: setup.settings.failoverTimeMillis,
      clock: this.process,
      random: this.#random,
      events: this.#events,
    }).acquire(this.#leaving.signal);
    const beating = new AbortController();
    const beats = epoch.run(beating.signal);
    try {
      await this.#run({ place, epoch, ...(await this.#mirror(place, epoch, table)) });
    } finally {
      beating.abort();
      await beats;
      await this.#giveBack(epoch);
    }
  }

  /** The leases follow the commits: what is ahead of them, after a rewind, is brought back before anything is read. */
  async #mirror(
    place: CommitPlace,
    { pointer }: Epoch,
    epochs: EpochView,
  ): Promise<Pick<EngineCommits, 'confirmEnded'>> {
    const [clock, random, events, signal] = [this.process, this.#random, this.#events, this.#leaving.signal];
    const tables = stateTablesOf(this.#table.port, epochs);
    const { streamName } = this.#world.kinesis;
    if (pointer !== undefined) {
      const align = async () => {
        const { shards = [] } = (await place.manifestOf(pointer, 'the row of application app', signal)) ?? {};
        await alignRows({ tables, streamName, shards, events }, signal);
      };
      await retryWhilePassing(align, { clock, random, signal, onFault: () => {} });
    }
    return { confirmEnded: (shards, ending) => endedRows(tables, shards, ending) };
  }

  async #giveBack(epoch: Epoch): Promise<void> {
    const late = () => new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the epoch was not given back in time');
    using deadline = deadlineController(this.process, releaseTimeoutMillis, late);
    await epoch.release(deadline.signal).catch(() => {});
  }

  async #run(commits: EngineCommits): Promise<void> {
    const { setup } = this.#world;
    const engine = deferred<BatchPlanEngine>();
    const open: OpenShard = async (shard, _source, signal) => {
      return (await engine.promise).open(shard, source, signal);
    };
    const receiver = this.#receiver(open);
    const memory = this.#randomOf('memory');
    const source = new HarmedBlocks({
      source: receiver,
      random: this.#randomOf('blocks'),
      runs: () => this.process.runs(),
      isShort: () => !this.#world.isCalm() && chance(memory, shortMemory),
      onFault: (fault, block) => this.#world.noteFault(this.id, fault, block.id),
    });
    this.#blocks = source;
    if (!this.#world.isCalm()) source.odds = setup.blockOdds;
    const made = createEngine({
      plan: countingPlan({
        ...setup,
        store: this.#world.store,
        show: (batch, context) => this.#show(batch, context),
        keep: (batch, context) => this.#keep(batch, context),
      }),
      source,
      clock: this.process,
      random: this.#random,
      events: this.#events,
      commits,
      maximumRetryAttempts: -1,
      retryBackoff: { baseMillis: 100, capMillis: 1_000 },
    });
    engine.resolve(made);
    this.#drain = (deadline) => Promise.all([receiver.drain(deadline), made.drain(deadline)]);
    await runTogether(receiver, this.#life, made.run(this.#life.signal));
  }

  #receiver(open: OpenShard): Receiver {
    const { kinesis, setup } = this.#world;
    const [api, clock, random, events] = [this.#kinesis.port, this.process, this.#random, this.#events];
    const settings = { ...defaultSettings, ...setup.settings, workerIdentifier: this.#name };
    const { streamName } = kinesis;
    return new Receiver({
      api,
      reader: createPollingReader({ api, streamName, clock, random, events, idleTimeBetweenReadsInMillis: 400 }),
      table: this.#table.port,
      plan: chooseAssignmentPlan('LEASE_COUNT_BASED'),
      clock,
      random,
      events,
      settings,
      open,
      takesOver: setup.scope === 'application',
    });
  }

  /** What an output may meet before it has an effect. */
  async #disturb(): Promise<void> {
    const { setup, isCalm } = this.#world;
    const { process } = this;
    await process.runs();
    if (!isCalm() && setup.outputMillis > 0) {
      await pause(process, this.#random.next() * setup.outputMillis, this.#life.signal);
    }
    if (!isCalm() && chance(this.#random, setup.outputFails)) throw new Error('injected: the output fails');
  }

  /** The output that keeps the records of a batch under its id. */
  async #keep(batch: Batch<KinesisRecord>, { group, fence, voided = [] }: OutputContext): Promise<void> {
    await this.#disturb();
    const records = batch.collect().map(({ shardId, sequenceNumber }) => `${shardId} ${sequenceNumber}`);
    const wrong = this.#world.shown.keep(group, batch.id, records);
    this.#world.shown.tellVoided(group, { fence: fence?.number ?? 0, batchId: batch.id, voided });
    if (wrong !== undefined) this.#world.fail(`${this.id} ${wrong}`);
  }

  /** The output that shows the counts after a batch. */
  async #show(batch: Batch<readonly [string, Counted]>, { group, fence }: OutputContext): Promise<void> {
    const { setup, shown } = this.#world;
    await this.#disturb();
    const stranger = batch.ranges.find(({ tenure }) => setup.scope === 'shard' && tenure !== fence?.number);
    if (stranger !== undefined) {
      const { shardId, tenure } = stranger;
      const sentence = `batch ${batch.id} of ${group}, made under fence ${fence?.number}, holds what was read of ${shardId} in tenure ${tenure}`;
      this.#world.fail(sentence);
    }
    shown.put(group, { fence: fence?.number ?? 0, batchId: batch.id, tally: new Map(batch.collect()) });
  }

  #publish(event: MillraceEvent): void {
    const { tell, books, fail } = this.#world;
    const { type, ...fields } = event;
    if (type !== 'block.sealed') tell(this.id, `${type} ${JSON.stringify(fields)}`);
    if (event.type !== 'batch.step') return;
    const { group, batchId, step } = event;
    if (step === 'committed' && this.isRunning) {
      const writer = books.writerOf(group, batchId);
      if (writer !== this.id)
        fail(`${this.id} takes batch ${batchId} of ${group} for committed, and ${writer ?? 'nobody'} did it`);
    }
    if (step === 'planned' && this.isRunning && !books.hasPlanned(group, batchId, this.id)) {
      fail(`${this.id} takes the plan of batch ${batchId} of ${group} for named, and its write was refused`);
    }
    const { trap } = this;
    if (trap?.step !== step) return;
    trap.passes -= 1;
    if (trap.passes > 0) return;
    this.trap = undefined;
    trap.spring();
  }
}

/** Why a process ended that only waited for the epoch. */
const left = new MillraceError('MR_ABORTED', 'the process was told to end while it waited for the epoch');
