import type { EventOf, MillraceEvent } from '../event/event.ts';
import type { ReceiverView } from './snapshot/snapshot.ts';

/** A receiver as Spark's `ReceiverInfo` describes it. Times are milliseconds since 1970. */
export interface ReceiverInfo {
  readonly streamId: number;
  readonly name: string;
  readonly active: boolean;
  /** The host. */
  readonly location: string;
  /** The worker's identifier. */
  readonly executorId: string;
  /** Empty where there was none. */
  readonly lastErrorMessage: string;
  /** The error's code. */
  readonly lastError: string;
  /** -1 where there was none. */
  readonly lastErrorTime: number;
}

/** What one stream gave to a batch: Spark's `StreamInputInfo`, with the ranges that Spark's Kinesis receiver left out. */
export interface StreamInputInfo {
  readonly inputStreamId: string;
  readonly numRecords: number;
  readonly metadata: { readonly Description: string };
}

/** One output of a batch: Spark's `OutputOperationInfo`. Times are milliseconds since 1970. */
export interface OutputOperationInfo {
  readonly batchTime: number;
  readonly group: string;
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly startTime: number | undefined;
  readonly endTime: number | undefined;
  readonly duration: number | undefined;
  readonly failureReason: string | undefined;
}

/** A batch as Spark's `BatchInfo` describes it, with its commit group and id. Times are milliseconds since 1970. */
export interface BatchInfo {
  readonly batchTime: number;
  readonly group: string;
  readonly batchId: number | undefined;
  /** By the name of the stream; known once the batch has started. */
  readonly streamIdToInputInfo: Readonly<Record<string, StreamInputInfo>>;
  readonly submissionTime: number | undefined;
  readonly processingStartTime: number | undefined;
  readonly processingEndTime: number | undefined;
  readonly outputOperationInfos: Readonly<Record<number, OutputOperationInfo>>;
  readonly numRecords: number;
  /** Milliseconds. */
  readonly schedulingDelay: number | undefined;
  readonly processingDelay: number | undefined;
  readonly totalDelay: number | undefined;
  /** Why it failed; also of one that was dropped because its lease went to another worker. */
  readonly failureReason: string | undefined;
}

/** What a callback of a listener may return: a promise is waited for before the listener hears more. */
type Heard = void | PromiseLike<void>;

/**
 * Hears what a program does, in the shape of Spark's StreamingListener (`org.apache.spark.streaming.scheduler`); receiver and
 * lease events of Millrace stand beside Spark's. All callbacks are optional. They are called after the fact, one at a time,
 * each after what the last one returned has settled; never in line with the work. A listener that throws is not heard of
 * again for that event only; one that is slower than the program loses the oldest of more than 10,000 waiting calls.
 */
export interface StreamingListener {
  onStreamingStarted?(started: { readonly time: number }): Heard;
  onReceiverStarted?(started: { readonly receiverInfo: ReceiverInfo }): Heard;
  onReceiverError?(error: { readonly receiverInfo: ReceiverInfo }): Heard;
  onReceiverStopped?(stopped: { readonly receiverInfo: ReceiverInfo }): Heard;
  /** A batch was formed and waits. */
  onBatchSubmitted?(submitted: { readonly batchInfo: BatchInfo }): Heard;
  onBatchStarted?(started: { readonly batchInfo: BatchInfo }): Heard;
  /** A batch has ended, also when it failed. */
  onBatchCompleted?(completed: { readonly batchInfo: BatchInfo }): Heard;
  onOutputOperationStarted?(started: { readonly outputOperationInfo: OutputOperationInfo }): Heard;
  onOutputOperationCompleted?(completed: { readonly outputOperationInfo: OutputOperationInfo }): Heard;
  /** A shard became this worker's. */
  onLeaseGained?(event: EventOf<'lease.gained'>): Heard;
  /** A shard is no longer this worker's, against its will or by release. */
  onLeaseLost?(event: EventOf<'lease.lost'>): Heard;
  onAlert?(event: EventOf<'alert.raised' | 'alert.cleared'>): Heard;
  /** Every event, these included. */
  onEvent?(event: MillraceEvent): Heard;
}

/** A receiver of the snapshot in Spark's words. */
export function receiverInfoOf(view: ReceiverView): ReceiverInfo {
  const { receiverId, name, status, location, workerIdentifier, lastError } = view;
  return {
    streamId: receiverId,
    name,
    active: status === 'ACTIVE' || status === 'DRAINING',
    location,
    executorId: workerIdentifier,
    lastErrorMessage: lastError?.message ?? '',
    lastError: lastError?.code ?? '',
    lastErrorTime: lastError?.atMillis ?? -1,
  };
}
