import { bytesStartWith } from '../../block/record.ts';
import type { RawRecord } from '../kinesis-api.ts';
import { base64Vectors, decodeInPlace, encodeInPlace } from './base64.ts';

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

/** Numbers of one row of a {@link RecordTable}. */
const rowNumbers = 8;
/** Where each is in its row; the time takes two. */
const column = { dataStart: 0, dataLength: 1, keyStart: 2, keyLength: 3, sequenceStart: 4, sequenceLength: 5, time: 6 };
/** A time in milliseconds reaches beyond 32 bits, but not beyond 32 and 22. */
const timeUnit = 2 ** 22;

/** Rows of the table that is being filled: one for all, since a piece of an answer is gone over without a wait. */
let filling = new Int32Array(1_024 * rowNumbers);

/**
 * Where the records lie that are in one piece of an answer: eight numbers each, side by side, outside of the heap. Records
 * live as long as their block, and the collector copies every object that lives: so each of them is no more than its row.
 */
export class RecordTable {
  #answer: Buffer;
  #numbers: Int32Array = filling;
  #rows = 0;

  /** Of a piece of an answer. The table that was filled before must be complete. */
  constructor(answer: Buffer) {
    this.#answer = answer;
  }

  /** Adds a record, which keeps this table and its piece of the answer in memory. */
  add(places: RecordPlaces): PageRecord {
    const row = this.#rows;
    this.#rows = row + 1;
    let at = row * rowNumbers;
    if (at === filling.length) this.#grow();
    const numbers = this.#numbers;
    const timeUnits = Math.floor(places.arrivalTimeMillis / timeUnit);
    numbers[at++] = places.dataStart;
    numbers[at++] = places.dataLength;
    numbers[at++] = places.keyStart;
    numbers[at++] = places.keyLength;
    numbers[at++] = places.sequenceStart;
    numbers[at++] = places.sequenceLength;
    numbers[at++] = timeUnits;
    numbers[at] = places.arrivalTimeMillis - timeUnits * timeUnit;
    return new PageRecord(this, row);
  }

  /** After the last record of the piece. */
  complete(): void {
    this.#numbers = filling.slice(0, this.#rows * rowNumbers);
  }

  /**
   * The same, where the data are base64 text: moves the records away from the piece, which is left as it was and nothing of
   * which is needed any more. Does nothing, and answers with `undefined`, where the piece is too large for that; `false` when
   * some data are not base64.
   */
  moveAway(): boolean | undefined {
    const vectors = base64Vectors();
    if (vectors?.hasRoomFor(this.#answer.length, this.#rows) !== true) return undefined;
    const moved = vectors.moveRecords(this.#answer, filling.subarray(0, this.#rows * rowNumbers));
    if (moved === undefined) return false;
    this.#answer = moved.bytes;
    this.#numbers = moved.rows;
    return true;
  }

  /** What the records keep in memory together. */
  get heldBytes(): number {
    return this.#answer.buffer.byteLength;
  }

  /** The piece of the answer. */
  get answer(): Buffer {
    return this.#answer;
  }

  /** One number of a row. */
  number(row: number, at: number): number {
    return this.#numbers[row * rowNumbers + at] as number;
  }

  /** Sets the length of a record's data. */
  setDataLength(row: number, length: number): void {
    this.#numbers[row * rowNumbers + column.dataLength] = length;
  }

  #grow(): void {
    const grown = new Int32Array(2 * filling.length);
    grown.set(filling);
    filling = grown;
    this.#numbers = grown;
  }
}

/**
 * One record, left where it lies in the bytes of its answer: a row of numbers, until somebody asks for more. `data` is a
 * view of the answer, which therefore stays in memory as long as the record does.
 */
export class PageRecord implements RawRecord {
  readonly #table: RecordTable;
  readonly #row: number;

  /** Made by {@link RecordTable.add}. */
  constructor(table: RecordTable, row: number) {
    this.#table = table;
    this.#row = row;
  }

  /** Length of `data`, without making it. */
  get byteLength(): number {
    return this.#table.number(this.#row, column.dataLength);
  }

  /** The record's bytes: a new view each time. */
  get data(): Uint8Array {
    const { buffer, byteOffset } = this.#table.answer;
    return new Uint8Array(buffer, byteOffset + this.#dataStart, this.byteLength);
  }

  /** Whether `data` begins with these bytes, without making it. */
  startsWith(prefix: Uint8Array): boolean {
    return bytesStartWith(this.#table.answer, this.#dataStart, this.byteLength, prefix);
  }

  get partitionKey(): string {
    const start = this.#table.number(this.#row, column.keyStart);
    return this.#table.answer.toString('utf8', start, start + this.#table.number(this.#row, column.keyLength));
  }

  /** Decimal digits. */
  get sequenceNumber(): string {
    const start = this.#table.number(this.#row, column.sequenceStart);
    return this.#table.answer.toString('latin1', start, start + this.#table.number(this.#row, column.sequenceLength));
  }

  /** Kinesis' ApproximateArrivalTimestamp, milliseconds since 1970. */
  get arrivalTimeMillis(): number {
    const timeUnits = this.#table.number(this.#row, column.time);
    return timeUnits * timeUnit + this.#table.number(this.#row, column.time + 1);
  }

  /** Puts the bytes in the place of the base64 text that stands there; `false`, and nothing changed, when it is none. */
  decodeBase64(): boolean {
    const length = decodeInPlace(this.#table.answer, this.#dataStart, this.byteLength);
    if (length === undefined) return false;
    this.#table.setDataLength(this.#row, length);
    return true;
  }

  /** Undoes {@link decodeBase64}, so that another decoder finds the answer as it came. */
  encodeBase64(): void {
    this.#table.setDataLength(this.#row, encodeInPlace(this.#table.answer, this.#dataStart, this.byteLength));
  }

  get #dataStart(): number {
    return this.#table.number(this.#row, column.dataStart);
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
