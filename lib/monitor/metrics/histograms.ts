import { type RecordableHistogram, createHistogram } from 'node:perf_hooks';
import type { MillraceEvent } from '../../event/event.ts';
import type { HistogramName, HistogramView } from '../snapshot/snapshot.ts';

/** Parts of a unit that are told apart. Node's histograms count whole numbers from 1 on. */
const partsOfUnit = 1_000;

/**
 * The one registry of distributions since the start, on Node's built-in histograms (HDR, three digits): a fixed number of
 * them, each of a fixed size, whatever comes. Everything that exports distributions reads them here.
 */
export class Histograms {
  readonly #histograms = new Map<HistogramName, { readonly histogram: RecordableHistogram; sum: number }>();

  /** Takes one event into account. */
  add(event: MillraceEvent): void {
    switch (event.type) {
      case 'shard.read':
        this.#record('readLagMillis', event.millisBehindLatest);
        this.#record('readRecords', event.records);
        return;
      case 'block.sealed':
        this.#record('blockRecords', event.records);
        return;
      case 'batch.completed':
        this.#record('batchProcessingMillis', event.processingDelayMillis);
        this.#record('batchSchedulingMillis', event.schedulingDelayMillis);
        this.#record('batchTotalMillis', event.schedulingDelayMillis + event.processingDelayMillis);
        return;
      case 'output.completed':
        this.#record('outputMillis', event.durationMillis);
        return;
      default:
        return;
    }
  }

  /** Those that have a value. */
  get views(): readonly HistogramView[] {
    return Array.from(this.#histograms, ([name, { histogram, sum }]) => {
      const at = (percentile: number) => (histogram.percentile(percentile) - 1) / partsOfUnit;
      return {
        name,
        count: histogram.count,
        sum,
        p50: at(50),
        p90: at(90),
        p99: at(99),
        max: (histogram.max - 1) / partsOfUnit,
      };
    });
  }

  #record(name: HistogramName, value: number): void {
    const known = this.#histograms.get(name);
    const entry = known ?? { histogram: createHistogram(), sum: 0 };
    if (known === undefined) this.#histograms.set(name, entry);
    // A clock that went back makes a negative delay, which is none. One more than the value, as 0 cannot be counted.
    const counted = Math.max(0, value);
    entry.sum += counted;
    entry.histogram.record(Math.round(counted * partsOfUnit) + 1);
  }
}
