import { type Position, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { Range } from '../../lib/block/range.ts';
import { KinesisRecord } from '../../lib/block/record.ts';

/** The shard and tenure of the values below. */
export const shardId = 'shardId-000000000000';
export const tenure = 7;

/** A plain record; its number is its sequence number. */
export function record(
  sequence: number,
  fields: { readonly bytes?: number; readonly sub?: number; readonly arrivalTimeMillis?: number } = {},
): KinesisRecord {
  return new KinesisRecord({
    data: new Uint8Array(fields.bytes ?? 1),
    partitionKey: 'k',
    sequenceNumber: String(sequence),
    subSequenceNumber: fields.sub ?? 0,
    shardId,
    streamName: 'stream',
    arrivalTimeMillis: fields.arrivalTimeMillis ?? 0,
  });
}

/** A position by its number; 0 is TRIM_HORIZON, where a shard that was never read begins. */
export function at(place: number | Position): Position {
  if (typeof place !== 'number') return place;
  return place === 0 ? TRIM_HORIZON : positionOf(String(place));
}

/** The range (after, through] of the shard and tenure above. */
export function range(after: number | Position, through: number | Position): Range {
  return { shardId, tenure, after: at(after), through: at(through) };
}
