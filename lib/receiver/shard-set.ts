import { type LinkedController, deadlineController, linkedController } from '../base/abort.ts';
import { pause } from '../base/clock.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import { type Position, comparePositions } from '../base/position.ts';
import type { Block } from '../block/block.ts';
import type { BlockSource } from '../block/block-source.ts';
import type { ShardStart } from '../block/shard-opening.ts';
import { type Lease, isEnded } from '../lease/lease.ts';
import type { Keeper } from '../lease/keeper.ts';
import type { HandoffBegun, LeaseLost } from '../lease/keeper-messages.ts';
import { defaultAssignmentOptions } from '../lease/plan/utilization-types.ts';
import { ByteBudget } from './byte-budget.ts';
import { confirmGone } from './confirm-gone.ts';
import type { DemandGate } from './demand-gate.ts';
import { drainTimeout, unwritten } from './drain-faults.ts';
import { type OpenShard, openShard } from './open-shard.ts';
import type { ReceiverOptions } from './receiver-options.ts';
import type { ReceiverParts } from './receiver-parts.ts';
import { ShardConsumer } from './shard-consumer.ts';
import { leaseChildren } from './shard-end.ts';
import { isFaultOfReceiver } from './shard-fault.ts';
import type { DrainHook } from './shard-tenure.ts';

/** How long this worker keeps off a shard that failed here for good. */
export const shardCoolDownMillis = 60_000;

/** What a {@link ShardSet} needs of its receiver. */
export interface ShardSetOptions {
  readonly receiver: ReceiverOptions;
  readonly gate: DemandGate;
  /** Takes the sealed blocks of all shards. */
  readonly emit: (block: Block) => void;
  /** Told when blocks may have become worthless that nobody has taken yet. */
  readonly onWorthless: () => void;
  /** See {@link ShardConsumerOptions}. */
  readonly beforeLastCheckpoint: DrainHook;
  /** Keeps a run; its fault ends the receiver, and its end is waited for. */
  readonly track: (run: Promise<unknown>) => void;
  /** Aborts when the loops of the receiver end. */
  readonly loops: AbortSignal;
}

/** The shards that this worker reads: one consumer each, from the beginning of its tenure to its end. */
export class ShardSet {
  readonly #options: ShardSetOptions;
  readonly #consumers = new Map<string, ShardConsumer>();
  /** Consumers whose checkpoint is under way. */
  readonly #storing = new Set<ShardConsumer>();
  readonly #leasesChanged = new Notifier();
  readonly #budget: ByteBudget;
  /** Monotonic time until which this worker keeps off a shard. */
  readonly #coolDowns = new Map<string, { readonly untilMillis: number; readonly finished: Position }>();
  /** Shards that are being handed over, with their tenure. */
  readonly #moving = new Map<string, number>();
  /** Shards whose engine restores what it committed of them. */
  readonly #openings = new Map<string, LinkedController>();
  /** When each of them is over. */
  readonly #opened = new Map<string, Promise<void>>();
  readonly #commits: Pick<BlockSource, 'commit'> = {
    commit: async (range, { state } = {}) => {
      // The engine may commit before the shard that it has just opened is read: state has timers that fire without records.
      await this.#opened.get(range.shardId);
      return (await this.get(range.shardId)?.commit(range, state)) ?? 'lost';
    },
  };
  #hasRead = false;
  #isClosed = false;

  constructor(options: ShardSetOptions) {
    this.#options = options;
    this.#budget = new ByteBudget(options.receiver.settings.maxBufferedBytes);
  }

  /** The consumer of a shard, in its tenure of now. */
  get(leaseKey: string): ShardConsumer | undefined {
    return this.#consumers.get(leaseKey);
  }

  /** The consumers of now. */
  all(): readonly ShardConsumer[] {
    return [...this.#consumers.values()];
  }

  /** The receiver ends: no shard is begun any more, and no handoff: its leases are released together. */
  close(): void {
    this.#isClosed = true;
  }

  /** Begins to read a shard whose tenure has begun. */
  begin(lease: Lease, parts: ReceiverParts): void {
    // A lease that arrives while the receiver ends is released with the others; an ended one is only kept alive.
    if (this.#isClosed || isEnded(lease)) return;
    const { startAt, open } = this.#options.receiver;
    if (open !== undefined) this.#options.track(this.#beginOpening(lease, open, parts));
    else if (startAt === undefined) this.#beginAt(lease, { position: lease.checkpoint }, parts);
    else {
      const asked = startAt(lease, this.#options.loops);
      this.#options.track(asked.then((position) => this.#beginAt(lease, { position }, parts)));
    }
  }

  async #beginOpening(lease: Lease, open: OpenShard, parts: ReceiverParts): Promise<void> {
    const opening = this.#open(lease, open, parts);
    const over = opening.catch(() => {});
    this.#opened.set(lease.leaseKey, over);
    try {
      await opening;
    } finally {
      if (this.#opened.get(lease.leaseKey) === over) this.#opened.delete(lease.leaseKey);
    }
  }

  /** Has an engine restore what it committed of the shard; where it cannot, another worker may be able to. */
  async #open(lease: Lease, open: OpenShard, parts: ReceiverParts): Promise<void> {
    const { receiver, loops } = this.#options;
    const { table, clock, random, events } = receiver;
    const leasesChanged = this.#leasesChanged;
    const { leaseKey } = lease;
    const tenure = lease.tenure as number;
    using opening = linkedController(loops);
    this.#openings.get(leaseKey)?.abort(leaseOver(leaseKey));
    this.#openings.set(leaseKey, opening);
    const { signal } = opening;
    try {
      if (!(await pause(clock, this.#coolDownOf(lease), signal))) return;
      const { streamName } = parts;
      const options = { table, clock, random, events, leasesChanged, streamName, source: this.#commits, open };
      this.#beginAt(lease, await openShard(lease, options, signal), parts);
    } catch (thrown) {
      if (signal.aborted) return;
      const fault = toMillraceError(thrown);
      // Whoever waits for the end of a bounded run would wait for a shard that nobody can begin.
      if (receiver.settings.until !== undefined && fault.reaction === 'fatal') throw fault;
      await this.#giveUp({ leaseKey, tenure, finished: lease.checkpoint }, fault, parts);
    } finally {
      if (this.#openings.get(leaseKey) === opening) this.#openings.delete(leaseKey);
    }
  }

  #beginAt(lease: Lease, start: ShardStart, parts: ReceiverParts): void {
    if (this.#isClosed) return;
    // Nobody was there to hear of a loss between the write that began the tenure and this line.
    if (!parts.keeper.confirmCurrent(lease.leaseKey, lease.tenure as number)) return;
    const consumer = this.#consumerOf(lease, start, parts);
    this.#consumers.set(lease.leaseKey, consumer);
    this.#options.track(this.#run(consumer, parts));
  }

  async #run(consumer: ShardConsumer, parts: ReceiverParts): Promise<void> {
    const { leaseKey } = consumer;
    try {
      await consumer.run();
    } catch (thrown) {
      const fault = toMillraceError(thrown);
      const isBounded = this.#options.receiver.settings.until !== undefined;
      if (isFaultOfReceiver({ fault, isBounded, isAlone: this.#isAlone(consumer) })) throw thrown;
      await this.#giveUp(consumer, fault, parts);
    } finally {
      this.#hasRead ||= consumer.lastPageAtMillis !== undefined;
      if (this.#consumers.get(leaseKey) === consumer) this.#consumers.delete(leaseKey);
      this.#options.onWorthless();
    }
  }

  #isAlone({ lastPageAtMillis = 0 }: ShardConsumer): boolean {
    return this.all().every((other) => (other.lastPageAtMillis ?? 0) <= lastPageAtMillis);
  }

  /** Whether any shard has brought a page. */
  get hasRead(): boolean {
    return this.#hasRead || this.all().some((consumer) => consumer.lastPageAtMillis !== undefined);
  }

  /**
   * A shard has failed here for good: another worker may be able to read it, so its lease is given away. Where there is
   * none it comes back; then it is held, but not read before the cool-down is over, so that it does not go to and fro.
   */
  async #giveUp(
    given: Pick<ShardConsumer, 'leaseKey' | 'tenure' | 'finished'>,
    fault: MillraceError,
    parts: ReceiverParts,
  ): Promise<void> {
    const { leaseKey, tenure } = given;
    const { receiver, loops } = this.#options;
    const { code, message } = fault;
    this.#coolDown(given);
    receiver.events.publish({
      type: 'shard.failed',
      shardId: leaseKey,
      code,
      message,
      coolDownMillis: shardCoolDownMillis,
    });
    // A receiver that ends releases all its leases together.
    if (!this.#isClosed) await parts.coordinator.giveAway(leaseKey, tenure, loops);
  }

  /**
   * Work on the shard does not come back, here: another worker may do better. What was finished before is checkpointed.
   * The lease is given away like that of a shard that has failed; see above.
   */
  giveUpStalled(leaseKey: string, parts: ReceiverParts): void {
    const consumer = this.#consumers.get(leaseKey);
    // A receiver that ends waits for its handlers only as long as it may.
    if (consumer === undefined || this.#isClosed) return;
    const { loops, track } = this.#options;
    this.#coolDown(consumer);
    consumer.abort(
      new MillraceError('MR_LEASE_LOST', `lease ${leaseKey} was given up: the work on its records does not come back`, {
        subject: { lease: leaseKey },
      }),
    );
    const giveAway = async () => {
      await consumer.checkpoint().catch(() => {});
      await parts.coordinator.giveAway(leaseKey, consumer.tenure, loops);
    };
    track(giveAway());
  }

  #coolDown({ leaseKey, finished }: Pick<ShardConsumer, 'leaseKey' | 'finished'>): void {
    const untilMillis = this.#options.receiver.clock.monotonicMillis() + shardCoolDownMillis;
    this.#coolDowns.set(leaseKey, { untilMillis, finished });
  }

  /**
   * How long a shard that was given up is left alone. Not at all when another worker has got further with it: it can be
   * read, and nobody else would while this worker holds it.
   *
   *   1. a handler stalls; its shard goes to another worker, which goes on with it
   *   2. that worker has one lease more than this one now; the leader's balance hands one back: the same, by chance
   */
  #coolDownOf({ leaseKey, checkpoint }: Lease): number {
    const coolDown = this.#coolDowns.get(leaseKey);
    if (coolDown === undefined) return 0;
    const leftMillis = coolDown.untilMillis - this.#options.receiver.clock.monotonicMillis();
    if (leftMillis > 0 && comparePositions(checkpoint, coolDown.finished) <= 0) return leftMillis;
    this.#coolDowns.delete(leaseKey);
    return 0;
  }

  #consumerOf(lease: Lease, { position, neededThrough }: ShardStart, parts: ReceiverParts): ShardConsumer {
    const { receiver, gate, emit, beforeLastCheckpoint } = this.#options;
    const { settings, clock, random, events, table, reader, rereader = reader, api } = receiver;
    const { gracefulLeaseHandoffTimeoutMillis } = { ...defaultAssignmentOptions, ...receiver.assignment };
    return new ShardConsumer({
      ...settings,
      lease,
      start: position,
      neededThrough,
      streamName: parts.streamName,
      hashKeyRange: parts.isPlacedByKey ? lease.hashKeyRange : undefined,
      reader,
      rereader,
      keeper: parts.keeper,
      table,
      budget: this.#budget,
      gate,
      bound: parts.bound,
      retentionMillis: parts.retentionMillis,
      clock,
      random,
      events,
      leasesChanged: this.#leasesChanged,
      serviceTimeMillis: () => api.serviceTimeMillis(),
      coolDownMillis: this.#coolDownOf(lease),
      faultGraceMillis: gracefulLeaseHandoffTimeoutMillis,
      listShards: parts.children.listShards,
      confirmGone: (shardId, signal) => confirmGone(shardId, parts.gone, signal),
      emit,
      beforeLastCheckpoint,
      leaseChildren: async (end, signal) => {
        await leaseChildren(lease, end, parts.children, signal);
        parts.coordinator.wake();
      },
    });
  }

  /** A tenure is over: nothing of it is handed out any more. */
  lost({ leaseKey, tenure, reason }: LeaseLost): void {
    this.#openings.get(leaseKey)?.abort(leaseOver(leaseKey));
    const consumer = this.#consumers.get(leaseKey);
    if (consumer?.tenure !== tenure) return;
    consumer.abort(
      new MillraceError('MR_LEASE_LOST', `lease ${leaseKey} was lost (${reason})`, { subject: { lease: leaseKey } }),
    );
  }

  /**
   * The leader hands a lease to another worker: finish it, checkpoint it, then let the keeper complete the handoff, so that
   * the next owner repeats nothing. Without a consumer there is nothing to finish, and the handoff is completed at once.
   */
  handOff(begun: HandoffBegun, keeper: Keeper): void {
    // A receiver that ends releases all its leases, and completes the handoffs with them.
    if (this.#isClosed) return;
    const { leaseKey, tenure } = begun;
    // Told again when it goes to another worker now; the shard is finished once.
    if (this.#moving.get(leaseKey) === tenure) return;
    this.#moving.set(leaseKey, tenure);
    const moved = this.#moveAway(begun, keeper).finally(() => {
      if (this.#moving.get(leaseKey) === tenure) this.#moving.delete(leaseKey);
    });
    this.#options.track(moved);
  }

  async #moveAway({ leaseKey, tenure, to }: HandoffBegun, keeper: Keeper): Promise<void> {
    const { receiver, loops } = this.#options;
    const { gracefulLeaseHandoffTimeoutMillis } = { ...defaultAssignmentOptions, ...receiver.assignment };
    const consumer = this.#consumers.get(leaseKey);
    // What an engine restores for a shard that goes is of no use, and a child may wait for its parents for long.
    if (consumer === undefined) this.#openings.get(leaseKey)?.abort(leaseOver(leaseKey));
    if (consumer?.tenure === tenure) {
      const late = () => new MillraceError('MR_DRAIN_TIMEOUT', `shard ${leaseKey} did not finish its blocks in time`);
      using deadline = deadlineController(receiver.clock, gracefulLeaseHandoffTimeoutMillis, late, loops);
      const isDrained = await drainOrFail(consumer, deadline.signal);
      if (!isDrained || ['ended', 'lost', 'failed'].includes(consumer.state.tag)) return;
    }
    // To whom is what the row says by then: the new owner may have stopped and taken the handoff back.
    await keeper.ask({ type: 'release', leaseKey, tenure });
    consumer?.abort(new MillraceError('MR_LEASE_LOST', `lease ${leaseKey} was given to ${to}`));
  }

  /** Checkpoints what is finished, regularly, until the signal aborts. */
  async checkpointLoop(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#options.receiver;
    while (await pause(clock, settings.checkpointIntervalMillis, signal)) {
      for (const consumer of this.#consumers.values()) this.#store(consumer);
    }
  }

  /** Begins a checkpoint unless one is under way. Shards do not wait for each other: one of them may take long. */
  #store(consumer: ShardConsumer): void {
    if (this.#storing.has(consumer)) return;
    this.#storing.add(consumer);
    const stored = consumer.checkpoint().then(
      () => {},
      (thrown: unknown) => consumer.fail(thrown),
    );
    this.#options.track(stored.finally(() => this.#storing.delete(consumer)));
  }

  /** Drops everything at once. */
  abort(reason: unknown): void {
    for (const consumer of this.#consumers.values()) consumer.abort(reason);
  }
}

function leaseOver(leaseKey: string): MillraceError {
  return new MillraceError('MR_LEASE_LOST', `the tenure of lease ${leaseKey} is over`, {
    subject: { lease: leaseKey },
  });
}

/** Drains a shard whose receiver goes on. A fault of its last checkpoint is the shard's, which then gives its lease up. */
async function drainOrFail(consumer: ShardConsumer, deadline: AbortSignal): Promise<boolean> {
  try {
    await consumer.drain(deadline);
    return true;
  } catch (thrown) {
    consumer.fail(thrown);
    return false;
  }
}

/**
 * Has the last blocks sealed (`onSealed` is called then), finished and checkpointed, until the deadline; answers with what
 * kept them from that.
 */
export async function finishBlocks(
  consumers: readonly ShardConsumer[],
  deadline: AbortSignal,
  onSealed: () => void,
): Promise<MillraceError | undefined> {
  for (const consumer of consumers) consumer.stopReading();
  onSealed();
  const outcomes = await Promise.allSettled(consumers.map((consumer) => consumer.drain(deadline)));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') return toMillraceError(outcome.reason);
  }
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === 'rejected' || outcome.value === 'finished') continue;
    const shardId = consumers[index]?.leaseKey ?? '';
    return outcome.value === 'late' ? drainTimeout(deadline.reason) : unwritten(shardId);
  }
  return undefined;
}

/** Drops what is not finished and checkpoints what is; a checkpoint that fails leaves more to the next owner. */
export async function dropBlocks(consumers: readonly ShardConsumer[], reason: unknown): Promise<void> {
  for (const consumer of consumers) consumer.abort(reason);
  await Promise.allSettled(consumers.map((consumer) => consumer.checkpoint()));
}
