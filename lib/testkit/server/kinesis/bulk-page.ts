import { type CborValue, encodeCbor } from '../cbor.ts';
import { base64 } from '../wire-format.ts';
import { type BulkPlace, pageDigits, pageDigitsAt, sequenceNumberAt } from './bulk-token.ts';

/** One record of a prepared page. */
export interface BulkRecord {
  readonly data: Uint8Array;
  readonly partitionKey: string;
}

/** Copies kept for the next answers, beyond those under way. */
const maxSpareCopies = 16;
const digitZero = 48;

/**
 * The records of a page, written once. A copy for an answer differs only in the digits of the page in each sequence
 * number, which are written over in place; copies are used again when their bytes are on their way.
 */
export class BulkPage {
  readonly #template: Buffer;
  /** Where each record begins and ends. */
  readonly #starts: readonly number[];
  readonly #ends: readonly number[];
  /** Where the digits of the page stand in each record. */
  readonly #digitsAt: Uint32Array;
  readonly #spare: Buffer[] = [];

  constructor(records: readonly Uint8Array[], separator: Uint8Array) {
    const starts: number[] = [];
    const ends: number[] = [];
    let at = 0;
    for (const record of records) {
      starts.push(at);
      ends.push(at + record.length);
      at += record.length + separator.length;
    }
    this.#template = Buffer.concat(records.flatMap((record) => [record, separator]));
    this.#starts = starts;
    this.#ends = ends;
    this.#digitsAt = Uint32Array.from(starts, (start, index) => {
      const number = sequenceNumberAt({ page: 0, index });
      return this.#template.indexOf(number, start, 'latin1') + pageDigitsAt;
    });
  }

  /** Bytes of all records as written. */
  get bytes(): number {
    return this.#template.length;
  }

  /** The records from a place to an index (exclusive), and what to call when their bytes may be written over. */
  take(place: BulkPlace, toIndex: number): { readonly bytes: Buffer; readonly done: () => void } {
    const copy = this.#spare.pop() ?? Buffer.from(this.#template);
    this.#writePage(copy, place.page);
    const bytes = copy.subarray(this.#starts[place.index], this.#ends[toIndex - 1]);
    const done = () => {
      if (this.#spare.length < maxSpareCopies) this.#spare.push(copy);
    };
    return { bytes, done };
  }

  #writePage(copy: Buffer, page: number): void {
    const digits = new Uint8Array(pageDigits);
    for (let place = pageDigits - 1, rest = page; place >= 0; place -= 1) {
      digits[place] = digitZero + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    for (const at of this.#digitsAt) {
      for (let place = 0; place < pageDigits; place += 1) copy[at + place] = digits[place] as number;
    }
  }
}

/** The page in JSON, with times as Kinesis writes them: seconds with an exponent. */
export function jsonPage(records: readonly BulkRecord[], arrivalMillis: number): BulkPage {
  const time = `${(arrivalMillis / 1e12).toFixed(12)}E9`;
  const texts = records.map(({ data, partitionKey }, index) =>
    Buffer.from(
      `{"SequenceNumber":"${sequenceNumberAt({ page: 0, index })}","ApproximateArrivalTimestamp":${time},"Data":"${base64(data)}","PartitionKey":${JSON.stringify(partitionKey)}}`,
    ),
  );
  return new BulkPage(texts, Buffer.from(','));
}

/** The page in CBOR. */
export function cborPage(records: readonly BulkRecord[], arrivalMillis: number): BulkPage {
  const items = records.map(({ data, partitionKey }, index): CborValue => ({
    SequenceNumber: sequenceNumberAt({ page: 0, index }),
    ApproximateArrivalTimestamp: new Date(arrivalMillis),
    Data: data,
    PartitionKey: partitionKey,
  }));
  return new BulkPage(items.map(encodeCbor), Buffer.alloc(0));
}
