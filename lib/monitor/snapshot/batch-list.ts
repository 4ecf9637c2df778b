import type { EventOf, MillraceEvent } from '../../event/event.ts';
import { distributionOf } from './distribution.ts';
import { forgetBeyond, pushBounded } from './bounded-map.ts';
import type { BatchStatistics, BatchView, BatchesView, OutputView } from './snapshot.ts';

/** Waiting batches that are kept at most: 100 in each of 100 lines. Beyond it the oldest is taken for over. */
export const retainedActiveBatches = 10_000;

/** The batches of the engine, waiting, in work and over. */
export class BatchList {
  readonly #retained: number;
  readonly #active = new Map<string, BatchView>();
  readonly #ended: BatchView[] = [];
  /** By group, the time of the batch whose plan was found last: a group has one plan at most. */
  readonly #found = new Map<string, number>();
  #completed = 0;
  #failed = 0;
  #records = 0;
  /** What was shown last, while it still holds. */
  #shownActive: readonly BatchView[] | undefined;
  #shownEnded: Pick<BatchesView, 'completed' | 'statistics'> | undefined;

  /** `retained`: how many batches that are over are kept. */
  constructor(retained: number) {
    this.#retained = retained;
  }

  /** Takes one event into account. */
  add(event: MillraceEvent, atMillis: number): void {
    switch (event.type) {
      case 'plan.found':
        return this.#noteFound(event);
      case 'batch.reread':
        this.#noteFound(event);
        return this.#change(keyOf(event), (batch) => ({ ...batch, isReread: true }));
      case 'batch.submitted':
        return this.#put({ ...this.#newBatch(event), submittedAtMillis: atMillis });
      case 'batch.started':
        return this.#started(event, atMillis);
      case 'output.started':
      case 'output.completed':
        return this.#change(keyOf(event), (batch) => withOutput(batch, outputOf(event, batch, atMillis), event));
      case 'batch.step':
        return this.#ofId(event, (batch) => ({ ...batch, step: event.step }));
      case 'batch.failed':
        return this.#ofId(event, (batch) => ({ ...batch, error: event.message }));
      case 'batch.completed':
        return this.#ofCompleted(event, atMillis);
      case 'batch.dropped':
        return this.#dropped(event, atMillis);
      default:
        return;
    }
  }

  /** The batch of a key that is waiting or in work. */
  activeOf(key: string): BatchView | undefined {
    return this.#active.get(key);
  }

  /** The batch of a key that waits, is in work, or is over and kept. */
  batchOf(key: string): BatchView | undefined {
    return this.#active.get(key) ?? this.#ended.find((batch) => batch.key === key);
  }

  /** Batches that wait or are in work. */
  get active(): readonly BatchView[] {
    this.#shownActive ??= Array.from(this.#active.values());
    return this.#shownActive;
  }

  get view(): BatchesView {
    this.#shownEnded ??= { completed: this.#ended.slice(), statistics: statisticsOf(this.#ended) };
    return {
      active: this.active,
      ...this.#shownEnded,
      totalCompleted: this.#completed,
      totalFailed: this.#failed,
      totalRecords: this.#records,
    };
  }

  /** A plan is told of before its batch is put together, so before any other event of it. */
  #noteFound({ group, batchTimeMillis }: EventOf<'plan.found' | 'batch.reread'>): void {
    this.#found.set(group, batchTimeMillis);
    forgetBeyond(this.#found, retainedActiveBatches, () => true);
  }

  #newBatch(event: NewBatch): BatchView {
    return { ...newBatch(event), isReread: this.#found.get(event.group) === event.batchTimeMillis };
  }

  #started(event: EventOf<'batch.started'>, atMillis: number): void {
    const { batchId, records, blocks, inputs, batchTimeMillis } = event;
    const known = this.#active.get(keyOf(event)) ?? this.#newBatch(event);
    const schedulingDelayMillis = Math.max(0, atMillis - batchTimeMillis);
    const began = { status: 'PROCESSING' as const, processingStartedAtMillis: atMillis, schedulingDelayMillis };
    this.#put({ ...known, ...began, batchId, records, blocks, inputs });
  }

  #ofCompleted(event: EventOf<'batch.completed'>, atMillis: number): void {
    const { batchId, records, blocks, schedulingDelayMillis, processingDelayMillis } = event;
    const known = this.#active.get(keyOf(event)) ?? this.#newBatch(event);
    this.#active.delete(keyOf(event));
    this.#completed += 1;
    this.#records += records;
    this.#end({
      ...known,
      status: 'COMPLETED',
      batchId,
      records,
      blocks,
      processingEndedAtMillis: atMillis,
      schedulingDelayMillis,
      processingDelayMillis,
      totalDelayMillis: schedulingDelayMillis + processingDelayMillis,
      error: null,
    });
  }

  #dropped(event: EventOf<'batch.dropped'>, atMillis: number): void {
    const known = this.#active.get(keyOf(event));
    if (known === undefined) return;
    this.#active.delete(keyOf(event));
    const isFailed = event.reason === 'failed';
    if (isFailed) this.#failed += 1;
    const status = isFailed ? ('FAILED' as const) : ('DROPPED' as const);
    this.#end({ ...known, status, processingEndedAtMillis: atMillis, error: event.message });
  }

  /** A batch that is over is active no more. */
  #end(batch: BatchView): void {
    this.#shownActive = undefined;
    this.#shownEnded = undefined;
    pushBounded(this.#ended, batch, this.#retained);
  }

  #put(batch: BatchView): void {
    this.#active.set(batch.key, batch);
    this.#shownActive = undefined;
    if (this.#active.size <= retainedActiveBatches) return;
    for (const key of this.#active.keys()) {
      this.#active.delete(key);
      return;
    }
  }

  #change(key: string, change: (batch: BatchView) => BatchView): void {
    const batch = this.#active.get(key);
    if (batch === undefined) return;
    this.#active.set(key, change(batch));
    this.#shownActive = undefined;
  }

  /** Steps and failures name a batch by its id. A line runs one batch at a time, so few are in work. */
  #ofId(
    { group, batchId }: { readonly group: string; readonly batchId: number },
    change: (batch: BatchView) => BatchView,
  ) {
    for (const batch of this.#active.values()) {
      if (batch.group === group && batch.batchId === batchId) return this.#change(batch.key, change);
    }
  }
}

/** The key of a batch within its process. */
export function keyOf({
  group,
  batchTimeMillis,
}: {
  readonly group: string;
  readonly batchTimeMillis: number;
}): string {
  return `${group}@${batchTimeMillis}`;
}

function outputOf(
  event: EventOf<'output.started'> | EventOf<'output.completed'>,
  batch: BatchView,
  atMillis: number,
): OutputView {
  const { outputId, name, attempt } = event;
  if (event.type === 'output.started') {
    const begun = { startedAtMillis: atMillis, durationMillis: null, error: null };
    return { outputId, name, attempt, status: 'PROCESSING', ...begun };
  }
  const startedAtMillis = batch.outputs.find((one) => one.outputId === outputId)?.startedAtMillis ?? atMillis;
  const { durationMillis, failureReason } = event;
  const status = failureReason === undefined ? ('COMPLETED' as const) : ('FAILED' as const);
  return { outputId, name, attempt, status, startedAtMillis, durationMillis, error: failureReason ?? null };
}

function withOutput(batch: BatchView, output: OutputView, { attempt }: { readonly attempt: number }): BatchView {
  const others = batch.outputs.filter(({ outputId }) => outputId !== output.outputId);
  const outputs = [...others, output].toSorted((a, b) => a.outputId - b.outputId);
  return { ...batch, outputs, attempts: Math.max(batch.attempts, attempt) };
}

type NewBatch = Pick<EventOf<'batch.submitted'>, 'group' | 'batchTimeMillis' | 'records' | 'blocks'>;

function newBatch(event: NewBatch): Omit<BatchView, 'isReread'> {
  const { group, batchTimeMillis, records, blocks } = event;
  return {
    key: keyOf(event),
    group,
    batchId: null,
    batchTimeMillis,
    status: 'QUEUED',
    records,
    blocks,
    submittedAtMillis: null,
    processingStartedAtMillis: null,
    processingEndedAtMillis: null,
    schedulingDelayMillis: null,
    processingDelayMillis: null,
    totalDelayMillis: null,
    inputs: [],
    outputs: [],
    step: null,
    error: null,
    attempts: 0,
  };
}

function statisticsOf(newestFirst: readonly BatchView[]): BatchStatistics | null {
  const batches = newestFirst.filter(({ status }) => status === 'COMPLETED').toReversed();
  const of = (value: (batch: BatchView) => number | null) => distributionOf(batches.map((batch) => value(batch) ?? 0));
  const processingTime = of((batch) => batch.processingDelayMillis);
  const schedulingDelay = of((batch) => batch.schedulingDelayMillis);
  const totalDelay = of((batch) => batch.totalDelayMillis);
  if (processingTime === null || schedulingDelay === null || totalDelay === null) return null;
  return { batches: batches.length, processingTime, schedulingDelay, totalDelay };
}
