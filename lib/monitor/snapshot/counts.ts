import type { MillraceEvent } from '../../event/event.ts';
import type { Totals } from './snapshot.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts nothing yet. */
export function noTotals(): Mutable<Totals> {
  return {
    recordsRead: 0,
    bytesRead: 0,
    reads: 0,
    throttles: 0,
    checkpoints: 0,
    leasesGained: 0,
    leasesLost: 0,
    leasesReleased: 0,
    recordsSkipped: 0,
    positionsTrimmed: 0,
    faults: 0,
    receiverRestarts: 0,
    receivedRecords: 0,
    processedRecords: 0,
  };
}

/** Counts one event. A lease that was released is no lost one, although both are told. */
export function count(totals: Mutable<Totals>, event: MillraceEvent): void {
  switch (event.type) {
    case 'shard.read':
      totals.recordsRead += event.records;
      totals.bytesRead += event.bytes;
      totals.reads += 1;
      return;
    case 'shard.throttled':
      totals.throttles += 1;
      return;
    case 'lease.checkpointed':
      totals.checkpoints += 1;
      return;
    case 'lease.gained':
      totals.leasesGained += 1;
      return;
    case 'lease.lost':
      if (event.reason !== 'released') totals.leasesLost += 1;
      return;
    case 'lease.released':
      totals.leasesReleased += 1;
      return;
    case 'records.skipped':
      totals.recordsSkipped += event.records;
      return;
    case 'shard.positionTrimmed':
      totals.positionsTrimmed += 1;
      return;
    case 'fault.seen':
    case 'shard.failed':
      totals.faults += 1;
      return;
    case 'receiver.restarting':
      totals.receiverRestarts += 1;
      return;
    case 'batch.started':
      totals.receivedRecords += event.records;
      return;
    case 'batch.completed':
      totals.processedRecords += event.records;
      return;
    default:
      return;
  }
}
