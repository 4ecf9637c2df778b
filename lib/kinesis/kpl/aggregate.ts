import { type HashRange, parseHashKey } from './hash-range.ts';
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
/** What fits into a varint of two bytes is below this. */
const maxUsualNumber = 2 ** 14;
/** Room for this many user records is kept from one aggregate to the next; more is given back. */
const keptUserRecords = 4_096;

/**
 * Reads the messages of aggregates, one after the other:
 *
 *     message AggregatedRecord {
 *       repeated string partition_key_table = 1;
 *       repeated string explicit_hash_key_table = 2;
 *       repeated Record records = 3;       // { required uint64 partition_key_index = 1;
 *     }                                    //   optional uint64 explicit_hash_key_index = 2;
 *                                          //   required bytes data = 3; repeated Tag tags = 4; }
 *
 * A message is read and checked as a whole before anything of it is given out, so a broken one gives out nothing. What is
 * read stays valid until the next `read`.
 */
export class AggregateReader {
  #message: Buffer = Buffer.alloc(0);
  #fields = new Int32Array(recordFields * 64);
  #count = 0;
  readonly #partitionKeys = new KeyTable();
  readonly #explicitHashKeys = new KeyTable();

  /** The number of user records. */
  get count(): number {
    return this.#count;
  }

  /** Reads a message; answers why it is not taken apart, or `undefined` when all is well. */
  read(message: Uint8Array): BrokenMessage | undefined {
    this.#clear(message);
    const reader = new WireReader(message);
    const end = message.length;
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

  /** The data of a user record, as a view. */
  dataOf(index: number): Uint8Array {
    const place = recordFields * index;
    const start = this.#field(place);
    const { buffer, byteOffset } = this.#message;
    return new Uint8Array(buffer, byteOffset + start, this.#field(place + 1) - start);
  }

  /** The partition key of a user record. */
  partitionKeyOf(index: number): string {
    return this.#partitionKeys.textOf(this.#field(recordFields * index + 2), this.#message);
  }

  /** Whether a user record belongs to a shard: by its explicit hash key, else by the MD5 of its partition key. */
  isInside(index: number, range: HashRange): boolean {
    const explicit = this.#field(recordFields * index + 3);
    if (explicit !== absent) return this.#explicitHashKeys.isExplicitInside(explicit, this.#message, range);
    return this.#partitionKeys.isHashInside(this.#field(recordFields * index + 2), this.#message, range);
  }

  #clear(message: Uint8Array): void {
    this.#message = Buffer.from(message.buffer, message.byteOffset, message.length);
    this.#count = 0;
    this.#partitionKeys.clear();
    this.#explicitHashKeys.clear();
    if (this.#fields.length > recordFields * keptUserRecords) this.#fields = new Int32Array(recordFields * 64);
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
      if (explicit !== absent && !this.#explicitHashKeys.isHashKey(explicit, this.#message)) return false;
    }
    return true;
  }

  #field(place: number): number {
    return this.#fields[place] as number;
  }
}

/** One key table of a message: where its keys lie, and what has been found out about them. */
class KeyTable {
  #bounds: number[] = [];
  #texts: (string | undefined)[] = [];
  #hashKeys: (bigint | undefined)[] = [];
  #inside: (boolean | undefined)[] = [];

  get size(): number {
    return this.#bounds.length / 2;
  }

  clear(): void {
    this.#bounds = [];
    this.#texts = [];
    this.#hashKeys = [];
    this.#inside = [];
  }

  add(start: number, end: number): void {
    this.#bounds.push(start, end);
  }

  textOf(index: number, message: Buffer): string {
    return (this.#texts[index] ??= message.toString('utf8', this.#bounds[2 * index], this.#bounds[2 * index + 1]));
  }

  /** Whether the table has a hash key at an index; the KPL writes them in decimal digits. */
  isHashKey(index: number, message: Buffer): boolean {
    if (index >= this.size) return false;
    return (this.#hashKeys[index] ??= parseHashKey(this.textOf(index, message))) !== undefined;
  }

  isExplicitInside(index: number, message: Buffer, range: HashRange): boolean {
    return this.isHashKey(index, message) && range.holds(this.#hashKeys[index] as bigint);
  }

  isHashInside(index: number, message: Buffer, range: HashRange): boolean {
    return (this.#inside[index] ??= range.holdsKey(
      message,
      this.#bounds[2 * index] as number,
      this.#bounds[2 * index + 1] as number,
    ));
  }
}
