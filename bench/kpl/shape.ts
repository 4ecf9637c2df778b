import { createHash } from 'node:crypto';
import { seededRandom } from '../../lib/base/random.ts';
import { AggregateBuilder } from '../../lib/kinesis/kpl/aggregate-builder.ts';

/** What the page is that is taken apart again and again. */
export interface KplShape {
  /** Aggregates of a page. */
  readonly aggregates: number;
  /** User records of an aggregate. */
  readonly records: number;
  readonly recordBytes: number;
  /** Different partition keys of an aggregate. */
  readonly keys: number;
}

/** The fields of a user record that every way to take an aggregate apart must bring. */
export interface ReadUserRecord {
  readonly partitionKey: string;
  readonly subSequenceNumber: number;
  readonly data: Uint8Array;
}

/** Sums up the fields of user records: two ways that agree have read the same. */
export function checksumOf(records: Iterable<ReadUserRecord>): string {
  const hash = createHash('sha256');
  for (const { partitionKey, subSequenceNumber, data } of records) {
    hash.update(`${data.length} ${partitionKey} ${subSequenceNumber}\n`).update(data);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Makes the frames of a page, the same for the same shape, and tells the checksum of what is in them. */
export function preparePage(shape: KplShape): { readonly frames: readonly Uint8Array[]; readonly checksum: string } {
  const random = seededRandom(1);
  const records: ReadUserRecord[] = [];
  const frames = Array.from({ length: shape.aggregates }, () => {
    const builder = new AggregateBuilder({ maxBytes: Number.MAX_SAFE_INTEGER, maxRecords: Number.MAX_SAFE_INTEGER });
    const keys = Array.from({ length: shape.keys }, () => `customer-${Math.floor(random.next() * 1e6)}`);
    for (let index = 0; index < shape.records; index += 1) {
      const partitionKey = keys[index % keys.length] as string;
      const data = Uint8Array.from({ length: shape.recordBytes }, () => Math.floor(random.next() * 256));
      builder.add({ partitionKey, data });
      records.push({ partitionKey, subSequenceNumber: index, data });
    }
    return new Uint8Array(builder.build().data);
  });
  return { frames, checksum: checksumOf(records) };
}
