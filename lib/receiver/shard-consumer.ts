import { aborted, deadlineController, linkedController, raceAbort, stayingController } from '../base/abort.ts';
import { pause } from '../base/clock.ts';
import { MillraceError, isMillraceError, toMillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import { type Position, comparePositions, formatPosition } from '../base/position.ts';
import { StateHolder } from '../base/state.ts';
import type { CommitOutcome } from '../block/block-source.ts';
import { type Range, formatRange } from '../block/range.ts';
import type { Lease } from '../lease/lease.ts';
import { BlockOutlet, type BlockOutletOptions } from './block-outlet.ts';
import { FinishedPositions } from './finished-positions.ts';
import { type ParentGateOptions, waitForParents } from './parent-gate.ts';
import { ShardCheckpointer, type ShardCheckpointerOptions } from './shard-checkpointer.ts';
import { isFaultOfAll } from './shard-fault.ts';
import { type ReadingEnd, ShardIntake, type ShardIntakeOptions } from './shard-intake.ts';
import { ShardReread, type ShardRereadOptions } from './shard-reread.ts';
import { ShardTip } from './shard-tip.ts';
import { type ShardState, shardEdges } from './shard-state.ts';
import type { ShardTenure } from './shard-tenure.ts';

/** How the drain of a shard came out; see {@link ShardConsumer.drain}. */
export type DrainOutcome = 'finished' | 'late' | 'unwritten';

/** What a {@link ShardConsumer} needs. */
export interface ShardConsumerOptions
  extends
    ParentGateOptions,
    ShardIntakeOptions,
    ShardRereadOptions,
    Omit<ShardCheckpointerOptions, 'tip'>,
    Omit<BlockOutletOptions, 'positions' | 'signal' | 'onFault'> {
  /** How long to keep off the shard although its lease is held: it failed here a while ago. 0 when it did not. */
  readonly coolDownMillis: number;
  /** How long blocks that are out may still finish when reading has failed for good. */
  readonly faultGraceMillis: number;
  /** Called in a drain, when all that was handed out is finished or processed, before the last checkpoint. */
  readonly beforeLastCheckpoint: (tenure: ShardTenure, signal: AbortSignal) => Promise<void>;
  /** Where reading begins when an engine with positions of its own knows better than the lease's checkpoint. */
  readonly start?: Position;
}

/**
 * A lease as it would be at the place where reading begins. What the row says of the tip, it says of its own checkpoint, and so
 * of all that is after it: an engine's place may be ahead. One that is behind, after a rewind of the whole application or
 * with a store of the day before, has records after it, and nobody knows since when: so its own record must be there.
 */
function leaseAt(start: Position, { caughtUpAtMillis, ...rest }: Lease): Lease {
  const lease = { ...rest, checkpoint: start };
  if (comparePositions(start, rest.checkpoint) < 0) {
    return start.kind === 'SEQUENCE' ? { ...lease, caughtUpAtMillis: 0 } : lease;
  }
  return caughtUpAtMillis === undefined ? lease : { ...lease, caughtUpAtMillis };
}

/**
 * Reads one shard in one tenure: waits for the parents, reads pages, cuts them into blocks, and checkpoints what is
 * finished. The commit order of a shard's end: last range acked -> children leased -> SHARD_END checkpointed.
 */
export class ShardConsumer implements ShardTenure {
  readonly leaseKey: string;
  readonly tenure: number;
  /** Blocks of the tenure that are dropped from memory, and read again. */
  readonly reread: ShardReread;
  readonly #options: ShardConsumerOptions;
  readonly #start: Position;
  readonly #positions: FinishedPositions;
  readonly #outlet: BlockOutlet;
  readonly #intake: ShardIntake;
  /** Aborts reading only: what was handed out may still finish. */
  readonly #reading = stayingController();
  /** Aborts all: the lease is lost, or the process drops its work. */
  readonly #over = stayingController();
  readonly #acked = new Notifier();
  readonly #checkpointer: ShardCheckpointer;
  readonly #state: StateHolder<ShardState>;
  /** A fault that no caller was there to hear. */
  #fault: { readonly thrown: unknown } | undefined;
  /** Whether blocks were dropped that nobody had finished. */
  #hasDropped = false;

  constructor(options: ShardConsumerOptions) {
    const { lease, events } = options;
    this.#options = options;
    this.leaseKey = lease.leaseKey;
    this.tenure = lease.tenure as number;
    this.#start = options.start ?? lease.checkpoint;
    this.#positions = new FinishedPositions(this.#start);
    // Reading goes by where it begins; what is written goes by the row, whose checkpoint never moves back.
    const tip = new ShardTip();
    const reading = { ...options, lease: leaseAt(this.#start, lease) };
    this.#outlet = new BlockOutlet({
      ...reading,
      positions: this.#positions,
      signal: this.#over.signal,
      onFault: (thrown) => this.fail(thrown),
    });
    this.#intake = new ShardIntake(reading, {
      outlet: this.#outlet,
      positions: this.#positions,
      tip,
      acked: this.#acked,
      reading: this.#reading.signal,
      over: this.#over.signal,
      onState: (tag) => {
        if (this.state.tag !== tag) this.#state.become({ tag });
      },
    });
    this.reread = new ShardReread(options, { positions: this.#positions, over: this.#over.signal });
    this.#checkpointer = new ShardCheckpointer({ ...options, tip });
    this.#state = new StateHolder<ShardState>({ tag: 'waitingForParents' }, shardEdges, (to, from) =>
      events.publish({ type: 'shard.changed', shardId: lease.leaseKey, from: from.tag, to: to.tag }),
    );
  }

  /** The state now. */
  get state(): ShardState {
    return this.#state.current;
  }

  /** The row that the tenure began with. */
  get lease(): Lease {
    return this.#options.lease;
  }

  /** Up to where everything is finished. */
  get finished(): Position {
    return this.#positions.finished;
  }

  /** Up to where blocks were handed out. */
  get through(): Position {
    return this.#positions.through;
  }

  /** Blocks handed out and not finished. */
  get outstanding(): number {
    return this.#positions.outstanding;
  }

  /** Monotonic time of the last page of this tenure. */
  get lastPageAtMillis(): number | undefined {
    return this.#intake.lastPageAtMillis;
  }

  /** Whether the shard waits for a parent. */
  get isWaitingForParents(): boolean {
    return this.state.tag === 'waitingForParents';
  }

  /** Whether a bounded run has nothing more to do here: read to the bound, and all of it finished. */
  get isAtBound(): boolean {
    return this.state.tag === 'draining' && this.state.why === 'bound' && this.#positions.outstanding === 0;
  }

  /**
   * Runs until the shard has ended, is stopped or lost.
   * @throws MillraceError the fault that it met, when it does not pass
   */
  async run(): Promise<void> {
    const { lease } = this.#options;
    try {
      await waitForParents(lease, this.#options, this.#reading.signal);
      this.#state.become({ tag: 'starting' });
      const why = await this.#read();
      this.#state.become({ tag: 'draining', why });
      if (why === 'shardEnd' && (await this.#end()) === 'committed') {
        this.#state.become({ tag: 'ended' });
        return;
      }
      // The lease is kept until somebody releases it or it is lost.
      await aborted(this.#over.signal);
      throw this.#over.signal.reason;
    } catch (thrown) {
      this.#finish(thrown);
    } finally {
      this.#outlet.close();
      this.#intake.close();
    }
  }

  async #read(): Promise<ReadingEnd> {
    if (this.#start.kind === 'SHARD_END') return 'shardEnd';
    const { clock, coolDownMillis } = this.#options;
    const { signal } = this.#reading;
    if (coolDownMillis > 0 && !(await pause(clock, coolDownMillis, signal))) return 'request';
    try {
      return await this.#intake.read();
    } catch (thrown) {
      const fault = toMillraceError(thrown);
      const isOver = this.#over.signal.aborted || fault.code === 'MR_LEASE_LOST';
      if (!isOver && !isFaultOfAll(fault)) await this.#finishAfter(fault);
      throw thrown;
    }
  }

  /**
   * Reading has failed for good, of this shard alone: what was read before is good, and is finished and checkpointed, so
   * that the next owner repeats nothing. What fails here on top is not told: the fault is.
   */
  async #finishAfter(fault: MillraceError): Promise<void> {
    const { clock, faultGraceMillis } = this.#options;
    this.stopReading();
    if (this.#over.signal.aborted) return;
    this.#state.become({ tag: 'draining', why: 'fault' });
    using grace = deadlineController(clock, faultGraceMillis, () => fault);
    await this.settled(grace.signal);
    await this.checkpoint().catch(() => {});
  }

  async #end(): Promise<CommitOutcome> {
    await this.settled(this.#over.signal);
    this.#over.signal.throwIfAborted();
    return this.#writeEnd();
  }

  /** Ends in the state that the thrown reason asks for; throws it on when it is a fault. */
  #finish(thrown: unknown): void {
    const isOver = this.#over.signal.aborted;
    if (!isOver && this.#reading.signal.aborted && this.state.tag === 'waitingForParents') {
      this.#state.become({ tag: 'stopped' });
      return;
    }
    const reason: unknown = isOver ? this.#over.signal.reason : thrown;
    const fault = this.#fault ?? (isOver ? undefined : { thrown });
    this.abort(reason);
    if (isMillraceError(reason, 'MR_LEASE_LOST')) this.#state.become({ tag: 'lost' });
    else if (fault === undefined) this.#state.become({ tag: 'stopped' });
    else {
      this.#state.become({ tag: 'failed', fault: fault.thrown });
      throw fault.thrown;
    }
  }

  /** Stops reading and seals what was read; what was handed out may still finish. */
  stopReading(): void {
    if (this.#reading.signal.aborted) return;
    this.#reading.abort(new MillraceError('MR_ABORTED', `reading of shard ${this.leaseKey} was stopped`));
    try {
      if (!this.#over.signal.aborted) this.#outlet.seal();
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** Resolves when every block handed out is finished, or the signal aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    using either = linkedController(signal, this.#over.signal);
    while (this.#positions.outstanding > 0 && !either.signal.aborted) await this.#acked.wait(either.signal);
  }

  /**
   * Stops reading, waits until what was handed out is finished, and writes that. `late` when the deadline aborted first,
   * `unwritten` when the lease was gone, or the table out of reach, before the last checkpoint was in it: then the next
   * owner repeats the rest.
   * @throws MillraceError when the last checkpoint met a fault that does not pass
   */
  async drain(deadline: AbortSignal): Promise<DrainOutcome> {
    this.stopReading();
    await this.settled(deadline);
    const isFinished = this.#positions.outstanding === 0 && (await this.#hasPrepared(deadline));
    const onDeadline = () => this.abort(deadline.reason);
    deadline.addEventListener('abort', onDeadline, { once: true });
    if (deadline.aborted) onDeadline();
    try {
      const outcome = await this.checkpoint();
      const isMissing = outcome === 'lost' || this.#hasDropped;
      if (!isFinished || (isMissing && deadline.aborted)) return 'late';
      return isMissing ? 'unwritten' : 'finished';
    } finally {
      deadline.removeEventListener('abort', onDeadline);
    }
  }

  /** Lets whoever processes the shard do its last; `false` when the deadline came first. */
  async #hasPrepared(deadline: AbortSignal): Promise<boolean> {
    if (this.#over.signal.aborted) return true;
    using either = linkedController(deadline, this.#over.signal);
    try {
      await raceAbort(this.#options.beforeLastCheckpoint(this, either.signal), either.signal);
      return true;
    } catch {
      return !deadline.aborted;
    }
  }

  /**
   * Drops everything at once: the lease is lost (`MR_LEASE_LOST`), or the process stops. What was finished may still be
   * checkpointed.
   */
  abort(reason: unknown): void {
    this.#hasDropped ||= this.#positions.outstanding > 0;
    this.#over.abort(reason);
    this.#reading.abort(reason);
    this.#outlet.close();
    this.#positions.dropAll();
    this.#acked.notify();
  }

  /** Ends with a fault that was met outside of `run`, which throws it. */
  fail(thrown: unknown): void {
    if (!this.#over.signal.aborted) this.#fault = { thrown };
    this.abort(thrown);
  }

  /** A range is finished. */
  ack(range: Range): void {
    if (range.tenure !== this.tenure) return;
    this.#positions.ack(range);
    this.#acked.notify();
  }

  /** A range is processed; whether it is finished will be told by {@link ShardConsumer.checkpointThrough}. */
  processed(range: Range): void {
    if (range.tenure !== this.tenure) return;
    this.#positions.processed(range);
    this.#acked.notify();
  }

  /** Finishes everything up to a position, be it inside a block, and writes it now. */
  async checkpointThrough(position: Position): Promise<CommitOutcome> {
    if (this.#over.signal.aborted) return 'lost';
    this.#positions.finishThrough(position);
    this.#acked.notify();
    return this.checkpoint();
  }

  /** Writes a position beside the checkpoint, with the application's bytes. */
  async prepare(position: Position, state: Uint8Array | undefined): Promise<CommitOutcome> {
    return this.#over.signal.aborted ? 'lost' : this.#checkpointer.prepare(position, state);
  }

  /**
   * Finishes a range and writes it now, with the engine's text. The range counts as finished only once the write is
   * applied: a checkpoint of the loop in between would otherwise move the position without the text.
   * @throws MillraceError `MR_COMMIT_GAP` when an earlier range is not finished
   */
  async commit(range: Range, state: string | undefined): Promise<CommitOutcome> {
    if (range.tenure !== this.tenure || this.#over.signal.aborted) return 'lost';
    if (!this.#positions.isContiguous(range)) {
      throw new MillraceError(
        'MR_COMMIT_GAP',
        `range ${formatRange(range)} cannot be committed: only what follows ${formatPosition(this.#positions.finished)} without a gap and was handed out (through ${formatPosition(this.#positions.through)}) can; commit in order`,
        { subject: { shard: this.leaseKey } },
      );
    }
    const outcome =
      range.through.kind === 'SHARD_END'
        ? await this.#writeEnd(state)
        : await this.#checkpointer.write(range.through, state);
    if (outcome === 'committed') this.ack(range);
    return outcome;
  }

  /** Writes the finished position when it has moved; at the end of the shard, with all that SHARD_END takes. */
  async checkpoint(): Promise<CommitOutcome> {
    const { finished } = this.#positions;
    if (comparePositions(finished, this.#checkpointer.written) <= 0) return this.#checkpointer.writeTip();
    return finished.kind === 'SHARD_END' ? this.#writeEnd() : this.#checkpointer.write(finished);
  }

  /** Leasing the children ends with the tenure, whatever it is about then. */
  async #writeEnd(state?: string): Promise<CommitOutcome> {
    try {
      return await this.#checkpointer.writeEnd(this.#intake.childShards, this.#over.signal, state);
    } catch (thrown) {
      if (this.#over.signal.aborted) return 'lost';
      throw thrown;
    }
  }
}
