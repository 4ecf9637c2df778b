import type { BatchInfo, OutputOperationInfo, StreamInputInfo } from './listener.ts';
import type { BatchInputView, BatchView, OutputView } from './snapshot/snapshot.ts';

/** A batch of the snapshot in Spark's words. */
export function batchInfoOf(view: BatchView): BatchInfo {
  return {
    batchTime: view.batchTimeMillis,
    group: view.group,
    batchId: view.batchId ?? undefined,
    streamIdToInputInfo: inputInfosOf(view.inputs),
    submissionTime: view.submittedAtMillis ?? undefined,
    processingStartTime: view.processingStartedAtMillis ?? undefined,
    processingEndTime: view.processingEndedAtMillis ?? undefined,
    outputOperationInfos: Object.fromEntries(
      view.outputs.map((output) => [output.outputId, outputInfoOf(view, output)] as const),
    ),
    numRecords: view.records,
    schedulingDelay: view.schedulingDelayMillis ?? undefined,
    processingDelay: view.processingDelayMillis ?? undefined,
    totalDelay: view.totalDelayMillis ?? undefined,
    failureReason: view.error ?? undefined,
  };
}

/** An output of a batch in Spark's words. */
export function outputInfoOf(batch: BatchView, output: OutputView): OutputOperationInfo {
  const { outputId: id, name, startedAtMillis: startTime, durationMillis, error } = output;
  const duration = durationMillis ?? undefined;
  return {
    batchTime: batch.batchTimeMillis,
    group: batch.group,
    id,
    name,
    description: name,
    startTime,
    endTime: duration === undefined ? undefined : startTime + duration,
    duration,
    failureReason: error ?? undefined,
  };
}

function inputInfosOf(inputs: readonly BatchInputView[]): Readonly<Record<string, StreamInputInfo>> {
  const infos: Record<string, StreamInputInfo> = {};
  for (const { streamName, shardId, tenure, after, through, records } of inputs) {
    const known = infos[streamName];
    const range = `${shardId}@${tenure} (${after}, ${through}]`;
    infos[streamName] = {
      inputStreamId: streamName,
      numRecords: (known?.numRecords ?? 0) + records,
      metadata: { Description: known === undefined ? range : `${known.metadata.Description}\n${range}` },
    };
  }
  return infos;
}
