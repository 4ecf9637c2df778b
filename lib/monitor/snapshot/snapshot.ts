import type { OutputPromise } from '../../event/event.ts';

/**
 * What one process knows of its application at one moment: plain JSON data, made from events alone. The web page, the JSON
 * API, health, alerts and the exporters of metrics read it. Times ending in `AtMillis` are milliseconds since 1970 by this
 * machine's clock, durations are milliseconds, positions are texts (`49590...:0`, `SHARD_END`). A value that is not known
 * yet is `null`, never 0. What has not changed since the snapshot before is the same object again. Nothing in it is record data or a partition key; messages of errors are texts of strangers, to
 * be escaped by whoever shows them.
 */
export interface Snapshot {
  /** Goes up with every event that was taken in: whoever has a snapshot of the same number has seen everything. */
  readonly version: number;
  readonly takenAtMillis: number;
  readonly application: ApplicationView;
  readonly receivers: readonly ReceiverView[];
  /** Shards that this process holds, or has held (the last `retainedShards` of those), in order of their ids. */
  readonly shards: readonly ShardView[];
  /** Leases as far as this process saw them: its own, and as leader what it assigned and moved. */
  readonly leases: readonly LeaseView[];
  /** The last moves of leases that this process saw, newest first. */
  readonly moves: readonly LeaseMove[];
  readonly batches: BatchesView;
  readonly stages: StagesView;
  readonly commits: readonly CommitView[];
  /** What is wrong now, the oldest first. */
  readonly alerts: readonly AlertView[];
  readonly totals: Totals;
  /** Distributions since the start, of what has happened at least once. */
  readonly histograms: readonly HistogramView[];
}

/** What distributions are kept of: names end in their unit. */
export type HistogramName =
  | 'readLagMillis'
  | 'readRecords'
  | 'blockRecords'
  | 'batchProcessingMillis'
  | 'batchSchedulingMillis'
  | 'batchTotalMillis'
  | 'outputMillis';

/** A distribution since the start. Percentiles are right to three digits. */
export interface HistogramView {
  readonly name: HistogramName;
  readonly count: number;
  readonly sum: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What the process is and does as a whole. */
export interface ApplicationView {
  readonly applicationName: string | null;
  /** `starting` before a worker or an engine has begun, `standby` behind another process's epoch. */
  readonly status: 'starting' | 'running' | 'standby' | 'draining' | 'stopped';
  /** When this process began to watch. */
  readonly startedAtMillis: number;
  readonly isLeader: boolean;
  /** Other workers that the leader sees; known to the leader only. */
  readonly otherWorkers: readonly string[];
  /** Who computes the application while this process stands by. */
  readonly holder: string | null;
  readonly epoch: number | null;
  /** The engine's interval; `null` for a consumer without engine. */
  readonly batchIntervalMillis: number | null;
  readonly scope: 'shard' | 'application' | null;
  readonly scopeReason: string | null;
  /** What each output guarantees, as the engine said when it started. */
  readonly outputs: readonly OutputPromise[];
  /** The drain that is under way: what it waits for. */
  readonly draining: { readonly blocks: number; readonly shards: number; readonly forMillis: number } | null;
}

/** One row of the talk's table "Receiver Statistics". */
export interface ReceiverView {
  /** From 0, in the order of the streams' declaration. */
  readonly receiverId: number;
  /** `KinesisReceiver-0`, as the talk's page calls them. */
  readonly name: string;
  readonly streamName: string;
  readonly workerIdentifier: string;
  readonly status: 'INITIALIZING' | 'ACTIVE' | 'RESTARTING' | 'DRAINING' | 'STOPPED';
  /** The host that it runs on. */
  readonly location: string;
  readonly shards: number;
  /** When the last whole slot (a batch interval, or 1 s without engine) ended; the "[time]" of the talk's column. */
  readonly lastBatchAtMillis: number | null;
  readonly recordsInLastBatch: number | null;
  /** Over the last whole slots, at most 100: records a second. */
  readonly rate: RateSummary | null;
  /** Records and bytes since the start. */
  readonly records: number;
  readonly bytes: number;
  readonly restarts: number;
  /** Faults within the last five minutes. */
  readonly recentErrors: number;
  /** How long the stream keeps records; `null` before the receiver has started. */
  readonly retentionMillis: number | null;
  readonly lastError: ErrorView | null;
}

/** The smallest, middle and greatest rate, records a second, with the rates themselves, oldest first. */
export interface RateSummary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly mean: number;
  /** `[end of the slot (milliseconds since 1970), records a second]`; Spark's `eventRates`. */
  readonly points: readonly (readonly [number, number])[];
}

/** A fault that was told. */
export interface ErrorView {
  readonly atMillis: number;
  /** One of docs/errors.md; `null` where only a text is known. */
  readonly code: string | null;
  readonly message: string;
}

/** One shard that this process reads or has read. */
export interface ShardView {
  readonly shardId: string;
  readonly streamName: string;
  readonly receiverId: number;
  /** Where it came from, as far as its lease says. */
  readonly parents: readonly string[];
  /** Shards that name it as a parent, as far as seen here. */
  readonly children: readonly string[];
  /** This worker while it holds the lease; else `null`: somebody else, or nobody. */
  readonly owner: string | null;
  readonly tenure: number | null;
  /** A state of docs/internals.md (`reading`, `draining`, ...), `held` before the first, `gone` after its lease was given up. */
  readonly state: string;
  /** The checkpoint that was written last. */
  readonly position: string | null;
  readonly positionAtMillis: number | null;
  /** The end of the last sealed block: what was read, finished or not. */
  readonly readThrough: string | null;
  /** How far the last read was behind the tip. */
  readonly millisBehindLatest: number | null;
  readonly lastReadAtMillis: number | null;
  /** Over the last 60 s. */
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly readsPerSecond: number;
  /** Since this process first held it. */
  readonly records: number;
  readonly bytes: number;
  readonly reads: number;
  readonly throttles: number;
  readonly lastThrottledAtMillis: number | null;
  /** Set while the handler keeps failing for the same records. */
  readonly stuck: StuckView | null;
  readonly lastError: ErrorView | null;
}

/** Records that a handler keeps failing for. */
export interface StuckView {
  readonly sinceMillis: number;
  readonly attempts: number;
  /** Age of the oldest of the records, by the service's clock, when it was told. */
  readonly ageMillis: number;
  readonly message: string;
}

/** One lease as far as this process saw it. */
export interface LeaseView {
  readonly leaseKey: string;
  /** Streams of one program may have shards of the same id. */
  readonly streamName: string;
  /** `null`: given up to nobody, or not known. */
  readonly owner: string | null;
  readonly isMine: boolean;
  readonly tenure: number | null;
  readonly checkpoint: string | null;
  /** Where the lease is going while a handoff is under way. */
  readonly movingTo: string | null;
  readonly sinceMillis: number;
}

/** A lease that changed hands, or began to. */
export interface LeaseMove {
  readonly atMillis: number;
  readonly leaseKey: string;
  readonly streamName: string;
  readonly kind: 'created' | 'assigned' | 'handoff' | 'gained' | 'released' | 'lost' | 'deleted';
  readonly from: string | null;
  readonly to: string | null;
  /** Why: of an assignment or a loss. */
  readonly reason: string | null;
}

/** The batches of the engine. */
export interface BatchesView {
  /** Waiting ones and those in work, oldest first. */
  readonly active: readonly BatchView[];
  /** The last `retainedBatches`, newest first; failed ones among them. */
  readonly completed: readonly BatchView[];
  readonly totalCompleted: number;
  readonly totalFailed: number;
  readonly totalRecords: number;
  /** The talk's table "Batch Processing Statistics" over the retained batches; `null` before the first. */
  readonly statistics: BatchStatistics | null;
}

/** The rows of the talk's table; each value is milliseconds. */
export interface BatchStatistics {
  /** Over how many batches. */
  readonly batches: number;
  readonly processingTime: Distribution;
  readonly schedulingDelay: Distribution;
  readonly totalDelay: Distribution;
}

/** The talk's six columns; a percentile p is `sorted[min(floor(p * n), n - 1)]`, Spark's rule. */
export interface Distribution {
  readonly last: number;
  readonly min: number;
  readonly p25: number;
  readonly median: number;
  readonly p75: number;
  readonly max: number;
  readonly mean: number;
}

/** One batch of one commit group. */
export interface BatchView {
  /** `group@batchTimeMillis`: names the batch within this process. */
  readonly key: string;
  /** A shard in `shard` scope, `application` in `application` scope. */
  readonly group: string;
  /** `null` while it waits: ids are given when work begins. */
  readonly batchId: number | null;
  readonly batchTimeMillis: number;
  readonly status: 'QUEUED' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'DROPPED';
  readonly records: number;
  readonly blocks: number;
  readonly submittedAtMillis: number | null;
  readonly processingStartedAtMillis: number | null;
  readonly processingEndedAtMillis: number | null;
  readonly schedulingDelayMillis: number | null;
  readonly processingDelayMillis: number | null;
  /** Scheduling and processing together. */
  readonly totalDelayMillis: number | null;
  /** What it is made of: for each shard one range, at most 1,000 of them. */
  readonly inputs: readonly BatchInputView[];
  readonly outputs: readonly OutputView[];
  /** Where state is kept: the last step of the commit order that is done. */
  readonly step: string | null;
  /** The last failure of the batch, also of one that is being tried again. */
  readonly error: string | null;
  readonly attempts: number;
  /**
   * Whether its records were read again from their ranges: those that an earlier holder had planned (event `plan.found`), or that
   * were dropped from memory while the batch waited (`batch.reread`).
   */
  readonly isReread: boolean;
}

/** The part of one shard in a batch: (after, through]. */
export interface BatchInputView {
  readonly streamName: string;
  readonly shardId: string;
  readonly tenure: number;
  readonly after: string;
  readonly through: string;
  readonly records: number;
}

/** One output of one batch. */
export interface OutputView {
  /** From 0, in declaration order. */
  readonly outputId: number;
  /** `foreachBatch at counts.ts:12`. */
  readonly name: string;
  readonly status: 'PROCESSING' | 'COMPLETED' | 'FAILED';
  readonly attempt: number;
  readonly startedAtMillis: number;
  readonly durationMillis: number | null;
  readonly error: string | null;
}

/** The talk's page "Spark Stages". A stage here is one output of one batch, with the operators before it. */
export interface StagesView {
  readonly active: readonly StageView[];
  /** The last ones, newest first. */
  readonly completed: readonly StageView[];
  readonly totalCompleted: number;
  readonly totalFailed: number;
}

/** One row of the talk's table of stages. */
export interface StageView {
  readonly stageId: number;
  readonly description: string;
  readonly batchKey: string;
  readonly submittedAtMillis: number;
  readonly durationMillis: number | null;
  /** Tries: an output succeeds as a whole. */
  readonly tasksSucceeded: number;
  readonly tasksTotal: number;
  /** Records of the batch. */
  readonly inputRecords: number;
  readonly error: string | null;
}

/** The state of one commit group. */
export interface CommitView {
  readonly group: string;
  /** The last batch that was committed, or acknowledged where no state is kept. */
  readonly batchId: number | null;
  readonly batchTimeMillis: number | null;
  readonly committedAtMillis: number | null;
  /** The batch of the last step, and the step. */
  readonly stepBatchId: number | null;
  readonly step: string | null;
  /** State of operators that the program has no more. */
  readonly unclaimed: readonly string[];
  /** Ranges that were refused, because they were seen, of another tenure, or behind a hole. */
  readonly refusedRanges: number;
}

/** The kinds of alerts; docs/health.md says what each means. */
export const alertNames = [
  'totalDelay',
  'receiverErrors',
  'iteratorAge',
  'stuckBatch',
  'staleCheckpoint',
  'leaseChurn',
  'noStandby',
] as const;

/** The name of an alert. */
export type AlertName = (typeof alertNames)[number];

/** Something that is wrong now. */
export interface AlertView {
  readonly alert: AlertName;
  /** The shard, group or receiver; empty for the whole process. */
  readonly subject: string;
  readonly sinceMillis: number;
  readonly message: string;
  /** What was measured, and from where on it is an alert. */
  readonly value: number;
  readonly threshold: number;
}

/** Counts since the start. */
export interface Totals {
  readonly recordsRead: number;
  readonly bytesRead: number;
  readonly reads: number;
  readonly throttles: number;
  readonly checkpoints: number;
  readonly leasesGained: number;
  readonly leasesLost: number;
  readonly leasesReleased: number;
  readonly recordsSkipped: number;
  /** How often a shard was at a position that retention had passed, so that records after it may be lost. */
  readonly positionsTrimmed: number;
  readonly faults: number;
  readonly receiverRestarts: number;
  /** Records of batches when they start (Spark's rule for "received"). */
  readonly receivedRecords: number;
  /** Records of batches when they complete. */
  readonly processedRecords: number;
}
