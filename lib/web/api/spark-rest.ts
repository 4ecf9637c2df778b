import type { BatchView, OutputView, ReceiverView, Snapshot, StageView } from '../../monitor/snapshot/snapshot.ts';
import { known, sparkTime } from './spark-time.ts';

/** The id of an application in paths: its name, or `local` for a program without one. */
export function applicationId({ application }: Snapshot): string {
  return application.applicationName ?? 'local';
}

/** `/applications`: the one that this process runs. */
export function applicationInfo(snapshot: Snapshot): object {
  const { startedAtMillis, status } = snapshot.application;
  const id = applicationId(snapshot);
  const attempt = {
    startTime: sparkTime(startedAtMillis),
    endTime: sparkTime(status === 'stopped' ? snapshot.takenAtMillis : -1),
    lastUpdated: sparkTime(snapshot.takenAtMillis),
    duration: snapshot.takenAtMillis - startedAtMillis,
    sparkUser: '',
    completed: status === 'stopped',
    startTimeEpoch: startedAtMillis,
    lastUpdatedEpoch: snapshot.takenAtMillis,
  };
  return { id, name: id, status, attempts: [attempt] };
}

/** `streaming/statistics`, with Spark's fields. */
export function statisticsInfo({ application, receivers, batches, totals }: Snapshot): object {
  const { statistics } = batches;
  const isActive = (receiver: ReceiverView) => receiver.status === 'ACTIVE';
  const rates = receivers.flatMap(({ rate }) => (rate === null ? [] : [rate.mean]));
  return known({
    startTime: sparkTime(application.startedAtMillis),
    batchDuration: application.batchIntervalMillis,
    numReceivers: receivers.length,
    numActiveReceivers: receivers.filter(isActive).length,
    numInactiveReceivers: receivers.filter((receiver) => !isActive(receiver)).length,
    numTotalCompletedBatches: batches.totalCompleted,
    numRetainedCompletedBatches: batches.completed.length,
    numActiveBatches: batches.active.length,
    numProcessedRecords: totals.processedRecords,
    numReceivedRecords: totals.receivedRecords,
    avgInputRate: rates.length === 0 ? undefined : rates.reduce((sum, rate) => sum + rate, 0),
    avgSchedulingDelay: statistics === null ? undefined : Math.round(statistics.schedulingDelay.mean),
    avgProcessingTime: statistics === null ? undefined : Math.round(statistics.processingTime.mean),
    avgTotalDelay: statistics === null ? undefined : Math.round(statistics.totalDelay.mean),
    numTotalFailedBatches: batches.totalFailed,
  });
}

/** `streaming/receivers`, with Spark's fields and, after them, ours. */
export function receiverInfo(receiver: ReceiverView): object {
  const { lastError, rate } = receiver;
  return known({
    streamId: receiver.receiverId,
    streamName: receiver.name,
    isActive: receiver.status === 'ACTIVE',
    executorId: receiver.workerIdentifier,
    executorHost: receiver.location,
    lastErrorTime: sparkTime(lastError?.atMillis ?? null),
    lastErrorMessage: lastError?.message,
    lastError: lastError?.code,
    avgEventRate: rate?.mean,
    eventRates: rate?.points ?? [],
    status: receiver.status,
    kinesisStreamName: receiver.streamName,
    numShards: receiver.shards,
    numRecords: receiver.records,
    numBytes: receiver.bytes,
    numRestarts: receiver.restarts,
  });
}

/** `streaming/batches`, with Spark's fields and, after them, ours: several groups may have a batch of the same time. */
export function batchInfo(batch: BatchView, intervalMillis: number | null): object {
  const outputs = (status: OutputView['status']) => batch.outputs.filter((output) => output.status === status).length;
  return known({
    batchId: batch.batchTimeMillis,
    batchTime: sparkTime(batch.batchTimeMillis),
    status: batch.status,
    batchDuration: intervalMillis,
    inputSize: batch.records,
    schedulingDelay: batch.schedulingDelayMillis,
    processingTime: batch.processingDelayMillis,
    totalDelay: batch.totalDelayMillis,
    numActiveOutputOps: outputs('PROCESSING'),
    numCompletedOutputOps: outputs('COMPLETED'),
    numFailedOutputOps: outputs('FAILED'),
    numTotalOutputOps: batch.outputs.length,
    firstFailureReason: batch.outputs.find(({ error }) => error !== null)?.error ?? batch.error,
    key: batch.key,
    group: batch.group,
    commitId: batch.batchId,
    attempts: batch.attempts,
    isReread: batch.isReread,
    step: batch.step,
  });
}

/** One batch with what it is made of. */
export function batchDetail(batch: BatchView, intervalMillis: number | null): object {
  return { ...batchInfo(batch, intervalMillis), inputs: batch.inputs, outputs: batch.outputs, error: batch.error };
}

/** `streaming/batches/{id}/operations`, with Spark's fields. */
export function operationInfo(output: OutputView): object {
  const { startedAtMillis, durationMillis } = output;
  return known({
    outputOpId: output.outputId,
    name: output.name,
    description: output.name,
    startTime: sparkTime(startedAtMillis),
    endTime: sparkTime(durationMillis === null ? null : startedAtMillis + durationMillis),
    duration: durationMillis,
    failureReason: output.error,
    jobIds: [],
    attempt: output.attempt,
    status: output.status,
  });
}

/** `stages`, with those of Spark's fields that a stage has here. */
export function stageInfo(stage: StageView, isActive: boolean): object {
  const ended = stage.error === null ? 'COMPLETE' : 'FAILED';
  return known({
    status: isActive ? 'ACTIVE' : ended,
    stageId: stage.stageId,
    attemptId: 0,
    numTasks: stage.tasksTotal,
    numCompleteTasks: stage.tasksSucceeded,
    numFailedTasks: stage.error === null ? 0 : 1,
    submissionTime: sparkTime(stage.submittedAtMillis),
    completionTime: sparkTime(stage.durationMillis === null ? null : stage.submittedAtMillis + stage.durationMillis),
    executorRunTime: stage.durationMillis,
    failureReason: stage.error,
    inputRecords: stage.inputRecords,
    name: stage.description,
    batchKey: stage.batchKey,
  });
}

/**
 * The batch of a path: by its key `group@time`, or by its time alone, Spark's batch id, where one group has a batch of it.
 * Several: their keys, to choose from.
 */
export function findBatch(
  { batches }: Snapshot,
  id: string,
): { readonly batch: BatchView } | { readonly keys: readonly string[] } {
  const all = [...batches.active, ...batches.completed];
  const named = all.find(({ key }) => key === id);
  if (named !== undefined) return { batch: named };
  const ofTime = all.filter(({ batchTimeMillis }) => `${batchTimeMillis}` === id);
  const [batch] = ofTime;
  return ofTime.length === 1 && batch !== undefined ? { batch } : { keys: ofTime.map(({ key }) => key) };
}
