import { stayingController } from '../base/abort.ts';
import { pause } from '../base/clock.ts';
import { Channel } from '../base/channel.ts';
import { MillraceError } from '../base/error.ts';
import { type Service, once } from '../base/service.ts';
import type { Block } from '../block/block.ts';
import type { BlockLineage, BlockSource, CommitOutcome, DemandLimit } from '../block/block-source.ts';
import type { Range } from '../block/range.ts';
import { DemandGate } from './demand-gate.ts';
import { type Ending, type LifeEnd, ReceiverLife } from './receiver-life.ts';
import type { ReceiverOptions } from './receiver-options.ts';
import type { ShardReread } from './shard-reread.ts';
import type { DrainHook, ShardTenure } from './shard-tenure.ts';
import { type Restarts, noRestarts, planRestart } from './restart-plan.ts';

/**
 * Reads this worker's share of a stream: negotiates leases, runs a shard consumer for each, and gives out blocks. It is the
 * {@link BlockSource} of every way to consume.
 */
export class Receiver implements BlockSource, Service {
  readonly #options: ReceiverOptions;
  readonly #channel = new Channel<Block>();
  readonly #gate: DemandGate;
  /** Aborts when a drain has to give up what is not finished. */
  readonly #deadline = stayingController();
  /** Aborts the wait for a restart. */
  readonly #asked = stayingController();
  #beforeLastCheckpoint: DrainHook = () => Promise.resolve();
  #life: ReceiverLife | undefined;
  /** The first end that somebody asked for. */
  #requested: Exclude<Ending, { type: 'fault' }> | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#gate = new DemandGate(options.clock);
  }

  /** The blocks of all shards. A block whose tenure has ended meanwhile is left out: its next owner reads it again. */
  get blocks(): AsyncIterable<Block> {
    return { [Symbol.asyncIterator]: () => this.#handOut() };
  }

  async *#handOut(): AsyncGenerator<Block, void, undefined> {
    for await (const block of this.#channel) {
      const keeper = this.#life?.keeper;
      if (block.signal.aborted || keeper?.confirmCurrent(block.shardId, block.tenure) !== true) continue;
      keeper.noteBytes(block.shardId, block.bytes);
      yield block;
    }
  }

  ack(range: Range): void {
    this.#life?.shards.get(range.shardId)?.ack(range);
  }

  async commit(range: Range, options: { readonly state?: string } = {}): Promise<CommitOutcome> {
    const consumer = this.#life?.shards.get(range.shardId);
    return consumer === undefined ? 'lost' : consumer.commit(range, options.state);
  }

  /** Blocks that wait may be dropped from memory and read again; see {@link BlockLineage}. */
  readonly lineage: BlockLineage = {
    isWanted: (range) => this.#rereadOf(range)?.isWanted === true,
    drop: (ranges) => ranges[0] !== undefined && this.#rereadOf(ranges[0])?.drop(ranges) === true,
    read: async (dropped, signal) => {
      const [first] = dropped;
      if (first === undefined) return [];
      const reread = this.#rereadOf(first.source);
      if (reread !== undefined) return reread.read(dropped, signal);
      const { shardId } = first.source;
      throw new MillraceError('MR_LEASE_LOST', `the tenure in which shard ${shardId} was read is over`, {
        subject: { shard: shardId },
      });
    },
  };

  #rereadOf({ shardId, tenure }: Range): ShardReread | undefined {
    const consumer = this.#life?.shards.get(shardId);
    return consumer?.tenure === tenure ? consumer.reread : undefined;
  }

  /** The shard of a block, in its tenure; `undefined` when that is over. */
  tenureOf({ shardId, tenure }: Pick<Block, 'shardId' | 'tenure'>): ShardTenure | undefined {
    const consumer = this.#life?.shards.get(shardId);
    return consumer?.tenure === tenure ? consumer : undefined;
  }

  /** Has a hook called in every drain of a shard, before its last checkpoint. To be told before the run. */
  beforeLastCheckpoint(hook: DrainHook): void {
    this.#beforeLastCheckpoint = hook;
  }

  /** How long the stream keeps records, as it said when this life began; `undefined` before the first. */
  get retentionMillis(): number | undefined {
    return this.#life?.retentionMillis;
  }

  /** The shards with blocks that were sealed and are not acked, handed out or not. */
  get unfinishedShards(): readonly string[] {
    const consumers = this.#life?.shards.all() ?? [];
    return consumers.filter(({ outstanding }) => outstanding > 0).map(({ leaseKey }) => leaseKey);
  }

  /** Gives up the lease of a shard whose work does not come back; the signal of its blocks aborts. */
  giveUpStalled(shardId: string): void {
    this.#life?.giveUpStalled(shardId);
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
      this.#settle(await this.#live());
    } finally {
      signal.removeEventListener('abort', onAbort);
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
      await this.run(stayingController().signal);
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

  #end(ending: Exclude<Ending, { type: 'fault' }>): void {
    this.#requested ??= ending;
    this.#asked.abort(new MillraceError('MR_ABORTED', 'the receiver is to end'));
    this.#life?.end(ending);
  }

  /** Lives until an end was asked for, or until a fault that no restart mends. */
  async #live(): Promise<LifeEnd> {
    const { clock, events, settings } = this.#options;
    for (let restarts: Restarts = noRestarts; ;) {
      const receiver = this.#options;
      const life = new ReceiverLife({
        receiver,
        channel: this.#channel,
        gate: this.#gate,
        beforeLastCheckpoint: (tenure, signal) => this.#beforeLastCheckpoint(tenure, signal),
        deadline: this.#deadline.signal,
      });
      this.#life = life;
      if (this.#requested !== undefined) life.end(this.#requested);
      const lived = await life.run();
      const { ending } = lived;
      if (ending.type !== 'fault' || this.#requested !== undefined) return lived;
      const planned = planRestart(ending.fault, lived, restarts, settings);
      if (planned === undefined) return lived;
      restarts = planned.restarts;
      const { delayMillis } = planned;
      const { code, message } = ending.fault;
      events.publish({ type: 'receiver.restarting', code, message, restart: restarts.count, delayMillis });
      await pause(clock, delayMillis, this.#asked.signal);
    }
  }

  /** Ends the blocks, and throws what the run is to reject with. */
  #settle({ ending, drainFault }: LifeEnd): void {
    if (ending.type === 'fault') {
      this.#channel.fail(ending.fault);
      throw ending.fault;
    }
    if (ending.type === 'stop') this.#channel.fail(ending.reason);
    else this.#channel.close();
    if (ending.type === 'drain' && drainFault !== undefined) throw drainFault;
  }
}
