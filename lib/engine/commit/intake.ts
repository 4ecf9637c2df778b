import { comparePositions, type Position } from '../../base/position.ts';
import type { Range } from '../../block/range.ts';

/** Up to where the records of a shard were accepted, and in which tenure (or epoch) the next ones must have been read. */
export interface IntakeMark {
  readonly position: Position;
  readonly tenure: number;
}

/**
 * What becomes of a range that is offered:
 *
 * - `accept`: it begins where the accepted records end
 * - `drop`: all of it was accepted before
 * - `cut`: what follows `after` is new, the rest was accepted before
 * - `hole`: it begins behind the mark; something between was never offered, so that reading begins anew at the mark
 * - `stale`: it was read in another tenure, whose owner may not write any more
 */
export type IntakeVerdict =
  | { readonly tag: 'accept' | 'drop' | 'stale' }
  | { readonly tag: 'cut'; readonly after: Position }
  | { readonly tag: 'hole'; readonly mark: Position; readonly after: Position };

/**
 * Judges a range against the mark of its shard. A shard is a total order read in order, so one mark is enough to know
 * every record again; sequence numbers have gaps, so only the position that a range follows can show a hole
 * (spark.md 3.3).
 */
export function judgeRange(mark: IntakeMark, range: Range): IntakeVerdict {
  if (range.tenure !== mark.tenure) return { tag: 'stale' };
  if (comparePositions(range.through, mark.position) <= 0) return { tag: 'drop' };
  const order = comparePositions(range.after, mark.position);
  if (order > 0) return { tag: 'hole', mark: mark.position, after: range.after };
  return order === 0 ? { tag: 'accept' } : { tag: 'cut', after: mark.position };
}
