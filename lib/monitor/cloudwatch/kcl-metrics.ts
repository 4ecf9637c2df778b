import type { MillraceEvent } from '../../event/event.ts';
import {
  type DatumDimensions,
  type DatumLevel,
  type DatumSet,
  type DatumUnit,
  type DimensionName,
  type MetricsLevel,
  enabledDimensions,
  isPublished,
} from './datum.ts';

/** What {@link KclMetrics} are made with. */
export interface KclMetricsOptions {
  readonly level: MetricsLevel;
  readonly workerIdentifier: string;
  /** Which dimensions data keep. */
  readonly dimensions: readonly DimensionName[];
  /** The stream of the receiver that is publishing now, in a program that reads several; empty otherwise. */
  readonly streamName: () => string;
}

/**
 * Makes KCL's metrics of events: names, units, dimensions and levels of kcl.md section 4, so that dashboards made for the
 * Java client go on. Of KCL's metrics those are here whose cause Millrace tells as an event.
 */
export class KclMetrics {
  readonly #data: DatumSet;
  readonly #options: KclMetricsOptions;
  /** The lag of each lease that is held, by stream and lease: two streams have shards of the same names. */
  readonly #held = new Map<string, number | undefined>();

  constructor(data: DatumSet, options: KclMetricsOptions) {
    this.#data = data;
    this.#options = options;
  }

  /** Takes one event into account. */
  add(event: MillraceEvent): void {
    switch (event.type) {
      case 'shard.read':
        return this.#read(event.shardId, event.records, event.bytes, event.millisBehindLatest);
      case 'shard.throttled':
        return this.#add('DETAILED', this.#process(event.shardId), 'KinesisDataFetcher.getRecords.Success', 'Count', 0);
      case 'shard.iteratorExpired':
        return this.#add('SUMMARY', this.#process(event.shardId), 'ExpiredIterator', 'Count', 1);
      case 'lease.checkpointed':
        return this.#add('DETAILED', this.#process(event.leaseKey), 'UpdateLease.Success', 'Count', 1);
      case 'lease.created':
        return this.#add('DETAILED', { Operation: 'ShardSyncTask' }, 'CreateLease.Success', 'Count', 1);
      case 'lease.gained':
        this.#held.set(this.#key(event.leaseKey), undefined);
        return this.#add('DETAILED', this.#of('LeaseDiscovery'), 'NewLeasesDiscovered', 'Count', 1);
      case 'lease.lost':
        this.#held.delete(this.#key(event.leaseKey));
        if (event.reason === 'released') return;
        return this.#add('SUMMARY', this.#of('RenewAllLeases'), 'LostLeases', 'Count', 1);
      case 'lease.released':
        this.#held.delete(this.#key(event.leaseKey));
        return;
      case 'lease.assigned':
      case 'lease.handoff':
        return this.#add('SUMMARY', { Operation: 'LeaseAssignmentManager' }, 'NumOfLeasesReassignment', 'Count', 1);
      case 'leader.resigned':
        return this.#add('SUMMARY', { Operation: 'LeaseAssignmentManager' }, 'ForceLeaderRelease', 'Count', 1);
      case 'worker.started':
        return this.#add('SUMMARY', { Operation: 'Scheduler:Initialize' }, 'Initialize.Success', 'Count', 1);
      case 'leader.elected':
      case 'leader.lost':
        return this.#add(
          'DETAILED',
          { Operation: 'LeaderDecider' },
          'LeaderDecider:IsLeader',
          'Count',
          event.type === 'leader.elected' ? 1 : 0,
        );
      default:
        return;
    }
  }

  /** Adds what is true at a flush: the leases held, and the lag of the shard that is furthest behind. */
  sample(): void {
    this.#add('SUMMARY', this.#of('RenewAllLeases'), 'CurrentLeases', 'Count', this.#held.size);
    const lags = Array.from(this.#held.values()).filter((lag) => lag !== undefined);
    if (lags.length === 0) return;
    const worst = lags.reduce((most, lag) => Math.max(most, lag), 0);
    this.#add('SUMMARY', { Operation: 'ApplicationTracker' }, 'MillisBehindLatest', 'Milliseconds', worst);
  }

  #read(shardId: string, records: number, bytes: number, millisBehindLatest: number): void {
    const dimensions = this.#process(shardId);
    const key = this.#key(shardId);
    if (this.#held.has(key)) this.#held.set(key, millisBehindLatest);
    this.#add('SUMMARY', dimensions, 'RecordsProcessed', 'Count', records);
    this.#add('SUMMARY', dimensions, 'DataBytesProcessed', 'Bytes', bytes);
    this.#add('SUMMARY', dimensions, 'MillisBehindLatest', 'Milliseconds', millisBehindLatest);
    this.#add('DETAILED', dimensions, 'KinesisDataFetcher.getRecords.Success', 'Count', 1);
  }

  #of(Operation: string): DatumDimensions {
    return { Operation, WorkerIdentifier: this.#options.workerIdentifier };
  }

  #add(level: DatumLevel, dimensions: DatumDimensions, name: string, unit: DatumUnit, value: number): void {
    if (!isPublished(level, this.#options.level)) return;
    this.#data.add(name, unit, enabledDimensions(dimensions, this.#options.dimensions), value);
  }

  #process(ShardId: string): DatumDimensions {
    const StreamId = this.#options.streamName();
    return { Operation: 'ProcessTask', ShardId, ...(StreamId === '' ? {} : { StreamId }) };
  }

  #key(leaseKey: string): string {
    return `${this.#options.streamName()} ${leaseKey}`;
  }
}
