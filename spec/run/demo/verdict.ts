import type { LedgerFigures } from './ledger.ts';
import type { DemoOptions } from './options.ts';
import { counted, whole } from './table.ts';

/** How the demo ended: the object that `--json` prints. */
export interface Verdict {
  readonly produced: number;
  readonly counted: number;
  readonly missing: number;
  readonly repeated: number;
  readonly unacknowledged: number;
  readonly words: number;
  readonly wordsCounted: number;
  readonly shards: number;
  readonly workers: number;
  /** The producing time that was asked for. */
  readonly seconds: number;
  readonly rate: number;
  readonly seed: number;
  readonly batches: number;
  /** From the start of the process to the first put; null when it did not come to that. */
  readonly startMillis: number | null;
  /** From the first answer of PutRecords to the first record at an output; null when none came. */
  readonly firstCountMillis: number | null;
  /** What was done to the workers and the stream on the way. */
  readonly incidents: readonly string[];
  /** What is wrong, each as a sentence; none when every record was counted once. */
  readonly faults: readonly string[];
}

/** What a verdict is made of. */
export interface VerdictInput {
  readonly options: DemoOptions;
  readonly figures: LedgerFigures;
  readonly incidents: readonly string[];
  readonly batches: number;
  readonly startMillis: number | undefined;
  readonly firstCountMillis: number | undefined;
  /** What ended the demo before its time: a worker that died, say. The figures are then what they are. */
  readonly faults: readonly string[];
}

/** Judges the demo by its figures. */
export function judge(input: VerdictInput): Verdict {
  const { options, figures, incidents, batches, startMillis, firstCountMillis, faults } = input;
  const { produced, missing, repeated, unacknowledged, words, wordsCounted } = figures;
  const { shards, workers, seconds, rate, seed } = options;
  return {
    produced,
    counted: figures.counted,
    missing,
    repeated,
    unacknowledged,
    words,
    wordsCounted,
    shards,
    workers,
    seconds,
    rate,
    seed,
    batches,
    startMillis: roundedOrNull(startMillis),
    firstCountMillis: roundedOrNull(firstCountMillis),
    incidents,
    faults: faults.length > 0 ? faults : faultsOf(figures),
  };
}

function roundedOrNull(millis: number | undefined): number | null {
  return millis === undefined ? null : Math.round(millis);
}

/** Nothing may be missing or come again, with `--chaos` neither: there batches are committed. */
function faultsOf(figures: LedgerFigures): string[] {
  const { produced, missing, repeated, unacknowledged, words, wordsCounted, wordsDiffering } = figures;
  const faults: string[] = [];
  if (produced === 0) faults.push('no record was produced');
  if (missing > 0) faults.push(`${whole(missing)} of ${counted(produced, 'record')} did not reach a worker's output`);
  if (repeated > 0) faults.push(`${counted(repeated, 'record')} came again`);
  if (unacknowledged > 0) {
    faults.push(`${counted(unacknowledged, 'record')} came that no answer of PutRecords had named`);
  }
  if (wordsDiffering > 0) {
    faults.push(
      `${whole(wordsCounted)} words were counted, ${whole(words)} were produced; ` +
        `the counts of ${counted(wordsDiffering, 'word')} differ`,
    );
  }
  return faults;
}

/** The exit code: 0 when nothing is wrong, else 1. */
export function exitCodeOf(verdict: Verdict): number {
  return verdict.faults.length === 0 ? 0 : 1;
}

/** The verdict for people, in lines. */
export function verdictText(verdict: Verdict): string {
  const { produced, missing, repeated, words, wordsCounted, shards, workers, seconds } = verdict;
  const lines = [
    `records   produced ${whole(produced)}   counted ${whole(verdict.counted)}   missing ${whole(missing)}   repeated ${whole(repeated)}`,
    `words     produced ${whole(words)}   counted ${whole(wordsCounted)}`,
    `${counted(shards, 'shard')}, ${counted(workers, 'worker')}, ${whole(seconds)} s, ${counted(verdict.batches, 'batch', 'batches')}`,
    ...verdict.incidents,
  ];
  const end = verdict.faults.length === 0 ? 'good: every record was counted once' : `bad: ${verdict.faults.join('; ')}`;
  return `${[...lines, end].join('\n')}\n`;
}
