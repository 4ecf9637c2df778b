import { deadlineController } from '../base/abort.ts';
import { Channel } from '../base/channel.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import { type Deferred, type Service, deferred, once } from '../base/service.ts';
import type { Block } from '../block/block.ts';
import type { BlockSource, CommitOutcome, DemandLimit } from '../block/block-source.ts';
import type { Range } from '../block/range.ts';
import type { Keeper } from '../lease/keeper.ts';
import type { TableSnapshot } from '../lease/lease-table.ts';
import { isBoundedRunDone } from './bounded-run.ts';
import { DemandGate } from './demand-gate.ts';
import type { ReceiverOptions } from './receiver-options.ts';
import { type ReceiverParts, openParts } from './receiver-parts.ts';
import { ShardSet, dropBlocks, finishBlocks } from './shard-set.ts';

/** How a run comes to its end. */
type Ending =
  | { readonly type: 'drain' }
  | { readonly type: 'stop'; readonly reason: unknown }
  | { readonly type: 'fault'; readonly fault: MillraceError };

/**
 * Reads this worker's share of a stream: negotiates leases, runs a shard consumer for each, and gives out blocks. It is the
 * {@link BlockSource} of every way to consume.
 */
export class Receiver implements BlockSource, Service {
  readonly #options: ReceiverOptions;
  readonly #channel = new Channel<Block>();
  readonly #shards: ShardSet;
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
  #parts: ReceiverParts | undefined;
  #keeper: Keeper | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#gate = new DemandGate(options.clock);
    this.#shards = new ShardSet({
      receiver: options,
      gate: this.#gate,
      emit: (block) => this.#channel.send(block),
      track: (run) => this.#track(run),
      loops: this.#loops.signal,
    });
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
    this.#shards.get(range.shardId)?.ack(range);
  }

  async commit(range: Range, options: { readonly state?: string } = {}): Promise<CommitOutcome> {
    const consumer = this.#shards.get(range.shardId);
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
    this.#shards.close();
    this.#ending.resolve(ending);
    if (ending.type !== 'drain') this.#starting.abort(ending.type === 'stop' ? ending.reason : ending.fault);
    else this.#starting.abort(new MillraceError('MR_ABORTED', 'the receiver is draining'));
  }

  async #start(): Promise<ReceiverParts> {
    const { events, settings } = this.#options;
    const { signal } = this.#starting;
    signal.throwIfAborted();
    const parts = await openParts(
      this.#options,
      {
        onKeeper: (keeper) => {
          this.#keeper = keeper;
        },
        onGained: (lease, known) => this.#shards.begin(lease, known),
        onLost: (lost) => this.#shards.lost(lost),
        onHandoff: (begun, keeper) => this.#shards.handOff(begun, keeper),
        onSnapshot: (snapshot, proven) => this.#checkBound(snapshot, proven),
      },
      signal,
    );
    this.#parts = parts;
    const { tableCreated } = await parts.coordinator.start(signal);
    const { workerIdentifier, applicationName, tableName } = settings;
    if (tableCreated) events.publish({ type: 'table.created', tableName });
    events.publish({ type: 'worker.started', workerIdentifier, applicationName });
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
      (thrown: unknown) => this.#end({ type: 'fault', fault: toMillraceError(thrown) }),
    );
    this.#runs.add(tracked);
    void tracked.finally(() => this.#runs.delete(tracked));
  }

  #checkBound({ leases }: TableSnapshot, provenWorkers: readonly string[]): void {
    const { until, workerIdentifier } = this.#options.settings;
    if (until === undefined) return;
    const shardOf = (leaseKey: string) => this.#shards.get(leaseKey);
    if (isBoundedRunDone({ leases, provenWorkers, workerIdentifier, shardOf })) this.#end({ type: 'drain' });
  }

  async #finish(ending: Ending, parts: ReceiverParts | undefined): Promise<void> {
    if (ending.type === 'fault' && ending.fault.code === 'MR_WORKER_DUPLICATE') {
      // The rows under this name are the other process's now: neither release nor withdraw them.
      this.#shards.abort(ending.fault);
    } else if (parts !== undefined) await this.#giveUpLeases(ending, parts);
    if (ending.type === 'fault') {
      this.#channel.fail(ending.fault);
      throw ending.fault;
    }
    if (ending.type === 'stop') this.#channel.fail(ending.reason);
    else this.#channel.close();
    if (ending.type === 'drain' && this.#drainFault !== undefined) throw this.#drainFault;
  }

  async #giveUpLeases(ending: Ending, { coordinator }: ReceiverParts): Promise<void> {
    const { clock, settings, events } = this.#options;
    // Past F the leases expire by themselves, so no step may take longer.
    const late = () => new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the lease table did not answer during the stop');
    const patience = ending.type === 'drain' ? this.#deadline.signal : undefined;
    using bound = deadlineController(clock, settings.failoverTimeMillis, late, patience);
    await coordinator.stopTaking(bound.signal);
    const consumers = this.#shards.all();
    if (ending.type === 'drain') {
      const fault = await finishBlocks(consumers, this.#deadline.signal, () => this.#channel.close());
      this.#drainFault ??= fault;
    } else await dropBlocks(consumers, ending.type === 'stop' ? ending.reason : ending.fault);
    using release = deadlineController(clock, settings.failoverTimeMillis, late);
    await coordinator.releaseAll(release.signal);
    for (const consumer of consumers) consumer.abort(new MillraceError('MR_ABORTED', 'the receiver has ended'));
    events.publish({ type: 'worker.stopped', workerIdentifier: settings.workerIdentifier });
  }
}
