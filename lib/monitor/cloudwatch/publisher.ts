import { type Clock, pause } from '../../base/clock.ts';
import { linkedController, raceAbort } from '../../base/abort.ts';
import { messageOf } from '../../base/error.ts';
import type { EventListener, EventSink } from '../../event/bus.ts';
import { datumsPerCall, type MetricsSink } from './cloudwatch-client.ts';
import { type Datum, DatumSet, type DimensionName, type MetricsLevel, dimensionNames } from './datum.ts';
import { KclMetrics } from './kcl-metrics.ts';

/** Statistic sets that wait at most: a thousand shards have about five each. Beyond it values of new names are given up. */
export const maximumDatums = 10_000;

/** KCL's `metricsBufferTimeMillis`. */
export const flushIntervalMillis = 10_000;

/** How long one call may take: KCL's 5 s. */
const callTimeoutMillis = 5_000;

/** What the figures of a worker are published with. */
export interface PublisherOptions {
  readonly bus: EventSink & { subscribe(listener: EventListener): () => void };
  readonly clock: Clock;
  readonly sink: MetricsSink;
  /** KCL's namespace is the application's name. */
  readonly namespace: string;
  readonly level: MetricsLevel;
  readonly workerIdentifier: string;
  /** KCL's `metricsEnabledDimensions`; default: all. */
  readonly dimensions?: readonly DimensionName[];
  /** The stream of whoever publishes now, in a program that reads several; default: empty. */
  readonly streamName?: () => string;
}

/**
 * Publishes a worker's figures every 10 s. What CloudWatch does not take is merged with what comes after, in statistic sets
 * of a bounded number, so that an hour without it costs its resolution and no memory; an event tells of it.
 */
export class CloudWatchPublisher {
  readonly #options: PublisherOptions;
  readonly #data = new DatumSet(maximumDatums);
  readonly #metrics: KclMetrics;
  #failures = 0;
  #flushing: Promise<void> | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#metrics = new KclMetrics(this.#data, { dimensions: dimensionNames, streamName: () => '', ...options });
  }

  /** Statistic sets that wait. */
  get waiting(): number {
    return this.#data.size;
  }

  /** Publishes until the signal aborts; then once more what is left. It never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { bus, clock } = this.#options;
    const unsubscribe = bus.subscribe((event) => this.#metrics.add(event));
    try {
      while (await pause(clock, flushIntervalMillis, signal)) await this.flush();
      await this.flush();
    } finally {
      unsubscribe();
    }
  }

  /** Publishes now; a flush that is under way is joined. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    this.#metrics.sample();
    const data = this.#data.take();
    for (let from = 0; from < data.length; from += datumsPerCall) {
      try {
        await this.#put(data.slice(from, from + datumsPerCall));
        this.#failures = 0;
      } catch (thrown) {
        // The calls after it would fare no better, and would each wait for their time-out.
        for (const datum of data.slice(from)) this.#data.merge(datum);
        this.#failed(thrown);
        return;
      }
    }
  }

  async #put(data: readonly Datum[]): Promise<void> {
    const { sink, clock, namespace } = this.#options;
    using call = linkedController();
    const cancel = clock.timer(callTimeoutMillis, () => call.abort(new Error('CloudWatch did not answer within 5 s')));
    try {
      // A sink that does not heed its signal must not keep the run from ending.
      await raceAbort(sink.put(namespace, data, clock.wallMillis(), call.signal), call.signal);
    } finally {
      cancel();
    }
  }

  #failed(thrown: unknown): void {
    this.#failures += 1;
    // At the 1st, 10th, 100th ... failure in a row: an hour of them is no reason to fill the log.
    if (!Number.isInteger(Math.log10(this.#failures))) return;
    const droppedDatums = this.#data.takeDropped();
    const { bus } = this.#options;
    bus.publish({ type: 'cloudWatch.failed', message: messageOf(thrown), droppedDatums, failures: this.#failures });
  }
}
