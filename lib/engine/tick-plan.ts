/** What the ticker remembers between two looks at the clock. */
export interface TickState {
  /** The multiple of the interval up to which the wall clock has been followed. */
  readonly pacedMillis: number;
  /** The last batch time given out; it never goes back. */
  readonly lastTickMillis: number;
}

/** What a look at the clock says: the batch times that are due, and how long to wait for the next look. */
export interface TickPlan {
  readonly due: readonly number[];
  readonly state: TickState;
  readonly waitMillis: number;
}

/** How many missed batch times are made up for; after a longer gap only the newest of them are given. */
export const maximumCatchUpTicks = 100;

/**
 * What becomes of batch times that passed while the process could not look (paused, blocked, asleep). `run`: each is
 * given, as Spark does, so that every window is there; `coalesce`: the newest alone; `skip`: none, what has arrived waits
 * for the next one that comes in time.
 */
export type OnDowntime = 'run' | 'coalesce' | 'skip';

/** The batch times to be given of those that are due; pure. One alone was not missed, it has just come. */
export function afterDowntime(due: readonly number[], onDowntime: OnDowntime): readonly number[] {
  if (due.length < 2 || onDowntime === 'run') return due;
  return onDowntime === 'coalesce' ? due.slice(-1) : [];
}

/** The times of a group's batches: its zero time + k x interval, k from 1. */
export interface BatchGrid {
  /** From which the group's windows and slides are counted, whatever the interval was then. */
  readonly zeroTimeMillis: number;
  readonly batchIntervalMillis: number;
}

/**
 * The time of a group's next batch, given the tick that it is for and the time of the one before; pure. Ticks are multiples
 * of the interval, and so are the times of a group, unless it began under another interval: then they lie between the
 * ticks, since a window at zero time + k x slide would never be given otherwise. Never before the tick, so that no batch
 * seems late, and always after the last one.
 */
export function batchTimeFor(
  { zeroTimeMillis, batchIntervalMillis }: BatchGrid,
  tickMillis: number,
  lastMillis: number,
): number {
  const sinceZero = Math.max(tickMillis, lastMillis + 1) - zeroTimeMillis;
  return zeroTimeMillis + Math.ceil(sinceZero / batchIntervalMillis) * batchIntervalMillis;
}

/**
 * The batch times that passed since a group's last commit, while no process ran it, before the one that comes now; pure.
 * Spark's rule for a restart (spark.md 4.5), with the newest ones alone after a long time. `lastMillis` is the time of
 * the last committed batch, `tickMillis` the time of the batch that has come.
 */
export function missedWhileDown(
  lastMillis: number,
  tickMillis: number,
  intervalMillis: number,
  onDowntime: OnDowntime,
): readonly number[] {
  if (onDowntime !== 'run') return [];
  return dueTimes(tickMillis, lastMillis, intervalMillis).slice(0, -1);
}

/** The state at the start: the first batch time will be the next multiple of the interval (Spark's rule). */
export function firstTickState(nowMillis: number, intervalMillis: number): TickState {
  const reached = multipleAtOrBefore(nowMillis, intervalMillis);
  return { pacedMillis: reached, lastTickMillis: reached };
}

/**
 * Decides which batch times are due; pure. Times are exact multiples of the interval, late ones are made up for, and
 * each is greater than the last: max(clock, last + interval). A clock set back by more than an interval is followed
 * from where it now is, one tick per interval, so that a wrong clock never stops the batches.
 */
export function planTicks(state: TickState, nowMillis: number, intervalMillis: number): TickPlan {
  const reached = multipleAtOrBefore(nowMillis, intervalMillis);
  const { pacedMillis, lastTickMillis } = state;
  if (reached < pacedMillis - intervalMillis) {
    return withWait([], { pacedMillis: reached, lastTickMillis }, nowMillis, intervalMillis);
  }
  if (reached <= pacedMillis) return withWait([], state, nowMillis, intervalMillis);
  const due = dueTimes(reached, Math.max(pacedMillis, lastTickMillis), intervalMillis);
  // The clock was behind the batch times: one tick for the interval that passed, just after the last.
  if (due.length === 0) due.push(lastTickMillis + intervalMillis);
  return withWait(due, { pacedMillis: reached, lastTickMillis: due.at(-1) as number }, nowMillis, intervalMillis);
}

/** The batch time of a batch that does not wait for its tick: that of the tick to come, but after the line's last one. */
export function hurriedTime(grid: BatchGrid, nowMillis: number, lastBatchMillis: number): number {
  const { batchIntervalMillis } = grid;
  const next = multipleAtOrBefore(nowMillis, batchIntervalMillis) + batchIntervalMillis;
  return batchTimeFor(grid, next, lastBatchMillis);
}

function withWait(due: number[], state: TickState, nowMillis: number, intervalMillis: number): TickPlan {
  const waitMillis = Math.min(intervalMillis, state.pacedMillis + intervalMillis - nowMillis);
  return { due, state, waitMillis };
}

/** The times in (after, reached], an interval apart and ending with the last; the newest ones when there are too many. */
function dueTimes(reached: number, after: number, intervalMillis: number): number[] {
  const count = Math.min(maximumCatchUpTicks, Math.max(0, Math.ceil((reached - after) / intervalMillis)));
  return Array.from({ length: count }, (_, index) => reached - (count - 1 - index) * intervalMillis);
}

function multipleAtOrBefore(timeMillis: number, intervalMillis: number): number {
  return Math.floor(timeMillis / intervalMillis) * intervalMillis;
}
