import type { Progress } from '../../monitor/progress.ts';

/** The progress of a run as one line, cut to the width of the terminal. */
export function progressLine(progress: Progress, columns: number): string {
  const { shards, records, millisBehindLatest } = progress;
  const behind = millisBehindLatest === undefined ? 'not read yet' : `behind ${duration(millisBehindLatest)}`;
  const line = `shards ${shards}  records ${records.toLocaleString('en-US')}  ${behind}`;
  return line.slice(0, Math.max(0, columns - 1));
}

/** A duration in the largest unit that leaves a number of at least one, with one decimal below ten. */
function duration(millis: number): string {
  const units: readonly [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ];
  for (const [size, unit] of units) {
    if (millis >= size) return `${(millis / size).toFixed(millis < size * 10 ? 1 : 0)} ${unit}`;
  }
  return `${millis} ms`;
}
