/** What the advanced demo came to. */
export interface AdvancedFigures {
  readonly mode: 'advanced';
  /** Words that Kinesis has acknowledged. */
  readonly produced: number;
  /** Words in the running counts. */
  readonly counted: number;
  /** Words whose count is too low, summed over all words. */
  readonly missing: number;
  /** Words whose count is too high. */
  readonly repeated: number;
  readonly batches: number;
  readonly windows: number;
  /** Windows whose number of words is not that of their batches. */
  readonly windowsWrong: number;
  /** The most frequent words with their counts. */
  readonly top: readonly (readonly [string, number])[];
}

/** How many words the figures show. */
const shownWords = 10;

/** Compares what the advanced demo counts with what was produced, and its windows with their batches. */
export class AdvancedTally {
  readonly #windowMillis: number;
  readonly #produced = new Map<string, number>();
  readonly #batches = new Map<number, number>();
  readonly #windows = new Map<number, number>();
  #counts: readonly (readonly [string, number])[] = [];

  constructor(windowMillis: number) {
    this.#windowMillis = windowMillis;
  }

  noteProduced(words: readonly string[]): void {
    for (const word of words) this.#produced.set(word, (this.#produced.get(word) ?? 0) + 1);
  }

  /** The running counts after a batch, the greatest first. */
  noteCounts(counts: readonly (readonly [string, number])[]): void {
    this.#counts = counts;
  }

  noteBatch(timeMillis: number, words: number): void {
    this.#batches.set(timeMillis, words);
  }

  noteWindow(timeMillis: number, words: number): void {
    this.#windows.set(timeMillis, words);
  }

  /** Whether as many words are counted as were produced. */
  get isComplete(): boolean {
    return sum(this.#counts.map(([, count]) => count)) >= sum(this.#produced.values());
  }

  get figures(): AdvancedFigures {
    const counted = new Map(this.#counts);
    const words = new Set([...counted.keys(), ...this.#produced.keys()]);
    const differences = Array.from(words, (word) => (counted.get(word) ?? 0) - (this.#produced.get(word) ?? 0));
    return {
      mode: 'advanced',
      produced: sum(this.#produced.values()),
      counted: sum(counted.values()),
      missing: sum(differences.map((difference) => Math.max(0, -difference))),
      repeated: sum(differences.map((difference) => Math.max(0, difference))),
      batches: this.#batches.size,
      windows: this.#windows.size,
      windowsWrong: Array.from(this.#windows).filter(([time, held]) => held !== this.#inWindow(time)).length,
      top: this.#counts.slice(0, shownWords),
    };
  }

  /** What the batches in (time - window, time] brought. */
  #inWindow(timeMillis: number): number {
    const from = timeMillis - this.#windowMillis;
    return sum(Array.from(this.#batches).map(([time, words]) => (time > from && time <= timeMillis ? words : 0)));
  }
}

function sum(values: Iterable<number>): number {
  let all = 0;
  for (const value of values) all += value;
  return all;
}

/** What keeps the figures from being good; nothing when they are. */
export function advancedFaults(figures: AdvancedFigures): string[] {
  const { produced, missing, repeated, windows, windowsWrong, top } = figures;
  const sorted = top.every(([, count], index) => index === 0 || count <= (top[index - 1]?.[1] ?? 0));
  return [
    ...(produced > 0 ? [] : ['nothing was produced']),
    ...(missing === 0 ? [] : [`${missing} words are missing from the running counts`]),
    ...(repeated === 0 ? [] : [`${repeated} words are counted too often`]),
    ...(windows > 0 ? [] : ['no window was given']),
    ...(windowsWrong === 0 ? [] : [`${windowsWrong} of ${windows} windows do not hold what their batches brought`]),
    ...(sorted ? [] : ['the first words are not in the order of their counts']),
  ];
}

/** How it ended, for people. */
export function advancedText(figures: AdvancedFigures, faults: readonly string[]): string {
  const { produced, counted, missing, repeated, batches, windows, windowsWrong, top } = figures;
  return [
    '',
    `words     produced ${produced}   counted ${counted}   missing ${missing}   repeated ${repeated}`,
    `batches   ${batches}   windows ${windows}, ${windowsWrong} of them wrong`,
    `first     ${top.map(([word, count]) => `${word} ${count}`).join(', ')}`,
    faults.length === 0 ? 'good: every word is in the running counts once, every window holds its batches' : 'not good',
    '',
  ].join('\n');
}
