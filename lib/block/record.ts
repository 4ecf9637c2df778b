import { type Position, positionOf } from '../base/position.ts';

/**
 * What Kinesis stores of a record. A reader may give an object that makes each of these when it is asked for; then
 * `byteLength` says how long `data` is without making it.
 */
export interface RecordContent {
  readonly data: Uint8Array;
  /** Length of `data`; absent: ask `data`. */
  readonly byteLength?: number;
  readonly partitionKey: string;
  /** Decimal digits. */
  readonly sequenceNumber: string;
  /** Kinesis' ApproximateArrivalTimestamp, milliseconds since 1970. */
  readonly arrivalTimeMillis: number;
  /** Whether `data` begins with these bytes, without making it; absent: ask `data`. */
  startsWith?(prefix: Uint8Array): boolean;
}

/** Where a record comes from; one object for all records of a page. */
export interface RecordOrigin {
  readonly shardId: string;
  readonly streamName: string;
  /** Index inside an aggregated record, 0 for a plain one. */
  readonly subSequenceNumber: number;
}

/** The fields from which a {@link KinesisRecord} is made. */
export interface RecordFields extends RecordContent, RecordOrigin {}

const decoder = new TextDecoder('utf-8');

/**
 * One user record. `data` is a view of what came from the network: keep `detach()` instead when the record outlives its
 * block, since a view keeps all the bytes around it in memory: up to 256 KiB, or its whole aggregate where that is larger.
 * What is not asked for is never made: neither texts, nor times, nor positions.
 */
export class KinesisRecord {
  readonly shardId: string;
  readonly streamName: string;
  /** Index inside an aggregated record, 0 for a plain one. */
  readonly subSequenceNumber: number;
  readonly #content: RecordContent;
  #data: Uint8Array | undefined;

  constructor(content: RecordFields);
  constructor(content: RecordContent, origin: RecordOrigin);
  constructor(content: RecordContent, origin?: RecordOrigin) {
    const { shardId, streamName, subSequenceNumber } = origin ?? (content as RecordFields);
    this.shardId = shardId;
    this.streamName = streamName;
    this.subSequenceNumber = subSequenceNumber;
    this.#content = content;
    this.#data = undefined;
  }

  /** The record's bytes, a view. */
  get data(): Uint8Array {
    return (this.#data ??= this.#content.data);
  }

  /** Length of `data`. */
  get byteLength(): number {
    return this.#content.byteLength ?? this.data.byteLength;
  }

  /** Whether `data` begins with these bytes. */
  startsWith(prefix: Uint8Array): boolean {
    return this.#content.startsWith?.(prefix) ?? bytesStartWith(this.data, 0, this.data.length, prefix);
  }

  get partitionKey(): string {
    return this.#content.partitionKey;
  }

  /** Decimal digits; bigger than a `number` can hold, and not comparable as text. */
  get sequenceNumber(): string {
    return this.#content.sequenceNumber;
  }

  /** Milliseconds since 1970 at which Kinesis took the record, approximately. */
  get arrivalTimeMillis(): number {
    return this.#content.arrivalTimeMillis;
  }

  /** When Kinesis took the record, approximately. */
  get arrivalTime(): Date {
    return new Date(this.arrivalTimeMillis);
  }

  /** The record's place in its shard. */
  get position(): Position {
    return positionOf(this.sequenceNumber, this.subSequenceNumber);
  }

  /** The bytes as UTF-8; what is not UTF-8 comes out as U+FFFD. */
  text(): string {
    return decoder.decode(this.data);
  }

  /**
   * The bytes as JSON.
   * @throws SyntaxError when they are not JSON
   */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** A copy that owns its bytes and keeps nothing else in memory. */
  detach(): KinesisRecord {
    const { partitionKey, sequenceNumber, arrivalTimeMillis } = this;
    // Not slice(): that of a Buffer is one more view.
    const data = new Uint8Array(this.data);
    return new KinesisRecord({ data, partitionKey, sequenceNumber, arrivalTimeMillis }, this);
  }
}

/** Whether `bytes[start..start + length)` begins with a prefix. */
export function bytesStartWith(bytes: Uint8Array, start: number, length: number, prefix: Uint8Array): boolean {
  if (length < prefix.length) return false;
  for (let index = 0; index < prefix.length; index += 1) {
    if (bytes[start + index] !== prefix[index]) return false;
  }
  return true;
}
