import { isUtf8 } from 'node:buffer';
import type { KinesisRecord } from '../block/record.ts';

/** A record as the plain data of one JSON line, in the format of `millrace consume`. */
export interface RecordLine {
  readonly streamName: string;
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly partitionKey: string;
  /** ISO 8601 in UTC, with milliseconds. */
  readonly approximateArrivalTimestamp: string;
  /** `base64` when the bytes are not valid UTF-8, so that no record is changed by printing it. */
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

/** The fields of a record's line, in their order. */
export function recordLine(record: KinesisRecord): RecordLine {
  const bytes = Buffer.from(record.data.buffer, record.data.byteOffset, record.data.byteLength);
  const encoding = isUtf8(bytes) ? 'utf8' : 'base64';
  return {
    streamName: record.streamName,
    shardId: record.shardId,
    sequenceNumber: record.sequenceNumber,
    subSequenceNumber: record.subSequenceNumber,
    partitionKey: record.partitionKey,
    approximateArrivalTimestamp: record.arrivalTime.toISOString(),
    encoding,
    data: bytes.toString(encoding),
  };
}
