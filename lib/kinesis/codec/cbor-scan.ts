import type { PageRecord, RecordTable } from './page-record.ts';
import { PageScanner, type ScannedPage, short, unusual } from './page-scanner.ts';
import { type Word, digitGroupsEnd, isWordAt, wordOf } from './words.ts';

/**
 * Finds the records of a GetRecords answer in its CBOR, without copying any of them. It knows the forms in which Kinesis and
 * its emulators write; `undefined` for everything else, which a full decoder then reads. Nothing is changed, and no length
 * is believed that goes past the end.
 */
export function scanCborPage(chunks: readonly Buffer[]): ScannedPage | undefined {
  return new CborScanner(chunks).scan();
}

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
  arrival: wordOf('ApproximateArrivalTimestamp'),
  childShards: wordOf('ChildShards'),
  data: wordOf('Data'),
  encryption: wordOf('EncryptionType'),
  millisBehind: wordOf('MillisBehindLatest'),
  nextIterator: wordOf('NextShardIterator'),
  partitionKey: wordOf('PartitionKey'),
  records: wordOf('Records'),
  sequenceNumber: wordOf('SequenceNumber'),
};

class CborScanner extends PageScanner {
  #unit: 'open' | 'field' | 'record' | 'end' = 'open';
  /** Fields of the page and records that are still to come; {@link untold} when a break ends them. */
  #fieldsLeft = 0;
  #recordsLeft = 0;
  /** The kind of the item whose head was read last. */
  #major = 0;
  #nameLength = 0;
  #isBase64 = false;

  protected override get isWhole(): boolean {
    return this.#unit === 'end';
  }

  /** Their data are bytes, and stay where they are. */
  protected override leaveRecords(table: RecordTable): void {
    table.complete();
    this.found.movedBytes = undefined;
  }

  protected override readUnits(): never {
    for (;;) {
      this.begin();
      switch (this.#unit) {
        case 'open':
          this.#fieldsLeft = this.#lengthOf(map);
          this.#unit = 'field';
          break;
        case 'field':
          this.#unit = this.#another(this.#fieldsLeft) ? this.#field() : 'end';
          break;
        case 'record':
          this.#records();
          this.#unit = 'field';
          break;
        case 'end':
          if (this.at < this.bytes.length) throw unusual;
          throw short;
      }
    }
  }

  #field(): 'field' | 'record' {
    const { found } = this;
    let next: 'field' | 'record' = 'field';
    switch (this.#nameStart()) {
      case 0x52: // R
        this.#name(names.records);
        this.#recordsLeft = this.#lengthOf(list);
        found.records = [];
        found.inBase64.length = 0;
        next = 'record';
        break;
      case 0x4e: // N
        this.#name(names.nextIterator);
        found.nextIterator = this.#none() ? undefined : this.#text();
        break;
      case 0x4d: // M
        this.#name(names.millisBehind);
        found.millisBehindLatest = this.#none() ? undefined : this.#whole();
        break;
      case 0x43: // C: children come once in the life of a shard, and then the full decoder reads them.
        this.#name(names.childShards);
        if (!this.#none() && this.#lengthOf(list) !== 0) throw unusual;
        break;
      default:
        throw unusual;
    }
    this.#fieldsLeft -= this.#fieldsLeft > 0 ? 1 : 0;
    return next;
  }

  /** The records from here on; each begins a unit. */
  #records(): void {
    const { inBase64 } = this.found;
    const records = this.found.records as PageRecord[];
    while (this.#another(this.#recordsLeft)) {
      this.#record();
      const record = this.foundRecord();
      records.push(record);
      if (this.#isBase64) inBase64.push(record);
      this.#recordsLeft -= this.#recordsLeft > 0 ? 1 : 0;
      this.begin();
    }
  }

  #record(): void {
    const { places } = this;
    this.clearPlaces();
    for (let left = this.#lengthOf(map); this.#another(left); left -= left > 0 ? 1 : 0) {
      switch (this.#nameStart()) {
        case 0x41: // A
          this.#name(names.arrival);
          places.arrivalTimeMillis = this.#time();
          break;
        case 0x44: // D
          this.#name(names.data);
          places.dataLength = this.#head();
          this.#isBase64 = this.#major === textString;
          if (this.#major !== byteString && !this.#isBase64) throw unusual;
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
          throw unusual;
      }
    }
    this.checkPlaces();
  }

  #peek(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw short;
    return byte;
  }

  /** Whether a list or map goes on, by the number of items that are left or by the break. */
  #another(left: number): boolean {
    if (left !== untold) return left > 0;
    if (this.#peek() !== breakCode) return true;
    this.at += 1;
    return false;
  }

  /** The number or length of the next item; {@link untold} when there is none. Sets the kind. */
  #head(): number {
    const { bytes, at } = this;
    const first = this.#peek();
    this.#major = first >> 5;
    const info = first & 31;
    if (info < 24) {
      this.at = at + 1;
      return info;
    }
    if (info === 31) {
      this.at = at + 1;
      return untold;
    }
    if (info > 27) throw unusual;
    const end = at + 1 + (1 << (info - 24));
    if (end > bytes.length) throw short;
    this.at = end;
    if (info === 24) return bytes[at + 1] as number;
    if (info === 25) return this.view.getUint16(at + 1);
    if (info === 26) return this.view.getUint32(at + 1);
    const number = this.view.getUint32(at + 1) * 2 ** 32 + this.view.getUint32(at + 5);
    if (number > Number.MAX_SAFE_INTEGER) throw unusual;
    return number;
  }

  #lengthOf(major: number): number {
    const length = this.#head();
    if (this.#major !== major) throw unusual;
    return length;
  }

  #whole(): number {
    const number = this.#lengthOf(unsigned);
    if (number === untold) throw unusual;
    return number;
  }

  /** Passes over so many bytes; answers where they begin. */
  #pass(length: number): number {
    const start = this.at;
    if (length === untold) throw unusual;
    if (start + length > this.bytes.length) throw short;
    this.at = start + length;
    return start;
  }

  /** Goes to the first letter of a name, and answers with it. */
  #nameStart(): number {
    this.#nameLength = this.#lengthOf(textString);
    return this.#peek();
  }

  #name(name: Word): void {
    if (this.#nameLength !== name.length) throw unusual;
    const start = this.#pass(name.length);
    if (!isWordAt(this.view, start, name)) throw unusual;
  }

  #text(): string {
    const length = this.#lengthOf(textString);
    const start = this.#pass(length);
    return this.bytes.toString('utf8', start, start + length);
  }

  #digits(length: number): number {
    const start = this.#pass(length);
    const end = start + length;
    for (let index = digitGroupsEnd(this.view, start, end); index < end; index += 1) {
      const byte = this.bytes[index] as number;
      if (byte < 0x30 || byte > 0x39) throw unusual;
    }
    if (length === 0) throw unusual;
    return start;
  }

  /** Milliseconds since 1970, with a tag or without one: Kinesis' tag 1 means seconds everywhere else. */
  #time(): number {
    let value = this.#head();
    while (this.#major === tag) value = this.#head();
    if (this.#major !== unsigned || value === untold || value > maxTimeMillis) throw unusual;
    return value;
  }

  #none(): boolean {
    if (this.#peek() !== nothing) return false;
    this.at += 1;
    return true;
  }
}
