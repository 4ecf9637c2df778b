/** What a lane knows when it looks what to do next. Times are monotonic milliseconds. */
export interface LaneView {
  readonly nowMillis: number;
  readonly batchingWindowMillis: number;
  /** No more records come. */
  readonly isEnded: boolean;
  /** Nobody should wait: the shard drains, or too much is held back. */
  readonly isHurried: boolean;
  /** When the oldest waiting record came; absent: none waits. */
  readonly oldestMillis?: number | undefined;
  /** Whether the next batch can grow no more. */
  readonly isBatchFull: boolean;
  /** The open tumbling window. */
  readonly window?:
    | {
        /** Whether the first waiting record is of it. */
        readonly holdsFirst: boolean;
        /** When it may be closed because nothing of it is left to read; absent: not known yet. */
        readonly closesAtMillis?: number | undefined;
        /** Whether its end has passed, by the service's time. */
        readonly isPast: boolean;
      }
    | undefined;
}

/** What a lane does next. */
export type LaneStep =
  | { readonly type: 'invoke' }
  | { readonly type: 'close'; readonly isEarly: boolean }
  | { readonly type: 'wait'; readonly untilMillis?: number }
  | { readonly type: 'over' };

/** Decides what a lane does next; pure. */
export function planLane(view: LaneView): LaneStep {
  const { nowMillis, oldestMillis, window, isEnded, isHurried } = view;
  const isPressed = isEnded || isHurried;
  const hasNext = oldestMillis !== undefined && window?.holdsFirst !== false;
  if (hasNext) {
    const dueMillis = oldestMillis + view.batchingWindowMillis;
    if (view.isBatchFull || isPressed || nowMillis >= dueMillis) return { type: 'invoke' };
    return { type: 'wait', untilMillis: dueMillis };
  }
  if (window === undefined) return isEnded ? { type: 'over' } : { type: 'wait' };
  // The first record of a later window waits: this one is complete.
  if (oldestMillis !== undefined) return { type: 'close', isEarly: false };
  if (isPressed) return { type: 'close', isEarly: !window.isPast };
  const { closesAtMillis } = window;
  if (closesAtMillis === undefined) return { type: 'wait' };
  return nowMillis >= closesAtMillis
    ? { type: 'close', isEarly: false }
    : { type: 'wait', untilMillis: closesAtMillis };
}
