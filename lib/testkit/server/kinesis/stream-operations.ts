import type { ShardFilter } from '../../../kinesis/kinesis-api.ts';
import type { Shard } from '../../../kinesis/shard.ts';
import { awsError } from '../../aws-error.ts';
import { insideOf } from '../../fake-kinesis.ts';
import { decodePageToken } from '../../fake-tokens.ts';
import { maxHashKey } from '../../hash-key.ts';
import type { RequestReader } from '../request.ts';
import type { WireValue } from '../wire-format.ts';
import type { HostedStream, KinesisAccount } from './account.ts';
import { type KinesisOperation, nothing, value } from './operation.ts';

/** Shards of a new stream that names no number: what ON_DEMAND begins with. */
const onDemandShards = 4;
const maxShards = 10_000;
/** What AWS gives a new account in most regions. The fake tells it and does not hold to it. */
const provisionedShardLimit = 500;
const onDemandStreamLimit = 50;
/** Shards of one page of DescribeStream, and names of one page of ListStreams. */
const describePageSize = 100;

/** The operations on streams and their shards. */
export const streamOperations: Readonly<Record<string, KinesisOperation>> = {
  CreateStream(account, { request }) {
    const shardCount = request.optionalInteger('ShardCount', 1, maxShards) ?? onDemandShards;
    account.create(request.text('StreamName'), shardCount);
    return nothing;
  },

  DeleteStream(account, { request }) {
    const hosted = account.streamOf(request);
    const consumers = hosted.fanOut.consumers.all.length;
    if (consumers > 0 && request.members['EnforceConsumerDeletion'] !== true) {
      throw awsError('ResourceInUseException', `${consumers} consumers are registered; set EnforceConsumerDeletion.`);
    }
    account.delete(hosted);
    return nothing;
  },

  DescribeStreamSummary(account, { request }) {
    const hosted = account.streamOf(request);
    return value({
      StreamDescriptionSummary: {
        ...descriptionOf(hosted),
        OpenShardCount: hosted.fake.openShards.length,
        ConsumerCount: hosted.fanOut.consumers.all.length,
      },
    });
  },

  DescribeStream(account, { request }) {
    const hosted = account.streamOf(request);
    const after = request.optionalText('ExclusiveStartShardId') ?? '';
    const limit = request.optionalInteger('Limit', 1, maxShards) ?? describePageSize;
    const rest = hosted.fake.shards.filter((shard) => shard.shardId > after);
    const Shards = rest.slice(0, limit).map(shardValue);
    return value({
      StreamDescription: { ...descriptionOf(hosted), Shards, HasMoreShards: rest.length > Shards.length },
    });
  },

  ListStreams(account, { request }) {
    const after = request.optionalText('ExclusiveStartStreamName') ?? request.optionalText('NextToken') ?? '';
    const limit = request.optionalInteger('Limit', 1, maxShards) ?? describePageSize;
    const rest = account.names.filter((name) => name > after);
    const StreamNames = rest.slice(0, limit);
    const HasMoreStreams = rest.length > StreamNames.length;
    return value({
      StreamNames,
      HasMoreStreams,
      ...(HasMoreStreams ? { NextToken: StreamNames.at(-1) } : {}),
      StreamSummaries: StreamNames.map((name) => {
        const { StreamName, StreamARN, StreamStatus, StreamCreationTimestamp } = descriptionOf(account.named(name));
        return { StreamName, StreamARN, StreamStatus, StreamCreationTimestamp };
      }),
    });
  },

  DescribeLimits(account) {
    const open = account.names.map((name) => account.named(name).fake.openShards.length);
    return value({
      ShardLimit: provisionedShardLimit,
      OpenShardCount: open.reduce((sum, shards) => sum + shards, 0),
      OnDemandStreamCount: 0,
      OnDemandStreamCountLimit: onDemandStreamLimit,
    });
  },

  ListShards: listShards,

  SplitShard(account, { request }) {
    const hosted = account.changeableStreamOf(request);
    const parent = request.text('ShardToSplit');
    hosted.fake.split(parent, hashKey('NewStartingHashKey', request.text('NewStartingHashKey')));
    account.transition(hosted, 'UPDATING');
    return nothing;
  },

  MergeShards(account, { request }) {
    const hosted = account.changeableStreamOf(request);
    hosted.fake.merge(request.text('ShardToMerge'), request.text('AdjacentShardToMerge'));
    account.transition(hosted, 'UPDATING');
    return nothing;
  },

  UpdateShardCount(account, { request }) {
    const hosted = account.changeableStreamOf(request);
    const target = request.integer('TargetShardCount');
    const { fake } = hosted;
    const current = fake.openShards.length;
    if (target < 1 || target > 2 * current || target < current / 2) {
      throw awsError(
        'InvalidArgumentException',
        `UpdateShardCount cannot go from ${current} to ${target} shards: at most to twice, at least to half of them.`,
      );
    }
    fake.updateShardCount(target);
    account.transition(hosted, 'UPDATING');
    return value({
      StreamName: fake.streamName,
      StreamARN: fake.streamArn,
      CurrentShardCount: current,
      TargetShardCount: target,
    });
  },
};

function listShards(account: KinesisAccount, { request }: { request: RequestReader }) {
  const maxResults = request.optionalInteger('MaxResults', 1, maxShards);
  const bound = maxResults === undefined ? {} : { maxResults };
  const nextToken = request.optionalText('NextToken');
  if (nextToken !== undefined && (request.has('StreamName') || request.has('ExclusiveStartShardId'))) {
    throw awsError('InvalidArgumentException', 'NextToken and StreamName cannot be provided together.');
  }
  const hosted =
    nextToken === undefined ? account.streamOf(request) : account.named(decodePageToken(nextToken).streamName);
  const page = insideOf(hosted.fake).calls.listShards(
    nextToken === undefined ? { ...firstPage(request), ...bound } : { nextToken, ...bound },
  );
  return value({
    Shards: page.shards.map(shardValue),
    ...(page.nextToken === undefined ? {} : { NextToken: page.nextToken }),
  });
}

function firstPage(request: RequestReader): { filter?: ShardFilter; after?: string } {
  const filter = request.optionalPart('ShardFilter');
  const after = request.optionalText('ExclusiveStartShardId') ?? filter?.optionalText('ShardId');
  const start = after === undefined ? {} : { after };
  const type = filter?.text('Type');
  switch (type) {
    case undefined:
    case 'AFTER_SHARD_ID':
    // All that retention has left.
    case 'FROM_TRIM_HORIZON':
      return start;
    case 'AT_LATEST':
    case 'AT_TRIM_HORIZON':
      return { filter: { type }, ...start };
    case 'AT_TIMESTAMP':
    case 'FROM_TIMESTAMP':
      return { filter: { type, timestampMillis: (filter as RequestReader).millis('Timestamp') }, ...start };
    default:
      throw awsError('InvalidArgumentException', `ShardFilter.Type ${type} does not exist.`);
  }
}

function descriptionOf({ fake }: HostedStream) {
  const { createdAtMillis, retentionPeriodHours, status } = insideOf(fake).calls.describeStream();
  return {
    StreamName: fake.streamName,
    StreamARN: fake.streamArn,
    StreamStatus: status,
    StreamModeDetails: { StreamMode: 'PROVISIONED' },
    RetentionPeriodHours: retentionPeriodHours,
    StreamCreationTimestamp: new Date(createdAtMillis),
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE',
  };
}

function shardValue(shard: Shard): WireValue {
  const [parent, adjacentParent] = shard.parentShardIds;
  return {
    ShardId: shard.shardId,
    ...(parent === undefined ? {} : { ParentShardId: parent }),
    ...(adjacentParent === undefined ? {} : { AdjacentParentShardId: adjacentParent }),
    HashKeyRange: { StartingHashKey: shard.startingHashKey, EndingHashKey: shard.endingHashKey },
    SequenceNumberRange: {
      StartingSequenceNumber: shard.startingSequenceNumber,
      ...(shard.endingSequenceNumber === undefined ? {} : { EndingSequenceNumber: shard.endingSequenceNumber }),
    },
  };
}

/** A hash key from its decimal text. */
export function hashKey(name: string, text: string): bigint {
  if (/^(?:0|[1-9]\d{0,38})$/.test(text) && BigInt(text) <= maxHashKey) return BigInt(text);
  throw awsError('InvalidArgumentException', `${name} ${text} is no number from 0 to 2^128 - 1.`);
}
