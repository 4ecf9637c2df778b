import type { Clock } from '../../../base/clock.ts';
import { randomInteger, seededRandom } from '../../../base/random.ts';
import type { StartPosition } from '../../../kinesis/kinesis-api.ts';
import { awsError } from '../../aws-error.ts';
import type { FakeFanOut, FakeSubscribeRequest } from '../../fake-fan-out.ts';
import { FakeShardLimits } from '../../fake-limits.ts';
import { cborHead, encodeCbor } from '../cbor.ts';
import { jsonEvent } from '../event-stream.ts';
import type { Reply } from '../service.ts';
import { type WireFormat, cborFormat } from '../wire-format.ts';
import { type BulkPage, type BulkRecord, cborPage, jsonPage } from './bulk-page.ts';
import {
  type BulkPlace,
  decodeBulkIterator,
  encodeBulkIterator,
  maxPageRecords,
  maxPages,
  placeOfSequenceNumber,
  sequenceNumberAt,
} from './bulk-token.ts';

/** A stream whose records are prepared once and served again and again, so that serving costs next to nothing. */
export interface BulkStreamOptions {
  readonly streamName: string;
  /** 1 unless told otherwise. */
  readonly shardCount?: number;
  /** Records of one page, which is one answer or event: 1,000. */
  readonly recordsPerPage?: number;
  /** Data of one record: 1,000 bytes of words and spaces. */
  readonly recordBytes?: number;
  /** The records of the page, in the place of generated ones. */
  readonly records?: readonly BulkRecord[];
  /** When all records arrived, in milliseconds since 1970: when the stream was made. */
  readonly arrivalMillis?: number;
  /** Pages of each shard; then it is read to its end and stays open. Without end unless told otherwise. */
  readonly pagesPerShard?: number;
  /** Whether Kinesis' limits apply to reading: 5 calls and 2 MB a second and shard. False. */
  readonly limits?: boolean;
}

/** What a bulk stream serves. */
export interface BulkStreamFigures {
  readonly recordsPerPage: number;
  /** Data of all records of a page. */
  readonly dataBytesPerPage: number;
  /** The records of a page as written, without the frame of an answer. */
  readonly jsonBytesPerPage: number;
  readonly cborBytesPerPage: number;
}

/** What a shard without an end says of its lag. */
const endlessLagMillis = 3_600_000;
/** The lag of one page. */
const pageLagMillis = 1_000;

/** The prepared records of a bulk stream. All shards have the same ones, under the same sequence numbers. */
export class BulkStream {
  readonly figures: BulkStreamFigures;
  readonly #streamName: string;
  readonly #clock: Clock;
  readonly #json: BulkPage;
  readonly #cbor: BulkPage;
  readonly #count: number;
  readonly #pages: number;
  readonly #limits: Map<string, FakeShardLimits> | undefined;

  constructor(options: BulkStreamOptions, clock: Clock, nowMillis: number) {
    const { arrivalMillis = nowMillis } = options;
    const records = options.records ?? generateRecords(options.recordsPerPage ?? 1_000, options.recordBytes ?? 1_000);
    if (records.length === 0 || records.length > maxPageRecords) {
      throw new RangeError(`a page of ${records.length} records, not 1 to ${maxPageRecords}`);
    }
    this.#streamName = options.streamName;
    this.#clock = clock;
    this.#count = records.length;
    this.#pages = Math.min(options.pagesPerShard ?? Infinity, maxPages);
    this.#limits = options.limits === true ? new Map() : undefined;
    this.#json = jsonPage(records, arrivalMillis);
    this.#cbor = cborPage(records, arrivalMillis);
    this.figures = {
      recordsPerPage: records.length,
      dataBytesPerPage: records.reduce((sum, record) => sum + record.data.length, 0),
      jsonBytesPerPage: this.#json.bytes,
      cborBytesPerPage: this.#cbor.bytes,
    };
  }

  /** GetShardIterator. AT_TIMESTAMP counts as TRIM_HORIZON: all records have arrived at the same time. */
  iteratorAt(shardId: string, start: StartPosition): string {
    return encodeBulkIterator(this.#streamName, shardId, this.#placeOf(start));
  }

  /** GetRecords. */
  getRecords(iterator: string, limit: number, format: WireFormat): Reply {
    const { shardId, ...place } = decodeBulkIterator(iterator);
    this.#admit(shardId);
    const isCbor = format === cborFormat;
    const { next, toIndex, lagMillis } = this.#advance(place, limit);
    const nextIterator = encodeBulkIterator(this.#streamName, shardId, next);
    const count = toIndex - place.index;
    this.#limitsOf(shardId)?.countReadBytes((count / this.#count) * this.figures.dataBytesPerPage);
    const [head, tail] = isCbor ? cborFrame(lagMillis, nextIterator, count) : jsonFrame(lagMillis, nextIterator);
    if (count === 0) return { kind: 'bytes', chunks: [head, tail] };
    const { bytes, done } = (isCbor ? this.#cbor : this.#json).take(place, toIndex);
    return { kind: 'bytes', chunks: [head, bytes, tail], done };
  }

  /** SubscribeToShard: the frames of events, as fast as they are taken, until the caller goes or the records end. */
  subscribe(request: FakeSubscribeRequest, fanOut: FakeFanOut, gone: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { prepared, ended } = fanOut.begin(request, () => this.#placeOf(request.start));
    return this.#events(prepared, ended, gone);
  }

  async *#events(start: BulkPlace, ended: AbortSignal, gone: AbortSignal): AsyncGenerator<Uint8Array, void> {
    let place = start;
    while (!gone.aborted && place.page < this.#pages) {
      ended.throwIfAborted();
      const { next, toIndex, lagMillis } = this.#advance(place, Infinity);
      const continuation = sequenceNumberAt({ page: place.page, index: toIndex - 1 });
      const head = `{"ContinuationSequenceNumber":"${continuation}","MillisBehindLatest":${lagMillis},"Records":[`;
      const { bytes, done } = this.#json.take(place, toIndex);
      const frame = jsonEvent('SubscribeToShardEvent', Buffer.from(head), bytes, jsonTail);
      done();
      yield frame;
      place = next;
    }
  }

  #placeOf(start: StartPosition): BulkPlace {
    switch (start.type) {
      case 'TRIM_HORIZON':
      case 'AT_TIMESTAMP':
        return { page: 0, index: 0 };
      case 'LATEST':
        return { page: this.#pages, index: 0 };
      case 'AT_SEQUENCE_NUMBER':
      case 'AFTER_SEQUENCE_NUMBER': {
        const at = placeOfSequenceNumber(start.sequenceNumber);
        if (at === undefined) {
          throw awsError('InvalidArgumentException', `${start.sequenceNumber} did not come from ${this.#streamName}.`);
        }
        return start.type === 'AT_SEQUENCE_NUMBER' ? at : this.#behind(at.page, at.index + 1);
      }
    }
  }

  #advance(place: BulkPlace, limit: number) {
    const { page, index } = place;
    if (page >= this.#pages) return { next: place, toIndex: index, lagMillis: 0 };
    const toIndex = Math.min(this.#count, index + limit);
    const next = this.#behind(page, toIndex);
    const lagMillis = this.#pages === maxPages ? endlessLagMillis : (this.#pages - next.page) * pageLagMillis;
    return { next, toIndex, lagMillis };
  }

  #behind(page: number, index: number): BulkPlace {
    return index < this.#count ? { page, index } : { page: page + 1, index: 0 };
  }

  #admit(shardId: string): void {
    if (this.#limitsOf(shardId)?.admitRead(this.#clock.monotonicMillis()) === false) {
      throw awsError(
        'ProvisionedThroughputExceededException',
        `Rate exceeded for shard ${shardId} in stream ${this.#streamName}`,
      );
    }
  }

  #limitsOf(shardId: string): FakeShardLimits | undefined {
    if (this.#limits === undefined) return undefined;
    const limits = this.#limits.get(shardId) ?? new FakeShardLimits();
    this.#limits.set(shardId, limits);
    return limits;
  }
}

const jsonTail = Buffer.from(']}');

function jsonFrame(lagMillis: number, nextIterator: string): [Buffer, Buffer] {
  const head = `{"MillisBehindLatest":${lagMillis},"NextShardIterator":${JSON.stringify(nextIterator)},"Records":[`;
  return [Buffer.from(head), jsonTail];
}

function cborFrame(lagMillis: number, nextIterator: string, count: number): [Buffer, Buffer] {
  const parts = ['MillisBehindLatest', lagMillis, 'NextShardIterator', nextIterator, 'Records'].map(encodeCbor);
  return [Buffer.concat([cborHead('map', 3), ...parts, cborHead('array', count)]), Buffer.alloc(0)];
}

function generateRecords(count: number, bytes: number): readonly BulkRecord[] {
  const random = seededRandom(1);
  return Array.from({ length: count }, (_, index) => ({
    partitionKey: `key-${index}`,
    // Words of one to six letters, as text is: one place in seven is a space.
    data: Uint8Array.from({ length: bytes }, (__, at) => (at % 7 === 6 ? 32 : 97 + randomInteger(random, 26))),
  }));
}
