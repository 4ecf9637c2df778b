import { linkedController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { comparePositions } from '../base/position.ts';
import type { DroppedRange } from '../block/block-source.ts';
import { type Range, formatRange } from '../block/range.ts';
import type { KinesisRecord } from '../block/record.ts';
import { Deaggregator, type DeaggregatorOptions } from '../kinesis/kpl/deaggregator.ts';
import type { Page, ShardReader } from '../kinesis/reader.ts';
import type { Lease } from '../lease/lease.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { FinishedPositions } from './finished-positions.ts';
import { startPositionOf } from './start-position.ts';

/** What a {@link ShardReread} needs. */
export interface ShardRereadOptions {
  readonly lease: Lease;
  /** Reads beside the reader of the tenure, which stands still meanwhile. */
  readonly rereader: ShardReader;
  readonly hashKeyRange: DeaggregatorOptions['hashKeyRange'];
  readonly budget: ByteBudget;
  readonly clock: Clock;
}

/** The parts of the shard's consumer that it works on. */
export interface ShardRereadParts {
  readonly positions: FinishedPositions;
  /** Aborts when the tenure is over. */
  readonly over: AbortSignal;
}

/** Of the byte budget, what may be dropped together: it is read again at once, and must find room beside others like it. */
const largestDroppedShare = 1 / 8;

/** What is passed on was told when it was read first. */
const silent = { publish() {} };

/**
 * Lets blocks of one shard and tenure be dropped from memory, and reads them again from their ranges. While something is
 * dropped, the shard asks for no further page.
 */
export class ShardReread {
  readonly #options: ShardRereadOptions;
  readonly #parts: ShardRereadParts;

  constructor(options: ShardRereadOptions, parts: ShardRereadParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** Whether another shard waits for memory. */
  get isWanted(): boolean {
    return this.#options.budget.isWantedBeside(this.#parts.positions);
  }

  /**
   * Gives back what the ranges hold; `false` when they must stay: what is too much to be read again at once, what begins at no
   * record, and what is finished already.
   */
  drop(ranges: readonly Range[]): boolean {
    const { positions, over } = this.#parts;
    if (over.aborted || ranges.some(({ after }) => after.kind !== 'SEQUENCE')) return false;
    const bytes = ranges.map((range) => positions.bytesOf(range));
    const { budget } = this.#options;
    const most = budget.limitBytes * largestDroppedShare;
    if (bytes.includes(0) || bytes.reduce((sum, one) => sum + one, 0) > most) return false;
    for (const range of ranges) positions.drop(range);
    budget.wakeWanting();
    return true;
  }

  /**
   * Reads what was dropped, with one reader, in order; waits for its turn until there is room for twice as much, so that a
   * shard whose batches fail again leaves the others as much as it holds.
   * @throws MillraceError `MR_POSITION_TRIMMED` when the shard does not have the same records any more
   */
  async read(dropped: readonly DroppedRange[], signal: AbortSignal): Promise<readonly (readonly KinesisRecord[])[]> {
    const { budget } = this.#options;
    const { positions, over } = this.#parts;
    using life = linkedController(signal, over);
    const bytes = dropped.reduce((sum, { source }) => sum + positions.droppedBytesOf(source), 0);
    budget.noteWanting(positions, () => {});
    const waiting = budget.reserve(2 * bytes, life.signal);
    const reserved = await waiting.finally(() => budget.noteWanting(positions));
    try {
      reserved.settle(bytes);
      const records = await this.#readRanges(dropped, life.signal);
      life.signal.throwIfAborted();
      for (const { source } of dropped) positions.takeAgain(source);
      return records;
    } finally {
      reserved.release();
    }
  }

  async #readRanges(dropped: readonly DroppedRange[], signal: AbortSignal): Promise<readonly KinesisRecord[][]> {
    const { lease, rereader } = this.#options;
    const [first] = dropped;
    if (first === undefined) return [];
    const filling = new Filling(dropped);
    const start = startPositionOf({ ...lease, checkpoint: first.range.after });
    const pages = rereader.open(lease.leaseKey, start, signal)[Symbol.asyncIterator]();
    try {
      while (!filling.isDone) {
        const next = await pages.next();
        signal.throwIfAborted();
        if (next.done === true || this.#take(filling, next.value) === 'end') break;
      }
    } finally {
      await pages.return?.();
    }
    return filling.whole();
  }

  #take(filling: Filling, page: Page): 'more' | 'end' {
    const { lease, hashKeyRange, clock } = this.#options;
    const taking = new Deaggregator({ shardId: lease.leaseKey, hashKeyRange, clock, events: silent });
    for (const part of taking.parts(page.records)) filling.add(part);
    // At the tip there is nothing that could still come of what was read before.
    return page.end !== undefined || (page.millisBehindLatest === 0 && page.isEarlier !== true) ? 'end' : 'more';
  }
}

/** Sorts records that come in order into ranges that lie in order. */
class Filling {
  readonly #dropped: readonly DroppedRange[];
  readonly #records: KinesisRecord[][];
  #at = 0;

  constructor(dropped: readonly DroppedRange[]) {
    this.#dropped = dropped;
    this.#records = dropped.map(() => []);
  }

  /** Whether a record after the last range was seen, or as many as there were. */
  get isDone(): boolean {
    const last = this.#dropped.length - 1;
    return this.#at > last || (this.#at === last && this.#records[last]?.length === this.#dropped[last]?.records);
  }

  add(records: readonly KinesisRecord[]): void {
    for (const record of records) {
      const { position } = record;
      for (let one = this.#dropped[this.#at]; one !== undefined; one = this.#dropped[this.#at]) {
        if (comparePositions(position, one.range.through) <= 0) {
          if (comparePositions(position, one.range.after) > 0) this.#records[this.#at]?.push(record);
          break;
        }
        this.#at += 1;
      }
    }
  }

  whole(): readonly KinesisRecord[][] {
    for (const [index, { range, records }] of this.#dropped.entries()) {
      const found = this.#records[index]?.length ?? 0;
      if (found === records) continue;
      throw new MillraceError(
        'MR_POSITION_TRIMMED',
        `${formatRange(range)} had ${records} records when it was read first, and has ${found} now: the others are past the retention; lengthen it, and start again from the last commit`,
        { subject: { shard: range.shardId } },
      );
    }
    return this.#records;
  }
}
