import type { PutEntry } from '../kinesis-api.ts';
import { maxUserRecords } from './aggregate.ts';
import { frameOverheadBytes, makeFrame } from './frame.ts';
import { hashKeyOf } from './hash-range.ts';

/** When an aggregate is full. */
export interface AggregateLimits {
  /** The KPL's AggregationMaxSize: bytes of the whole frame. */
  readonly maxBytes: number;
  /** The KPL's AggregationMaxCount. */
  readonly maxRecords: number;
}

/** The partition key of every aggregate, as the KPL has it: its hash key is always given, so the key does not matter. */
const aggregatePartitionKey = 'a';

/** Collects user records into one aggregate, byte for byte as the KPL writes it (its aggregation-format.md). */
export class AggregateBuilder {
  readonly #limits: AggregateLimits;
  readonly #entries: PutEntry[] = [];
  readonly #partitionKeys = new KeyTable();
  readonly #explicitHashKeys = new KeyTable();
  #recordBytes = 0;

  constructor(limits: AggregateLimits) {
    this.#limits = limits;
  }

  /** Bytes of the frame as it stands. */
  get bytes(): number {
    return frameOverheadBytes + this.#messageBytes;
  }

  /** Adds a user record unless it would pass a limit; the first one always fits. */
  add(entry: PutEntry): boolean {
    const { maxBytes, maxRecords } = this.#limits;
    const { partitionKey, explicitHashKey } = entry;
    const size = fieldSize(this.#sizeOf(entry));
    if (this.#entries.length > 0) {
      const more = size + this.#partitionKeys.growth(partitionKey) + this.#explicitHashKeys.growth(explicitHashKey);
      if (this.#entries.length >= Math.min(maxRecords, maxUserRecords) || this.bytes + more > maxBytes) return false;
    }
    this.#entries.push(entry);
    this.#partitionKeys.add(partitionKey);
    this.#explicitHashKeys.add(explicitHashKey);
    this.#recordBytes += size;
    return true;
  }

  /**
   * The record to put. A single user record is put as it is, as the KPL does; an aggregate goes to the shard of its first
   * user record.
   */
  build(): PutEntry {
    const [first, second] = this.#entries;
    if (first === undefined || second === undefined) return first as PutEntry;
    return {
      data: makeFrame(this.#messageBytes, (room) => this.#write(room)),
      partitionKey: aggregatePartitionKey,
      explicitHashKey: first.explicitHashKey ?? hashKeyOf(first.partitionKey).toString(),
    };
  }

  get #messageBytes(): number {
    return this.#partitionKeys.bytes + this.#explicitHashKeys.bytes + this.#recordBytes;
  }

  #sizeOf({ partitionKey, explicitHashKey, data }: PutEntry): number {
    const explicit =
      explicitHashKey === undefined ? 0 : 1 + varintSize(this.#explicitHashKeys.indexOf(explicitHashKey));
    return 1 + varintSize(this.#partitionKeys.indexOf(partitionKey)) + explicit + fieldSize(data.length);
  }

  #write(room: Buffer): void {
    let at = this.#partitionKeys.write(room, 0, 0x0a);
    at = this.#explicitHashKeys.write(room, at, 0x12);
    for (const entry of this.#entries) {
      at = writeNumber(room, at, 0x1a, this.#sizeOf(entry));
      at = writeNumber(room, at, 0x08, this.#partitionKeys.indexOf(entry.partitionKey));
      if (entry.explicitHashKey !== undefined) {
        at = writeNumber(room, at, 0x10, this.#explicitHashKeys.indexOf(entry.explicitHashKey));
      }
      at = writeNumber(room, at, 0x1a, entry.data.length);
      room.set(entry.data, at);
      at += entry.data.length;
    }
  }
}

/** The keys of one table, each once, in the order of their first use. */
class KeyTable {
  readonly #indexes = new Map<string, number>();
  /** What the table takes in the message. */
  bytes = 0;

  /** The index of a key; of one that is not there, the one it would get. */
  indexOf(key: string): number {
    return this.#indexes.get(key) ?? this.#indexes.size;
  }

  growth(key: string | undefined): number {
    return key === undefined || this.#indexes.has(key) ? 0 : fieldSize(Buffer.byteLength(key));
  }

  add(key: string | undefined): void {
    this.bytes += this.growth(key);
    if (key !== undefined && !this.#indexes.has(key)) this.#indexes.set(key, this.#indexes.size);
  }

  write(room: Buffer, from: number, tag: number): number {
    let at = from;
    for (const key of this.#indexes.keys()) {
      const length = Buffer.byteLength(key);
      at = writeNumber(room, at, tag, length);
      at += room.write(key, at, length, 'utf8');
    }
    return at;
  }
}

/** Bytes of a field with a tag of one byte, a length, and as many bytes as the length says. */
function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

/** Writes a tag of one byte and a number; answers where the next byte goes. */
function writeNumber(room: Buffer, from: number, tag: number, value: number): number {
  room[from] = tag;
  let at = from + 1;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    room[at] = (rest % 0x80) | 0x80;
    at += 1;
  }
  room[at] = rest;
  return at + 1;
}
