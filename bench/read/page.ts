import { createHash } from 'node:crypto';
import { randomInteger, seededRandom } from '../../lib/base/random.ts';
import type { BulkRecord } from '../../lib/testkit/server/kinesis/bulk-page.ts';
import { sequenceNumberAt } from '../../lib/testkit/server/kinesis/bulk-token.ts';

/** How large the page is that is served again and again. */
export interface PageShape {
  readonly records: number;
  readonly recordBytes: number;
}

/** The records of a page, as the server is told them, and what every way to read must make of the first one. */
export interface PreparedPage {
  readonly records: readonly BulkRecord[];
  /** Of all fields of all records; see {@link checksumOf}. */
  readonly checksum: string;
}

/** The fields of a record that every way to read must bring. */
export interface ReadRecord {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  readonly sequenceNumber: string;
  readonly arrivalTimeMillis: number;
}

/** When all records of the bench arrived. */
export const arrivalMillis = 1_700_000_000_000;

/** Sums up all fields of the records: two ways to read that agree have read the same. */
export function checksumOf(records: Iterable<ReadRecord>): string {
  const hash = createHash('sha256');
  for (const { data, partitionKey, sequenceNumber, arrivalTimeMillis } of records) {
    hash.update(`${data.length} ${partitionKey} ${sequenceNumber} ${arrivalTimeMillis}\n`).update(data);
  }
  return hash.digest('hex').slice(0, 16);
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 {}":,.-';

/** Makes a page of random text, the same for the same shape: some of the peers turn data into text, so it must be some. */
export function preparePage({ records, recordBytes }: PageShape): PreparedPage {
  const random = seededRandom(1);
  const made = Array.from({ length: records }, () => ({
    data: Uint8Array.from({ length: recordBytes }, () => letters.charCodeAt(randomInteger(random, letters.length))),
    partitionKey: `customer-${randomInteger(random, 1_000_000)}`,
  }));
  const content = made.map((record, index) => ({
    ...record,
    sequenceNumber: sequenceNumberAt({ page: 0, index }),
    arrivalTimeMillis: arrivalMillis,
  }));
  return { records: made, checksum: checksumOf(content) };
}
