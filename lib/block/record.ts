import { type Position, positionOf } from '../base/position.ts';

/** The fields from which a {@link KinesisRecord} is made. */
export interface RecordFields {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  /** Decimal digits. */
  readonly sequenceNumber: string;
  /** Index inside an aggregated record, 0 for a plain one. */
  readonly subSequenceNumber: number;
  readonly shardId: string;
  readonly streamName: string;
  /** Kinesis' ApproximateArrivalTimestamp, milliseconds since 1970. */
  readonly arrivalTimeMillis: number;
}

const decoder = new TextDecoder('utf-8');

/**
 * One user record. `data` is a view of the answer that brought it: keep `detach().data` instead when the record
 * outlives its block, since a view keeps the whole answer in memory.
 */
export class KinesisRecord {
  /** The record's bytes, a view. */
  readonly data: Uint8Array;
  readonly partitionKey: string;
  /** Decimal digits; bigger than a `number` can hold, and not comparable as text. */
  readonly sequenceNumber: string;
  /** Index inside an aggregated record, 0 for a plain one. */
  readonly subSequenceNumber: number;
  readonly shardId: string;
  readonly streamName: string;
  /** Milliseconds since 1970 at which Kinesis took the record, approximately. */
  readonly arrivalTimeMillis: number;

  constructor(fields: RecordFields) {
    this.data = fields.data;
    this.partitionKey = fields.partitionKey;
    this.sequenceNumber = fields.sequenceNumber;
    this.subSequenceNumber = fields.subSequenceNumber;
    this.shardId = fields.shardId;
    this.streamName = fields.streamName;
    this.arrivalTimeMillis = fields.arrivalTimeMillis;
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

  /** A copy whose `data` owns its bytes. */
  detach(): KinesisRecord {
    // Not slice(): that of a Buffer is one more view.
    return new KinesisRecord({
      data: new Uint8Array(this.data),
      partitionKey: this.partitionKey,
      sequenceNumber: this.sequenceNumber,
      subSequenceNumber: this.subSequenceNumber,
      shardId: this.shardId,
      streamName: this.streamName,
      arrivalTimeMillis: this.arrivalTimeMillis,
    });
  }
}
