import {
  DescribeStreamSummaryCommand,
  type DescribeStreamSummaryOutput,
  GetRecordsCommand,
  type GetRecordsInput,
  type GetRecordsOutput,
  GetShardIteratorCommand,
  type GetShardIteratorInput,
  type KinesisClient,
  ListShardsCommand,
  PutRecordsCommand,
  type PutRecordsResultEntry,
  type Shard as AwsShard,
  type ShardFilter as AwsShardFilter,
} from '@aws-sdk/client-kinesis';
import { invariant } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { LeanCall } from '../base/lean-call.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import { attemptsOn, required, toChildShard, toRawRecord } from './aws-values.ts';
import { encodeCbor } from './codec/cbor-encode.ts';
import type { Codec } from './codec/codec.ts';
import { installCodec } from './codec/install.ts';
import type { DecodedPage } from './codec/page.ts';
import { DecodedAnswer, type GetRecordsProtocol, cborType } from './codec/protocol.ts';
import { UnreadableAnswer } from './codec/unreadable.ts';
import type {
  GetRecordsAnswer,
  KinesisApi,
  PutResult,
  ShardFilter,
  StartPosition,
  StreamDescription,
} from './kinesis-api.ts';
import { ServiceTime } from './service-time.ts';
import type { Shard } from './shard.ts';

/** The stream by name (in the client's account and region) or by ARN. */
export type StreamReference = { readonly streamName: string } | { readonly streamArn: string };

/** What {@link createAwsKinesis} needs. */
export interface AwsKinesisOptions {
  /** Made with `maxAttempts: 1`: retries are the business of the loops, which know the limits per shard. */
  readonly client: KinesisClient;
  readonly stream: StreamReference;
  readonly clock: Clock;
  /** Hears `clock.skewed` and `codec.fellBack`. */
  readonly events: EventSink;
  /** How answers of GetRecords are decoded: `json`. It becomes the protocol of the client. */
  readonly codec?: Codec;
  /** For the numbers of calls: the randomness of the process. */
  readonly random?: Random;
}

/**
 * The calls of Kinesis over the AWS SDK. Adds a middleware to the client that reads the Date header of each answer. All
 * calls but GetRecords go through all layers of the SDK; GetRecords with a codec of Millrace goes past most of them, once one
 * has been answered (see {@link LeanCall}).
 */
export function createAwsKinesis(options: AwsKinesisOptions): KinesisApi {
  const { client } = options;
  const stream = 'streamArn' in options.stream ? options.stream.streamArn : options.stream.streamName;
  const target = 'streamArn' in options.stream ? { StreamARN: stream } : { StreamName: stream };
  const serviceTime = new ServiceTime(options.clock, options.events);
  const observe = ({ headers }: HeadOfAnswer) => serviceTime.observe(headers?.['date']);
  watchAnswers(client, observe);
  const reading = new RecordsReading(client, options.codec ?? 'json', options.events);
  const lean = new LeanCall({ config: client.config, random: options.random ?? systemRandom, onAnswer: observe });
  if (options.codec !== 'sdk') learnFromRecords(client, lean, 'StreamARN' in target ? stream : undefined);

  const attempt = attemptsOn(stream);

  return {
    serviceTimeMillis: () => serviceTime.nowMillis(),

    describeStream: (signal) =>
      attempt('DescribeStreamSummary', signal, async () => {
        const command = new DescribeStreamSummaryCommand(target);
        return toDescription(await client.send(command, { abortSignal: signal }));
      }),

    listShards: (request, signal) =>
      attempt('ListShards', signal, async () => {
        // A later page names no stream: Kinesis refuses both together.
        const input =
          'nextToken' in request ? { NextToken: request.nextToken } : { ...target, ...filterInput(request.filter) };
        const output = await client.send(new ListShardsCommand(input), { abortSignal: signal });
        const shards = (output.Shards ?? []).map(toShard);
        return output.NextToken === undefined ? { shards } : { shards, nextToken: output.NextToken };
      }),

    getShardIterator: ({ shardId, start }, signal) =>
      attempt(
        'GetShardIterator',
        signal,
        async () => {
          const command = new GetShardIteratorCommand({ ...target, ShardId: shardId, ...startInput(start) });
          const output = await client.send(command, { abortSignal: signal });
          return required(output.ShardIterator, 'ShardIterator');
        },
        shardId,
      ),

    getRecords: ({ iterator, limit, shardId }, signal) =>
      attempt(
        'GetRecords',
        signal,
        async () => {
          const arn = 'StreamARN' in target ? target : {};
          const input = { ...arn, ShardIterator: iterator, Limit: limit };
          const answered = (await lean.send((type) => encodeRequest(input, type), signal)) as DecodedAnswer | undefined;
          const sent = answered ?? (await client.send(new GetRecordsCommand(input), { abortSignal: signal }));
          return reading.answerOf(sent);
        },
        shardId,
      ),

    putRecords: (entries, signal) =>
      attempt('PutRecords', signal, async () => {
        const Records = entries.map((entry) => ({
          Data: entry.data,
          PartitionKey: entry.partitionKey,
          ...(entry.explicitHashKey === undefined ? {} : { ExplicitHashKey: entry.explicitHashKey }),
        }));
        const output = await client.send(new PutRecordsCommand({ ...target, Records }), { abortSignal: signal });
        const results = (output.Records ?? []).map(toPutResult);
        invariant(results.length === entries.length, `${entries.length} records put, ${results.length} results`);
        return results;
      }),
  };
}

/** The part of a raw answer that tells the service's time. */
interface HeadOfAnswer {
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Innermost in the last step, so that it sees the raw answer, refusals included. */
function watchAnswers(client: KinesisClient, observe: (answer: HeadOfAnswer) => void): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      observe(result.response ?? {});
      return result;
    },
    { step: 'deserialize', priority: 'low' },
  );
}

/** Shows calls of GetRecords to `lean`, unless they name another stream by its ARN: where they go may depend on it. */
function learnFromRecords(client: KinesisClient, lean: LeanCall, streamArn: string | undefined): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      if (context['commandName'] === 'GetRecordsCommand') {
        const { StreamARN } = args.input as GetRecordsInput;
        if (StreamARN === streamArn) lean.learn({ request: args.request, response: result.response, context });
      }
      return result;
    },
    { step: 'deserialize', priority: 'low' },
  );
}

/** The body of a request in the form that the SDK's own was in. */
function encodeRequest(input: GetRecordsInput, contentType: string): Uint8Array {
  return contentType.startsWith(cborType) ? encodeCbor(input) : Buffer.from(JSON.stringify(input), 'utf8');
}

function toDescription(output: DescribeStreamSummaryOutput): StreamDescription {
  const summary = required(output.StreamDescriptionSummary, 'StreamDescriptionSummary');
  const strategy = summary.RecordDistributionStrategy;
  return {
    streamName: required(summary.StreamName, 'StreamName'),
    streamArn: required(summary.StreamARN, 'StreamARN'),
    status: required(summary.StreamStatus, 'StreamStatus'),
    createdAtMillis: required(summary.StreamCreationTimestamp, 'StreamCreationTimestamp').getTime(),
    retentionPeriodHours: required(summary.RetentionPeriodHours, 'RetentionPeriodHours'),
    ...(strategy === undefined ? {} : { recordDistributionStrategy: strategy }),
  };
}

function toShard(shard: AwsShard): Shard {
  const range = required(shard.SequenceNumberRange, 'SequenceNumberRange');
  const ending = range.EndingSequenceNumber;
  return {
    shardId: required(shard.ShardId, 'ShardId'),
    parentShardIds: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined),
    startingHashKey: required(shard.HashKeyRange?.StartingHashKey, 'StartingHashKey'),
    endingHashKey: required(shard.HashKeyRange?.EndingHashKey, 'EndingHashKey'),
    startingSequenceNumber: required(range.StartingSequenceNumber, 'StartingSequenceNumber'),
    ...(ending === undefined ? {} : { endingSequenceNumber: ending }),
  };
}

/** Turns outputs of GetRecords into answers, whoever has decoded them. */
class RecordsReading {
  readonly #protocol: GetRecordsProtocol | undefined;
  readonly #codec: Codec;
  readonly #events: EventSink;
  #isIgnored = false;

  constructor(client: KinesisClient, codec: Codec, events: EventSink) {
    this.#protocol = installCodec(client, codec, events);
    this.#codec = codec;
    this.#events = events;
  }

  answerOf(output: GetRecordsOutput | DecodedAnswer): GetRecordsAnswer {
    if (output instanceof DecodedAnswer) return answerOfPage(output.page);
    // An SDK of another version, which takes a protocol and then does not ask it.
    if (this.#protocol?.answers === 0 && !this.#isIgnored && this.#codec !== 'sdk') {
      this.#isIgnored = true;
      const reason = 'the client does not ask its protocol';
      this.#events.publish({ type: 'codec.fellBack', codec: this.#codec, to: 'sdk', reason, times: 1 });
    }
    return toAnswer(output);
  }
}

function answerOfPage(page: DecodedPage): GetRecordsAnswer {
  const { records, nextIterator, millisBehindLatest, childShards, wireBytes } = page;
  return {
    records,
    ...(nextIterator === undefined ? {} : { nextIterator }),
    millisBehindLatest: millisBehindLatest ?? 0,
    childShards,
    ...(wireBytes === undefined || records.length === 0 ? {} : { wireBytes }),
  };
}

function toAnswer(output: GetRecordsOutput): GetRecordsAnswer {
  // Without the list this would look like the end of a shard.
  if (output.Records === undefined) throw new UnreadableAnswer('the answer has no Records');
  return {
    records: output.Records.map(toRawRecord),
    ...(output.NextShardIterator === undefined ? {} : { nextIterator: output.NextShardIterator }),
    millisBehindLatest: output.MillisBehindLatest ?? 0,
    childShards: (output.ChildShards ?? []).map(toChildShard),
  };
}

function toPutResult(entry: PutRecordsResultEntry): PutResult {
  if (entry.ErrorCode !== undefined) {
    return { ok: false, errorCode: entry.ErrorCode, errorMessage: entry.ErrorMessage ?? '' };
  }
  return {
    ok: true,
    shardId: required(entry.ShardId, 'ShardId'),
    sequenceNumber: required(entry.SequenceNumber, 'SequenceNumber'),
  };
}

function filterInput(filter: ShardFilter | undefined): { ShardFilter?: AwsShardFilter } {
  if (filter === undefined) return {};
  if (!('timestampMillis' in filter)) return { ShardFilter: { Type: filter.type } };
  return { ShardFilter: { Type: filter.type, Timestamp: new Date(filter.timestampMillis) } };
}

function startInput(
  start: StartPosition,
): Pick<GetShardIteratorInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'> {
  switch (start.type) {
    case 'TRIM_HORIZON':
    case 'LATEST':
      return { ShardIteratorType: start.type };
    case 'AT_TIMESTAMP':
      return { ShardIteratorType: start.type, Timestamp: new Date(start.timestampMillis) };
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      return { ShardIteratorType: start.type, StartingSequenceNumber: start.sequenceNumber };
  }
}
