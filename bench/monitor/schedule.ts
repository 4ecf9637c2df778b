/** Something that each of several watchers does again and again. */
export interface Due {
  /** Which of them, from 0 on. */
  readonly watcher: number;
  /** When, in milliseconds from the start of the slice. */
  readonly atMillis: number;
}

/**
 * What is due in a slice of watched time, in order: each of so many watchers acts once in every interval, one after the other
 * at equal distances. The time goes on only while somebody watches, so that slices of any length add up to the same pace.
 */
export function dueIn(
  slice: { readonly fromMillis: number; readonly millis: number },
  watchers: number,
  intervalMillis: number,
): readonly Due[] {
  const { fromMillis, millis } = slice;
  const stepMillis = intervalMillis / watchers;
  const due: Due[] = [];
  for (let step = Math.ceil(fromMillis / stepMillis); step * stepMillis < fromMillis + millis; step += 1) {
    due.push({ watcher: step % watchers, atMillis: step * stepMillis - fromMillis });
  }
  return due;
}
