import { PageRecord, type RecordPlaces } from './page-record.ts';

/** What stands in the top level of a page: of GetRecords, or of one event of SubscribeToShard. */
export interface ScannedPage {
  readonly records: readonly PageRecord[];
  readonly nextIterator: string | undefined;
  readonly continuationSequenceNumber: string | undefined;
  readonly millisBehindLatest: number | undefined;
}

/**
 * Finds the records of a page in its JSON text, without making a string of any of them. It knows the form in which Kinesis
 * and its emulators write: each name at most where it belongs, no escapes, no children. `undefined` for everything else,
 * which a full parser then reads; nothing is changed, and what it does answer with is checked byte by byte.
 */
export function scanJsonPage(text: Buffer): ScannedPage | undefined {
  try {
    return new JsonScanner(text).page();
  } catch (thrown) {
    if (thrown instanceof Unusual) return undefined;
    throw thrown;
  }
}

/** Thrown where the text leaves the form that is known. */
class Unusual extends Error {}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const dot = 0x2e;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const zero = 0x30;
const nine = 0x39;

/** A double holds 15 digits exactly, and powers of ten up to 22; a quotient of both is then the nearest double. */
const maxExactDigits = 15;
const powersOfTen = Array.from({ length: 23 }, (_, power) => 10 ** power);

const names = {
  arrival: Buffer.from('ApproximateArrivalTimestamp"'),
  childShards: Buffer.from('ChildShards"'),
  continuation: Buffer.from('ContinuationSequenceNumber"'),
  data: Buffer.from('Data"'),
  encryption: Buffer.from('EncryptionType"'),
  millisBehind: Buffer.from('MillisBehindLatest"'),
  nextIterator: Buffer.from('NextShardIterator"'),
  partitionKey: Buffer.from('PartitionKey"'),
  records: Buffer.from('Records"'),
  sequenceNumber: Buffer.from('SequenceNumber"'),
  none: Buffer.from('null'),
};

class JsonScanner {
  readonly #text: Buffer;
  #at = 0;
  /** Where the text of the last string lies. */
  #stringStart = 0;
  #stringLength = 0;
  readonly #places: RecordPlaces = {
    dataStart: 0,
    dataLength: 0,
    keyStart: 0,
    keyLength: 0,
    sequenceStart: 0,
    sequenceLength: 0,
    arrivalTimeMillis: 0,
  };

  constructor(text: Buffer) {
    this.#text = text;
  }

  page(): ScannedPage {
    let records: readonly PageRecord[] | undefined;
    let nextIterator: string | undefined;
    let continuationSequenceNumber: string | undefined;
    let millisBehindLatest: number | undefined;
    this.#take(openBrace);
    do {
      switch (this.#nameStart()) {
        case 0x52: // R
          this.#name(names.records);
          records = this.#records();
          break;
        case 0x4e: // N
          this.#name(names.nextIterator);
          nextIterator = this.#textOrNone();
          break;
        case 0x4d: // M
          this.#name(names.millisBehind);
          millisBehindLatest = this.#none() ? undefined : this.#number();
          break;
        case 0x43: // C
          if (this.#text[this.#at + 1] === 0x68) {
            this.#name(names.childShards);
            this.#noChildren();
          } else {
            this.#name(names.continuation);
            continuationSequenceNumber = this.#textOrNone();
          }
          break;
        default:
          throw new Unusual();
      }
    } while (this.#another(closeBrace));
    if (this.#peek() !== undefined || records === undefined) throw new Unusual();
    return { records, nextIterator, continuationSequenceNumber, millisBehindLatest };
  }

  #records(): PageRecord[] {
    const records: PageRecord[] = [];
    this.#take(openBracket);
    if (this.#peek() === closeBracket) {
      this.#at += 1;
      return records;
    }
    do {
      this.#record();
      records.push(new PageRecord(this.#text, this.#places));
    } while (this.#another(closeBracket));
    return records;
  }

  #record(): void {
    const places = this.#places;
    places.dataStart = 0;
    places.keyStart = 0;
    places.sequenceStart = 0;
    places.arrivalTimeMillis = Number.NaN;
    this.#take(openBrace);
    do {
      switch (this.#nameStart()) {
        case 0x41: // A
          this.#name(names.arrival);
          places.arrivalTimeMillis = Math.round(this.#number() * 1_000);
          break;
        case 0x44: // D
          this.#name(names.data);
          this.#longString();
          places.dataStart = this.#stringStart;
          places.dataLength = this.#stringLength;
          break;
        case 0x50: // P
          this.#name(names.partitionKey);
          this.#string();
          places.keyStart = this.#stringStart;
          places.keyLength = this.#stringLength;
          break;
        case 0x53: // S
          this.#name(names.sequenceNumber);
          this.#digits();
          places.sequenceStart = this.#stringStart;
          places.sequenceLength = this.#stringLength;
          break;
        case 0x45: // E
          this.#name(names.encryption);
          if (!this.#none()) this.#string();
          break;
        default:
          throw new Unusual();
      }
    } while (this.#another(closeBrace));
    const isWhole = places.dataStart > 0 && places.keyStart > 0 && places.sequenceStart > 0;
    if (!isWhole || Number.isNaN(places.arrivalTimeMillis)) throw new Unusual();
  }

  /** The next byte that is not blank; stays there. `undefined` at the end. */
  #peek(): number | undefined {
    const text = this.#text;
    let at = this.#at;
    let byte = text[at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = text[++at];
    this.#at = at;
    return byte;
  }

  #take(expected: number): void {
    if (this.#peek() !== expected) throw new Unusual();
    this.#at += 1;
  }

  /** Whether a comma follows; `false` when the list or object is closed. */
  #another(close: number): boolean {
    const byte = this.#peek();
    this.#at += 1;
    if (byte === comma) return true;
    if (byte === close) return false;
    throw new Unusual();
  }

  /** Goes to the first letter of a name, and answers with it. */
  #nameStart(): number | undefined {
    this.#take(quote);
    return this.#text[this.#at];
  }

  /** Passes over the name, which must be this one, and its colon. */
  #name(name: Uint8Array): void {
    const text = this.#text;
    const start = this.#at;
    for (let index = 0; index < name.length; index += 1) if (text[start + index] !== name[index]) throw new Unusual();
    this.#at = start + name.length;
    this.#take(colon);
  }

  /** A string that may be long, such as data; what is in it is for the decoder of base64 to check. */
  #longString(): void {
    this.#take(quote);
    const start = this.#at;
    const end = this.#text.indexOf(quote, start);
    if (end === -1) throw new Unusual();
    this.#ended(start, end);
  }

  /** A string without escapes. */
  #string(): void {
    this.#take(quote);
    const text = this.#text;
    const start = this.#at;
    let end = start;
    let byte = text[end];
    while (byte !== quote) {
      if (byte === undefined || byte === backslash || byte < 0x20) throw new Unusual();
      end += 1;
      byte = text[end];
    }
    this.#ended(start, end);
  }

  /** A string of one or more digits. */
  #digits(): void {
    this.#take(quote);
    const text = this.#text;
    const start = this.#at;
    let end = start;
    while (isDigit(text[end])) end += 1;
    if (text[end] !== quote || end === start) throw new Unusual();
    this.#ended(start, end);
  }

  #ended(start: number, end: number): void {
    this.#stringStart = start;
    this.#stringLength = end - start;
    this.#at = end + 1;
  }

  #textOrNone(): string | undefined {
    if (this.#none()) return undefined;
    this.#string();
    return this.#text.toString('utf8', this.#stringStart, this.#stringStart + this.#stringLength);
  }

  /** Passes over `null`, if it is there. */
  #none(): boolean {
    if (this.#peek() !== 0x6e) return false;
    const { none } = names;
    for (let index = 0; index < none.length; index += 1) {
      if (this.#text[this.#at + index] !== none[index]) throw new Unusual();
    }
    this.#at += none.length;
    return true;
  }

  /** Children come once in the life of a shard: a full parser reads them. */
  #noChildren(): void {
    if (this.#none()) return;
    this.#take(openBracket);
    this.#take(closeBracket);
  }

  /** A number as Kinesis writes times: `0`, `1700000000.123`, `1.700000000123E9`. */
  #number(): number {
    const text = this.#text;
    this.#peek();
    const start = this.#at;
    let at = start;
    let digits = 0;
    let decimals = 0;
    for (; isDigit(text[at]); at += 1) digits = digits * 10 + ((text[at] as number) - zero);
    const wholeDigits = at - start;
    // A JSON number has no leading zero, and no sign that a time or a lag would have.
    if (wholeDigits === 0 || (wholeDigits > 1 && text[start] === zero)) throw new Unusual();
    if (text[at] === dot) {
      for (at += 1; isDigit(text[at]); at += 1) {
        digits = digits * 10 + ((text[at] as number) - zero);
        decimals += 1;
      }
      if (decimals === 0) throw new Unusual();
    }
    if (wholeDigits + decimals > maxExactDigits) throw new Unusual();
    this.#at = at;
    if (text[at] === 0x45 || text[at] === 0x65) decimals -= this.#exponent();
    if (decimals < -22) throw new Unusual();
    return decimals > 0 ? digits / (powersOfTen[decimals] as number) : digits * (powersOfTen[-decimals] as number);
  }

  #exponent(): number {
    const text = this.#text;
    let at = this.#at + 1;
    if (text[at] === 0x2b) at += 1;
    const start = at;
    let exponent = 0;
    for (; isDigit(text[at]); at += 1) exponent = exponent * 10 + ((text[at] as number) - zero);
    if (at === start || at - start > 2) throw new Unusual();
    this.#at = at;
    return exponent;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine;
}
