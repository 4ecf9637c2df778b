import { backoffMillis } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError, isMillraceError, toMillraceError } from '../base/error.ts';
import type { Notifier } from '../base/notifier.ts';
import { type Position, comparePositions } from '../base/position.ts';
import type { Random } from '../base/random.ts';
import type { KinesisRecord } from '../block/record.ts';
import type { EventSink } from '../event/bus.ts';
import { isKinesisFault } from '../kinesis/fault.ts';
import type { ChildShard, StartPosition } from '../kinesis/kinesis-api.ts';
import { Deaggregator, type DeaggregatorOptions } from '../kinesis/kpl/deaggregator.ts';
import type { Page, ShardReader } from '../kinesis/reader.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { Lease } from '../lease/lease.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';
import type { BlockOutlet } from './block-outlet.ts';
import type { ByteBudget, Reservation } from './byte-budget.ts';
import type { DemandGate } from './demand-gate.ts';
import type { FinishedPositions } from './finished-positions.ts';
import { heldBytesOf, heldPerByte } from './held-bytes.ts';
import { IntakeRoom } from './intake-room.ts';
import { beganBeforeHorizon } from './lost-beginning.ts';
import { type GuardedLease, RetentionGuard } from './retention-guard.ts';
import type { ShardTip } from './shard-tip.ts';
import { SkipThrough, startPositionOf } from './start-position.ts';
import { type Bound, cutAtBound } from './until.ts';

/** A fault with reaction `restart` reopens the shard after this wait, doubling, at most so often without a page in between. */
const restartBackoff = { baseMillis: 2_000, capMillis: 60_000 };
const maximumRestarts = 8;
/**
 * How long after the one before a page may come without a doubt that retention has overtaken the reader in between. Shorter
 * than an iterator and a subscription live, so that whoever has to open the shard again is asked.
 */
const undoubtedMillis = 240_000;

/** What a {@link ShardIntake} reads with. */
export interface ShardIntakeOptions {
  readonly lease: Lease;
  readonly reader: ShardReader;
  readonly hashKeyRange: DeaggregatorOptions['hashKeyRange'];
  readonly gate: DemandGate;
  readonly budget: ByteBudget;
  readonly maxUnackedBlocks: number;
  /** See `ShardStart`. */
  readonly neededThrough?: Position | undefined;
  readonly bound: Bound | undefined;
  readonly serviceTimeMillis: () => number;
  /** How long the stream keeps records; without it a checkpoint that is older is not found. */
  readonly retentionMillis?: number;
  /** What to do when records after the checkpoint may be lost: FAIL. */
  readonly onTrimmedPosition?: 'FAIL' | 'TRIM_HORIZON';
  /** Lists the shards of a place; see `beganBeforeHorizon`. */
  readonly listShards: (at: InitialPosition, signal: AbortSignal) => Promise<readonly Shard[]>;
  /** Whether a shard that Kinesis calls gone is past retention, and not only out of sight; see `confirmGone`. */
  readonly confirmGone: (shardId: string, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
}

/** The parts of the shard's consumer that reading works on. */
export interface ShardIntakeParts {
  readonly outlet: BlockOutlet;
  readonly positions: FinishedPositions;
  /** Remembers when the shard was read to its tip. */
  readonly tip: ShardTip;
  /** Notified by every ack: there may be room again. */
  readonly acked: Notifier;
  /** Aborts when reading is to stop. */
  readonly reading: AbortSignal;
  /** Aborts when all is over. */
  readonly over: AbortSignal;
  /** Told that the shard is opened, and that a page has come from it. */
  readonly onState: (tag: 'starting' | 'reading') => void;
}

/** Why reading ended, when it ended by itself or on request. */
export type ReadingEnd = 'shardEnd' | 'request' | 'bound';

/** Reads one shard in one tenure: pages come in as there is room, and go to the outlet, which cuts them into blocks. */
export class ShardIntake {
  readonly #options: ShardIntakeOptions;
  readonly #parts: ShardIntakeParts;
  readonly #deaggregator: Deaggregator;
  readonly #room: IntakeRoom;
  #skip: SkipThrough;
  #guard: RetentionGuard;
  /** Where reading begins while nothing was handed out; nowhere for a shard that an engine has at its end already. */
  #first: StartPosition | undefined;
  /** That of the last user record that has come; the record itself would keep the bytes around it in memory. */
  #lastPosition: Position | undefined;
  #pages = 0;
  #lastPageAtMillis: number | undefined;
  /** The service time after which whatever has not been received was put. */
  #unreadSinceMillis: number | undefined;
  #childShards: readonly ChildShard[] = [];

  constructor(options: ShardIntakeOptions, parts: ShardIntakeParts) {
    const { lease } = options;
    this.#options = options;
    this.#parts = parts;
    this.#deaggregator = new Deaggregator({ ...options, shardId: lease.leaseKey });
    this.#room = new IntakeRoom({ ...options, ...parts });
    this.#skip = new SkipThrough(lease.checkpoint);
    this.#guard = this.#guardOf(lease);
  }

  /** Monotonic time of the last page. */
  get lastPageAtMillis(): number | undefined {
    return this.#lastPageAtMillis;
  }

  /** The children that the last page named; none before that. */
  get childShards(): readonly ChildShard[] {
    return this.#childShards;
  }

  /**
   * Reads until the shard ends, the bound of the run is reached, or reading is stopped. A fault that may pass reopens the
   * shard.
   * @throws MillraceError the fault that does not pass
   */
  async read(): Promise<ReadingEnd> {
    const { clock, random, events } = this.#options;
    const { outlet, reading, over } = this.#parts;
    // The shard may have waited for its parents since it was made.
    this.#guard = this.#guardOf(this.#options.lease);
    let start = this.#begin();
    for (let failures = 1; ; failures += 1) {
      const pagesBefore = this.#pages;
      try {
        return await this.#readFrom(start);
      } catch (thrown) {
        if (over.aborted || isMillraceError(thrown, 'MR_LEASE_LOST')) throw thrown;
        if (reading.aborted) return 'request';
        const fault = isKinesisFault(thrown, 'shardGone') ? await this.#faultOfGone(thrown) : toMillraceError(thrown);
        if (fault === undefined) return 'shardEnd';
        if (reading.aborted) return 'request';
        if (this.#pages > pagesBefore) failures = 1;
        if (fault.reaction === 'fatal' || failures > maximumRestarts) throw fault;
        events.publish({ type: 'fault.seen', code: fault.code, message: fault.message, subject: fault.subject });
        outlet.seal();
        start = this.#resumePosition();
        await sleep(clock, backoffMillis(restartBackoff, failures, random), reading).catch(() => {});
      }
    }
  }

  /** What judges, as of now, whether a position is lost. */
  #guardOf(lease: GuardedLease): RetentionGuard {
    const { retentionMillis, serviceTimeMillis } = this.#options;
    return new RetentionGuard({ lease, retentionMillis, nowMillis: serviceTimeMillis() });
  }

  /** Where reading begins while nothing was handed out. */
  #begin(): StartPosition {
    this.#first ??= startPositionOf(this.#options.lease);
    return this.#first;
  }

  /** Tells what it has counted and not told yet. Nothing is read afterwards. */
  close(): void {
    this.#deaggregator.close();
  }

  /**
   * Looks whether a shard that Kinesis calls gone really is. Then it ends here, past retention: its listed children are
   * leased first, then it is closed (design section 6), and there is no fault. Otherwise answers with the fault.
   */
  async #faultOfGone(thrown: MillraceError): Promise<MillraceError | undefined> {
    const { events, confirmGone, lease } = this.#options;
    const { outlet, reading } = this.#parts;
    try {
      const isGone = await confirmGone(lease.leaseKey, reading);
      if (!isGone) return restartable(thrown);
    } catch (second) {
      return toMillraceError(second);
    }
    events.publish({ type: 'shard.gone', shardId: lease.leaseKey });
    outlet.sealEnd();
    return undefined;
  }

  /**
   * Where to go on after a fault. A checkpoint from which nothing was handed out yet is opened as at first, since it may
   * lie inside an aggregate; later ends are those of whole pages.
   */
  #resumePosition(): StartPosition {
    const { through } = this.#parts.positions;
    const isFresh = comparePositions(through, this.#options.lease.checkpoint) === 0;
    if (isFresh || through.kind !== 'SEQUENCE') return this.#begin();
    // Whether its record is still there is to be seen.
    const type = this.#guard.isSuspect ? 'AT_SEQUENCE_NUMBER' : 'AFTER_SEQUENCE_NUMBER';
    return { type, sequenceNumber: through.sequenceNumber.toString() };
  }

  async #readFrom(start: StartPosition): Promise<ReadingEnd> {
    for (let from = start; ;) {
      const end = (await this.#hasLostBeginning()) ? 'trimmed' : await this.#readPages(from);
      if (end === 'trimmed') from = this.#goOnAfterLoss();
      else if (end === 'overdue') from = this.#doubt();
      else return end;
    }
  }

  /**
   * Whether the first records of a shard are gone that is to be read from its beginning. No page would tell: the oldest
   * record that is left looks like the first.
   */
  async #hasLostBeginning(): Promise<boolean> {
    if (!this.#guard.doubtsBeginning) return false;
    const { lease, listShards } = this.#options;
    if (await beganBeforeHorizon(lease, listShards, this.#parts.reading)) return true;
    this.#guard.acquit();
    return false;
  }

  /** The position is lost; answers where to go on where that is the policy. */
  #goOnAfterLoss(): StartPosition {
    const { event, error } = this.#guard.settle();
    this.#options.events.publish(event);
    if (this.#options.onTrimmedPosition !== 'TRIM_HORIZON') throw error;
    this.#parts.outlet.noteGap();
    this.#first = { type: 'TRIM_HORIZON' };
    return this.#first;
  }

  /**
   * The reader was held up, by a handler or by throttling, for so long that retention may have overtaken it:
   *
   *   1. a page is received; the handler waits a day for its database, and nothing more is read
   *   2. records are put after that page, and trimmed; the iterator has long expired
   *   3. opened again after the last record, Kinesis goes on with the oldest that it has, as if nothing were missing
   *
   * So the page is dropped and the shard is opened at the last record, to see whether that is still there.
   */
  #doubt(): StartPosition {
    const { lease } = this.#options;
    this.#parts.outlet.seal();
    const { through } = this.#parts.positions;
    const caughtUpAtMillis = this.#unreadSinceMillis ?? 0;
    this.#guard = this.#guardOf({ leaseKey: lease.leaseKey, checkpoint: through, caughtUpAtMillis });
    this.#skip = new SkipThrough(through);
    return this.#resumePosition();
  }

  /** Whether a page that was asked for at this service time comes so late that records before it may be trimmed. */
  #isOverdue(askedAtMillis: number, nowMillis: number): boolean {
    const { retentionMillis, lease } = this.#options;
    if (retentionMillis === undefined || this.#guard.isSuspect) return false;
    // Where nothing but the oldest record is promised, that is never lost.
    const isAnything = lease.checkpoint.kind === 'TRIM_HORIZON' && lease.caughtUpAtMillis === undefined;
    if (this.#lastPosition === undefined && isAnything) return false;
    if (nowMillis - (this.#lastPageAtMillis ?? nowMillis) < undoubtedMillis) return false;
    return askedAtMillis - (this.#unreadSinceMillis ?? askedAtMillis) > retentionMillis;
  }

  async #readPages(start: StartPosition): Promise<ReadingEnd | 'trimmed' | 'overdue'> {
    const { lease, reader } = this.#options;
    const { reading: signal, onState } = this.#parts;
    onState('starting');
    const opened = reader.open(lease.leaseKey, start, signal);
    const pages = opened[Symbol.asyncIterator]();
    try {
      return await this.#takePages(pages, () => opened.ready?.() ?? Promise.resolve(), signal);
    } catch (thrown) {
      // Kinesis may also refuse a number that it no longer has.
      if (this.#guard.isSuspect && isKinesisFault(thrown, 'invalid')) return 'trimmed';
      throw thrown;
    } finally {
      // A reader may hold a subscription, which nobody else gets as long as it does.
      await pages.return?.();
    }
  }

  async #takePages(
    pages: AsyncIterator<Page>,
    ready: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<ReadingEnd | 'trimmed' | 'overdue'> {
    const { gate } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      await ready();
      const reserved = await this.#room.forPage(() => gate.ready(signal), signal);
      const end = await this.#takePage(pages, reserved, signal);
      if (end !== undefined) return end;
    }
  }

  /**
   * Takes one page. A call of its own, since a function that waits keeps in memory what its variables last held: the loop
   * above would keep the last page of every shard that waits for its turn, and nobody would account for those.
   */
  async #takePage(
    pages: AsyncIterator<Page>,
    reserved: Reservation,
    signal: AbortSignal,
  ): Promise<ReadingEnd | 'trimmed' | 'overdue' | undefined> {
    const { bound, serviceTimeMillis, clock } = this.#options;
    const { outlet, onState } = this.#parts;
    try {
      const askedAtMillis = serviceTimeMillis();
      const next = await pages.next();
      // Between the page's arrival and this line reading may have been stopped and its last block sealed: a block
      // made now would come after that, when nobody takes blocks any more.
      signal.throwIfAborted();
      if (next.done === true) return 'request';
      const page = next.value;
      const nowMillis = clock.monotonicMillis();
      const isOverdue = this.#isOverdue(serviceTimeMillis(), nowMillis);
      this.#lastPageAtMillis = nowMillis;
      if (isOverdue) return 'overdue';
      this.#pages += 1;
      onState('reading');
      const heldBytes = heldBytesOf(page);
      this.#room.tookPage(heldBytes);
      reserved.settle(heldBytes);
      if (this.#guard.isLost(page)) return 'trimmed';
      const cut = cutAtBound(page, bound, askedAtMillis);
      await this.#accept(cut.records, page, signal);
      signal.throwIfAborted();
      this.#noteTip(page, askedAtMillis);
      // A page that reaches the end of the shard ends it, unless the bound lies before its last records.
      if (page.end !== undefined && cut.records.length === page.records.length) {
        this.#childShards = page.end.childShards;
        outlet.sealEnd();
        return 'shardEnd';
      }
      if (!cut.reached) return undefined;
      outlet.seal();
      return 'bound';
    } finally {
      reserved.release();
    }
  }

  #noteReceived(records: readonly KinesisRecord[]): void {
    const last = records.at(-1);
    if (last === undefined) return;
    this.#lastPosition = last.position;
    this.#room.received(last.position);
  }

  /** At the tip nothing came after what has been received, at least until the page was asked for. */
  #noteTip({ millisBehindLatest, isEarlier }: Page, askedAtMillis: number): void {
    if (isEarlier === true) return;
    this.#unreadSinceMillis = askedAtMillis - millisBehindLatest;
    if (millisBehindLatest !== 0) return;
    this.#parts.tip.saw(this.#lastPosition ?? this.#options.lease.checkpoint, askedAtMillis);
  }

  /**
   * Takes the user records of a page, a part at a time: an aggregate may hold so many that no more should be in memory
   * before some are finished. Reading may be stopped in between, inside an aggregate, and the next owner goes on there.
   */
  async #accept(records: readonly KinesisRecord[], page: Page, signal: AbortSignal): Promise<void> {
    const { gate } = this.#options;
    const { millisBehindLatest } = page;
    const perByte = heldPerByte(page);
    this.#parts.tip.received(records);
    let isFirst = true;
    for (const part of this.#deaggregator.parts(records)) {
      if (!isFirst) await this.#room.until(0, signal);
      signal.throwIfAborted();
      isFirst = false;
      gate.took(part.length, gate.countsBytes ? bytesOf(part) : 0);
      this.#noteReceived(part);
      this.#parts.outlet.accept(this.#skip.keep(part), millisBehindLatest, perByte);
    }
  }
}

/** The same fault, for a loop that may try again. */
function restartable({ code, message, subject, cause }: MillraceError): MillraceError {
  return new MillraceError(code, message.slice(`${code}: `.length), { subject, cause, reaction: 'restart' });
}

function bytesOf(records: readonly KinesisRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.byteLength;
  return bytes;
}
