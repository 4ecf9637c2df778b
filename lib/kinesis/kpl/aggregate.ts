import type { RecordContent } from '../../block/record.ts';
import type { HashRange } from './hash-range.ts';
import { KeyTable } from './key-table.ts';
import { WireReader, malformed } from './wire-reader.ts';

/**
 * The most user records of one aggregate, and the most keys in one of its tables. The KPL makes aggregates of 1 MiB at
 * most, and a user record takes six bytes at least, so this is half as much again as the KPL can put into one.
 */
export const maxUserRecords = 262_144;

/** Why a message is not an aggregate, or one that Millrace does not take apart. */
export type BrokenMessage = 'protobuf' | 'key' | 'limit';

/** Tags of the fields: (field number << 3) | wire type 2 for bytes, 0 for numbers. */
const partitionKeyTable = 0x0a;
const explicitHashKeyTable = 0x12;
const records = 0x1a;
const partitionKeyIndex = 0x08;
const explicitHashKeyIndex = 0x10;
const data = 0x1a;

/** Numbers kept of each user record: where its data begin and end, and its indexes into the two key tables. */
const recordFields = 4;
const absent = -1;
/** Room is made for one user record per 64 bytes at first. */
const expectedBytesShift = 6;
/** What fits into a varint of two bytes is below this. */
const maxUsualNumber = 2 ** 14;

/** What all user records of an aggregate share with the record that brought it. */
export type AggregateOrigin = Pick<RecordContent, 'sequenceNumber' | 'arrivalTimeMillis'>;

/**
 * One aggregate:
 *
 *     message AggregatedRecord {
 *       repeated string partition_key_table = 1;
 *       repeated string explicit_hash_key_table = 2;
 *       repeated Record records = 3;       // { required uint64 partition_key_index = 1;
 *     }                                    //   optional uint64 explicit_hash_key_index = 2;
 *                                          //   required bytes data = 3; repeated Tag tags = 4; }
 *
 * The message is read and checked as a whole before anything of it is given out, so a broken one gives out nothing.
 */
export class Aggregate {
  readonly origin: AggregateOrigin;
  readonly #message: Buffer;
  readonly #partitionKeys: KeyTable;
  readonly #explicitHashKeys: KeyTable;
  #fields: Int32Array;
  #count = 0;

  private constructor(message: Uint8Array, origin: AggregateOrigin) {
    this.origin = origin;
    this.#message = Buffer.from(message.buffer, message.byteOffset, message.length);
    this.#partitionKeys = new KeyTable(this.#message);
    this.#explicitHashKeys = new KeyTable(this.#message);
    this.#fields = new Int32Array(recordFields * Math.max(8, message.length >> expectedBytesShift));
  }

  /** Reads a message; else answers why it is not taken apart. */
  static read(message: Uint8Array, origin: AggregateOrigin): Aggregate | BrokenMessage {
    const aggregate = new Aggregate(message, origin);
    return aggregate.#read(new WireReader(message)) ?? aggregate;
  }

  /** The number of user records. */
  get count(): number {
    return this.#count;
  }

  /** What a user record holds, left where it lies. */
  contentOf(index: number): RecordContent {
    const place = recordFields * index;
    return new UserRecord(this, this.#field(place), this.#field(place + 1), this.#field(place + 2));
  }

  /** Whether a user record belongs to a shard: by its explicit hash key, else by the MD5 of its partition key. */
  isInside(index: number, range: HashRange): boolean {
    const explicit = this.#field(recordFields * index + 3);
    if (explicit !== absent) return this.#explicitHashKeys.isHashKeyInside(explicit, range);
    return this.#partitionKeys.isPartitionKeyInside(this.#field(recordFields * index + 2), range);
  }

  /** The partition key at an index of the table. */
  partitionKeyAt(index: number): string {
    return this.#partitionKeys.textOf(index);
  }

  /** A view of a part of the message. */
  view(start: number, end: number): Uint8Array {
    const { buffer, byteOffset } = this.#message;
    return new Uint8Array(buffer, byteOffset + start, end - start);
  }

  #read(reader: WireReader): BrokenMessage | undefined {
    const { end } = reader;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag !== records && tag !== partitionKeyTable && tag !== explicitHashKeyTable) {
        if (!reader.skip(tag)) return 'protobuf';
        continue;
      }
      const fieldEnd = reader.fieldEnd();
      if (fieldEnd === malformed) return 'protobuf';
      if (tag === records) {
        if (this.#count === maxUserRecords) return 'limit';
        if (this.#readUsualRecord(reader, fieldEnd)) continue;
        reader.end = fieldEnd;
        if (!this.#readRecord(reader)) return 'protobuf';
        reader.end = end;
      } else {
        const table = tag === partitionKeyTable ? this.#partitionKeys : this.#explicitHashKeys;
        if (table.size === maxUserRecords) return 'limit';
        table.add(reader.position, fieldEnd);
        reader.position = fieldEnd;
      }
    }
    return this.#areKeysThere() ? undefined : 'key';
  }

  /**
   * Reads a user record as the KPL writes most of them: a partition key index and data, both numbers in one or two bytes,
   * and nothing else. Answers `false`, and has read nothing, when it is written in another way.
   */
  #readUsualRecord(reader: WireReader, end: number): boolean {
    const { bytes, position } = reader;
    if (bytes[position] !== partitionKeyIndex) return false;
    let next = position + 2;
    let index = bytes[position + 1] as number;
    if (index >= 0x80) index += ((bytes[next++] as number) - 1) << 7;
    if (index >= maxUsualNumber || bytes[next] !== data) return false;
    let length = bytes[next + 1] as number;
    next += 2;
    if (length >= 0x80) length += ((bytes[next++] as number) - 1) << 7;
    // A third byte would make the number too great, and bytes beyond the end cannot add up to it.
    if (length >= maxUsualNumber || next + length !== end) return false;
    this.#keep(next, end, index, absent);
    reader.position = end;
    return true;
  }

  /** Reads one user record up to the reader's end. Of a field that comes twice the last one counts, as protobuf has it. */
  #readRecord(reader: WireReader): boolean {
    let partitionKey = absent;
    let explicitHashKey = absent;
    let start = absent;
    let end = absent;
    while (reader.position < reader.end) {
      const tag = reader.varint();
      if (tag === data) {
        end = reader.fieldEnd();
        if (end === malformed) return false;
        start = reader.position;
        reader.position = end;
      } else if (tag === partitionKeyIndex || tag === explicitHashKeyIndex) {
        const index = reader.varint();
        if (index === malformed) return false;
        // An index that no table can have, however long the varint, stays one.
        if (tag === partitionKeyIndex) partitionKey = Math.min(index, maxUserRecords);
        else explicitHashKey = Math.min(index, maxUserRecords);
      } else if (!reader.skip(tag)) return false;
    }
    if (partitionKey === absent || start === absent) return false;
    this.#keep(start, end, partitionKey, explicitHashKey);
    return true;
  }

  #keep(start: number, end: number, partitionKey: number, explicitHashKey: number): void {
    const place = recordFields * this.#count;
    if (place === this.#fields.length) {
      const larger = new Int32Array(2 * place);
      larger.set(this.#fields);
      this.#fields = larger;
    }
    this.#fields[place] = start;
    this.#fields[place + 1] = end;
    this.#fields[place + 2] = partitionKey;
    this.#fields[place + 3] = explicitHashKey;
    this.#count += 1;
  }

  /** Whether every index points into its table, and every explicit hash key in use is one. Tables may come last. */
  #areKeysThere(): boolean {
    const partitionKeys = this.#partitionKeys.size;
    const end = recordFields * this.#count;
    for (let place = 0; place < end; place += recordFields) {
      if (this.#field(place + 2) >= partitionKeys) return false;
      const explicit = this.#field(place + 3);
      if (explicit !== absent && !this.#explicitHashKeys.isHashKey(explicit)) return false;
    }
    return true;
  }

  #field(place: number): number {
    return this.#fields[place] as number;
  }
}

/** One user record: a few numbers, until somebody asks for more. */
class UserRecord implements RecordContent {
  readonly #aggregate: Aggregate;
  readonly #start: number;
  readonly #end: number;
  readonly #partitionKey: number;

  constructor(aggregate: Aggregate, start: number, end: number, partitionKey: number) {
    this.#aggregate = aggregate;
    this.#start = start;
    this.#end = end;
    this.#partitionKey = partitionKey;
  }

  get byteLength(): number {
    return this.#end - this.#start;
  }

  get data(): Uint8Array {
    return this.#aggregate.view(this.#start, this.#end);
  }

  get partitionKey(): string {
    return this.#aggregate.partitionKeyAt(this.#partitionKey);
  }

  get sequenceNumber(): string {
    return this.#aggregate.origin.sequenceNumber;
  }

  get arrivalTimeMillis(): number {
    return this.#aggregate.origin.arrivalTimeMillis;
  }
}
