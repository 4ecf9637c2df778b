import { KinesisRecord, type RecordOrigin } from '../block/record.ts';
import type { EventSink } from '../event/bus.ts';
import type { RawRecord } from './kinesis-api.ts';
import type { Page } from './reader.ts';

/** What came in one answer or event. */
export interface Received {
  readonly records: readonly RawRecord[];
  readonly millisBehindLatest: number;
  readonly wireBytes?: number;
}

/** Sum of the records' data bytes, without making any of them. */
export function bytesOf(records: readonly RawRecord[]): number {
  let bytes = 0;
  for (const record of records) bytes += record.byteLength ?? record.data.length;
  return bytes;
}

/** Makes a page of what came, and tells of it when it has records. */
export function receivedPage(
  { records: raw, millisBehindLatest, wireBytes }: Received,
  {
    shardId,
    streamName,
    events,
  }: { readonly shardId: string; readonly streamName: string; readonly events: EventSink },
): Page {
  const origin = { shardId, streamName, subSequenceNumber: 0 };
  const records = recordsOf(raw, origin);
  const bytes = bytesOf(raw);
  if (records.length > 0) {
    events.publish({ type: 'shard.read', shardId, records: records.length, bytes, millisBehindLatest });
  }
  const isView = wireBytes !== undefined && records.length > 0;
  return { records, bytes, millisBehindLatest, ...(isView ? { wireBytes } : {}) };
}

/**
 * A loop, and no `map`: V8 keeps what it has compiled of a function only as long as the function lives. One that is made for
 * each page was gone at nearly every collection, and was compiled again: for milliseconds, several times a second.
 */
function recordsOf(raw: readonly RawRecord[], origin: RecordOrigin): KinesisRecord[] {
  const records: KinesisRecord[] = [];
  for (const record of raw) records.push(new KinesisRecord(record, origin));
  return records;
}
