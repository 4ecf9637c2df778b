import { deadlineController } from '../base/abort.ts';
import { pause } from '../base/clock.ts';
import { Channel } from '../base/channel.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import type { Position } from '../base/position.ts';
import { type Deferred, type Service, deferred, once } from '../base/service.ts';
import type { BlockSource, CommitOutcome, DemandLimit } from '../block/block-source.ts';
import type { Block } from '../block/block.ts';
import type { Range } from '../block/range.ts';
import { listAllShards } from '../kinesis/shard-lister.ts';
import type { Shard } from '../kinesis/shard.ts';
import { type Lease, isEnded } from '../lease/lease.ts';
import { LeaseCoordinator } from '../lease/lease-coordinator.ts';
import { LeaseKeeper } from '../lease/lease-keeper.ts';
import type { TableSnapshot } from '../lease/lease-table.ts';
import type { HandoffBegun } from '../lease/keeper-messages.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';
import { defaultAssignmentOptions } from '../lease/plan/utilization-types.ts';
import { ShardSyncer } from '../lease/shard-syncer.ts';
import type { Measurements } from '../lease/worker-reporter.ts';
import { isBoundedRunDone } from './bounded-run.ts';
import { ByteBudget } from './byte-budget.ts';
import { type ConfirmGoneOptions, confirmGone } from './confirm-gone.ts';
import { DemandGate } from './demand-gate.ts';
import { drainTimeout, unwritten } from './drain-faults.ts';
import { openStream, shardFilterAt } from './open-stream.ts';
import type { ReceiverOptions } from './receiver-options.ts';
import { ShardConsumer } from './shard-consumer.ts';
import { leaseChildren } from './shard-end.ts';
import { type Bound, boundOf } from './until.ts';

/** How a run comes to its end. */
type Ending =
  | { readonly type: 'drain' }
  | { readonly type: 'stop'; readonly reason: unknown }
  | { readonly type: 'fault'; readonly fault: MillraceError };

/** The parts that exist once the stream is known. */
interface Parts {
  readonly streamName: string;
  /** Whether the place of a record follows from its keys; AUTO distribution goes by none. */
  readonly isPlacedByKey: boolean;
  readonly coordinator: LeaseCoordinator;
  readonly keeper: LeaseKeeper;
  readonly bound: Bound | undefined;
  readonly children: Parameters<typeof leaseChildren>[2];
  readonly gone: ConfirmGoneOptions;
}

/**
 * Reads this worker's share of a stream: negotiates leases, runs a shard consumer for each, and gives out blocks. It is the
 * {@link BlockSource} of every way to consume.
 */
export class Receiver implements BlockSource, Service {
  readonly #options: ReceiverOptions;
  readonly #channel = new Channel<Block>();
  readonly #consumers = new Map<string, ShardConsumer>();
  /** Consumers whose checkpoint is under way. */
  readonly #storing = new Set<ShardConsumer>();
  readonly #leasesChanged = new Notifier();
  readonly #budget: ByteBudget;
  readonly #gate: DemandGate;
  readonly #ending: Deferred<Ending> = deferred<Ending>();
  /** Aborts when a drain has to give up what is not finished. */
  readonly #deadline = new AbortController();
  /** Aborts a start that is under way. */
  readonly #starting = new AbortController();
  /** Aborts the loops of a running receiver. */
  readonly #loops = new AbortController();
  readonly #runs = new Set<Promise<void>>();
  #isEnding = false;
  /** Why a drain has left work to the next owner. */
  #drainFault: MillraceError | undefined;
  #parts: Parts | undefined;
  #keeper: LeaseKeeper | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#budget = new ByteBudget(options.settings.maxBufferedBytes);
    this.#gate = new DemandGate(options.clock);
  }

  /** The blocks of all shards. A block whose tenure has ended meanwhile is left out: its next owner reads it again. */
  get blocks(): AsyncIterable<Block> {
    return { [Symbol.asyncIterator]: () => this.#handOut() };
  }

  async *#handOut(): AsyncGenerator<Block, void, undefined> {
    for await (const block of this.#channel) {
      if (block.signal.aborted || this.#keeper?.confirmCurrent(block.shardId, block.tenure) !== true) continue;
      this.#keeper.noteBytes(block.shardId, block.bytes);
      yield block;
    }
  }

  ack(range: Range): void {
    this.#consumers.get(range.shardId)?.ack(range);
  }

  async commit(range: Range, options: { readonly state?: string } = {}): Promise<CommitOutcome> {
    const consumer = this.#consumers.get(range.shardId);
    return consumer === undefined ? 'lost' : consumer.commit(range, options.state);
  }

  demand(limit: DemandLimit): void {
    this.#gate.limit(limit);
  }

  /**
   * Runs until the bounded run is done, or `drain` or `stop` is called, or the signal aborts (which stops).
   * @throws MillraceError the fault that ended it; `MR_DRAIN_TIMEOUT` when a drain passed its deadline
   */
  readonly run = once(async (signal: AbortSignal): Promise<void> => {
    const onAbort = () => {
      this.#deadline.abort(signal.reason);
      this.#end({ type: 'stop', reason: signal.reason });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      this.#runLoops(await this.#start());
    } catch (thrown) {
      this.#end({ type: 'fault', fault: toMillraceError(thrown) });
    }
    const ending = await this.#ending.promise;
    try {
      await this.#finish(ending, this.#parts);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#loops.abort(new MillraceError('MR_ABORTED', 'the receiver has ended'));
      await Promise.allSettled(this.#runs);
    }
  });

  /**
   * Ends the run by section 9 of the design: no more leases, no more reads, last blocks, checkpoint, release. When
   * `deadline` aborts, what is not finished is left to the next owner.
   */
  async drain(deadline: AbortSignal): Promise<void> {
    const onDeadline = () => this.#deadline.abort(deadline.reason);
    if (deadline.aborted) onDeadline();
    else deadline.addEventListener('abort', onDeadline, { once: true });
    this.#end({ type: 'drain' });
    try {
      await this.run(new AbortController().signal);
    } finally {
      deadline.removeEventListener('abort', onDeadline);
    }
  }

  /**
   * Ends the run at once, and a drain that is under way: drops what is not finished, checkpoints what is, and releases
   * the leases.
   */
  async stop(reason: unknown = new MillraceError('MR_ABORTED', 'the receiver was stopped')): Promise<void> {
    this.#deadline.abort(reason);
    this.#end({ type: 'stop', reason });
    await this.run(AbortSignal.abort(reason));
  }

  #end(ending: Ending): void {
    // A duplicate that shows itself during the drain has taken leases away: that is no clean end.
    const isLateDuplicate = this.#isEnding && ending.type === 'fault' && ending.fault.code === 'MR_WORKER_DUPLICATE';
    if (isLateDuplicate) this.#drainFault ??= ending.fault;
    this.#isEnding = true;
    this.#ending.resolve(ending);
    if (ending.type !== 'drain') this.#starting.abort(ending.type === 'stop' ? ending.reason : ending.fault);
    else this.#starting.abort(new MillraceError('MR_ABORTED', 'the receiver is draining'));
  }

  async #start(): Promise<Parts> {
    const { api, table, clock, random, events, settings, plan, exclusive = false } = this.#options;
    const { assignment, measurements = measuresNothing } = this.#options;
    const { signal } = this.#starting;
    signal.throwIfAborted();
    const description = await openStream(api, { clock, random, events }, signal);
    const { streamName, streamArn, createdAtMillis: streamCreatedAtMillis } = description;
    const stream = { streamName, streamArn, streamCreatedAtMillis };
    const serviceTimeMillis = () => api.serviceTimeMillis();
    const keeper: LeaseKeeper = new LeaseKeeper({
      ...settings,
      table,
      clock,
      random,
      events,
      serviceTimeMillis,
      onLost: ({ leaseKey, tenure, reason }) => {
        const lost = new MillraceError('MR_LEASE_LOST', `lease ${leaseKey} was lost (${reason})`, {
          subject: { lease: leaseKey },
        });
        const consumer = this.#consumers.get(leaseKey);
        if (consumer?.tenure === tenure) consumer.abort(lost);
      },
      onHandoff: (begun) => this.#handOff(begun, keeper),
    });
    this.#keeper = keeper;
    const listShards = (at: InitialPosition | undefined, inner: AbortSignal) => this.#listShards(at, inner);
    const { initialPosition } = settings;
    const syncer = new ShardSyncer({ table, stream, initialPosition, listShards, serviceTimeMillis, events });
    const coordinator = new LeaseCoordinator({
      ...settings,
      table,
      keeper,
      syncer,
      stream,
      plan,
      exclusive,
      clock,
      random,
      events,
      onGained: (lease) => this.#gained(lease, parts),
      onSnapshot: (snapshot, proven) => this.#checkBound(snapshot, proven),
      needsView: settings.until !== undefined,
      assignment: { ...defaultAssignmentOptions, ...assignment, failoverTimeMillis: settings.failoverTimeMillis },
      measurements,
    });
    const { workerIdentifier, applicationName } = settings;
    const parts: Parts = {
      streamName,
      isPlacedByKey: description.recordDistributionStrategy !== 'AUTO',
      coordinator,
      keeper,
      bound: settings.until === undefined ? undefined : boundOf(settings.until, api.serviceTimeMillis()),
      children: { table, syncer, stream, listShards, events },
      gone: { stream, listShards, describe: (inner) => openStream(api, { clock, random, events }, inner) },
    };
    this.#parts = parts;
    const { tableCreated } = await coordinator.start(signal);
    if (tableCreated) events.publish({ type: 'table.created', tableName: settings.tableName });
    events.publish({ type: 'worker.started', workerIdentifier, applicationName });
    return parts;
  }

  async #listShards(at: InitialPosition | undefined, signal: AbortSignal): Promise<readonly Shard[]> {
    const { api, clock, random } = this.#options;
    const filter = shardFilterAt(at);
    return listAllShards({ api, clock, random, signal, ...(filter === undefined ? {} : { filter }) });
  }

  #runLoops({ keeper, coordinator }: Parts): void {
    const { signal } = this.#loops;
    for (const loop of [keeper.run(signal), coordinator.run(signal), this.#checkpointLoop(signal)]) {
      this.#track(loop);
    }
  }

  /** Keeps a part's run; its fault ends the receiver. */
  #track(run: Promise<unknown>): void {
    const tracked = run.then(
      () => {},
      (thrown: unknown) => this.#end({ type: 'fault', fault: toMillraceError(thrown) }),
    );
    this.#runs.add(tracked);
    void tracked.finally(() => this.#runs.delete(tracked));
  }

  async #checkpointLoop(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#options;
    while (await pause(clock, settings.checkpointIntervalMillis, signal)) {
      for (const consumer of this.#consumers.values()) this.#store(consumer);
    }
  }

  /** Begins a checkpoint unless one is under way. Shards do not wait for each other: one of them may take long. */
  #store(consumer: ShardConsumer): void {
    if (this.#storing.has(consumer)) return;
    this.#storing.add(consumer);
    this.#track(consumer.checkpoint().finally(() => this.#storing.delete(consumer)));
  }

  #gained(lease: Lease, parts: Parts): void {
    // A lease that arrives while the receiver ends is released with the others; an ended one is only kept alive.
    if (this.#isEnding || isEnded(lease)) return;
    const { startAt } = this.#options;
    if (startAt === undefined) this.#beginShard(lease, lease.checkpoint, parts);
    else {
      this.#track(startAt(lease, this.#loops.signal).then((start) => this.#beginShard(lease, start, parts)));
    }
  }

  #beginShard(lease: Lease, start: Position, parts: Parts): void {
    // Nobody was there to hear of a loss between the write that began the tenure and this line.
    if (this.#isEnding || !parts.keeper.confirmCurrent(lease.leaseKey, lease.tenure as number)) return;
    const { settings, clock, random, events, table, reader, api } = this.#options;
    const consumer = new ShardConsumer({
      ...settings,
      lease,
      start,
      streamName: parts.streamName,
      hashKeyRange: parts.isPlacedByKey ? lease.hashKeyRange : undefined,
      reader,
      keeper: parts.keeper,
      table,
      budget: this.#budget,
      gate: this.#gate,
      bound: parts.bound,
      clock,
      random,
      events,
      leasesChanged: this.#leasesChanged,
      serviceTimeMillis: () => api.serviceTimeMillis(),
      confirmGone: (shardId, signal) => confirmGone(shardId, parts.gone, signal),
      emit: (block) => this.#channel.send(block),
      leaseChildren: async (told, signal) => {
        await leaseChildren(lease, told, parts.children, signal);
        parts.coordinator.wake();
      },
    });
    this.#consumers.set(lease.leaseKey, consumer);
    this.#track(
      consumer.run().finally(() => {
        if (this.#consumers.get(lease.leaseKey) === consumer) this.#consumers.delete(lease.leaseKey);
      }),
    );
  }

  /**
   * The leader hands a lease to another worker: finish it, checkpoint it, then let the keeper complete the handoff, so that
   * the next owner repeats nothing. Without a consumer there is nothing to finish, and the handoff is completed at once.
   */
  #handOff(begun: HandoffBegun, keeper: LeaseKeeper): void {
    // A receiver that ends releases all its leases, and completes the handoffs with them.
    if (this.#isEnding) return;
    this.#track(this.#moveAway(begun, keeper));
  }

  async #moveAway({ leaseKey, tenure, to }: HandoffBegun, keeper: LeaseKeeper): Promise<void> {
    const { clock, assignment } = this.#options;
    const { gracefulLeaseHandoffTimeoutMillis } = { ...defaultAssignmentOptions, ...assignment };
    const consumer = this.#consumers.get(leaseKey);
    if (consumer?.tenure === tenure) {
      const late = () => new MillraceError('MR_DRAIN_TIMEOUT', `shard ${leaseKey} did not finish its blocks in time`);
      using deadline = deadlineController(clock, gracefulLeaseHandoffTimeoutMillis, late, this.#loops.signal);
      await consumer.drain(deadline.signal);
      if (consumer.state.tag === 'ended' || consumer.state.tag === 'lost') return;
    }
    await keeper.ask({ type: 'release', leaseKey, tenure, to });
    consumer?.abort(new MillraceError('MR_LEASE_LOST', `lease ${leaseKey} was given to ${to}`));
  }

  #checkBound({ leases }: TableSnapshot, provenWorkers: readonly string[]): void {
    const { until, workerIdentifier } = this.#options.settings;
    if (until === undefined) return;
    const shardOf = (leaseKey: string) => this.#consumers.get(leaseKey);
    if (isBoundedRunDone({ leases, provenWorkers, workerIdentifier, shardOf })) this.#end({ type: 'drain' });
  }

  async #finish(ending: Ending, parts: Parts | undefined): Promise<void> {
    if (ending.type === 'fault' && ending.fault.code === 'MR_WORKER_DUPLICATE') {
      // The rows under this name are the other process's now: neither release nor withdraw them.
      for (const consumer of this.#consumers.values()) consumer.abort(ending.fault);
    } else if (parts !== undefined) await this.#giveUpLeases(ending, parts);
    if (ending.type === 'fault') {
      this.#channel.fail(ending.fault);
      throw ending.fault;
    }
    if (ending.type === 'stop') this.#channel.fail(ending.reason);
    else this.#channel.close();
    if (ending.type === 'drain' && this.#drainFault !== undefined) throw this.#drainFault;
  }

  async #giveUpLeases(ending: Ending, { coordinator }: Parts): Promise<void> {
    const { clock, settings, events } = this.#options;
    // Past F the leases expire by themselves, so no step may take longer.
    const late = () => new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the lease table did not answer during the stop');
    const patience = ending.type === 'drain' ? this.#deadline.signal : undefined;
    using bound = deadlineController(clock, settings.failoverTimeMillis, late, patience);
    await coordinator.stopTaking(bound.signal);
    const consumers = [...this.#consumers.values()];
    if (ending.type === 'drain') await this.#finishBlocks(consumers);
    else await dropBlocks(consumers, ending.type === 'stop' ? ending.reason : ending.fault);
    using release = deadlineController(clock, settings.failoverTimeMillis, late);
    await coordinator.releaseAll(release.signal);
    for (const consumer of consumers) consumer.abort(new MillraceError('MR_ABORTED', 'the receiver has ended'));
    events.publish({ type: 'worker.stopped', workerIdentifier: settings.workerIdentifier });
  }

  /** Has the last blocks sealed, finished and checkpointed, until the deadline; keeps what kept it from that. */
  async #finishBlocks(consumers: readonly ShardConsumer[]): Promise<void> {
    for (const consumer of consumers) consumer.stopReading();
    this.#channel.close();
    const outcomes = await Promise.allSettled(consumers.map((consumer) => consumer.drain(this.#deadline.signal)));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') this.#drainFault ??= toMillraceError(outcome.reason);
    }
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected' || outcome.value === 'finished') continue;
      const shardId = consumers[index]?.leaseKey ?? '';
      this.#drainFault ??= outcome.value === 'late' ? drainTimeout(this.#deadline.signal.reason) : unwritten(shardId);
    }
  }
}

const measuresNothing = (): Measurements => ({ metrics: {}, operatingRange: {} });

/** Drops what is not finished and checkpoints what is; a checkpoint that fails leaves more to the next owner. */
async function dropBlocks(consumers: readonly ShardConsumer[], reason: unknown): Promise<void> {
  for (const consumer of consumers) consumer.abort(reason);
  await Promise.allSettled(consumers.map((consumer) => consumer.checkpoint()));
}
