/** What a stream gave at one batch time, kept for the windows that it lies in. */
export interface Pane<Content> {
  readonly timeMillis: number;
  readonly content: Content;
}

/** Panes in order of time; a version that never changes. Their contents are shared, not copied. */
export type Panes<Content> = readonly Pane<Content>[];

/** How long a window is and how often it is given, milliseconds; a window at `t` holds the batches of (t - window, t]. */
export interface WindowSpan {
  readonly windowMillis: number;
  readonly slideMillis: number;
}

/** The times that a step of a window goes by. */
export interface WindowTimes {
  readonly batchTimeMillis: number;
  readonly zeroTimeMillis: number;
  readonly isDue: boolean;
}

/** The end of the window that a batch time lies in, or of the next one to come; where one is due, it ends now. */
export function nextWindowEnd(
  { batchTimeMillis, zeroTimeMillis, isDue }: WindowTimes,
  { slideMillis }: WindowSpan,
): number {
  if (isDue) return batchTimeMillis;
  return zeroTimeMillis + Math.ceil((batchTimeMillis - zeroTimeMillis) / slideMillis) * slideMillis;
}

/** The panes with one more, where a window to come holds it, without those that no window to come holds. */
export function withPane<Content>(
  panes: Panes<Content>,
  pane: Pane<Content> | undefined,
  oldestMillis: number,
): Panes<Content> {
  const kept = panes.filter((one) => one.timeMillis > oldestMillis);
  return pane !== undefined && pane.timeMillis > oldestMillis ? [...kept, pane] : kept;
}

/** The panes in (after, through]. */
export function panesIn<Content>(panes: Panes<Content>, after: number, through: number): Panes<Content> {
  return panes.filter(({ timeMillis }) => timeMillis > after && timeMillis <= through);
}

/** Where a group stands: its windows end at zero time + k x slide, and those until its last batch are given. */
export interface GroupTimes {
  /** Of the last batch. */
  readonly batchTimeMillis: number;
  readonly zeroTimeMillis: number;
}

/**
 * The time that a pane of one group has in another group, which goes on from it; `undefined` where all windows that hold it
 * are given. Pure. The pane comes to be in as many windows of the new group as it was still to be in of the old one, so that a
 * tumbling window holds each record once, whatever the two clocks of windows are. Left at its time it would not: a group
 * that began at 0 s was read through 14 s, its windows of 10 s end at 10 s and 20 s; those of the other, which began at 3 s
 * and goes on, at 13 s and 23 s. The pane of 12 s would be in neither. And where both count alike, but the other is at 25 s
 * already, the window of 20 s will not be given any more.
 */
export function timeInGroup(
  timeMillis: number,
  { windowMillis, slideMillis }: WindowSpan,
  from: GroupTimes,
  to: GroupTimes,
): number | undefined {
  const left = Math.ceil((timeMillis + windowMillis - nextEnd(from, slideMillis)) / slideMillis);
  if (left <= 0) return undefined;
  const next = nextEnd(to, slideMillis);
  // In the windows that end at `next` and after it, `left` in all: not in the one after these, but in the last of these.
  const latest = Math.min(next, next + left * slideMillis - windowMillis);
  const earliest = next + (left - 1) * slideMillis - windowMillis + 1;
  return Math.min(Math.max(timeMillis, earliest), latest);
}

/** The first end of a window after the last batch. */
function nextEnd({ batchTimeMillis, zeroTimeMillis }: GroupTimes, slideMillis: number): number {
  const slides = Math.floor(Math.max(0, batchTimeMillis - zeroTimeMillis) / slideMillis);
  return zeroTimeMillis + (slides + 1) * slideMillis;
}
