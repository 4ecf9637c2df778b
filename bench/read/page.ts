import { createHash } from 'node:crypto';
import { seededRandom } from '../../lib/base/random.ts';

/** How large the page is that is served again and again. */
export interface PageShape {
  readonly records: number;
  readonly recordBytes: number;
}

/** One answer of GetRecords in both wire formats. */
export interface PreparedPage {
  readonly json: Buffer;
  readonly cbor: Buffer;
  readonly records: number;
  /** Bytes of data, of all records together. */
  readonly bytes: number;
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

/** Sums up all fields of the records: two ways to read that agree have read the same. */
export function checksumOf(records: Iterable<ReadRecord>): string {
  const hash = createHash('sha256');
  for (const { data, partitionKey, sequenceNumber, arrivalTimeMillis } of records) {
    hash.update(`${data.length} ${partitionKey} ${sequenceNumber} ${arrivalTimeMillis}\n`).update(data);
  }
  return hash.digest('hex').slice(0, 16);
}

const firstSequenceNumber = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;
const iterator = 'A'.repeat(224);

/** Makes a page of random data, the same for the same shape, as Kinesis writes it: most fields, no blanks. */
export function preparePage({ records, recordBytes }: PageShape): PreparedPage {
  const random = seededRandom(1);
  const content = Array.from({ length: records }, (_, index) => ({
    data: Buffer.from(Array.from({ length: recordBytes }, () => Math.floor(random.next() * 256))),
    partitionKey: `customer-${Math.floor(random.next() * 1e6)}`,
    sequenceNumber: String(firstSequenceNumber + 7_919n * BigInt(index)),
    arrivalTimeMillis: 1_700_000_000_000 + index,
  }));
  return {
    json: jsonOf(content),
    cbor: cborOf(content),
    records,
    bytes: records * recordBytes,
    checksum: checksumOf(content),
  };
}

function jsonOf(content: readonly ReadRecord[]): Buffer {
  const Records = content.map(({ data, partitionKey, sequenceNumber, arrivalTimeMillis }) => ({
    ApproximateArrivalTimestamp: arrivalTimeMillis / 1_000,
    Data: Buffer.from(data).toString('base64'),
    PartitionKey: partitionKey,
    SequenceNumber: sequenceNumber,
  }));
  return Buffer.from(JSON.stringify({ MillisBehindLatest: 0, NextShardIterator: iterator, Records }));
}

function cborOf(content: readonly ReadRecord[]): Buffer {
  const parts: Buffer[] = [
    head(5, 3),
    text('MillisBehindLatest'),
    head(0, 0),
    text('NextShardIterator'),
    text(iterator),
  ];
  parts.push(text('Records'), head(4, content.length));
  for (const { data, partitionKey, sequenceNumber, arrivalTimeMillis } of content) {
    const time = Buffer.from([0xc1, 0x1b, 0, 0, 0, 0, 0, 0, 0, 0]);
    time.writeBigUInt64BE(BigInt(arrivalTimeMillis), 2);
    parts.push(
      head(5, 4),
      text('ApproximateArrivalTimestamp'),
      time,
      text('Data'),
      head(2, data.length),
      Buffer.from(data),
    );
    parts.push(text('PartitionKey'), text(partitionKey), text('SequenceNumber'), text(sequenceNumber));
  }
  return Buffer.concat(parts);
}

function text(value: string): Buffer {
  return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
}

function head(major: number, argument: number): Buffer {
  const kind = major << 5;
  if (argument < 24) return Buffer.from([kind | argument]);
  if (argument < 0x100) return Buffer.from([kind | 24, argument]);
  if (argument < 0x1_0000) return Buffer.from([kind | 25, argument >> 8, argument & 0xff]);
  const bytes = Buffer.from([kind | 26, 0, 0, 0, 0]);
  bytes.writeUInt32BE(argument, 1);
  return bytes;
}
