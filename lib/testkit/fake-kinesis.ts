import { raceAbort } from '../base/abort.ts';
import { type Clock, sleep } from '../base/clock.ts';
import type { Notifier } from '../base/notifier.ts';
import { toKinesisFault } from '../kinesis/fault.ts';
import type { KinesisApi, StreamDescription } from '../kinesis/kinesis-api.ts';
import type { Shard } from '../kinesis/shard.ts';
import { awsError } from './aws-error.ts';
import { FakeCalls } from './fake-calls.ts';
import { FakeStream, toShard } from './fake-stream.ts';
import { hashKeyOf } from './hash-key.ts';

/** Options of {@link FakeKinesis}. */
export interface FakeKinesisOptions {
  /** The time of the service; iterators, limits and retention go by it. */
  readonly clock: Clock;
  /** `stream` unless told otherwise. */
  readonly streamName?: string;
  /** 1 unless told otherwise. */
  readonly shardCount?: number;
  /** 24 unless told otherwise. */
  readonly retentionPeriodHours?: number;
  /** Whether calls are throttled beyond Kinesis' limits per shard: 5 reads and 2 MB, 1,000 records and 1 MiB a second. True. */
  readonly limits?: boolean;
  /** How long each call takes: 0 ms. */
  readonly latencyMillis?: number;
  /** Shards of one page of ListShards: 1,000. */
  readonly listShardsPageSize?: number;
  /** The greatest record, data and partition key together: 1 MiB (Kinesis allows up to 10 MiB where the stream is set so). */
  readonly maxRecordBytes?: number;
}

/** The names of the calls, those of `KinesisApi`. */
export type FakeOperation = 'describeStream' | 'listShards' | 'getShardIterator' | 'getRecords' | 'putRecords';

/** A call under way. */
export interface FakeCall {
  readonly operation: FakeOperation;
  /** Who calls: the name given to {@link FakeKinesis.connect}. */
  readonly caller: string;
  /** The shard of `getShardIterator` and `getRecords`. */
  readonly shardId?: string;
  /** Of this operation, from 1. */
  readonly number: number;
}

/**
 * Stands around a call: may throw before it (refused), after it (applied, but the answer is lost), wait, or answer
 * something else. What it throws is classified as an error of the SDK; see `awsError` and `networkError`.
 */
export type FakeInterceptor = (call: FakeCall, proceed: () => Promise<unknown>) => Promise<unknown>;

/** A listed shard with what a test may want to look at. */
export interface FakeShardView extends Shard {
  /** Records that are not trimmed. */
  readonly recordCount: number;
}

/** The account that the fake's ARNs name. */
const account = '000000000000';

/** What a server in front of the model uses of it. */
export interface FakeKinesisInside {
  /** The answers without delay, past all interceptors, refused in the words of AWS. */
  readonly calls: FakeCalls;
  /** Wakes those who wait for a record of the stream that exists now, or for the end of a shard; throws when there is none. */
  readonly changed: () => Notifier;
}

/** The inside of a model, apart from what its users see. */
export let insideOf: (fake: FakeKinesis) => FakeKinesisInside;

/**
 * A model of one Kinesis stream behind `KinesisApi`, with the limits and habits of the service: throttling per
 * shard, iterators that expire after 5 minutes, pages of at most 10,000 records and 10 MB, children at the end of a
 * closed shard, retention. Time is the given clock's. The methods of the class itself arrange the stream for a test
 * and are not limited; the calls are made through `connect`.
 */
export class FakeKinesis {
  readonly streamName: string;
  readonly #options: Required<FakeKinesisOptions>;
  readonly #calls: FakeCalls;
  readonly #counts = new Map<FakeOperation, number>();
  #interceptors: readonly FakeInterceptor[] = [];
  #stream: FakeStream | undefined;
  /** The newest stream, kept beyond its deletion so that a re-created one differs from it. */
  #newest: FakeStream;
  #status: StreamDescription['status'] = 'ACTIVE';
  readonly #epochMillis: number;

  static {
    insideOf = (fake) => ({ calls: fake.#calls, changed: () => fake.#existing().changed });
  }

  constructor(options: FakeKinesisOptions) {
    const { clock } = options;
    this.#options = {
      streamName: 'stream',
      shardCount: 1,
      retentionPeriodHours: 24,
      limits: true,
      latencyMillis: 0,
      listShardsPageSize: 1_000,
      maxRecordBytes: 1024 * 1024,
      ...options,
    };
    this.streamName = this.#options.streamName;
    // The service's clock does not jump when a worker's does.
    this.#epochMillis = clock.wallMillis() - clock.monotonicMillis();
    this.#newest = this.#newStream(this.#options.shardCount);
    this.#stream = this.#newest;
    this.#calls = new FakeCalls({
      ...this.#options,
      streamArn: this.streamArn,
      nowMillis: () => this.nowMillis(),
      stream: () => this.#existing(),
      status: () => this.#status,
    });
  }

  get streamArn(): string {
    return `arn:aws:kinesis:us-east-1:${account}:stream/${this.streamName}`;
  }

  /** The service's time, milliseconds since 1970. */
  nowMillis(): number {
    return this.#epochMillis + this.#options.clock.monotonicMillis();
  }

  /** The shards that retention has left, closed ones too. */
  get shards(): readonly FakeShardView[] {
    return this.#existing().shards.map((shard) => ({ ...toShard(shard), recordCount: shard.records.length }));
  }

  /** The shards that take records. */
  get openShards(): readonly FakeShardView[] {
    return this.shards.filter((shard) => shard.endingSequenceNumber === undefined);
  }

  /** How often an operation was called. */
  callCount(operation: FakeOperation): number {
    return this.#counts.get(operation) ?? 0;
  }

  /** Puts one record by the MD5 of its partition key. Text is stored as UTF-8. */
  put(partitionKey: string, data: Uint8Array | string): { readonly shardId: string; readonly sequenceNumber: string } {
    const stream = this.#existing();
    const shard = stream.shardFor(hashKeyOf(partitionKey));
    const { raw } = stream.put(partitionKey, toBytes(data), shard);
    return { shardId: shard.shardId, sequenceNumber: raw.sequenceNumber };
  }

  /** Puts one record into a given open shard, whatever its key. */
  putTo(shardId: string, data: Uint8Array | string, partitionKey = 'key'): { readonly sequenceNumber: string } {
    const stream = this.#existing();
    const shard = stream.find(shardId);
    if (shard === undefined || shard.closed !== undefined) throw new Error(`${shardId} is not an open shard`);
    return { sequenceNumber: stream.put(partitionKey, toBytes(data), shard).raw.sequenceNumber };
  }

  /** Splits an open shard, in the middle unless a hash key is given. Answers the ids of the children. */
  split(shardId: string, newStartingHashKey?: bigint): readonly [string, string] {
    const [lower, upper] = this.#existing().split(shardId, newStartingHashKey);
    return [lower.shardId, upper.shardId];
  }

  /** Merges two adjacent open shards. Answers the id of the child. */
  merge(shardId: string, adjacentShardId: string): string {
    return this.#existing().merge(shardId, adjacentShardId).shardId;
  }

  /** Splits and merges until that many open shards divide the hash space evenly, as UpdateShardCount does. */
  updateShardCount(targetShardCount: number): void {
    this.#existing().reshape(targetShardCount);
  }

  /** Takes records of a shard away as retention would: through a sequence number, or all. */
  trim(shardId: string, throughSequenceNumber?: string): void {
    const through = throughSequenceNumber === undefined ? undefined : BigInt(throughSequenceNumber);
    this.#existing().trim(shardId, through);
  }

  /** Takes a closed shard off the list, as retention does. */
  forget(shardId: string): void {
    this.#existing().forget(shardId);
  }

  /** The status that DescribeStream shows. */
  get status(): StreamDescription['status'] {
    return this.#status;
  }

  /** Sets the status that DescribeStream shows and that the other calls obey. */
  setStatus(status: StreamDescription['status']): void {
    this.#status = status;
  }

  /** Deletes the stream: from now on it is not found. */
  delete(): void {
    this.#stream = undefined;
  }

  /** Creates the stream anew under the same name, empty, with a new time of creation. */
  recreate(shardCount = this.#options.shardCount): void {
    this.#newest = this.#newStream(shardCount, this.#newest);
    this.#stream = this.#newest;
    this.#status = 'ACTIVE';
  }

  /** Puts an interceptor around all calls, outside those already there; the returned function removes it. */
  intercept(interceptor: FakeInterceptor): () => void {
    this.#interceptors = [...this.#interceptors, interceptor];
    return () => {
      this.#interceptors = this.#interceptors.filter((other) => other !== interceptor);
    };
  }

  /** Makes the next calls of one operation throw; `awsError` and `networkError` make what to throw. */
  failNext(operation: FakeOperation, error: Error, times = 1): void {
    let left = times;
    const remove = this.intercept((call, proceed) => {
      if (call.operation !== operation || left === 0) return proceed();
      left -= 1;
      if (left === 0) remove();
      return Promise.reject(error);
    });
  }

  /** The calls, as one caller makes them. The name lets an interceptor tell callers apart. */
  connect(caller = 'test'): KinesisApi {
    const calls = this.#calls;
    const perform = <T>(
      operation: FakeOperation,
      shardId: string | undefined,
      signal: AbortSignal,
      answer: () => T,
    ): Promise<T> => this.#perform({ operation, caller, shardId }, signal, answer);
    return {
      describeStream: (signal) => perform('describeStream', undefined, signal, () => calls.describeStream()),
      listShards: (request, signal) => perform('listShards', undefined, signal, () => calls.listShards(request)),
      getShardIterator: (request, signal) =>
        perform('getShardIterator', request.shardId, signal, () => calls.getShardIterator(request)),
      getRecords: (request, signal) =>
        perform('getRecords', calls.shardIdOf(request.iterator), signal, () => calls.getRecords(request)),
      putRecords: (entries, signal) => perform('putRecords', undefined, signal, () => calls.putRecords(entries)),
      serviceTimeMillis: () => this.nowMillis(),
    };
  }

  async #perform<T>(
    about: { operation: FakeOperation; caller: string; shardId: string | undefined },
    signal: AbortSignal,
    answer: () => T,
  ): Promise<T> {
    const { operation, caller, shardId } = about;
    const number = this.callCount(operation) + 1;
    this.#counts.set(operation, number);
    const shard = shardId === undefined ? {} : { shardId };
    let attempt = async (): Promise<unknown> => {
      if (this.#options.latencyMillis > 0) await sleep(this.#options.clock, this.#options.latencyMillis);
      return answer();
    };
    for (const interceptor of this.#interceptors) {
      const inner = attempt;
      attempt = () => interceptor({ operation, caller, number, ...shard }, inner);
    }
    try {
      // Even an answer at once takes a turn, as one over a network does.
      await Promise.resolve();
      return (await raceAbort(attempt(), signal)) as T;
    } catch (thrown) {
      const error = signal.aborted ? new DOMException(String(signal.reason), 'AbortError') : thrown;
      throw toKinesisFault(error, {
        operation: operation[0]?.toUpperCase() + operation.slice(1),
        stream: this.streamName,
        ...shard,
      });
    }
  }

  #existing(): FakeStream {
    if (this.#stream === undefined) {
      throw awsError('ResourceNotFoundException', `Stream ${this.streamName} under account ${account} not found.`);
    }
    return this.#stream;
  }

  #newStream(shardCount: number, previous?: FakeStream): FakeStream {
    const { retentionPeriodHours } = this.#options;
    const nowMillis = () => this.nowMillis();
    return new FakeStream({
      shardCount,
      retentionPeriodHours,
      nowMillis,
      ...(previous === undefined ? {} : { previous }),
    });
  }
}

function toBytes(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data;
}
