import { MillraceError } from '../base/error.ts';
import { type Position, comparePositions, formatPosition } from '../base/position.ts';
import { type Range, formatRange } from '../block/range.ts';
import type { Reservation } from './byte-budget.ts';

interface Delivered {
  readonly range: Range;
  readonly bytes: Reservation | undefined;
  acked: boolean;
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

  /** Ranges handed out and not yet part of the finished position. */
  get outstanding(): number {
    return this.#delivered.length;
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
    this.#delivered.push({ range, bytes, acked: false });
    this.#through = range.through;
  }

  /**
   * Marks every delivered range inside `range` as finished; `true` when the finished position advanced. Ranges that
   * are finished already count as acked again, which does nothing.
   */
  ack(range: Range): boolean {
    for (const delivered of this.#delivered) {
      if (!delivered.acked && isInside(delivered.range, range)) {
        delivered.acked = true;
        delivered.bytes?.release();
      }
    }
    let advanced = false;
    for (let first = this.#delivered[0]; first?.acked === true; first = this.#delivered[0]) {
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
        delivered.acked ||
        isInside(delivered.range, range) ||
        comparePositions(delivered.range.through, range.through) > 0,
    );
  }

  /** Gives all bytes back: nothing that is still outstanding will be waited for. */
  drop(): void {
    for (const delivered of this.#delivered.splice(0)) delivered.bytes?.release();
  }
}

function isInside(inner: Range, outer: Range): boolean {
  return comparePositions(inner.after, outer.after) >= 0 && comparePositions(inner.through, outer.through) <= 0;
}
