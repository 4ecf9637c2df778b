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
