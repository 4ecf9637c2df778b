import type { PageRecord, RecordTable } from './page-record.ts';
import { PageScanner, type ScannedPage, short, unusual } from './page-scanner.ts';
import { type Word, digitGroupsEnd, isWordAt, wordOf } from './words.ts';

/**
 * Finds the records of a page in its JSON text, without making a string of any of them. It knows the form in which Kinesis
 * and its emulators write: no escapes, no children. `undefined` for everything else, which a full parser then reads;
 * nothing is changed, and what it does answer with is checked byte by byte, the base64 of the data excepted.
 */
export function scanJsonPage(chunks: readonly Buffer[]): ScannedPage | undefined {
  return new JsonScanner(chunks).scan();
}

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

/** A Date reaches no further, in milliseconds from 1970. */
const maxTimeMillis = 8.64e15;

const names = {
  arrival: wordOf('ApproximateArrivalTimestamp"'),
  childShards: wordOf('ChildShards"'),
  continuation: wordOf('ContinuationSequenceNumber"'),
  data: wordOf('Data"'),
  encryption: wordOf('EncryptionType"'),
  millisBehind: wordOf('MillisBehindLatest"'),
  nextIterator: wordOf('NextShardIterator"'),
  partitionKey: wordOf('PartitionKey"'),
  records: wordOf('Records"'),
  sequenceNumber: wordOf('SequenceNumber"'),
  none: wordOf('null'),
};

class JsonScanner extends PageScanner {
  #unit: 'open' | 'field' | 'record' | 'next' | 'end' = 'open';
  /** Where the text of the last string lies. */
  #stringStart = 0;
  #stringLength = 0;
  /** How many of the records lie in bytes that have been left. */
  #left = 0;

  protected override get isWhole(): boolean {
    return this.#unit === 'end';
  }

  /** Their data are base64 text: what comes of it has bytes of its own, so that the answer itself is needed no more. */
  protected override leaveRecords(table: RecordTable): void {
    const { found } = this;
    const records = found.records as PageRecord[];
    const before = this.#left;
    this.#left = records.length;
    const moved = table.moveAway();
    if (moved === true) {
      if (found.movedBytes !== undefined) found.movedBytes += table.heldBytes;
    } else if (moved === false) {
      found.isWrong = true;
    } else {
      table.complete();
      found.movedBytes = undefined;
      for (let index = before; index < records.length; index += 1) found.inBase64.push(records[index] as PageRecord);
    }
  }

  protected override readUnits(): never {
    for (;;) {
      this.begin();
      switch (this.#unit) {
        case 'open':
          this.#take(openBrace);
          this.#unit = 'field';
          break;
        case 'field':
          this.#unit = this.#field();
          break;
        case 'record':
          this.#records();
          this.#unit = 'next';
          break;
        case 'next':
          this.#unit = this.#another(closeBrace) ? 'field' : 'end';
          break;
        case 'end':
          if (this.#skipBlanks() !== undefined) throw unusual;
          throw short;
      }
    }
  }

  #field(): 'next' | 'record' {
    const { found } = this;
    switch (this.#nameStart()) {
      case 0x52: // R
        this.#name(names.records);
        return this.#openRecords() ? 'record' : 'next';
      case 0x4e: // N
        this.#name(names.nextIterator);
        found.nextIterator = this.#textOrNone();
        return 'next';
      case 0x4d: // M
        this.#name(names.millisBehind);
        found.millisBehindLatest = this.#none() ? undefined : this.#number();
        return 'next';
      case 0x43: // C
        if (this.bytes[this.at + 1] === 0x6f) {
          this.#name(names.continuation);
          found.continuationSequenceNumber = this.#textOrNone();
        } else {
          this.#name(names.childShards);
          this.#noChildren();
        }
        return 'next';
      default:
        throw unusual;
    }
  }

  /** Whether there is a record in the list. */
  #openRecords(): boolean {
    this.#take(openBracket);
    const isEmpty = this.#peek() === closeBracket;
    // Of two lists the second would count, and the tables that are being filled have rows of the first.
    if (this.found.records !== undefined) throw unusual;
    if (isEmpty) this.at += 1;
    this.found.records = [];
    return !isEmpty;
  }

  /** The records from here on; each begins a unit. */
  #records(): void {
    const records = this.found.records as PageRecord[];
    for (;;) {
      this.#record();
      const record = this.foundRecord();
      const isLast = !this.#another(closeBracket);
      records.push(record);
      if (isLast) return;
      this.begin();
    }
  }

  #record(): void {
    const { places } = this;
    this.clearPlaces();
    this.#take(openBrace);
    do {
      switch (this.#nameStart()) {
        case 0x41: // A
          this.#name(names.arrival);
          places.arrivalTimeMillis = this.#time();
          break;
        case 0x44: // D
          this.#name(names.data);
          // Of two data the second would count, and nobody would look at the first.
          if (places.dataStart !== -1) throw unusual;
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
          throw unusual;
      }
    } while (this.#another(closeBrace));
    this.checkPlaces();
  }

  /** The next byte that is not blank; stays there. `undefined` where the bytes end. */
  #skipBlanks(): number | undefined {
    const { bytes } = this;
    let { at } = this;
    let byte = bytes[at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at];
    this.at = at;
    return byte;
  }

  #peek(): number {
    const byte = this.#skipBlanks();
    if (byte === undefined) throw short;
    return byte;
  }

  #take(expected: number): void {
    if (this.#peek() !== expected) throw unusual;
    this.at += 1;
  }

  /** Whether a comma follows; `false` when the list or object is closed. */
  #another(close: number): boolean {
    const byte = this.#peek();
    this.at += 1;
    if (byte === comma) return true;
    if (byte === close) return false;
    throw unusual;
  }

  /** Goes to the first letter of a name, and answers with it. */
  #nameStart(): number {
    this.#take(quote);
    const byte = this.bytes[this.at];
    if (byte === undefined) throw short;
    return byte;
  }

  /** Passes over the name, which must be this one, and its colon. */
  #name(name: Word): void {
    this.#word(name);
    this.#take(colon);
  }

  #word(word: Word): void {
    const end = this.at + word.length;
    if (end > this.bytes.length) throw short;
    if (!isWordAt(this.view, this.at, word)) throw unusual;
    this.at = end;
  }

  /** A string that may be long, such as data; what is in it is for the decoder of base64 to check. */
  #longString(): void {
    this.#take(quote);
    const start = this.at;
    const end = this.bytes.indexOf(quote, start);
    if (end === -1) throw short;
    this.#ended(start, end);
  }

  /** A string without escapes. */
  #string(): void {
    this.#take(quote);
    const { bytes, at: start } = this;
    let end = start;
    let byte = bytes[end];
    while (byte !== quote) {
      if (byte === undefined) throw short;
      if (byte === backslash || byte < 0x20) throw unusual;
      end += 1;
      byte = bytes[end];
    }
    this.#ended(start, end);
  }

  /** A string of one or more digits. */
  #digits(): void {
    this.#take(quote);
    const { bytes, at: start } = this;
    let end = digitGroupsEnd(this.view, start, bytes.length);
    while (isDigit(bytes[end])) end += 1;
    if (end === bytes.length) throw short;
    if (bytes[end] !== quote || end === start) throw unusual;
    this.#ended(start, end);
  }

  #ended(start: number, end: number): void {
    this.#stringStart = start;
    this.#stringLength = end - start;
    this.at = end + 1;
  }

  #textOrNone(): string | undefined {
    if (this.#none()) return undefined;
    this.#string();
    return this.bytes.toString('utf8', this.#stringStart, this.#stringStart + this.#stringLength);
  }

  /** Passes over `null`, if it is there. */
  #none(): boolean {
    if (this.#peek() !== 0x6e) return false;
    this.#word(names.none);
    return true;
  }

  /** Children come once in the life of a shard: a full parser reads them. */
  #noChildren(): void {
    if (this.#none()) return;
    this.#take(openBracket);
    this.#take(closeBracket);
  }

  #time(): number {
    const millis = Math.round(this.#number() * 1_000);
    if (millis > maxTimeMillis) throw unusual;
    return millis;
  }

  /** A number as Kinesis writes times: `0`, `1700000000.123`, `1.700000000123E9`. */
  #number(): number {
    this.#peek();
    const { bytes, at: start } = this;
    let at = start;
    let digits = 0;
    let decimals = 0;
    for (; isDigit(bytes[at]); at += 1) digits = digits * 10 + ((bytes[at] as number) - zero);
    const wholeDigits = at - start;
    if (bytes[at] === dot) {
      for (at += 1; isDigit(bytes[at]); at += 1) {
        digits = digits * 10 + ((bytes[at] as number) - zero);
        decimals += 1;
      }
      if (decimals === 0 && at < bytes.length) throw unusual;
    }
    // Whether the number goes on, nobody knows here.
    if (at === bytes.length) throw short;
    // A JSON number has no leading zero, and no sign that a time or a lag would have.
    if (wholeDigits === 0 || (wholeDigits > 1 && bytes[start] === zero)) throw unusual;
    if (wholeDigits + decimals > maxExactDigits) throw unusual;
    this.at = at;
    if (bytes[at] === 0x45 || bytes[at] === 0x65) decimals -= this.#exponent();
    // Not as a power of 10 ** 0: minus zero is no index of an array for V8, which would then compile this again and again.
    if (decimals === 0) return digits;
    if (decimals < -22) throw unusual;
    return decimals > 0 ? digits / (powersOfTen[decimals] as number) : digits * (powersOfTen[-decimals] as number);
  }

  #exponent(): number {
    const { bytes } = this;
    let at = this.at + 1;
    if (bytes[at] === 0x2b) at += 1;
    const start = at;
    let exponent = 0;
    for (; isDigit(bytes[at]); at += 1) exponent = exponent * 10 + ((bytes[at] as number) - zero);
    if (at === bytes.length) throw short;
    if (at === start || at - start > 2) throw unusual;
    this.at = at;
    return exponent;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine;
}
