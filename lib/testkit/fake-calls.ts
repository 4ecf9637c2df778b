import type { Clock } from '../base/clock.ts';
import type {
  ChildShard,
  GetRecordsAnswer,
  ListShardsPage,
  PutEntry,
  PutResult,
  RawRecord,
  ShardFilter,
  StartPosition,
  StreamDescription,
} from '../kinesis/kinesis-api.ts';
import { awsError } from './aws-error.ts';
import { FakeShardLimits } from './fake-limits.ts';
import { type FakeShard, type FakeStream, indexFrom, toShard } from './fake-stream.ts';
import { type FakeIterator, decodeIterator, decodePageToken, encodeIterator, encodePageToken } from './fake-tokens.ts';
import { hashKeyOf } from './hash-key.ts';

/** What {@link FakeCalls} answers from. */
export interface FakeCallsOptions {
  readonly streamName: string;
  readonly streamArn: string;
  readonly clock: Clock;
  readonly limits: boolean;
  readonly listShardsPageSize: number;
  readonly maxRecordBytes: number;
  /** The service's time, milliseconds since 1970. */
  readonly nowMillis: () => number;
  /** The stream; throws when there is none. */
  readonly stream: () => FakeStream;
  readonly status: () => StreamDescription['status'];
}

/** Iterators and paging tokens live for 5 minutes. */
const tokenLifeMillis = 300_000;
/** Limits of one GetRecords answer. */
const maxPageRecords = 10_000;
const maxPageBytes = 10 * 1024 * 1024;
/** Limits of one PutRecords call and of one partition key. */
const maxPutRecords = 500;
const maxPartitionKeyLength = 256;

/** A piece of a shard, for {@link FakeCalls.readFrom}. */
export interface FakeSlice {
  readonly records: readonly RawRecord[];
  /** Data of the records. */
  readonly bytes: number;
  /** Where to go on; absent at the end of a closed shard. */
  readonly next?: bigint;
  readonly millisBehindLatest: number;
  /** The children, at the end of a closed shard. */
  readonly childShards: readonly ChildShard[];
}

/** The answers of the fake: each call as the service's documentation describes it, from the model, without delay. */
export class FakeCalls {
  readonly #options: FakeCallsOptions;
  readonly #limits = new Map<string, FakeShardLimits>();

  constructor(options: FakeCallsOptions) {
    this.#options = options;
  }

  describeStream(): StreamDescription {
    const stream = this.#options.stream();
    const { streamName, streamArn, status } = this.#options;
    const { createdAtMillis, retentionPeriodHours } = stream;
    return { streamName, streamArn, status: status(), createdAtMillis, retentionPeriodHours };
  }

  listShards(
    request: { filter?: ShardFilter; after?: string; maxResults?: number } | { nextToken: string; maxResults?: number },
  ): ListShardsPage {
    const stream = this.#activeStream();
    const { streamName, listShardsPageSize } = this.#options;
    const nowMillis = this.#options.clock.monotonicMillis();
    const page =
      'nextToken' in request
        ? decodePageToken(request.nextToken)
        : { after: request.after, filter: request.filter, issuedAtMillis: nowMillis };
    if (nowMillis - page.issuedAtMillis > tokenLifeMillis) {
      throw awsError('ExpiredNextTokenException', 'The pagination token passed to the operation is expired.');
    }
    // A page goes on after the last shard of the one before, whatever retention has taken meanwhile.
    const { after } = page;
    const listed = stream.shards
      .filter((shard) => after === undefined || shard.shardId > after)
      .filter((shard) => this.#passes(stream, shard, page.filter));
    const shards = listed.slice(0, Math.min(listShardsPageSize, request.maxResults ?? Infinity)).map(toShard);
    if (shards.length === listed.length) return { shards };
    const next = { streamName, after: shards.at(-1)?.shardId, filter: page.filter, issuedAtMillis: nowMillis };
    return { shards, nextToken: encodePageToken(next) };
  }

  getShardIterator(request: { shardId: string; start: StartPosition }): string {
    const stream = this.#activeStream();
    const shard = this.#shard(stream, request.shardId);
    return this.#iterator(stream, shard, this.#startSequence(stream, shard, request.start));
  }

  getRecords(request: { iterator: string; limit: number }): GetRecordsAnswer {
    const { clock, limits } = this.#options;
    const nowMillis = clock.monotonicMillis();
    const iterator = decodeIterator(request.iterator);
    const stream = this.#options.stream();
    if (iterator === undefined || iterator.streamCreatedAtMillis !== stream.createdAtMillis) {
      throw awsError('InvalidArgumentException', 'Invalid ShardIterator.');
    }
    if (!Number.isInteger(request.limit) || request.limit < 1 || request.limit > maxPageRecords) {
      throw awsError('InvalidArgumentException', `Limit must be between 1 and ${maxPageRecords}`);
    }
    if (nowMillis - iterator.issuedAtMillis > tokenLifeMillis) {
      throw awsError(
        'ExpiredIteratorException',
        `Iterator expired. The iterator was created ${iterator.issuedAtMillis}.`,
      );
    }
    const shard = this.#shard(stream, iterator.shardId);
    if (limits && !this.#limitsOf(shard).admitRead(nowMillis)) {
      throw awsError(
        'ProvisionedThroughputExceededException',
        `Rate exceeded for shard ${shard.shardId} in stream ${this.#options.streamName}`,
      );
    }
    const bounds = { maxRecords: request.limit, maxBytes: maxPageBytes };
    const { records, bytes, next, millisBehindLatest, childShards } = this.readFrom(
      shard.shardId,
      BigInt(iterator.fromSequence),
      bounds,
    );
    this.#limitsOf(shard).countReadBytes(bytes);
    const answer = { records, millisBehindLatest, childShards };
    return next === undefined ? answer : { ...answer, nextIterator: this.#iterator(stream, shard, next) };
  }

  /** The last sequence number that the stream has given to anything. */
  lastSequence(): bigint {
    return this.#options.stream().lastSequence;
  }

  /** The first sequence number that a reader may see who starts there. */
  startOf(shardId: string, start: StartPosition): bigint {
    const stream = this.#activeStream();
    return this.#startSequence(stream, this.#shard(stream, shardId), start);
  }

  /** The records from a sequence number on, without any limit but the bounds; at least one record whatever its size. */
  readFrom(shardId: string, from: bigint, bounds: { maxRecords: number; maxBytes: number }): FakeSlice {
    const stream = this.#options.stream();
    const shard = this.#shard(stream, shardId);
    const first = indexFrom(shard.records, from);
    const records: RawRecord[] = [];
    let bytes = 0;
    for (let index = first; index < shard.records.length && records.length < bounds.maxRecords; index += 1) {
      const { raw } = shard.records[index] as FakeShard['records'][number];
      if (records.length > 0 && bytes + raw.data.length > bounds.maxBytes) break;
      records.push(raw);
      bytes += raw.data.length;
    }
    const following = shard.records[first + records.length];
    if (following !== undefined) {
      const millisBehindLatest = Math.max(1, this.#options.nowMillis() - following.raw.arrivalTimeMillis);
      return { records, bytes, next: following.sequence, millisBehindLatest, childShards: [] };
    }
    if (shard.closed !== undefined) {
      return { records, bytes, millisBehindLatest: 0, childShards: childrenOf(stream, shardId) };
    }
    const last = shard.records[first + records.length - 1];
    const next = records.length > 0 && last !== undefined ? last.sequence + 1n : from;
    return { records, bytes, next, millisBehindLatest: 0, childShards: [] };
  }

  putRecords(entries: readonly PutEntry[]): readonly PutResult[] {
    const stream = this.#activeStream();
    if (entries.length === 0 || entries.length > maxPutRecords) {
      throw awsError('InvalidArgumentException', `${entries.length} records, not 1 to ${maxPutRecords}`);
    }
    for (const entry of entries) checkEntry(entry, this.#options.maxRecordBytes);
    return entries.map((entry) => this.#put(stream, entry));
  }

  /** The shard of an iterator, for interceptors; absent when it is not an iterator. */
  shardIdOf(iterator: string): string | undefined {
    return decodeIterator(iterator)?.shardId;
  }

  #put(stream: FakeStream, entry: PutEntry): PutResult {
    const hashKey = entry.explicitHashKey === undefined ? hashKeyOf(entry.partitionKey) : BigInt(entry.explicitHashKey);
    const shard = stream.shardFor(hashKey);
    const nowMillis = this.#options.clock.monotonicMillis();
    if (this.#options.limits && !this.#limitsOf(shard).admitWrite(nowMillis, entry.data.length)) {
      const errorMessage = `Rate exceeded for shard ${shard.shardId} in stream ${this.#options.streamName}`;
      return { ok: false, errorCode: 'ProvisionedThroughputExceededException', errorMessage };
    }
    const { raw } = stream.put(entry.partitionKey, entry.data, shard);
    return { ok: true, shardId: shard.shardId, sequenceNumber: raw.sequenceNumber };
  }

  #startSequence(stream: FakeStream, shard: FakeShard, start: StartPosition): bigint {
    switch (start.type) {
      case 'TRIM_HORIZON':
        return 0n;
      case 'LATEST':
        return stream.lastSequence + 1n;
      case 'AT_TIMESTAMP': {
        if (start.timestampMillis > this.#options.nowMillis()) {
          throw awsError('InvalidArgumentException', 'The timestamp cannot be in the future.');
        }
        const at = shard.records.find((record) => record.raw.arrivalTimeMillis >= start.timestampMillis);
        return at?.sequence ?? stream.lastSequence + 1n;
      }
      case 'AT_SEQUENCE_NUMBER':
      case 'AFTER_SEQUENCE_NUMBER': {
        const sequence = BigInt(start.sequenceNumber);
        if (sequence < shard.firstSequence || sequence > (shard.closed?.lastSequence ?? stream.lastSequence)) {
          throw awsError(
            'InvalidArgumentException',
            `StartingSequenceNumber ${sequence} used in GetShardIterator on shard ${shard.shardId} is invalid because it did not come from this stream.`,
          );
        }
        return start.type === 'AT_SEQUENCE_NUMBER' ? sequence : sequence + 1n;
      }
    }
  }

  /** Shards open at the time of the filter; for FROM_TIMESTAMP also those opened since. */
  #passes(stream: FakeStream, shard: FakeShard, filter: ShardFilter | undefined): boolean {
    if (filter === undefined) return true;
    if (filter.type === 'AT_LATEST') return shard.closed === undefined;
    const retentionMillis = stream.retentionPeriodHours * 3_600_000;
    const horizonMillis = Math.max(stream.createdAtMillis, this.#options.nowMillis() - retentionMillis);
    const atMillis = 'timestampMillis' in filter ? filter.timestampMillis : horizonMillis;
    if (shard.closed !== undefined && shard.closed.atMillis <= atMillis) return false;
    return filter.type === 'FROM_TIMESTAMP' || shard.createdAtMillis <= atMillis;
  }

  #activeStream(): FakeStream {
    const stream = this.#options.stream();
    const status = this.#options.status();
    if (status === 'ACTIVE' || status === 'UPDATING') return stream;
    throw awsError(
      'ResourceInUseException',
      `Stream ${this.#options.streamName} is ${status}, not ACTIVE or UPDATING.`,
    );
  }

  #shard(stream: FakeStream, shardId: string): FakeShard {
    const shard = stream.find(shardId);
    if (shard !== undefined) return shard;
    throw awsError(
      'ResourceNotFoundException',
      `Shard ${shardId} in stream ${this.#options.streamName} does not exist`,
    );
  }

  #iterator(stream: FakeStream, shard: FakeShard, fromSequence: bigint): string {
    const iterator: FakeIterator = {
      streamName: this.#options.streamName,
      streamCreatedAtMillis: stream.createdAtMillis,
      shardId: shard.shardId,
      fromSequence: String(fromSequence),
      issuedAtMillis: this.#options.clock.monotonicMillis(),
    };
    return encodeIterator(iterator);
  }

  #limitsOf(shard: FakeShard): FakeShardLimits {
    const known = this.#limits.get(shard.shardId);
    if (known !== undefined) return known;
    const made = new FakeShardLimits();
    this.#limits.set(shard.shardId, made);
    return made;
  }
}

function childrenOf(stream: FakeStream, shardId: string): readonly ChildShard[] {
  return stream.shards
    .filter((shard) => shard.parentShardIds.includes(shardId))
    .map((shard) => ({
      shardId: shard.shardId,
      parentShardIds: shard.parentShardIds,
      startingHashKey: String(shard.start),
      endingHashKey: String(shard.end),
    }));
}

function checkEntry(entry: PutEntry, maxRecordBytes: number): void {
  if (entry.partitionKey.length < 1 || entry.partitionKey.length > maxPartitionKeyLength) {
    throw awsError(
      'ValidationException',
      `partitionKey has ${entry.partitionKey.length} characters, not 1 to ${maxPartitionKeyLength}`,
    );
  }
  if (entry.data.length + Buffer.byteLength(entry.partitionKey) > maxRecordBytes) {
    throw awsError('ValidationException', `a record has more than ${maxRecordBytes} bytes`);
  }
}
