import { aborted, linkedController } from '../base/abort.ts';
import { backoffMillis } from '../base/backoff.ts';
import { sleep } from '../base/clock.ts';
import { MillraceError, isMillraceError, toMillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import { type Position, comparePositions, formatPosition } from '../base/position.ts';
import { StateHolder } from '../base/state.ts';
import type { CommitOutcome } from '../block/block-source.ts';
import { type Range, formatRange } from '../block/range.ts';
import type { KinesisRecord } from '../block/record.ts';
import { isKinesisFault } from '../kinesis/fault.ts';
import type { ChildShard, StartPosition } from '../kinesis/kinesis-api.ts';
import { Deaggregator, type DeaggregatorOptions } from '../kinesis/kpl/deaggregator.ts';
import type { ShardReader } from '../kinesis/reader.ts';
import { BlockOutlet, type BlockOutletOptions } from './block-outlet.ts';
import type { DemandGate } from './demand-gate.ts';
import { FinishedPositions } from './finished-positions.ts';
import { type ParentGateOptions, waitForParents } from './parent-gate.ts';
import { ShardCheckpointer, type ShardCheckpointerOptions } from './shard-checkpointer.ts';
import { type ShardState, shardEdges } from './shard-state.ts';
import { SkipThrough, startPositionOf } from './start-position.ts';
import { type Bound, cutAtBound } from './until.ts';

/** A fault with reaction `restart` reopens the shard after this wait, doubling, at most so often without a page in between. */
const restartBackoff = { baseMillis: 2_000, capMillis: 60_000 };
const maximumRestarts = 8;
/** What one read may reserve of the byte budget: twice the last page, within these bounds; for the first read the most. */
const minimumReserveBytes = 64 * 1024;
const maximumReserveBytes = 10 * 1024 * 1024;

/** How the drain of a shard came out; see {@link ShardConsumer.drain}. */
export type DrainOutcome = 'finished' | 'late' | 'unwritten';

/** What a {@link ShardConsumer} needs. */
export interface ShardConsumerOptions
  extends
    ParentGateOptions,
    ShardCheckpointerOptions,
    Omit<BlockOutletOptions, 'positions' | 'signal' | 'onFault' | 'start'> {
  readonly reader: ShardReader;
  /** Where reading begins when an engine with positions of its own knows better than the lease's checkpoint. */
  readonly start?: Position;
  readonly hashKeyRange: DeaggregatorOptions['hashKeyRange'];
  readonly gate: DemandGate;
  readonly maxUnackedBlocks: number;
  readonly bound: Bound | undefined;
  readonly serviceTimeMillis: () => number;
  /** Whether a shard that Kinesis calls gone is past retention, and not only out of sight; see `confirmGone`. */
  readonly confirmGone: (shardId: string, signal: AbortSignal) => Promise<boolean>;
}

/** Why reading ended, when it ended by itself or on request. */
type ReadingEnd = 'shardEnd' | 'request' | 'bound';

/**
 * Reads one shard in one tenure: waits for the parents, reads pages, cuts them into blocks, and checkpoints what is
 * finished. The commit order of a shard's end: last range acked -> children leased -> SHARD_END checkpointed.
 */
export class ShardConsumer {
  readonly leaseKey: string;
  readonly tenure: number;
  readonly #options: ShardConsumerOptions;
  readonly #start: Position;
  readonly #positions: FinishedPositions;
  readonly #outlet: BlockOutlet;
  readonly #deaggregator: Deaggregator;
  readonly #skip: SkipThrough;
  /** Aborts reading only: what was handed out may still finish. */
  readonly #reading = new AbortController();
  /** Aborts all: the lease is lost, or the process drops its work. */
  readonly #over = new AbortController();
  readonly #acked = new Notifier();
  readonly #checkpointer: ShardCheckpointer;
  readonly #state: StateHolder<ShardState>;
  /** A fault that no caller was there to hear. */
  #fault: { readonly thrown: unknown } | undefined;
  /** Whether blocks were dropped that nobody had finished. */
  #hasDropped = false;
  #pages = 0;
  #lastPageBytes: number | undefined;
  #childShards: readonly ChildShard[] = [];

  constructor(options: ShardConsumerOptions) {
    const { lease, events, start = lease.checkpoint } = options;
    this.#start = start;
    this.#options = options;
    this.leaseKey = lease.leaseKey;
    this.tenure = lease.tenure as number;
    this.#positions = new FinishedPositions(start);
    this.#outlet = new BlockOutlet({
      ...options,
      start,
      positions: this.#positions,
      signal: this.#over.signal,
      onFault: (thrown) => this.#crash(thrown),
    });
    this.#deaggregator = new Deaggregator({ ...options, shardId: lease.leaseKey });
    this.#skip = new SkipThrough(start);
    this.#checkpointer = new ShardCheckpointer(options);
    this.#state = new StateHolder<ShardState>({ tag: 'waitingForParents' }, shardEdges, (to, from) =>
      events.publish({ type: 'shard.changed', shardId: lease.leaseKey, from: from.tag, to: to.tag }),
    );
  }

  /** The state now. */
  get state(): ShardState {
    return this.#state.current;
  }

  /** Blocks handed out and not finished. */
  get outstanding(): number {
    return this.#positions.outstanding;
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
   * @throws MillraceError the fault that reading met, when it does not pass
   */
  async run(): Promise<void> {
    const { lease } = this.#options;
    try {
      await waitForParents(lease, this.#options, this.#reading.signal);
      this.#state.become({ tag: 'reading' });
      const why = this.#start.kind === 'SHARD_END' ? 'shardEnd' : await this.#read();
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
      this.#deaggregator.close();
    }
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

  async #read(): Promise<ReadingEnd> {
    const { clock, random, events, lease } = this.#options;
    let start = startPositionOf(lease, this.#start);
    for (let failures = 1; ; failures += 1) {
      const pagesBefore = this.#pages;
      try {
        return await this.#readFrom(start);
      } catch (thrown) {
        if (this.#over.signal.aborted || isMillraceError(thrown, 'MR_LEASE_LOST')) throw thrown;
        if (this.#reading.signal.aborted) return 'request';
        const fault = isKinesisFault(thrown, 'shardGone') ? await this.#faultOfGone(thrown) : toMillraceError(thrown);
        if (fault === undefined) return 'shardEnd';
        if (this.#reading.signal.aborted) return 'request';
        if (this.#pages > pagesBefore) failures = 1;
        if (fault.reaction === 'fatal' || failures > maximumRestarts) throw fault;
        events.publish({ type: 'fault.seen', code: fault.code, message: fault.message, subject: fault.subject });
        this.#outlet.seal();
        start = this.#resumePosition(start);
        await sleep(clock, backoffMillis(restartBackoff, failures, random), this.#reading.signal).catch(() => {});
      }
    }
  }

  /**
   * Looks whether a shard that Kinesis calls gone really is. Then it ends here, past retention: its listed children are
   * leased first, then it is closed (design section 6), and there is no fault. Otherwise answers with the fault.
   */
  async #faultOfGone(thrown: MillraceError): Promise<MillraceError | undefined> {
    const { events, confirmGone } = this.#options;
    try {
      const isGone = await confirmGone(this.leaseKey, this.#reading.signal);
      if (!isGone) return restartable(thrown);
    } catch (second) {
      return toMillraceError(second);
    }
    events.publish({ type: 'shard.gone', shardId: this.leaseKey });
    this.#outlet.sealEnd();
    return undefined;
  }

  /**
   * Where to go on after a fault. A checkpoint from which nothing was handed out yet is opened as at first, since it may
   * lie inside an aggregate; later ends are those of whole pages.
   */
  #resumePosition(start: StartPosition): StartPosition {
    const { through } = this.#positions;
    const isFresh = comparePositions(through, this.#start) === 0;
    if (isFresh || through.kind !== 'SEQUENCE') return start;
    return { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: through.sequenceNumber.toString() };
  }

  async #readFrom(start: StartPosition): Promise<ReadingEnd> {
    const { reader, gate, budget, bound, serviceTimeMillis } = this.#options;
    const { signal } = this.#reading;
    const pages = reader.open(this.leaseKey, start, signal)[Symbol.asyncIterator]();
    for (;;) {
      signal.throwIfAborted();
      const bytes = this.#bytesToReserve();
      await this.#untilRoom(bytes, signal);
      await gate.ready(signal);
      const reserved = await budget.reserve(bytes, signal);
      try {
        const askedAtMillis = serviceTimeMillis();
        const next = await pages.next();
        // Between the page's arrival and this line reading may have been stopped and its last block sealed: a block
        // made now would come after that, when nobody takes blocks any more.
        signal.throwIfAborted();
        if (next.done === true) return 'request';
        const page = next.value;
        this.#pages += 1;
        this.#lastPageBytes = page.bytes;
        reserved.settle(page.bytes);
        const cut = cutAtBound(page, bound, askedAtMillis);
        await this.#accept(cut.records, page.millisBehindLatest, signal);
        signal.throwIfAborted();
        // A page that reaches the end of the shard ends it, unless the bound lies before its last records.
        if (page.end !== undefined && cut.records.length === page.records.length) {
          this.#childShards = page.end.childShards;
          this.#outlet.sealEnd();
          return 'shardEnd';
        }
        if (cut.reached) {
          this.#outlet.seal();
          return 'bound';
        }
      } finally {
        reserved.release();
      }
    }
  }

  /**
   * Takes the user records of a page, a part at a time: an aggregate may hold so many that no more should be in memory
   * before some are finished. Reading may be stopped in between, inside an aggregate, and the next owner goes on there.
   */
  async #accept(records: readonly KinesisRecord[], millisBehindLatest: number, signal: AbortSignal): Promise<void> {
    const { gate } = this.#options;
    let isFirst = true;
    for (const part of this.#deaggregator.parts(records)) {
      if (!isFirst) await this.#untilRoom(0, signal);
      signal.throwIfAborted();
      isFirst = false;
      gate.took(part.length);
      this.#outlet.accept(this.#skip.keep(part), millisBehindLatest);
    }
  }

  #bytesToReserve(): number {
    const expected = this.#lastPageBytes === undefined ? maximumReserveBytes : 2 * this.#lastPageBytes;
    return this.#options.budget.requestFor(Math.min(maximumReserveBytes, Math.max(minimumReserveBytes, expected)));
  }

  /** Waits while this shard has as much unfinished as it may have; each ack is a reason to look again. */
  async #untilRoom(bytes: number, signal: AbortSignal): Promise<void> {
    const { maxUnackedBlocks, budget } = this.#options;
    const isFull = () =>
      this.#positions.outstanding >= maxUnackedBlocks || !budget.hasShareFor(this.#positions.bytes, bytes);
    while (isFull()) {
      await this.#acked.wait(signal);
      signal.throwIfAborted();
    }
  }

  /** Stops reading and seals what was read; what was handed out may still finish. */
  stopReading(): void {
    if (this.#reading.signal.aborted) return;
    this.#reading.abort(new MillraceError('MR_ABORTED', `reading of shard ${this.leaseKey} was stopped`));
    try {
      if (!this.#over.signal.aborted) this.#outlet.seal();
    } catch (thrown) {
      this.#crash(thrown);
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
    const isFinished = this.#positions.outstanding === 0;
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

  /**
   * Drops everything at once: the lease is lost (`MR_LEASE_LOST`), or the process stops. What was finished may still be
   * checkpointed.
   */
  abort(reason: unknown): void {
    this.#hasDropped ||= this.#positions.outstanding > 0;
    this.#over.abort(reason);
    this.#reading.abort(reason);
    this.#outlet.close();
    this.#positions.drop();
    this.#acked.notify();
  }

  /** Ends with a fault that nobody called for. */
  #crash(thrown: unknown): void {
    if (!this.#over.signal.aborted) this.#fault = { thrown };
    this.abort(thrown);
  }

  /** A range is finished. */
  ack(range: Range): void {
    if (range.tenure !== this.tenure) return;
    this.#positions.ack(range);
    this.#acked.notify();
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
    if (comparePositions(finished, this.#checkpointer.written) <= 0) return 'committed';
    return finished.kind === 'SHARD_END' ? this.#writeEnd() : this.#checkpointer.write(finished);
  }

  /** Leasing the children ends with the tenure, whatever it is about then. */
  async #writeEnd(state?: string): Promise<CommitOutcome> {
    try {
      return await this.#checkpointer.writeEnd(this.#childShards, this.#over.signal, state);
    } catch (thrown) {
      if (this.#over.signal.aborted) return 'lost';
      throw thrown;
    }
  }
}

/** The same fault, for a loop that may try again. */
function restartable({ code, message, subject, cause }: MillraceError): MillraceError {
  return new MillraceError(code, message.slice(`${code}: `.length), { subject, cause, reaction: 'restart' });
}
