import type { ScannedPage } from './json-scan.ts';
import { PageRecord, type RecordPlaces } from './page-record.ts';

/** A page found in CBOR. */
export interface ScannedCborPage extends Omit<ScannedPage, 'continuationSequenceNumber'> {
  /** Those of the records whose data came as base64 text instead of bytes, as some emulators send them. */
  readonly inBase64: readonly PageRecord[];
}

/**
 * Finds the records of a GetRecords answer in its CBOR, without copying any of them. It knows the forms in which Kinesis and
 * its emulators write; `undefined` for everything else, which a full decoder then reads. Nothing is changed, and no length
 * is believed that goes past the end.
 */
export function scanCborPage(bytes: Buffer): ScannedCborPage | undefined {
  try {
    return new CborScanner(bytes).page();
  } catch (thrown) {
    if (thrown instanceof Unusual) return undefined;
    throw thrown;
  }
}

/** Thrown where the bytes leave the form that is known. */
class Unusual extends Error {}

const unsigned = 0;
const byteString = 2;
const textString = 3;
const list = 4;
const map = 5;
const tag = 6;
const nothing = 0xf6;
const breakCode = 0xff;
/** Stands for a length that is not told: a break ends the list or map. */
const untold = -1;

/** A Date reaches no further, in milliseconds from 1970. */
const maxTimeMillis = 8.64e15;

const names = {
  arrival: Buffer.from('ApproximateArrivalTimestamp'),
  childShards: Buffer.from('ChildShards'),
  data: Buffer.from('Data'),
  encryption: Buffer.from('EncryptionType'),
  millisBehind: Buffer.from('MillisBehindLatest'),
  nextIterator: Buffer.from('NextShardIterator'),
  partitionKey: Buffer.from('PartitionKey'),
  records: Buffer.from('Records'),
  sequenceNumber: Buffer.from('SequenceNumber'),
};

class CborScanner {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;
  /** The kind of the item whose head was read last. */
  #major = 0;
  #nameLength = 0;
  readonly #inBase64: PageRecord[] = [];
  #isBase64 = false;
  readonly #places: RecordPlaces = {
    dataStart: 0,
    dataLength: 0,
    keyStart: 0,
    keyLength: 0,
    sequenceStart: 0,
    sequenceLength: 0,
    arrivalTimeMillis: 0,
  };

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  page(): ScannedCborPage {
    let records: readonly PageRecord[] | undefined;
    let nextIterator: string | undefined;
    let millisBehindLatest: number | undefined;
    for (let left = this.#lengthOf(map); this.#another(left); left -= 1) {
      switch (this.#nameStart()) {
        case 0x52: // R
          this.#name(names.records);
          records = this.#records();
          break;
        case 0x4e: // N
          this.#name(names.nextIterator);
          nextIterator = this.#none() ? undefined : this.#text();
          break;
        case 0x4d: // M
          this.#name(names.millisBehind);
          millisBehindLatest = this.#none() ? undefined : this.#lengthOf(unsigned);
          break;
        case 0x43: // C: children come once in the life of a shard, and then the full decoder reads them.
          this.#name(names.childShards);
          if (!this.#none() && this.#lengthOf(list) !== 0) throw new Unusual();
          break;
        default:
          throw new Unusual();
      }
    }
    if (this.#at !== this.#bytes.length || records === undefined) throw new Unusual();
    if (millisBehindLatest === untold) throw new Unusual();
    return { records, nextIterator, millisBehindLatest, inBase64: this.#inBase64 };
  }

  #records(): PageRecord[] {
    const records: PageRecord[] = [];
    for (let left = this.#lengthOf(list); this.#another(left); left -= 1) {
      this.#record();
      const record = new PageRecord(this.#bytes, this.#places);
      if (this.#isBase64) this.#inBase64.push(record);
      records.push(record);
    }
    return records;
  }

  #record(): void {
    const places = this.#places;
    places.dataStart = 0;
    places.keyStart = 0;
    places.sequenceStart = 0;
    places.arrivalTimeMillis = Number.NaN;
    for (let left = this.#lengthOf(map); this.#another(left); left -= 1) {
      switch (this.#nameStart()) {
        case 0x41: // A
          this.#name(names.arrival);
          places.arrivalTimeMillis = this.#time();
          break;
        case 0x44: // D
          this.#name(names.data);
          places.dataLength = this.#head();
          this.#isBase64 = this.#major === textString;
          if (this.#major !== byteString && this.#major !== textString) throw new Unusual();
          places.dataStart = this.#pass(places.dataLength);
          break;
        case 0x50: // P
          this.#name(names.partitionKey);
          places.keyLength = this.#lengthOf(textString);
          places.keyStart = this.#pass(places.keyLength);
          break;
        case 0x53: // S
          this.#name(names.sequenceNumber);
          places.sequenceLength = this.#lengthOf(textString);
          places.sequenceStart = this.#digits(places.sequenceLength);
          break;
        case 0x45: // E
          this.#name(names.encryption);
          if (!this.#none()) this.#pass(this.#lengthOf(textString));
          break;
        default:
          throw new Unusual();
      }
    }
    const isWhole = places.dataStart > 0 && places.keyStart > 0 && places.sequenceStart > 0;
    if (!isWhole || Number.isNaN(places.arrivalTimeMillis)) throw new Unusual();
  }

  /** Whether a list or map goes on, by the number of items that are left or by the break. */
  #another(left: number): boolean {
    if (left >= 0) return left > 0;
    if (this.#bytes[this.#at] !== breakCode) return true;
    this.#at += 1;
    return false;
  }

  /** The number or length of the next item; {@link untold} when there is none. Sets the kind. */
  #head(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    const first = bytes[at];
    if (first === undefined) throw new Unusual();
    this.#major = first >> 5;
    const info = first & 31;
    if (info < 24) {
      this.#at = at + 1;
      return info;
    }
    if (info === 31) {
      this.#at = at + 1;
      return untold;
    }
    if (info > 27) throw new Unusual();
    const size = 1 << (info - 24);
    if (at + 1 + size > bytes.length) throw new Unusual();
    this.#at = at + 1 + size;
    if (size === 1) return bytes[at + 1] as number;
    if (size === 2) return this.#view.getUint16(at + 1);
    const last = this.#view.getUint32(at + size - 3);
    if (size === 4) return last;
    const number = this.#view.getUint32(at + 1) * 2 ** 32 + last;
    if (number > Number.MAX_SAFE_INTEGER) throw new Unusual();
    return number;
  }

  #lengthOf(major: number): number {
    const length = this.#head();
    if (this.#major !== major) throw new Unusual();
    return length;
  }

  /** Passes over so many bytes; answers where they begin. */
  #pass(length: number): number {
    const start = this.#at;
    if (length < 0 || length > this.#bytes.length - start) throw new Unusual();
    this.#at = start + length;
    return start;
  }

  /** Goes to the first letter of a name, and answers with it. */
  #nameStart(): number | undefined {
    this.#nameLength = this.#lengthOf(textString);
    return this.#bytes[this.#at];
  }

  #name(name: Uint8Array): void {
    if (this.#nameLength !== name.length) throw new Unusual();
    const start = this.#pass(name.length);
    const bytes = this.#bytes;
    for (let index = 0; index < name.length; index += 1) if (bytes[start + index] !== name[index]) throw new Unusual();
  }

  #text(): string {
    const length = this.#lengthOf(textString);
    const start = this.#pass(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  #digits(length: number): number {
    const start = this.#pass(length);
    const bytes = this.#bytes;
    for (let index = start; index < start + length; index += 1) {
      const byte = bytes[index] as number;
      if (byte < 0x30 || byte > 0x39) throw new Unusual();
    }
    if (length === 0) throw new Unusual();
    return start;
  }

  /** Milliseconds since 1970, with a tag or without one: Kinesis' tag 1 means seconds everywhere else. */
  #time(): number {
    let value = this.#head();
    while (this.#major === tag) value = this.#head();
    if (this.#major !== unsigned || value < 0 || value > maxTimeMillis) throw new Unusual();
    return value;
  }

  #none(): boolean {
    if (this.#bytes[this.#at] !== nothing) return false;
    this.#at += 1;
    return true;
  }
}
