import { scalingSignal, readiness } from '../health/health.ts';
import { type ShardView, type Snapshot, alertNames } from '../snapshot/snapshot.ts';
import { distributionMetric, histogramMetric } from './distribution-metric.ts';
import { type Metric, renderMetrics } from './prometheus-text.ts';

/** Shards that have series of their own, those furthest behind first; all others count into the sums only. */
export const maximumShardSeries = 500;

/**
 * The figures as Prometheus' text format 0.0.4 (`text/plain; version=0.0.4`), for `/metrics`. How many series there are is
 * bounded: by the receivers, by 500 shards, and by nothing that strangers name.
 */
export function prometheusText(snapshot: Snapshot): string {
  return renderMetrics([
    ...totalMetrics(snapshot),
    ...stateMetrics(snapshot),
    ...batchMetrics(snapshot),
    ...snapshot.histograms.map(histogramMetric),
    ...receiverMetrics(snapshot),
    ...shardMetrics(snapshot),
  ]);
}

function totalMetrics({ totals, batches }: Snapshot): Metric[] {
  const counter = (name: string, help: string, value: number): Metric => {
    return { name: `millrace_${name}`, type: 'counter', help, samples: [{ value }] };
  };
  return [
    counter('records_read_total', 'Records read from Kinesis.', totals.recordsRead),
    counter('bytes_read_total', 'Bytes of record data read from Kinesis.', totals.bytesRead),
    counter('reads_total', 'Reads of shards.', totals.reads),
    counter('throttles_total', 'Reads that Kinesis throttled.', totals.throttles),
    counter('checkpoints_total', 'Checkpoints written.', totals.checkpoints),
    counter('leases_gained_total', 'Leases gained.', totals.leasesGained),
    counter('leases_lost_total', 'Leases lost against the will of this worker.', totals.leasesLost),
    counter('leases_released_total', 'Leases given up.', totals.leasesReleased),
    counter('records_skipped_total', 'Records that the failure policy left out.', totals.recordsSkipped),
    counter('positions_trimmed_total', 'Positions that retention had passed.', totals.positionsTrimmed),
    counter('faults_total', 'Faults that were met and dealt with.', totals.faults),
    counter('receiver_restarts_total', 'Restarts of receivers.', totals.receiverRestarts),
    counter('batch_records_received_total', 'Records of batches that were begun.', totals.receivedRecords),
    counter('batch_records_processed_total', 'Records of batches that were completed.', totals.processedRecords),
    counter('batches_completed_total', 'Batches completed.', batches.totalCompleted),
    counter('batches_failed_total', 'Batches given up after their last try.', batches.totalFailed),
  ];
}

function stateMetrics(snapshot: Snapshot): Metric[] {
  const { application, shards, alerts } = snapshot;
  const signal = scalingSignal(snapshot);
  const gauge = (name: string, help: string, value: number | null): Metric => {
    return { name: `millrace_${name}`, type: 'gauge', help, samples: value === null ? [] : [{ value }] };
  };
  return [
    gauge('ready', 'Whether /ready says yes.', readiness(snapshot).ok ? 1 : 0),
    gauge('leader', 'Whether this worker leads.', application.isLeader ? 1 : 0),
    gauge('shards', 'Shards held.', shards.filter(({ owner }) => owner !== null).length),
    gauge('max_millis_behind_latest', 'Lag of the shard that is furthest behind.', signal.maxMillisBehindLatest),
    gauge('engine_utilization', 'Mean processing time over the batch interval.', signal.engineUtilization),
    {
      name: 'millrace_alerts',
      type: 'gauge',
      help: 'Alerts that stand, by name.',
      samples: alertNames.map((alert) => {
        return { labels: { alert }, value: alerts.filter((one) => one.alert === alert).length };
      }),
    },
  ];
}

function batchMetrics({ batches }: Snapshot): Metric[] {
  const waiting = batches.active.filter(({ status }) => status === 'QUEUED').length;
  const running = batches.active.length - waiting;
  const { statistics } = batches;
  return [
    {
      name: 'millrace_batches',
      type: 'gauge',
      help: 'Batches that wait or are in work.',
      samples: [
        { labels: { status: 'waiting' }, value: waiting },
        { labels: { status: 'running' }, value: running },
      ],
    },
    ...(statistics === null
      ? []
      : [
          distributionMetric('batch_processing_time', 'Processing time of kept batches.', statistics.processingTime),
          distributionMetric('batch_scheduling_delay', 'Scheduling delay of kept batches.', statistics.schedulingDelay),
          distributionMetric('batch_total_delay', 'Total delay of kept batches.', statistics.totalDelay),
        ]),
  ];
}

function receiverMetrics({ receivers }: Snapshot): Metric[] {
  return [
    {
      name: 'millrace_receiver_active',
      type: 'gauge',
      help: 'Whether a receiver is active.',
      samples: receivers.map(({ name, streamName, status }) => {
        return { labels: { receiver: name, stream: streamName }, value: status === 'ACTIVE' ? 1 : 0 };
      }),
    },
  ];
}

function shardMetrics({ shards }: Snapshot): Metric[] {
  const shown = shards
    .filter(({ owner }) => owner !== null)
    .toSorted((a, b) => (b.millisBehindLatest ?? 0) - (a.millisBehindLatest ?? 0))
    .slice(0, maximumShardSeries);
  const series = (
    name: string,
    type: Metric['type'],
    help: string,
    valueOf: (shard: ShardView) => number | null,
  ): Metric => ({
    name: `millrace_shard_${name}`,
    type,
    help,
    samples: shown.flatMap((shard) => {
      const value = valueOf(shard);
      return value === null ? [] : [{ labels: { stream: shard.streamName, shard: shard.shardId }, value }];
    }),
  });
  return [
    series('millis_behind_latest', 'gauge', 'Lag at the last read.', (shard) => shard.millisBehindLatest),
    series('records_total', 'counter', 'Records read.', (shard) => shard.records),
    series('bytes_total', 'counter', 'Bytes read.', (shard) => shard.bytes),
    series('throttles_total', 'counter', 'Throttled reads.', (shard) => shard.throttles),
  ];
}
