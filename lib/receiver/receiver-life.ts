import { deadlineController, stayingController } from '../base/abort.ts';
import type { Channel } from '../base/channel.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import { type Deferred, deferred } from '../base/service.ts';
import type { Block } from '../block/block.ts';
import type { Keeper } from '../lease/keeper.ts';
import type { TableSnapshot } from '../lease/lease-table.ts';
import { isBoundedRunDone } from './bounded-run.ts';
import type { DemandGate } from './demand-gate.ts';
import type { ReceiverOptions } from './receiver-options.ts';
import { watchDrain } from './drain-watch.ts';
import { type ReceiverParts, openParts } from './receiver-parts.ts';
import type { DrainHook } from './shard-tenure.ts';
import { ShardSet, dropBlocks, finishBlocks } from './shard-set.ts';

/** How a run comes to its end. */
export type Ending =
  | { readonly type: 'drain' }
  | { readonly type: 'stop'; readonly reason: unknown }
  | { readonly type: 'fault'; readonly fault: MillraceError };

/** What outlives a {@link ReceiverLife}. */
export interface ReceiverLifeOptions {
  readonly receiver: ReceiverOptions;
  readonly channel: Channel<Block>;
  readonly gate: DemandGate;
  readonly beforeLastCheckpoint: DrainHook;
  /** Aborts when a drain has to give up what is not finished. */
  readonly deadline: AbortSignal;
}

/** How a life has ended. */
export interface LifeEnd {
  readonly ending: Ending;
  /** Why a drain has left work to the next owner. */
  readonly drainFault: MillraceError | undefined;
  /** Whether it came so far as to take part in the application. */
  readonly hasStarted: boolean;
  /** Whether it has read anything, and for how long it took part. */
  readonly hasRead: boolean;
  readonly ranMillis: number;
}

/**
 * One life of a receiver: from its start to the release of its leases. Nothing of it is left when it has ended, so that
 * another one may follow in the same process: it begins new tenures, and what the old ones handed out is fenced off.
 */
export class ReceiverLife {
  readonly #options: ReceiverLifeOptions;
  readonly #shards: ShardSet;
  readonly #ending: Deferred<Ending> = deferred<Ending>();
  /** Aborts a start that is under way. */
  readonly #starting = stayingController();
  /** Aborts the loops. */
  readonly #loops = stayingController();
  readonly #runs = new Set<Promise<void>>();
  #isEnding = false;
  #drainFault: MillraceError | undefined;
  #parts: ReceiverParts | undefined;
  #keeper: Keeper | undefined;
  #startedAtMillis: number | undefined;

  constructor(options: ReceiverLifeOptions) {
    this.#options = options;
    this.#shards = new ShardSet({
      receiver: options.receiver,
      gate: options.gate,
      beforeLastCheckpoint: options.beforeLastCheckpoint,
      emit: (block) => options.channel.send(block),
      // Whoever takes the blocks may hang for long, while shards come back and are read again.
      onWorthless: () => options.channel.drop((block) => block.signal.aborted),
      track: (run) => this.#track(run),
      loops: this.#loops.signal,
    });
  }

  /** The shards that are read in this life. */
  get shards(): ShardSet {
    return this.#shards;
  }

  /** The keeper of the leases, once there is one. */
  get keeper(): Keeper | undefined {
    return this.#keeper;
  }

  /** How long the stream keeps records, as it said at the start; `undefined` before. */
  get retentionMillis(): number | undefined {
    return this.#parts?.retentionMillis;
  }

  /** Runs until the first {@link ReceiverLife.end}, the end of a bounded run, or a fault; then gives the leases up. */
  async run(): Promise<LifeEnd> {
    const { clock } = this.#options.receiver;
    try {
      this.#runLoops(await this.#start());
      this.#startedAtMillis = clock.monotonicMillis();
    } catch (thrown) {
      this.end({ type: 'fault', fault: toMillraceError(thrown) });
    }
    const ending = await this.#ending.promise;
    const ranMillis = this.#startedAtMillis === undefined ? 0 : clock.monotonicMillis() - this.#startedAtMillis;
    const { hasRead } = this.#shards;
    try {
      await this.#giveUp(ending);
    } finally {
      this.#loops.abort(new MillraceError('MR_ABORTED', 'the receiver has ended'));
      await Promise.allSettled(this.#runs);
    }
    const hasStarted = this.#startedAtMillis !== undefined;
    return { ending, drainFault: this.#drainFault, hasStarted, hasRead, ranMillis };
  }

  /** See `Receiver.giveUpStalled`. */
  giveUpStalled(shardId: string): void {
    if (this.#parts !== undefined) this.#shards.giveUpStalled(shardId, this.#parts);
  }

  /** Ends the life; the first caller decides how. */
  end(ending: Ending): void {
    // A duplicate that shows itself during the drain has taken leases away: that is no clean end.
    const isLateDuplicate = this.#isEnding && ending.type === 'fault' && ending.fault.code === 'MR_WORKER_DUPLICATE';
    if (isLateDuplicate) this.#drainFault ??= ending.fault;
    this.#isEnding = true;
    this.#shards.close();
    this.#ending.resolve(ending);
    if (ending.type !== 'drain') this.#starting.abort(ending.type === 'stop' ? ending.reason : ending.fault);
    else this.#starting.abort(new MillraceError('MR_ABORTED', 'the receiver is draining'));
  }

  async #start(): Promise<ReceiverParts> {
    const { events, settings } = this.#options.receiver;
    const { signal } = this.#starting;
    signal.throwIfAborted();
    const parts = await openParts(
      this.#options.receiver,
      {
        onKeeper: (keeper) => {
          this.#keeper = keeper;
        },
        onGained: (lease, known) => this.#shards.begin(lease, known),
        onLost: (lost) => this.#shards.lost(lost),
        onHandoff: (begun, keeper) => this.#shards.handOff(begun, keeper),
        onSnapshot: (snapshot, proven) => this.#checkBound(snapshot, proven),
        onDrainRequested: (request) => this.#drainAsRequested(request),
      },
      signal,
    );
    this.#parts = parts;
    const { tableCreated } = await parts.coordinator.start(signal);
    const { workerIdentifier, applicationName, tableName } = settings;
    if (tableCreated) events.publish({ type: 'table.created', tableName });
    const { retentionMillis } = parts;
    events.publish({ type: 'worker.started', workerIdentifier, applicationName, retentionMillis });
    return parts;
  }

  #runLoops({ keeper, coordinator }: ReceiverParts): void {
    const { signal } = this.#loops;
    for (const loop of [keeper.run(signal), coordinator.run(signal), this.#shards.checkpointLoop(signal)]) {
      this.#track(loop);
    }
  }

  /** Keeps a part's run; its fault ends the receiver. */
  #track(run: Promise<unknown>): void {
    const tracked = run.then(
      () => {},
      (thrown: unknown) => this.end({ type: 'fault', fault: toMillraceError(thrown) }),
    );
    this.#runs.add(tracked);
    void tracked.finally(() => this.#runs.delete(tracked));
  }

  #checkBound({ leases }: TableSnapshot, provenWorkers: readonly string[]): void {
    const { until, workerIdentifier } = this.#options.receiver.settings;
    if (until === undefined) return;
    const shardOf = (leaseKey: string) => this.#shards.get(leaseKey);
    if (isBoundedRunDone({ leases, provenWorkers, workerIdentifier, shardOf })) this.end({ type: 'drain' });
  }

  #drainAsRequested(request: string): void {
    const { events, settings, onDrainRequested } = this.#options.receiver;
    events.publish({ type: 'worker.drainRequested', workerIdentifier: settings.workerIdentifier, request });
    if (onDrainRequested === undefined) this.end({ type: 'drain' });
    else onDrainRequested();
  }

  async #giveUp(ending: Ending): Promise<void> {
    if (ending.type === 'fault' && ending.fault.code === 'MR_WORKER_DUPLICATE') {
      // The rows under this name are the other process's now: neither release nor withdraw them.
      this.#shards.abort(ending.fault);
    } else if (this.#parts !== undefined) await this.#giveUpLeases(ending, this.#parts);
  }

  async #giveUpLeases(ending: Ending, { coordinator }: ReceiverParts): Promise<void> {
    const { deadline, channel, receiver } = this.#options;
    const { clock, settings, events } = receiver;
    // Past F the leases expire by themselves, so no step may take longer.
    const late = () => new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the lease table did not answer during the stop');
    const patience = ending.type === 'drain' ? deadline : undefined;
    using bound = deadlineController(clock, settings.failoverTimeMillis, late, patience);
    await coordinator.stopTaking(bound.signal);
    const consumers = this.#shards.all();
    if (ending.type === 'drain') {
      using _ = watchDrain(consumers, { clock, events, workerIdentifier: settings.workerIdentifier });
      const fault = await finishBlocks(consumers, deadline, () => channel.close());
      this.#drainFault ??= fault;
    } else await dropBlocks(consumers, ending.type === 'stop' ? ending.reason : ending.fault);
    using release = deadlineController(clock, settings.failoverTimeMillis, late);
    await coordinator.releaseAll(release.signal);
    for (const consumer of consumers) consumer.abort(new MillraceError('MR_ABORTED', 'the receiver has ended'));
    events.publish({ type: 'worker.stopped', workerIdentifier: settings.workerIdentifier });
  }
}
