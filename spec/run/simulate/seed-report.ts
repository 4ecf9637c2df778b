import type { EngineSetup } from '../../../lib/testkit/engine/engine-setup.ts';
import type { SimulationSetup } from '../../../lib/testkit/faults.ts';

/** What a child process is to do. */
export interface ChildTask {
  readonly seeds: readonly number[];
  readonly stopAtFailure: boolean;
  /** Whether applications with an engine are simulated, not fleets with a handler. */
  readonly engine: boolean;
}

/** How often each thing occurred. */
export type Counts = Readonly<Record<string, number>>;

/** What one seed has shown, as a line of JSON. */
export interface SeedReport {
  readonly seed: number;
  /** The sentence that did not hold. */
  readonly broken: string | null;
  readonly events: number;
  readonly traceHash: string;
  readonly faults: Counts;
  readonly edges: Counts;
  readonly simulatedMillis: number;
  /** Commits that were compared with what was put; with an engine. */
  readonly commits?: number;
  /** The end of the trace of a seed that failed. */
  readonly tail?: readonly string[];
  /** What a seed that failed had drawn. */
  readonly setup?: SimulationSetup | EngineSetup;
}

/** The sum of counts, sorted by name. */
export function sumCounts(names: Iterable<string>, all: readonly Counts[]): Counts {
  const sums = new Map([...names].map((name) => [name, 0]));
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}
