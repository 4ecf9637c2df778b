import { type LinkedController, linkedController, stayingController } from '../base/abort.ts';
import { pause, systemClock } from '../base/clock.ts';
import { MillraceError, isMillraceError } from '../base/error.ts';
import { systemRandom } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import { deferred } from '../base/service.ts';
import type { KinesisRecord } from '../block/record.ts';
import { EngineContext, type EngineContextOptions } from '../engine/context.ts';
import type { EngineCommits } from '../engine/commit/commit-groups.ts';
import { type BatchPlanEngine, createEngine } from '../engine/engine.ts';
import type { Plan } from '../engine/plan.ts';
import type { OnKeyNotPlaced } from '../engine/commit/key-placement.ts';
import type { DStream } from '../engine/stream.ts';
import { EventBus, type EventListener } from '../event/bus.ts';
import type { StreamingListener } from '../monitor/listener.ts';
import type { Snapshot } from '../monitor/snapshot/snapshot.ts';
import type { ConfirmEnded } from '../engine/commit/pruning.ts';
import { logEvents } from '../monitor/log-events.ts';
import { HeirRows } from './state/heir-rows.ts';
import { LeaseMirror } from './state/lease-mirror.ts';
import type { OpenShard } from '../receiver/open-shard.ts';
import { type EngineNeeds, settingsOfProgram } from './assembly.ts';
import { withRoomFor } from './block-work.ts';
import { type GetOrCreateOptions, type Recovered, ambientOptions, findRecovery, makeWith } from './recovery.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import { type UiOptions, checkedUiOptions } from './config/ui-options.ts';
import type { RunOptions } from './run-options.ts';
import { defaultLogger } from './default-logger.ts';
import { type StateRetention, checkRecorded, commitPlaceOf, holdEpoch } from './engine-commits.ts';
import { checkReplayable, checkStreamed } from './failure-check.ts';
import { type KinesisInput, openInputs, receiverSettings } from './kinesis-inputs.ts';
import { runTogether } from './run-together.ts';
import { defaultShutdownGraceMillis, drainWithin } from './shutdown.ts';
import { shownContext } from './shown-settings.ts';
import { Watch, addListener, emptySnapshot } from './watch.ts';
import { listenForSignals } from './signals.ts';

/** Options of a {@link StreamingContext}. */
export interface StreamingContextOptions extends EngineContextOptions, StateRetention {
  /** The name that all workers of the program share; it names the lease table. Needed with a Kinesis stream. */
  readonly applicationName?: string;
  /** Further tries of a batch whose functions failed: 3; -1 means without end. Then the run ends with `MR_HANDLER_FAILED`. */
  readonly maximumRetryAttempts?: number;
  /**
   * What becomes of a record whose partition key is of another shard, in a program with state by partition key that is kept:
   * `'FAIL'` (default) ends the run with `MR_KEY_NOT_PLACED`, `'WARN'` tells and counts it, `'OFF'` does not look.
   */
  readonly onKeyNotPlaced?: OnKeyNotPlaced;
  /** How long a function of the program may take to settle, milliseconds: 300,000. Then the run ends with `MR_HANDLER_FAILED`. */
  readonly stalledAfterMillis?: number;
  /** Serves the page of the run, on this machine alone unless it says otherwise; default: none is served. */
  readonly ui?: UiOptions;
}

/** Options of {@link StreamingContext.kinesisStream}: those of a consumer without what the context says for all. */
export type KinesisStreamOptions = Omit<ConsumerOptions, 'applicationName' | 'onFailure' | 'ui'>;

/** How a Kinesis stream is read. */
export interface ReceiversOptions {
  /**
   * How many receivers read the stream in this process, 1 to 64: 1. They share its shards; one without a shard stands by.
   * A receiver reads all its shards side by side, so more of them are needed only to divide the leases more finely.
   */
  readonly receivers?: number;
}

/** How a context is stopped. */
export interface StopOptions {
  /** `true`: like `drain()`. Default `false`, as in Spark: what is under way is dropped, and repeated by the next run. */
  readonly gracefully?: boolean;
}

/** How many batch intervals' blocks may wait or be processed before reading stops. */
const batchesInMemory = 3;

/** The most receivers of one stream. */
const maximumReceivers = 64;

/**
 * A micro-batch program, in the shape of Spark's StreamingContext: declare streams and outputs, then run. In `shard`
 * scope every worker of the application computes the shards that it holds; a plan of `application` scope needs all
 * shards in one process, and every further process waits behind it as a standby. A context runs once.
 */
export class StreamingContext extends EngineContext {
  readonly #options: StreamingContextOptions;
  readonly #bus = new EventBus();
  readonly #inputs: KinesisInput[] = [];
  readonly #terminated = deferred();
  #recovered: Recovered | undefined;
  #watch: Watch | undefined;
  #started = false;
  #stopAsked = false;
  #drain: (() => Promise<void>) | undefined;
  #stop: (() => Promise<void>) | undefined;

  /**
   * Inside of {@link StreamingContext.getOrCreate}, `applicationName` and `state` are those that it was given.
   * @throws MillraceError `MR_CONFIG_INVALID` for a batch interval that is not a whole number of milliseconds
   */
  constructor(given: StreamingContextOptions) {
    const options = { ...ambientOptions(), ...given };
    super(options);
    if (options.ui !== undefined) checkedUiOptions(options.ui);
    this.#options = options;
    const { onKeyNotPlaced = 'FAIL' } = options;
    if (!['FAIL', 'WARN', 'OFF'].includes(onKeyNotPlaced)) {
      throw invalid(`onKeyNotPlaced is ${JSON.stringify(onKeyNotPlaced)}: give FAIL, WARN or OFF`);
    }
  }

  /**
   * Makes a program, and tells whether it goes on from state that an earlier run committed: `recovered` of the context. The
   * program itself is always made by `create`, since its functions are code and no data: state finds its operators by their
   * ids, so that changed code reads it. The context is not started.
   * @throws MillraceError what `create` throws; `MR_STATE_DAMAGED` and the like for state that is there and cannot be read,
   * unless `createOnError`; `MR_SCOPE_CHANGED`; `MR_CONFIG_INVALID` when `create` makes no context of the application, with its
   * state, or one with a `queueStream` where there is state to go on from: what it gave is gone with the process
   */
  static async getOrCreate(
    options: GetOrCreateOptions,
    create: () => StreamingContext | PromiseLike<StreamingContext>,
  ): Promise<StreamingContext> {
    const context = await makeWith(options, create);
    if (!(context instanceof StreamingContext)) throw invalid('getOrCreate() needs a function that returns a context');
    const { applicationName, state } = context.#options;
    if (applicationName !== options.applicationName || state !== options.state) {
      throw invalid(
        `getOrCreate() was asked for application ${options.applicationName}, and the context has another applicationName (${applicationName}) or state: leave them out there`,
      );
    }
    const plan = context.preview();
    const inputs = context.#inputs.map(({ settings }) => settings);
    const life = stayingController();
    context.#recovered = await findRecovery({ ...options, plan, inputs, events: context.#bus }, life.signal);
    if (context.#recovered !== undefined) checkReplayable(plan);
    return context;
  }

  /** The context that runs in this process for an application; without a name, the only one that runs. */
  static getActive(applicationName?: string): StreamingContext | undefined {
    if (applicationName !== undefined) {
      return [...active].find((context) => context.#options.applicationName === applicationName);
    }
    return active.size === 1 ? [...active][0] : undefined;
  }

  /** The context that runs in this process for the application, else {@link StreamingContext.getOrCreate}. */
  static async getActiveOrCreate(
    options: GetOrCreateOptions,
    create: () => StreamingContext | PromiseLike<StreamingContext>,
  ): Promise<StreamingContext> {
    return StreamingContext.getActive(options.applicationName) ?? StreamingContext.getOrCreate(options, create);
  }

  /** From what the program goes on, as {@link StreamingContext.getOrCreate} found it; `undefined` for a new one. */
  get recovered(): Recovered | undefined {
    return this.#recovered;
  }

  /** Has a listener hear what the program does, in Spark's words; the returned function ends it. */
  addStreamingListener(listener: StreamingListener): () => void {
    return addListener(this.#bus, listener, () => this.#watch);
  }

  /** What is known of the program now, as plain data: the page, health and metrics are made of it. */
  snapshot(): Snapshot {
    return this.#watch?.monitor.snapshot() ?? emptySnapshot(this.#options.applicationName);
  }

  /** Every event of the program. */
  get events(): { subscribe(listener: EventListener): () => void } {
    return this.#bus;
  }

  /**
   * Declares a Kinesis stream to read. The first has its leases in the table that the application's name gives; every
   * further one in a table of its own, `<applicationName>-<streamName>` unless `tableName` says otherwise.
   * @throws MillraceError `MR_CONFIG_INVALID`, `MR_CONFIG_UNKNOWN` for the options, for a stream that the context reads
   * already, and without an `applicationName`
   */
  kinesisStream(options: KinesisStreamOptions, { receivers = 1 }: ReceiversOptions = {}): DStream<KinesisRecord> {
    const { applicationName } = this.#options;
    if (applicationName === undefined) {
      throw invalid('kinesisStream() needs the context to have an applicationName: it names the lease table');
    }
    if (!Number.isInteger(receivers) || receivers < 1 || receivers > maximumReceivers) {
      throw invalid(`receivers is ${receivers}: give a whole number from 1 to ${maximumReceivers}`);
    }
    const given = settingsOfProgram({ ...options, applicationName });
    checkStreamed(given);
    if (given.ui !== undefined) throw invalid('ui is of the context as a whole: give it to the StreamingContext');
    const stream = this.addInput<KinesisRecord>(given.streamName);
    const ownTable = this.#inputs.length > 0 && options.tableName === undefined;
    // A batch holds the blocks of a whole interval, and the next one's arrive while it is processed.
    const settings = {
      ...withRoomFor(given, batchesInMemory * this.batchIntervalMillis),
      ...(ownTable ? { tableName: `${applicationName}-${given.streamName}` } : {}),
    };
    this.#inputs.push({ settings, receivers });
    return stream;
  }

  /**
   * Runs the program until a bounded stream is done, a drain has finished, or a fault. A context runs once.
   * @throws MillraceError what ended the run: `MR_EPOCH_LOST`, `MR_HANDLER_FAILED`, `MR_DRAIN_TIMEOUT`, ...
   */
  async run(options: RunOptions = {}): Promise<void> {
    const plan = this.#begin();
    active.add(this);
    try {
      await this.#runPlan(plan, options);
      this.#terminated.resolve();
    } catch (thrown) {
      if (this.#stopAsked && isMillraceError(thrown, 'MR_ABORTED')) this.#terminated.resolve();
      else this.#terminated.reject(thrown);
      throw thrown;
    } finally {
      active.delete(this);
    }
  }

  /**
   * Begins to run and returns; `awaitTermination` tells how it ends. Starting a context that runs does nothing (Spark's
   * rule).
   * @throws MillraceError `MR_CONFIG_INVALID` for a plan that cannot run, and for a context that is over
   */
  start(options: RunOptions = {}): void {
    if (this.#started && this.state === 'ACTIVE') return;
    this.seal();
    this.run(options).catch(() => {});
  }

  /**
   * Resolves when the run is over; before the start it waits for that, too.
   * @throws the fault that ended the run; an end that was asked for is none
   */
  awaitTermination(): Promise<void> {
    return this.#terminated.promise;
  }

  /** Like {@link awaitTermination}, but no longer than so many milliseconds: whether the run is over. */
  async awaitTerminationOrTimeout(timeoutMillis: number): Promise<boolean> {
    using waiting = linkedController();
    const ended = this.#terminated.promise.then(() => true);
    const timeout = pause(systemClock, timeoutMillis, waiting.signal).then(() => false);
    try {
      return await Promise.race([ended, timeout]);
    } finally {
      waiting.abort(undefined);
    }
  }

  /** Ends the run: finishes what was read, runs the last batches, checkpoints, releases the leases. At most `shutdownGraceMillis`. */
  async drain(): Promise<void> {
    if (this.#retireUnstarted()) return;
    await this.#drain?.();
  }

  /**
   * Ends the run, at once unless `gracefully`. A context that was not started becomes STOPPED; stopping twice does nothing.
   */
  async stop({ gracefully = false }: StopOptions = {}): Promise<void> {
    if (this.#retireUnstarted()) return;
    if (gracefully) return this.drain();
    this.#stopAsked = true;
    await this.#stop?.();
    await this.#terminated.promise.catch(() => {});
  }

  #retireUnstarted(): boolean {
    if (this.#started) return false;
    this.retire();
    this.#terminated.resolve();
    return true;
  }

  #begin(): Plan {
    if (this.#started) throw invalid('a context runs once; make another one');
    const plan = this.seal();
    this.#started = true;
    return plan;
  }

  async #runPlan(plan: Plan, options: RunOptions): Promise<void> {
    using life = linkedController(options.signal);
    /** Aborts when a process that only waits behind another is to end. */
    const leaving = linkedController(life.signal);
    this.#drain = async () => leaving.abort(left);
    this.#stop = this.#drain;
    const unlog = this.#inputs.length === 0 ? logEvents(this.#bus, defaultLogger()) : () => {};
    const unlisten = listenForSignals(options.signals ?? [], {
      onFirst: () => void this.drain().catch(() => {}),
      onSecond: (signal) => life.abort(new MillraceError('MR_ABORTED', `a second ${signal} ended the run at once`)),
    });
    const watch = new Watch(this.#bus, this.#inputs.flatMap(receiverSettings), [shownContext(this.#options)]);
    this.#watch = watch;
    watch.start();
    try {
      if (this.#options.ui !== undefined) await watch.serve(this.#options.ui);
      // Asked to end meanwhile: nobody would look at it any more.
      leaving.signal.throwIfAborted();
      await this.#runCommitting(plan, life, leaving.signal);
    } catch (thrown) {
      if (thrown !== left) throw thrown;
    } finally {
      unlisten();
      await watch.end();
      unlog();
      this.retire();
      leaving[Symbol.dispose]();
    }
  }

  /** In `application` scope the process first waits until it is the one that computes. */
  async #runCommitting(plan: Plan, life: LinkedController, waiting: AbortSignal): Promise<void> {
    const { applicationName, state } = this.#options;
    const settings = this.#inputs[0]?.settings;
    const place = settings === undefined ? undefined : commitPlaceOf(plan, state, applicationName, this.#options);
    const inputSettings = this.#inputs.map((input) => input.settings);
    if (state !== undefined && (place !== undefined || plan.keepers.length > 0)) {
      if (await checkRecorded(plan, state, inputSettings, this.#bus, waiting)) checkReplayable(plan);
    }
    if (settings === undefined || (place === undefined && plan.scope === 'shard')) {
      await this.#runEngine(plan, life, {}, undefined);
    } else if (place === undefined) {
      // Nothing is committed, so that leases fence what is acknowledged, and whoever takes over repeats the rest.
      await using held = await holdEpoch(settings, this.#bus, waiting);
      using holding = linkedController(life.signal, held.epoch.lost);
      await this.#runEngine(plan, holding, { takesOver: true, exclusive: true }, undefined);
    } else if (plan.scope === 'shard') {
      const { onKeyNotPlaced } = this.#options;
      await using rows = new HeirRows(inputSettings);
      const commits = { place, heirRows: rows.read, ...(onKeyNotPlaced === undefined ? {} : { onKeyNotPlaced }) };
      await this.#runEngine(plan, life, {}, commits);
    } else {
      await using held = await holdEpoch(settings, this.#bus, waiting);
      await using mirror = new LeaseMirror(place, inputSettings, this.#bus);
      const { epoch } = held;
      // Who has just taken over must not end for one lost request.
      const leased = await retryWhilePassing(() => mirror.align(epoch.pointer, waiting), {
        clock: systemClock,
        random: systemRandom,
        signal: waiting,
        onFault: ({ code, message, subject }) => this.#bus.publish({ type: 'fault.seen', code, message, subject }),
      });
      const confirmEnded: ConfirmEnded = (shards, signal) => mirror.confirmEnded(shards, signal);
      await this.#runEngine(plan, life, { takesOver: true }, { place, epoch, confirmEnded, leased });
    }
  }

  async #runEngine(
    plan: Plan,
    life: LinkedController,
    needs: Pick<EngineNeeds, 'exclusive' | 'takesOver'>,
    commits: EngineCommits | undefined,
  ): Promise<void> {
    const { maximumRetryAttempts, stalledAfterMillis } = this.#options;
    const watch = this.#watch as Watch;
    const clock = systemClock;
    const made = deferred<BatchPlanEngine>();
    const open: OpenShard = async (shard, at, signal) => (await made.promise).open(shard, at, signal);
    const onDrainRequested = () => void this.drain().catch(() => {});
    const asked = { ...needs, onDrainRequested, ...(commits === undefined ? {} : { open }) };
    await using inputs = openInputs(this.#inputs, this.#bus, asked, watch);
    const { source } = inputs;
    const engine = createEngine({
      plan,
      source,
      clock,
      random: systemRandom,
      events: this.#bus,
      history: this.history,
      ...(commits === undefined ? {} : { commits }),
      ...(maximumRetryAttempts === undefined ? {} : { maximumRetryAttempts }),
      ...(stalledAfterMillis === undefined ? {} : { stalledAfterMillis }),
    });
    made.resolve(engine);
    const graceMillis = Math.max(...this.#inputs.map(({ settings }) => settings.shutdownGraceMillis), 0);
    // The engine finishes what the receivers hand out, so all drain under one deadline.
    this.#drain = () =>
      drainWithin(graceMillis || defaultShutdownGraceMillis, clock, (deadline) =>
        Promise.all([source.drain(deadline), engine.drain(deadline)]),
      );
    this.#stop = async () => {
      await Promise.all([engine.stop(), source.stop()]);
    };
    await runTogether(source, life, engine.run(life.signal));
  }
}

/** The contexts that run in this process. */
const active = new Set<StreamingContext>();

/** Why a process that waited behind another one ended: it was asked to, and had nothing to finish. */
const left = new MillraceError('MR_ABORTED', 'the program was asked to end while it waited behind another process');

function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message);
}
