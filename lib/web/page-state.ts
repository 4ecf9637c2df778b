import type {
  AlertView,
  ApplicationView,
  BatchStatistics,
  BatchView,
  CommitView,
  LeaseMove,
  LeaseView,
  ReceiverView,
  ShardView,
  Snapshot,
  StageView,
  Totals,
} from '../monitor/snapshot/snapshot.ts';

/** A batch as the lists of the page show it. What it is made of is asked for when somebody opens it. */
export interface BatchRow extends Omit<BatchView, 'inputs' | 'outputs'> {
  /** How many shards are in it. */
  readonly inputCount: number;
  readonly outputsSucceeded: number;
  readonly outputsTotal: number;
}

/** What a browser knows: the snapshot, its lists side by side so that each can be told by its changes. */
export interface PageState {
  readonly version: number;
  readonly takenAtMillis: number;
  readonly application: ApplicationView;
  readonly totals: Totals;
  readonly statistics: BatchStatistics | null;
  readonly counts: PageCounts;
  readonly receivers: readonly ReceiverView[];
  readonly shards: readonly ShardView[];
  readonly leases: readonly LeaseView[];
  readonly commits: readonly CommitView[];
  readonly alerts: readonly AlertView[];
  readonly activeBatches: readonly BatchRow[];
  readonly activeStages: readonly StageView[];
  /** Newest first, as the snapshot has them. */
  readonly completedBatches: readonly BatchRow[];
  readonly completedStages: readonly StageView[];
  readonly moves: readonly LeaseMove[];
}

/** How many there were in all; the lists keep the last ones. */
export interface PageCounts {
  readonly completedBatches: number;
  readonly failedBatches: number;
  readonly batchRecords: number;
  readonly completedStages: number;
  readonly failedStages: number;
}

/** The most batches and stages of the past that the page gets: two screens of a timeline, and any table's end. */
export const pastEntries = 1_000;

/** So much of an error stands in a list; all of it is told by the batch itself. */
export const listedErrorCharacters = 1_000;

/** Makes page states of snapshots. An entry that has not changed is the same object again, so that comparing is quick. */
export class PageStates {
  readonly #rows = new WeakMap<BatchView, BatchRow>();
  readonly #stages = new WeakMap<StageView, StageView>();

  /** The page state of a snapshot. */
  of(snapshot: Snapshot): PageState {
    const { batches, stages } = snapshot;
    return {
      version: snapshot.version,
      takenAtMillis: snapshot.takenAtMillis,
      application: snapshot.application,
      totals: snapshot.totals,
      statistics: batches.statistics,
      counts: {
        completedBatches: batches.totalCompleted,
        failedBatches: batches.totalFailed,
        batchRecords: batches.totalRecords,
        completedStages: stages.totalCompleted,
        failedStages: stages.totalFailed,
      },
      receivers: snapshot.receivers,
      shards: snapshot.shards,
      leases: snapshot.leases,
      commits: snapshot.commits,
      alerts: snapshot.alerts,
      activeBatches: batches.active.map((batch) => this.#rowOf(batch)),
      activeStages: stages.active.map((stage) => this.#stageOf(stage)),
      completedBatches: batches.completed.slice(0, pastEntries).map((batch) => this.#rowOf(batch)),
      completedStages: stages.completed.slice(0, pastEntries).map((stage) => this.#stageOf(stage)),
      moves: snapshot.moves,
    };
  }

  #rowOf(batch: BatchView): BatchRow {
    const known = this.#rows.get(batch);
    if (known !== undefined) return known;
    const row = newRow(batch);
    this.#rows.set(batch, row);
    return row;
  }

  #stageOf(stage: StageView): StageView {
    if (stage.error === null || stage.error.length <= listedErrorCharacters) return stage;
    const known = this.#stages.get(stage);
    if (known !== undefined) return known;
    const short = { ...stage, error: shortened(stage.error) };
    this.#stages.set(stage, short);
    return short;
  }
}

/** Field by field: to spread an object of so many takes forty times as long. */
function newRow(batch: BatchView): BatchRow {
  return {
    key: batch.key,
    group: batch.group,
    batchId: batch.batchId,
    batchTimeMillis: batch.batchTimeMillis,
    status: batch.status,
    records: batch.records,
    blocks: batch.blocks,
    submittedAtMillis: batch.submittedAtMillis,
    processingStartedAtMillis: batch.processingStartedAtMillis,
    processingEndedAtMillis: batch.processingEndedAtMillis,
    schedulingDelayMillis: batch.schedulingDelayMillis,
    processingDelayMillis: batch.processingDelayMillis,
    totalDelayMillis: batch.totalDelayMillis,
    inputCount: batch.inputs.length,
    outputsSucceeded: batch.outputs.filter(({ status }) => status === 'COMPLETED').length,
    outputsTotal: batch.outputs.length,
    step: batch.step,
    error: shortened(batch.error),
    attempts: batch.attempts,
    isReread: batch.isReread,
  };
}

function shortened(error: string | null): string | null {
  if (error === null || error.length <= listedErrorCharacters) return error;
  return `${error.slice(0, listedErrorCharacters)} ...`;
}
