import { escapeControl } from '../../../lib/base/text.ts';
import type { LedgerFigures, WordCounts } from './ledger.ts';
import type { DemoOptions } from './options.ts';
import type { WorkerFigures } from './worker-figures.ts';

/** What the demo is doing. */
export type DemoPhase = 'starting' | 'producing' | 'counting the rest' | 'stopping' | 'done';

/** The demo at one moment, for the table. */
export interface DemoSnapshot {
  readonly options: DemoOptions;
  readonly phase: DemoPhase;
  /** Since the phase began. */
  readonly phaseMillis: number;
  /** The emulators that run, each as a text with name, pid and address. */
  readonly services: readonly string[];
  /** What was done to the workers and the stream so far. */
  readonly incidents: readonly string[];
  readonly workers: readonly WorkerFigures[];
  readonly figures: LedgerFigures;
  readonly topWords: WordCounts;
}

/** The widest that the column of shards becomes. */
const mostShardColumns = 28;
/** A terminal narrower than this gets lines that are cut. */
const leastShardColumns = 14;

/** The table, as lines no wider than `columns` - 1, so that a terminal breaks none of them. */
export function tableLines(snapshot: DemoSnapshot, columns: number): string[] {
  const { figures, services, workers } = snapshot;
  const width = Math.max(1, columns - 1);
  const rows = [...workers.map(workerCells), allCells(workers)];
  const lines = [
    title(snapshot.options),
    phaseText(snapshot),
    services.join('   '),
    ...(snapshot.options.chaos ? [snapshot.incidents.join('; ') || 'nothing has happened yet'] : []),
    '',
    ...gridLines([heading, ...rows], width),
    '',
    [
      `produced ${whole(figures.produced)}`,
      `counted ${whole(figures.counted)}`,
      `on the way ${whole(figures.missing)}`,
      `repeated ${whole(figures.repeated)}`,
    ].join('   '),
    topLine(snapshot.topWords, width),
  ];
  return lines.map((line) => cut(escapeControl(line), width));
}

/** The demo at one moment in one line, for logs. */
export function progressText(snapshot: DemoSnapshot): string {
  const { figures, workers } = snapshot;
  const perWorker = workers.map(
    ({ number, shards, records }) => `worker ${number}: ${counted(shards.length, 'shard')}, ${whole(records)} records`,
  );
  const sums = `produced ${whole(figures.produced)}, counted ${whole(figures.counted)}, repeated ${whole(figures.repeated)}`;
  return escapeControl(`${phaseText(snapshot)}: ${[sums, ...perWorker].join('; ')}`);
}

/** The name of the demo and what it was told. */
export function title({ shards, workers, rate, seed }: DemoOptions): string {
  const parts = [counted(shards, 'shard'), counted(workers, 'worker'), `${whole(rate)} records/s`, `seed ${seed}`];
  return `Millrace demo: ${parts.join(', ')}`;
}

function phaseText({ options, phase, phaseMillis }: DemoSnapshot): string {
  if (phase === 'done') return phase;
  const seconds = (phaseMillis / 1_000).toFixed(1);
  return phase === 'producing' ? `${phase}, ${seconds} of ${options.seconds} s` : `${phase}, ${seconds} s`;
}

interface Cells {
  readonly worker: string;
  readonly pid: string;
  readonly shards: readonly string[] | string;
  /** Right-aligned: batches, records, words, records/s, behind. */
  readonly numbers: readonly string[];
}

const heading: Cells = {
  worker: 'worker',
  pid: 'pid',
  shards: 'shards',
  numbers: ['batches', 'records', 'words', 'records/s', 'behind'],
};
const numberColumns = [8, 10, 11, 10, 9];

function workerCells(worker: WorkerFigures): Cells {
  const { number, pid, shards, batches, records, words, recordsPerSecond, behindMillis, isKilled } = worker;
  return {
    worker: String(number),
    pid: String(pid),
    shards: isKilled ? 'killed' : shards.map(shortShard),
    numbers: [whole(batches), whole(records), whole(words), whole(recordsPerSecond), behindText(behindMillis)],
  };
}

function allCells(workers: readonly WorkerFigures[]): Cells {
  const sum = (of: (worker: WorkerFigures) => number) => whole(workers.reduce((all, worker) => all + of(worker), 0));
  const behind = workers.flatMap(({ behindMillis }) => behindMillis ?? []);
  return {
    worker: 'all',
    pid: '',
    shards: sum((worker) => worker.shards.length),
    numbers: [
      sum((worker) => worker.batches),
      sum((worker) => worker.records),
      sum((worker) => worker.words),
      sum((worker) => worker.recordsPerSecond),
      behindText(behind.length === 0 ? undefined : Math.max(...behind)),
    ],
  };
}

function gridLines(rows: readonly Cells[], width: number): string[] {
  const worker = 7;
  const pid = 9;
  const rest = width - worker - pid - numberColumns.reduce((sum, columns) => sum + columns, 0);
  const shards = Math.min(mostShardColumns, Math.max(leastShardColumns, rest));
  return rows.map((row) =>
    [
      row.worker.padEnd(worker),
      row.pid.padEnd(pid),
      (typeof row.shards === 'string' ? row.shards : listWithin(row.shards, shards - 1)).padEnd(shards),
      ...row.numbers.map((text, index) => text.padStart(numberColumns[index] ?? 0)),
    ].join(''),
  );
}

/** As many names as fit, and how many more there are. */
function listWithin(names: readonly string[], width: number): string {
  for (let shown = names.length; shown > 0; shown -= 1) {
    const text = [...names.slice(0, shown), ...(shown < names.length ? [`+${names.length - shown}`] : [])].join(' ');
    if (text.length <= width) return text;
  }
  return names.length === 0 ? '-' : String(names.length);
}

/** As many of the words as fit. */
function topLine(words: WordCounts, width: number): string {
  let line = 'top words';
  for (const [word, count] of words) {
    const longer = `${line}  ${word} ${whole(count)}`;
    if (longer.length > width) break;
    line = longer;
  }
  return line;
}

/** `shardId-000000000003` is 3. */
function shortShard(shardId: string): string {
  return shardId.replace(/^shardId-0*(?=\d)/, '');
}

function behindText(millis: number | undefined): string {
  return millis === undefined ? '-' : `${(millis / 1_000).toFixed(1)} s`;
}

/** A number for people: whole, with commas. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `1 shard`, `2 shards`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${whole(count)} ${count === 1 ? noun : plural}`;
}

function cut(line: string, width: number): string {
  return line.slice(0, width);
}
