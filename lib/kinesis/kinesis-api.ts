import type { RecordContent } from '../block/record.ts';
import type { Shard } from './shard.ts';
import type { StartPosition } from './start-position.ts';

export type { StartPosition } from './start-position.ts';

/** The stream as Kinesis describes it. */
export interface StreamDescription {
  readonly streamName: string;
  readonly streamArn: string;
  readonly status: 'CREATING' | 'DELETING' | 'ACTIVE' | 'UPDATING';
  /** A re-created stream of the same name has another one. Milliseconds since 1970. */
  readonly createdAtMillis: number;
  readonly retentionPeriodHours: number;
  /** AUTO: Kinesis places records without regard to their keys. Absent: by partition key or explicit hash key. */
  readonly recordDistributionStrategy?: 'AUTO' | 'USER_PARTITION_KEY';
}

/** Which shards a listing returns; without one it returns all that the stream still has. */
export type ShardFilter =
  | { readonly type: 'AT_LATEST' | 'AT_TRIM_HORIZON' }
  | { readonly type: 'AT_TIMESTAMP' | 'FROM_TIMESTAMP'; readonly timestampMillis: number };

/**
 * One record as GetRecords returns it, before aggregates are taken apart. Its fields may be made when they are asked for,
 * anew each time: read each of them once.
 */
export type RawRecord = RecordContent;

/** A child that a closed shard names at its end. */
export interface ChildShard {
  readonly shardId: string;
  readonly parentShardIds: readonly string[];
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/** One answer of GetRecords. `nextIterator` is absent at the end of a closed shard. */
export interface GetRecordsAnswer {
  readonly records: readonly RawRecord[];
  readonly nextIterator?: string;
  readonly millisBehindLatest: number;
  readonly childShards: readonly ChildShard[];
  /** Bytes that the records are views of, and so keep in memory: of the answer, or moved out of it; absent where they are copies. */
  readonly wireBytes?: number;
}

/** One record to put. */
export interface PutEntry {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  readonly explicitHashKey?: string;
}

/** What became of one put record. PutRecords may take some and refuse others in the same call. */
export type PutResult =
  | { readonly ok: true; readonly shardId: string; readonly sequenceNumber: string }
  | { readonly ok: false; readonly errorCode: string; readonly errorMessage: string };

/** One page of ListShards. */
export interface ListShardsPage {
  readonly shards: readonly Shard[];
  readonly nextToken?: string;
}

/**
 * The calls of Kinesis that Millrace uses, for one stream. A call is one attempt: it rejects with a
 * {@link KinesisFault} (see `fault.ts`) that says what a loop should do; it never retries by itself.
 */
export interface KinesisApi {
  describeStream(signal: AbortSignal): Promise<StreamDescription>;
  /** A first page has a filter or nothing; a later page has the token of the page before and nothing else. */
  listShards(request: { filter?: ShardFilter } | { nextToken: string }, signal: AbortSignal): Promise<ListShardsPage>;
  getShardIterator(request: { shardId: string; start: StartPosition }, signal: AbortSignal): Promise<string>;
  /** `shardId` is for the text of a fault only; the iterator knows its shard. */
  getRecords(
    request: { iterator: string; limit: number; shardId?: string },
    signal: AbortSignal,
  ): Promise<GetRecordsAnswer>;
  /** At most 500 entries; results are in the order of the entries. */
  putRecords(entries: readonly PutEntry[], signal: AbortSignal): Promise<readonly PutResult[]>;
  /**
   * The service's time: the Date header of its last answer plus the time since by the monotonic clock; this
   * machine's clock before the first answer. Milliseconds since 1970. A machine's own clock may be days off.
   */
  serviceTimeMillis(): number;
}
