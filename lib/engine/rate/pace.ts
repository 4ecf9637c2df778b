import type { BlockSource } from '../../block/block-source.ts';
import type { EventSink } from '../../event/bus.ts';
import type { Plan } from '../plan.ts';
import { LoadWatch } from './load-watch.ts';
import { controllerFor } from './pacing-options.ts';
import type { CompletedBatch, RateController } from './rate-controller.ts';

/** What a pace is kept for. */
export interface PaceFields {
  readonly plan: Pick<Plan, 'batchIntervalMillis' | 'pacing'>;
  readonly source: Pick<BlockSource, 'demand'>;
  readonly events: EventSink;
}

/** Watches how long batches take: warns when they come near the interval, and tells the source what it may read. */
export class Pace {
  readonly #fields: PaceFields;
  readonly #controller: RateController | undefined;
  readonly #loads = new Map<string, LoadWatch>();

  constructor(fields: PaceFields) {
    const { batchIntervalMillis, pacing } = fields.plan;
    this.#fields = fields;
    this.#controller = controllerFor(batchIntervalMillis, pacing.backpressure ?? false);
  }

  /** Sets what may be read before the first batch is done. */
  begin(): void {
    if (this.#controller !== undefined) this.#fields.source.demand(this.#controller.initial);
  }

  /** Notes a batch that is done. */
  completed(batch: CompletedBatch): void {
    const limit = this.#controller?.completed(batch);
    if (limit !== undefined) this.#fields.source.demand(limit);
    const { batchIntervalMillis } = this.#fields.plan;
    const load = this.#loads.get(batch.group) ?? new LoadWatch(batchIntervalMillis);
    this.#loads.set(batch.group, load);
    const warning = load.completed(batch.processingDelayMillis);
    if (warning === undefined) return;
    const { percentile95Millis: processingMillis, batches } = warning;
    const { group } = batch;
    this.#fields.events.publish({ type: 'batch.slow', group, processingMillis, batches, batchIntervalMillis });
  }

  /** Forgets a group that is over. */
  forget(group: string): void {
    this.#loads.delete(group);
    this.#controller?.forget(group);
  }
}
