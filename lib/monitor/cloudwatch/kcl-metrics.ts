import type { MillraceEvent } from '../../event/event.ts';
import {
  type DatumDimensions,
  type DatumLevel,
  type DatumSet,
  type DatumUnit,
  type MetricsLevel,
  isPublished,
} from './datum.ts';

/**
 * Makes KCL's metrics of events: names, units, dimensions and levels of kcl.md section 4, so that dashboards made for the
 * Java client go on. Of KCL's metrics those are here whose cause Millrace tells as an event.
 */
export class KclMetrics {
  readonly #data: DatumSet;
  readonly #level: MetricsLevel;
  readonly #workerIdentifier: string;
  readonly #held = new Map<string, number | undefined>();

  constructor(data: DatumSet, options: { readonly level: MetricsLevel; readonly workerIdentifier: string }) {
    this.#data = data;
    this.#level = options.level;
    this.#workerIdentifier = options.workerIdentifier;
  }

  /** Takes one event into account. */
  add(event: MillraceEvent): void {
    switch (event.type) {
      case 'shard.read':
        return this.#read(event.shardId, event.records, event.bytes, event.millisBehindLatest);
      case 'shard.throttled':
        return this.#add('DETAILED', process(event.shardId), 'KinesisDataFetcher.getRecords.Success', 'Count', 0);
      case 'shard.iteratorExpired':
        return this.#add('SUMMARY', process(event.shardId), 'ExpiredIterator', 'Count', 1);
      case 'lease.checkpointed':
        return this.#add('DETAILED', process(event.leaseKey), 'UpdateLease.Success', 'Count', 1);
      case 'lease.created':
        return this.#add('DETAILED', { Operation: 'ShardSyncTask' }, 'CreateLease.Success', 'Count', 1);
      case 'lease.gained':
        this.#held.set(event.leaseKey, undefined);
        return this.#add('DETAILED', this.#of('LeaseDiscovery'), 'NewLeasesDiscovered', 'Count', 1);
      case 'lease.lost':
        this.#held.delete(event.leaseKey);
        if (event.reason === 'released') return;
        return this.#add('SUMMARY', this.#of('RenewAllLeases'), 'LostLeases', 'Count', 1);
      case 'lease.released':
        this.#held.delete(event.leaseKey);
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
    const dimensions = process(shardId);
    if (this.#held.has(shardId)) this.#held.set(shardId, millisBehindLatest);
    this.#add('SUMMARY', dimensions, 'RecordsProcessed', 'Count', records);
    this.#add('SUMMARY', dimensions, 'DataBytesProcessed', 'Bytes', bytes);
    this.#add('SUMMARY', dimensions, 'MillisBehindLatest', 'Milliseconds', millisBehindLatest);
    this.#add('DETAILED', dimensions, 'KinesisDataFetcher.getRecords.Success', 'Count', 1);
  }

  #of(Operation: string): DatumDimensions {
    return { Operation, WorkerIdentifier: this.#workerIdentifier };
  }

  #add(level: DatumLevel, dimensions: DatumDimensions, name: string, unit: DatumUnit, value: number): void {
    if (isPublished(level, this.#level)) this.#data.add(name, unit, dimensions, value);
  }
}

function process(ShardId: string): DatumDimensions {
  return { Operation: 'ProcessTask', ShardId };
}
