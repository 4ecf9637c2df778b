import { medianInterval, medianOf, rounded } from '../statistics.ts';
import type { Slice } from './client.ts';

/** A round: slices A B B A or B A A B, by whether they were watched. */
export interface Round {
  readonly bare: readonly [Slice, Slice];
  readonly watched: readonly [Slice, Slice];
}

/** Metrics and page may take so much of a receiver's throughput. */
export const budgetPercent = 3;

/** What the rounds tell. MB are millions of bytes of record data. */
export interface RoundFigures {
  /** What one watcher takes of the receiver's throughput per CPU second, all threads counted: the median of the rounds. */
  readonly overheadPercent: number;
  /** Where that median lies with 95 % confidence; `null` for fewer than six rounds. */
  readonly intervalPercent: readonly [number, number] | null;
  /** What the interval says of the budget; `unknown` where the budget lies in it. */
  readonly verdict: 'within' | 'over' | 'unknown';
  readonly budgetPercent: number;
  /** A quarter of the rounds is below the first, a quarter above the second. */
  readonly quartilesPercent: readonly [number, number];
  /** The least and the most of the rounds; below 0 the watched slices were the faster ones. */
  readonly spreadPercent: readonly [number, number];
  /**
   * The same of the main thread's CPU time alone, without what the collector and the compiler do beside it; `null` where that
   * is not known.
   */
  readonly mainThreadPercent: number | null;
  readonly mainThreadIntervalPercent: readonly [number, number] | null;
  /**
   * The part of `overheadPercent` that the difference of the watchers is: the first of them to hear of an event finds its code
   * out of the processor's caches, the others find it there. Each is taken to be like the first.
   */
  readonly firstPercent: number;
  /** Of the slices that all watchers watch together, so the difference is theirs together. */
  readonly bareMbPerCpuSecond: number;
  readonly watchedMbPerCpuSecond: number;
  /** Events that a watcher took in during a slice, the median. */
  readonly eventsOfSlice: number;
}

/** The figures of rounds that so many watchers watched together. */
export function figuresOf(rounds: readonly Round[], watchers: number): RoundFigures {
  const overheads = overheadsOf(rounds, watchers, all);
  const mains = overheadsOf(rounds, watchers, main);
  const isMainKnown = rounds.every(({ bare, watched }) => [...bare, ...watched].every((slice) => main(slice) > 0));
  const sorted = overheads.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  const intervalPercent = medianInterval(overheads) ?? null;
  const speed = (slices: (round: Round) => Round['bare']) =>
    rounded(medianOf(rounds.map((round) => speedOf(slices(round), all))), 1);
  return {
    overheadPercent: medianOf(overheads),
    intervalPercent,
    verdict: verdictOf(intervalPercent),
    budgetPercent,
    quartilesPercent: [at(0.25), at(0.75)],
    spreadPercent: [at(0), at(1)],
    mainThreadPercent: isMainKnown ? medianOf(mains) : null,
    mainThreadIntervalPercent: isMainKnown ? (medianInterval(mains) ?? null) : null,
    firstPercent: rounded(100 * medianOf(rounds.map((round) => firstOf(round, watchers, all))), 2),
    bareMbPerCpuSecond: speed(({ bare }) => bare),
    watchedMbPerCpuSecond: speed(({ watched }) => watched),
    eventsOfSlice: medianOf(rounds.flatMap(({ watched }) => watched.map(({ events }) => events))),
  };
}

/** What an interval of the overhead says of the budget. */
export function verdictOf(interval: readonly [number, number] | null): RoundFigures['verdict'] {
  if (interval === null) return 'unknown';
  const [least, most] = interval;
  if (most < budgetPercent) return 'within';
  return least >= budgetPercent ? 'over' : 'unknown';
}

type Micros = (slice: Slice) => number;

const all: Micros = ({ cpuMicros }) => cpuMicros;
const main: Micros = ({ mainMicros = 0 }) => mainMicros;

/**
 * Of each round, what one watcher takes of the throughput: a byte costs a receiver that is watched by `n` of them the CPU time
 * of the bare one and what they take. One of them takes a part of that, and what it would take more if it were the only one.
 */
function overheadsOf(rounds: readonly Round[], watchers: number, micros: Micros): number[] {
  return rounds.map((round) => {
    const part = (speedOf(round.bare, micros) / speedOf(round.watched, micros) - 1) / watchers;
    const one = part + firstOf(round, watchers, micros);
    return rounded((100 * one) / (1 + one), 2);
  });
}

/** What the first watcher takes more than all of them on the average, of what the bare receiver takes for as many bytes. */
function firstOf({ bare, watched }: Round, watchers: number, micros: Micros): number {
  const [one, other] = watched;
  const firstMicros = one.firstMicros + other.firstMicros;
  const averageMicros = (firstMicros + one.othersMicros + other.othersMicros) / watchers;
  return ((firstMicros - averageMicros) / (one.bytes + other.bytes)) * speedOf(bare, micros);
}

/** Bytes a microsecond of CPU time, which is MB a second. */
function speedOf([one, other]: readonly [Slice, Slice], micros: Micros): number {
  return (one.bytes + other.bytes) / (micros(one) + micros(other));
}
