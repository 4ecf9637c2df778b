import type { Progress } from '../../monitor/progress.ts';
import { duration } from './duration.ts';

/** The progress of a run as one line, cut to the width of the terminal. */
export function progressLine(progress: Progress, columns: number): string {
  const { shards, records, millisBehindLatest } = progress;
  const behind = millisBehindLatest === undefined ? 'not read yet' : `behind ${duration(millisBehindLatest)}`;
  const line = `shards ${shards}  records ${records.toLocaleString('en-US')}  ${behind}`;
  return line.slice(0, Math.max(0, columns - 1));
}
