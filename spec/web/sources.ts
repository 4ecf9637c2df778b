import type { MillraceEvent } from '../../lib/event/event.ts';
import { SnapshotFold } from '../../lib/monitor/snapshot/fold.ts';
import type { Origin } from '../../lib/monitor/snapshot/origin.ts';
import type { UiSource } from '../../lib/web/source.ts';

/** A source that is told events by hand, at times of its own. */
export interface ToldSource extends UiSource {
  nowMillis: number;
  readonly fold: SnapshotFold;
  tell(...events: readonly MillraceEvent[]): void;
}

const start = Date.UTC(2026, 0, 31, 12);
const origin: Origin = { receiverId: 0, streamName: 'orders', workerIdentifier: 'worker-a:4711:0badcafe' };

/** A consumer that has just been made. */
export function toldSource(applicationName = 'mailer', receivers: readonly Origin[] = [origin]): ToldSource {
  const fold = new SnapshotFold({ startedAtMillis: start, location: 'host-1', applicationName, receivers });
  const source: ToldSource = {
    nowMillis: start,
    fold,
    tell(...events) {
      for (const event of events) fold.add(event, source.nowMillis, origin);
    },
    snapshot: () => fold.snapshot(source.nowMillis),
    configuration: () => [
      { title: 'KinesisReceiver-0 · orders', entries: [{ name: 'maxRecords', value: '10000', from: 'default' }] },
    ],
  };
  return source;
}

/** `shardId-000000000007` of 7. */
export function shardName(index: number): string {
  return `shardId-${`${index}`.padStart(12, '0')}`;
}

/** Has a worker gain shards and read them once each. */
export function tellShards(source: ToldSource, count: number): void {
  source.tell({ type: 'worker.started', workerIdentifier: origin.workerIdentifier, applicationName: 'mailer' });
  for (let index = 0; index < count; index += 1) {
    const shardId = shardName(index);
    source.tell(
      { type: 'lease.gained', leaseKey: shardId, tenure: index + 1, checkpoint: 'TRIM_HORIZON' },
      { type: 'shard.changed', shardId, from: 'opening', to: 'reading' },
      { type: 'shard.read', shardId, records: 10 + index, bytes: 1_000 * (index + 1), millisBehindLatest: index * 10 },
    );
  }
}

/** One batch of a line from its tick to its end; the text of a failure ends it as failed. */
export function tellBatch(
  source: ToldSource,
  batch: { readonly group?: string; readonly id: number; readonly records: number; readonly failure?: string },
): void {
  const { group = 'application', id: batchId, records, failure } = batch;
  const batchTimeMillis = source.nowMillis;
  const head = { group, batchTimeMillis, records, blocks: 2 };
  const through = `4959${`${batchId}`.padStart(8, '0')}:0`;
  const inputs = [
    { streamName: 'orders', shardId: shardName(0), tenure: 1, after: 'TRIM_HORIZON', through, records },
    { streamName: 'orders', shardId: shardName(1), tenure: 2, after: '49590:0', through, records: 0 },
  ];
  const output = { group, batchId, batchTimeMillis, outputId: 0, name: 'foreachBatch at counts.ts:12', attempt: 1 };
  source.tell({ type: 'batch.submitted', ...head });
  source.nowMillis += 3;
  source.tell({ type: 'batch.started', batchId, ...head, inputs }, { type: 'output.started', ...output });
  const durationMillis = 20 + (batchId % 7) * 5;
  source.nowMillis += durationMillis;
  if (failure !== undefined) {
    source.tell(
      { type: 'output.completed', ...output, durationMillis, failureReason: failure },
      { type: 'batch.failed', group, batchId, message: failure },
      { type: 'batch.dropped', group, batchTimeMillis, reason: 'failed', message: failure },
    );
    return;
  }
  source.tell(
    { type: 'output.completed', ...output, durationMillis },
    { type: 'batch.step', group, batchId, step: 'committed' },
    { type: 'batch.completed', batchId, ...head, schedulingDelayMillis: 3, processingDelayMillis: durationMillis },
  );
}
