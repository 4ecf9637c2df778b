import type { WindowSpan } from '../window/panes.ts';
import type { PairKey } from '../key.ts';

/** Makes stored data of a value, by its key, from the stored data of it; `undefined` drops the key. */
export type ConvertValue = (stored: unknown, key: PairKey) => unknown;

/**
 * How what an operator remembers is written down and read back. `M` is its memory, an immutable value. What the functions
 * give must be JSON data; each piece is one line of an object, so keep it to some thousand entries.
 */
export interface MemoryCodec<M = unknown> {
  /** All of it, in pieces; at least one. */
  snapshot(memory: M): Iterable<unknown>;
  /**
   * What makes `after` of `before`, in pieces; none where nothing changed. `undefined` where a snapshot is no larger: then
   * that is written.
   */
  changes(before: M, after: M): Iterable<unknown> | undefined;
  /**
   * The memory that the pieces make: those of a snapshot, then those of the changes after it, in order.
   * @throws MillraceError `MR_STATE_DAMAGED` for data that the two others never give
   */
  restore(snapshot: readonly unknown[], changes: readonly unknown[]): M;
  /**
   * The pieces of a snapshot in which each value by key is what `convert` makes of it; it is called once for each key that
   * is left after the changes. Absent for what keeps no values by key.
   * @throws MillraceError `MR_STATE_DAMAGED`; what `convert` throws
   */
  convert?(snapshot: readonly unknown[], changes: readonly unknown[], convert: ConvertValue): readonly unknown[];
  /** Of a window: which it is, so that its panes can be brought to the times of another group. `codecsOf` fills it in. */
  readonly span?: WindowSpan;
  /** Of a window: the memory with its panes at other times; `undefined` for a pane that no window to come holds. */
  retimed?(memory: M, timeOf: (timeMillis: number) => number | undefined): M;
}
