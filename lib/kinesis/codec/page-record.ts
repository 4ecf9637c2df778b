import { bytesStartWith } from '../../block/record.ts';
import type { RawRecord } from '../kinesis-api.ts';
import { decodeInPlace, encodeInPlace } from './base64.ts';

/** Where the parts of one record lie in the bytes of its answer. Offsets and lengths are in bytes. */
export interface RecordPlaces {
  dataStart: number;
  dataLength: number;
  keyStart: number;
  keyLength: number;
  sequenceStart: number;
  sequenceLength: number;
  arrivalTimeMillis: number;
}

/**
 * One record, left where it lies in the bytes of its answer: a few numbers, until somebody asks for more. `data` is a
 * view of the answer, which therefore stays in memory as long as the record does.
 */
export class PageRecord implements RawRecord {
  readonly #answer: Buffer;
  readonly #dataStart: number;
  #dataLength: number;
  readonly #keyStart: number;
  readonly #keyLength: number;
  readonly #sequenceStart: number;
  readonly #sequenceLength: number;
  /** Kinesis' ApproximateArrivalTimestamp, milliseconds since 1970. */
  readonly arrivalTimeMillis: number;

  constructor(answer: Buffer, places: RecordPlaces) {
    this.#answer = answer;
    this.#dataStart = places.dataStart;
    this.#dataLength = places.dataLength;
    this.#keyStart = places.keyStart;
    this.#keyLength = places.keyLength;
    this.#sequenceStart = places.sequenceStart;
    this.#sequenceLength = places.sequenceLength;
    this.arrivalTimeMillis = places.arrivalTimeMillis;
  }

  /** Length of `data`, without making it. */
  get byteLength(): number {
    return this.#dataLength;
  }

  /** The record's bytes: a new view each time. */
  get data(): Uint8Array {
    const answer = this.#answer;
    return new Uint8Array(answer.buffer, answer.byteOffset + this.#dataStart, this.#dataLength);
  }

  /** Whether `data` begins with these bytes, without making it. */
  startsWith(prefix: Uint8Array): boolean {
    return bytesStartWith(this.#answer, this.#dataStart, this.#dataLength, prefix);
  }

  get partitionKey(): string {
    return this.#answer.toString('utf8', this.#keyStart, this.#keyStart + this.#keyLength);
  }

  /** Decimal digits. */
  get sequenceNumber(): string {
    return this.#answer.toString('latin1', this.#sequenceStart, this.#sequenceStart + this.#sequenceLength);
  }

  /** Puts the bytes in the place of the base64 text that stands there; `false`, and nothing changed, when it is none. */
  decodeBase64(): boolean {
    const length = decodeInPlace(this.#answer, this.#dataStart, this.#dataLength);
    if (length === undefined) return false;
    this.#dataLength = length;
    return true;
  }

  /** Undoes {@link decodeBase64}, so that another decoder finds the answer as it came. */
  encodeBase64(): void {
    this.#dataLength = encodeInPlace(this.#answer, this.#dataStart, this.#dataLength);
  }
}

/**
 * Turns the base64 text of every record into its bytes. `false` when one of them is not base64: then the answer is as it
 * was before.
 */
export function decodeAllBase64(records: readonly PageRecord[]): boolean {
  for (let index = 0; index < records.length; index += 1) {
    if ((records[index] as PageRecord).decodeBase64()) continue;
    for (const decoded of records.slice(0, index)) decoded.encodeBase64();
    return false;
  }
  return true;
}
