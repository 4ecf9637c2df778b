import { aborted, linkedController } from '../base/abort.ts';
import { backoffMillis } from '../base/backoff.ts';
import { type CancelTimer, sleep } from '../base/clock.ts';
import { MillraceError, isMillraceError, toMillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import { comparePositions, formatPosition } from '../base/position.ts';
import { StateHolder } from '../base/state.ts';
import type { CommitOutcome } from '../block/block-source.ts';
import type { Block } from '../block/block.ts';
import { type Range, formatRange } from '../block/range.ts';
import { isKinesisFault } from '../kinesis/fault.ts';
import type { ChildShard, StartPosition } from '../kinesis/kinesis-api.ts';
import type { Page, ShardReader } from '../kinesis/reader.ts';
import { BlockBuilder, type Slice } from './block-builder.ts';
import type { ByteBudget, Reservation } from './byte-budget.ts';
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
/** What one read may reserve of the byte budget: twice the last page, within these bounds. */
const minimumReserveBytes = 64 * 1024;
const maximumReserveBytes = 10 * 1024 * 1024;

/** What a {@link ShardConsumer} needs. */
export interface ShardConsumerOptions extends ParentGateOptions, ShardCheckpointerOptions {
  readonly streamName: string;
  readonly reader: ShardReader;
  readonly budget: ByteBudget;
  readonly gate: DemandGate;
  readonly blockIntervalMillis: number;
  readonly blockMaxBytes: number;
  readonly blockMaxRecords: number;
  readonly maxUnackedBlocks: number;
  readonly bound: Bound | undefined;
  readonly serviceTimeMillis: () => number;
  /** Takes a sealed block; called in order. */
  readonly emit: (block: Block) => void;
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
  readonly #positions: FinishedPositions;
  readonly #builder: BlockBuilder;
  readonly #skip: SkipThrough;
  readonly #builderBytes: Reservation;
  /** Aborts reading only: what was handed out may still finish. */
  readonly #reading = new AbortController();
  /** Aborts all: the lease is lost, or the process drops its work. */
  readonly #over = new AbortController();
  readonly #acked = new Notifier();
  readonly #checkpointer: ShardCheckpointer;
  readonly #state: StateHolder<ShardState>;
  #blocks = 0;
  #lastPageBytes = 0;
  #cancelSeal: CancelTimer | undefined;
  #childShards: readonly ChildShard[] = [];

  constructor(options: ShardConsumerOptions) {
    const { lease, events, budget } = options;
    this.#options = options;
    this.leaseKey = lease.leaseKey;
    this.tenure = lease.tenure as number;
    this.#positions = new FinishedPositions(lease.checkpoint);
    this.#builder = new BlockBuilder(lease.leaseKey, this.tenure, lease.checkpoint, options);
    this.#builderBytes = budget.take(0);
    this.#skip = new SkipThrough(lease.checkpoint);
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

  /** Whether a bounded run has nothing more to do here: read to the bound, and all of it finished. */
  get isDone(): boolean {
    const { tag } = this.state;
    return tag === 'ended' || (tag === 'draining' && this.state.why === 'bound' && this.#positions.outstanding === 0);
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
      this.#cancelSeal?.();
      this.#builderBytes.release();
    }
  }

  async #end(): Promise<CommitOutcome> {
    await this.settled(this.#over.signal);
    this.#over.signal.throwIfAborted();
    return this.#checkpointer.writeEnd(this.#childShards, this.#over.signal);
  }

  /** Ends in the state that the thrown reason asks for; throws it on when it is a fault. */
  #finish(thrown: unknown): void {
    const reason: unknown = this.#over.signal.aborted ? this.#over.signal.reason : thrown;
    const stopped = !this.#over.signal.aborted && this.#reading.signal.aborted;
    if (stopped) {
      if (this.state.tag === 'waitingForParents') this.#state.become({ tag: 'stopped' });
      return;
    }
    this.#positions.drop();
    if (isMillraceError(reason, 'MR_LEASE_LOST')) this.#state.become({ tag: 'lost' });
    else if (this.#over.signal.aborted) this.#state.become({ tag: 'stopped' });
    else {
      this.#over.abort(thrown);
      this.#state.become({ tag: 'failed', fault: thrown });
      throw thrown;
    }
  }

  async #read(): Promise<ReadingEnd> {
    const { clock, random, events, lease } = this.#options;
    let start = startPositionOf(lease);
    for (let restarts = 1; ; restarts += 1) {
      const before = this.#positions.through;
      try {
        return await this.#readFrom(start);
      } catch (thrown) {
        if (this.#over.signal.aborted) throw thrown;
        if (this.#reading.signal.aborted) return 'request';
        if (isKinesisFault(thrown, 'shardGone')) {
          // Past retention, not an end: its listed children are leased first, then it is closed (design section 6).
          events.publish({ type: 'shard.gone', shardId: this.leaseKey });
          this.#emit(this.#builder.sealEnd());
          return 'shardEnd';
        }
        const fault = toMillraceError(thrown);
        if (comparePositions(before, this.#positions.through) !== 0) restarts = 1;
        if (fault.reaction === 'fatal' || restarts > maximumRestarts) throw fault;
        events.publish({ type: 'fault.seen', code: fault.code, message: fault.message, subject: fault.subject });
        this.#sealNow();
        start = this.#resumePosition(start);
        await sleep(clock, backoffMillis(restartBackoff, restarts, random), this.#reading.signal).catch(() => {});
      }
    }
  }

  #resumePosition(start: StartPosition): StartPosition {
    const { through } = this.#positions;
    return through.kind === 'SEQUENCE'
      ? { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: through.sequenceNumber.toString() }
      : start;
  }

  async #readFrom(start: StartPosition): Promise<ReadingEnd> {
    const { reader, gate, budget, bound, serviceTimeMillis } = this.#options;
    const { signal } = this.#reading;
    const pages = reader.open(this.leaseKey, start, signal)[Symbol.asyncIterator]();
    for (;;) {
      signal.throwIfAborted();
      await this.#untilRoom(signal);
      await gate.ready(signal);
      const reserved = await budget.reserve(this.#bytesToReserve(), signal);
      try {
        const next = await pages.next();
        if (next.done === true) return 'request';
        const page = next.value;
        reserved.settle(page.bytes);
        gate.took(page.records.length);
        const cut = cutAtBound(page, bound, serviceTimeMillis());
        this.#accept(page, this.#skip.keep(cut.records));
        // A page that reaches the end of the shard ends it, unless the bound lies before its last records.
        if (page.end !== undefined && cut.records.length === page.records.length) {
          this.#childShards = page.end.childShards;
          this.#emit(this.#builder.sealEnd());
          return 'shardEnd';
        }
        if (cut.reached) {
          this.#sealNow();
          return 'bound';
        }
      } finally {
        reserved.release();
      }
    }
  }

  #bytesToReserve(): number {
    return Math.min(maximumReserveBytes, Math.max(minimumReserveBytes, 2 * this.#lastPageBytes));
  }

  async #untilRoom(signal: AbortSignal): Promise<void> {
    while (this.#positions.outstanding >= this.#options.maxUnackedBlocks) {
      await this.#acked.wait(signal);
      signal.throwIfAborted();
    }
  }

  /** Moves a page's records into the builder, hands out what is full, and has the rest sealed after the interval. */
  #accept(page: Page, fresh: Page['records']): void {
    this.#lastPageBytes = page.bytes;
    for (const slice of this.#builder.add(fresh, page.millisBehindLatest)) this.#emit(slice);
    this.#builderBytes.settle(this.#builder.bytes);
    if (this.#builder.isEmpty || this.#cancelSeal !== undefined) return;
    const { clock, blockIntervalMillis } = this.#options;
    this.#cancelSeal = clock.timer(blockIntervalMillis, () => {
      this.#cancelSeal = undefined;
      try {
        this.#sealNow();
      } catch (thrown) {
        this.abort(thrown);
      }
    });
  }

  #sealNow(): void {
    this.#cancelSeal?.();
    this.#cancelSeal = undefined;
    const slice = this.#builder.seal();
    if (slice !== undefined) this.#emit(slice);
    this.#builderBytes.settle(this.#builder.bytes);
  }

  /** Hands out a block, unless the tenure is not certain any more: then the next owner reads these records. */
  #emit(slice: Slice): void {
    const { keeper, streamName, clock, events, budget, emit } = this.#options;
    if (this.#over.signal.aborted) throw this.#over.signal.reason;
    if (!keeper.confirmCurrent(this.leaseKey, this.tenure)) {
      throw new MillraceError('MR_LEASE_LOST', `lease ${this.leaseKey} could not be renewed in time`, {
        subject: { lease: this.leaseKey },
      });
    }
    const { range, records, bytes, millisBehindLatest } = slice;
    this.#positions.deliver(range, budget.take(bytes));
    this.#blocks += 1;
    const through = formatPosition(range.through);
    events.publish({ type: 'block.sealed', shardId: this.leaseKey, records: records.length, bytes, through });
    emit({
      id: `${this.leaseKey}@${this.tenure}/${this.#blocks}`,
      streamName,
      shardId: this.leaseKey,
      tenure: this.tenure,
      range,
      records,
      bytes,
      sealedAtMillis: clock.wallMillis(),
      millisBehindLatest,
      signal: this.#over.signal,
    });
  }

  /** Stops reading and seals what was read; what was handed out may still finish. */
  stopReading(): void {
    if (this.#reading.signal.aborted) return;
    this.#reading.abort(new MillraceError('MR_ABORTED', `reading of shard ${this.leaseKey} was stopped`));
    try {
      if (!this.#over.signal.aborted) this.#sealNow();
    } catch (thrown) {
      this.abort(thrown);
    }
  }

  /** Resolves when every block handed out is finished, or the signal aborts. */
  async settled(signal: AbortSignal): Promise<void> {
    using either = linkedController(signal, this.#over.signal);
    while (this.#positions.outstanding > 0 && !either.signal.aborted) await this.#acked.wait(either.signal);
  }

  /**
   * Drops everything at once: the lease is lost (`MR_LEASE_LOST`), or the process stops. What was finished may still be
   * checkpointed.
   */
  abort(reason: unknown): void {
    this.#over.abort(reason);
    this.#reading.abort(reason);
    this.#cancelSeal?.();
    this.#positions.drop();
    this.#acked.notify();
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
        `range ${formatRange(range)} cannot be committed before the ranges from ${formatPosition(this.#positions.finished)} on; commit in order`,
        { subject: { shard: this.leaseKey } },
      );
    }
    const outcome =
      range.through.kind === 'SHARD_END'
        ? await this.#checkpointer.writeEnd(this.#childShards, this.#over.signal, state)
        : await this.#checkpointer.write(range.through, state);
    if (outcome === 'committed') this.ack(range);
    return outcome;
  }

  /** Writes the finished position when it has moved; at the end of the shard, with all that SHARD_END takes. */
  async checkpoint(): Promise<void> {
    const { finished } = this.#positions;
    if (comparePositions(finished, this.#checkpointer.written) <= 0) return;
    if (finished.kind === 'SHARD_END') await this.#checkpointer.writeEnd(this.#childShards, this.#over.signal);
    else await this.#checkpointer.write(finished);
  }
}
