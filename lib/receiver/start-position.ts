import { MillraceError } from '../base/error.ts';
import { type Position, comparePositions } from '../base/position.ts';
import type { KinesisRecord } from '../block/record.ts';
import type { StartPosition } from '../kinesis/kinesis-api.ts';
import type { Lease } from '../lease/lease.ts';

/**
 * Where to open a shard. A number is opened AT the checkpoint, not after it, because the checkpoint may lie inside an
 * aggregated record (kcl.md 2.15); `skipThrough` then drops what was finished. LATEST and AT_TIMESTAMP are opened at the timestamp
 * that the row carries, so that they mean the same after every failover. A shard whose end is committed is not opened.
 */
export function startPositionOf(lease: Lease): StartPosition {
  const { checkpoint } = lease;
  switch (checkpoint.kind) {
    case 'TRIM_HORIZON':
      return { type: 'TRIM_HORIZON' };
    case 'SEQUENCE':
      return { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: checkpoint.sequenceNumber.toString() };
    case 'LATEST':
    case 'AT_TIMESTAMP':
      if (lease.initialTimestampMillis !== undefined) {
        return { type: 'AT_TIMESTAMP', timestampMillis: lease.initialTimestampMillis };
      }
      break;
    case 'SHARD_END':
      break;
  }
  throw new MillraceError('MR_INTERNAL', `lease ${lease.leaseKey} at ${checkpoint.kind} has no place to be opened at`, {
    subject: { lease: lease.leaseKey },
  });
}

/**
 * Drops the records that are not after a position. Records come in order, so once one is after it, all are: no
 * comparison is made for the rest of the tenure.
 */
export class SkipThrough {
  #position: Position | undefined;

  constructor(position: Position) {
    this.#position = position.kind === 'SEQUENCE' ? position : undefined;
  }

  /** The records that are after the position. */
  keep(records: readonly KinesisRecord[]): readonly KinesisRecord[] {
    const position = this.#position;
    if (position === undefined || records.length === 0) return records;
    const first = records.findIndex((record) => comparePositions(record.position, position) > 0);
    if (first === -1) return [];
    this.#position = undefined;
    return first === 0 ? records : records.slice(first);
  }
}
