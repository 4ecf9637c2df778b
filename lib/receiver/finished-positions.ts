import { MillraceError } from '../base/error.ts';
import { type Position, comparePositions, formatPosition } from '../base/position.ts';
import { type Range, formatRange, sameRange } from '../block/range.ts';
import type { Reservation } from './byte-budget.ts';

interface Delivered {
  range: Range;
  readonly bytes: Reservation | undefined;
  /** `processed`: nobody works on it any more, but whoever did has not said yet that it is finished. */
  state: 'out' | 'processed' | 'finished';
  /** What it held before its records were dropped; 0 while it holds them. */
  droppedBytes: number;
}

/**
 * Which ranges of one shard and tenure are handed out and which are finished. The finished position is the contiguous
 * end of the acked ranges in delivery order: with (0, 10] and (20, 30] acked and (10, 20] not, it is 10. It never goes
 * back, and only it is checkpointed.
 */
export class FinishedPositions {
  #delivered: Delivered[] = [];
  #through: Position;
  #finished: Position;
  #bytes = 0;
  #processed = 0;

  constructor(start: Position) {
    this.#through = start;
    this.#finished = start;
  }

  /** Up to where ranges were handed out. */
  get through(): Position {
    return this.#through;
  }

  /** Up to where everything is finished. */
  get finished(): Position {
    return this.#finished;
  }

  /** Ranges handed out that are waited for: neither processed nor part of the finished position. */
  get outstanding(): number {
    return this.#delivered.length - this.#processed;
  }

  /** Bytes of the ranges handed out and not acked. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Notes a range that is about to be handed out, with the bytes to give back when it is finished.
   * @throws MillraceError `MR_INTERNAL` when it does not begin where the last one ended
   */
  deliver(range: Range, bytes?: Reservation): void {
    if (comparePositions(range.after, this.#through) !== 0) {
      throw new MillraceError(
        'MR_INTERNAL',
        `range ${formatRange(range)} does not begin at ${formatPosition(this.#through)}, where the last one ended`,
      );
    }
    this.#delivered.push({ range, bytes, state: 'out', droppedBytes: 0 });
    this.#bytes += bytes?.bytes ?? 0;
    this.#through = range.through;
  }

  /**
   * Marks every delivered range inside `range` as finished; `true` when the finished position advanced. Ranges that
   * are finished already count as acked again, which does nothing.
   */
  ack(range: Range): boolean {
    for (const delivered of this.#delivered) {
      if (isInside(delivered.range, range)) this.#finish(delivered);
    }
    return this.#advance();
  }

  /**
   * Marks every delivered range inside `range` as processed: it is not waited for any more and its bytes are free, but the
   * finished position stays where it is until {@link FinishedPositions.finishThrough}.
   */
  processed(range: Range): void {
    const kept: Delivered[] = [];
    for (const delivered of this.#delivered) {
      const isNew = delivered.state === 'out' && isInside(delivered.range, range);
      if (isNew) {
        delivered.state = 'processed';
        this.#processed += 1;
        this.#giveBack(delivered);
      }
      // Neighbours become one, or whoever never says that anything is finished would fill the memory.
      const before = kept.at(-1);
      if (delivered.state === 'processed' && before?.state === 'processed') {
        before.range = { ...before.range, through: delivered.range.through };
        this.#processed -= 1;
      } else kept.push(delivered);
    }
    this.#delivered = kept;
  }

  /**
   * Marks everything up to a position as finished, be it inside a range; `true` when the finished position advanced.
   * @throws MillraceError `MR_INTERNAL` beyond what was handed out
   */
  finishThrough(position: Position): boolean {
    if (comparePositions(position, this.#finished) <= 0) return false;
    if (comparePositions(position, this.#through) > 0) {
      const text = `${formatPosition(position)} is beyond ${formatPosition(this.#through)}, up to where ranges were handed out`;
      throw new MillraceError('MR_INTERNAL', text);
    }
    for (const delivered of this.#delivered) {
      if (comparePositions(delivered.range.through, position) <= 0) this.#finish(delivered);
    }
    this.#advance();
    const [first] = this.#delivered;
    if (first !== undefined && comparePositions(first.range.after, position) < 0) {
      first.range = { ...first.range, after: position };
      this.#finished = position;
    }
    return true;
  }

  #finish(delivered: Delivered): void {
    if (delivered.state === 'processed') this.#processed -= 1;
    if (delivered.state === 'out') this.#giveBack(delivered);
    delivered.state = 'finished';
  }

  #advance(): boolean {
    let advanced = false;
    for (let first = this.#delivered[0]; first?.state === 'finished'; first = this.#delivered[0]) {
      this.#delivered.shift();
      this.#finished = first.range.through;
      advanced = true;
    }
    return advanced;
  }

  /**
   * Whether acking `range` would leave no unfinished range before its end, and its end was handed out: what a commit
   * requires.
   */
  isContiguous(range: Range): boolean {
    if (comparePositions(range.through, this.#through) > 0) return false;
    return this.#delivered.every(
      (delivered) =>
        delivered.state === 'finished' ||
        isInside(delivered.range, range) ||
        comparePositions(delivered.range.through, range.through) > 0,
    );
  }

  /** The bytes that a range holds, which was handed out as it is; 0 for one that is finished, or not of these. */
  bytesOf(range: Range): number {
    return this.#out(range)?.bytes?.bytes ?? 0;
  }

  /** What a range held before its records were dropped; 0 when they were not. */
  droppedBytesOf(range: Range): number {
    return this.#out(range)?.droppedBytes ?? 0;
  }

  /** Whether records were dropped that are neither finished nor read again. */
  get hasDropped(): boolean {
    return this.#delivered.some(({ state, droppedBytes }) => state === 'out' && droppedBytes > 0);
  }

  /** The records of a range are dropped from memory: its bytes are free, and it is still to be finished. */
  drop(range: Range): void {
    const delivered = this.#out(range);
    if (delivered?.bytes === undefined) return;
    delivered.droppedBytes = delivered.bytes.bytes;
    this.#giveBack(delivered);
  }

  /** They are in memory again. */
  takeAgain(range: Range): void {
    const delivered = this.#out(range);
    if (delivered?.bytes === undefined) return;
    delivered.bytes.settle(delivered.droppedBytes);
    this.#bytes += delivered.droppedBytes;
    delivered.droppedBytes = 0;
  }

  #out(range: Range): Delivered | undefined {
    return this.#delivered.find((delivered) => delivered.state === 'out' && sameRange(delivered.range, range));
  }

  /** Gives all bytes back: nothing that is still outstanding will be waited for. */
  dropAll(): void {
    for (const delivered of this.#delivered.splice(0)) if (delivered.state === 'out') this.#giveBack(delivered);
    this.#processed = 0;
  }

  #giveBack({ bytes }: Delivered): void {
    this.#bytes -= bytes?.bytes ?? 0;
    bytes?.release();
  }
}

function isInside(inner: Range, outer: Range): boolean {
  return comparePositions(inner.after, outer.after) >= 0 && comparePositions(inner.through, outer.through) <= 0;
}
