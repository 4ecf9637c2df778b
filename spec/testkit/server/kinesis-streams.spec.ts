import {
  CreateStreamCommand,
  type CreateStreamCommandInput,
  DeleteStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  type ListShardsCommandInput,
  ListStreamsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { maxHashKey } from '../../../lib/testkit/hash-key.ts';
import { type FakeAwsOptions, startFakeAws } from '../../../lib/testkit/server/start.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import { kinesisClient } from './aws-clients.ts';

const StreamName = 'orders';

async function setup(options: Partial<FakeAwsOptions> = {}, stream: Partial<CreateStreamCommandInput> = {}) {
  const clock = new VirtualClock();
  const aws = await startFakeAws({ clock, ...options });
  const client = kinesisClient(aws);
  onTestFinished(async () => {
    client.destroy();
    await aws.stop();
  });
  await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1, ...stream }));
  const summary = async () =>
    (await client.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary;
  const status = async () => (await summary())?.StreamStatus;
  return { clock, aws, client, summary, status };
}

async function shardIds(client: KinesisClient, input: Partial<ListShardsCommandInput> = {}): Promise<number[]> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName, ...input }));
  return Shards.map((shard) => Number(shard.ShardId?.slice(-12)));
}

describe('a stream of the fake AWS', () => {
  it('is CREATING, UPDATING and DELETING for a while, and busy meanwhile', async () => {
    const { clock, client, status } = await setup({ transitionMillis: 1_000 });
    const split = new SplitShardCommand({
      StreamName,
      ShardToSplit: 'shardId-000000000000',
      NewStartingHashKey: '1000',
    });
    const inUse = { name: 'ResourceInUseException' };
    expect(await status()).toBe('CREATING');
    await expect(shardIds(client)).rejects.toMatchObject(inUse);
    await expect(client.send(new CreateStreamCommand({ StreamName }))).rejects.toMatchObject(inUse);
    await clock.advance(1_000);
    await client.send(split);
    expect(await status()).toBe('UPDATING');
    expect(await shardIds(client)).toEqual([0, 1, 2]);
    await expect(client.send(split)).rejects.toMatchObject(inUse);
    await clock.advance(1_000);
    expect(await status()).toBe('ACTIVE');
    await client.send(new DeleteStreamCommand({ StreamName }));
    expect(await status()).toBe('DELETING');
    await clock.advance(1_000);
    await expect(status()).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('is another one when it is created again: other numbers, a later time, and no iterators of the old one', async () => {
    const { client, summary } = await setup();
    const put = async () =>
      (await client.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: Buffer.of(1) }))).SequenceNumber ??
      '';
    const before = await summary();
    const first = BigInt(await put());
    const open = { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' as const };
    const { ShardIterator } = await client.send(new GetShardIteratorCommand(open));
    await client.send(new DeleteStreamCommand({ StreamName }));
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
    const after = await summary();
    expect(after?.OpenShardCount).toBe(2);
    expect(after?.StreamCreationTimestamp?.getTime()).toBeGreaterThan(before?.StreamCreationTimestamp?.getTime() ?? 0);
    expect(BigInt(await put())).toBeGreaterThan(first);
    await expect(client.send(new GetRecordsCommand({ ShardIterator }))).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
  });

  it('is not deleted with its consumers unless told to', async () => {
    const { client, summary } = await setup();
    const StreamARN = (await summary())?.StreamARN;
    await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'reader' }));
    expect((await summary())?.ConsumerCount).toBe(1);
    await expect(client.send(new DeleteStreamCommand({ StreamARN }))).rejects.toMatchObject({
      name: 'ResourceInUseException',
    });
    await client.send(new DeleteStreamCommand({ StreamARN, EnforceConsumerDeletion: true }));
    expect((await client.send(new ListStreamsCommand())).StreamNames).toEqual([]);
  });

  it('is listed on pages, and described with its shards', async () => {
    const { client } = await setup({}, { ShardCount: 3 });
    for (const name of ['b', 'c']) await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 1 }));
    const first = await client.send(new ListStreamsCommand({ Limit: 2 }));
    expect([first.StreamNames, first.HasMoreStreams]).toEqual([['b', 'c'], true]);
    const second = await client.send(new ListStreamsCommand({ NextToken: first.NextToken }));
    expect([second.StreamNames, second.HasMoreStreams]).toEqual([[StreamName], false]);
    const one = await client.send(new DescribeStreamCommand({ StreamName, Limit: 2 }));
    expect(one.StreamDescription).toMatchObject({ StreamStatus: 'ACTIVE', HasMoreShards: true });
    const ExclusiveStartShardId = one.StreamDescription?.Shards?.at(-1)?.ShardId;
    const rest = await client.send(new DescribeStreamCommand({ StreamName, ExclusiveStartShardId }));
    expect(rest.StreamDescription?.Shards).toHaveLength(1);
  });
});

describe('the shards of a stream of the fake AWS', () => {
  it('are listed by filter, behind a shard, and on pages that carry no name', async () => {
    const { clock, aws, client } = await setup({}, { ShardCount: 2 });
    await clock.advance(1_000);
    const beforeSplit = new Date(aws.stream(StreamName).nowMillis());
    await clock.advance(1_000);
    aws.stream(StreamName).split('shardId-000000000000');
    await clock.advance(1_000);
    const filtered = (Type: 'AT_LATEST' | 'AT_TRIM_HORIZON' | 'FROM_TRIM_HORIZON') =>
      shardIds(client, { ShardFilter: { Type } });
    expect(await filtered('AT_LATEST')).toEqual([1, 2, 3]);
    expect(await filtered('AT_TRIM_HORIZON')).toEqual([0, 1]);
    expect(await filtered('FROM_TRIM_HORIZON')).toEqual([0, 1, 2, 3]);
    const at = (Type: 'AT_TIMESTAMP' | 'FROM_TIMESTAMP') =>
      shardIds(client, { ShardFilter: { Type, Timestamp: beforeSplit } });
    expect(await at('AT_TIMESTAMP')).toEqual([0, 1]);
    expect(await at('FROM_TIMESTAMP')).toEqual([0, 1, 2, 3]);
    expect(await shardIds(client, { ExclusiveStartShardId: 'shardId-000000000001' })).toEqual([2, 3]);
    const after = { Type: 'AFTER_SHARD_ID' as const, ShardId: 'shardId-000000000002' };
    expect(await shardIds(client, { ShardFilter: after })).toEqual([3]);
    const first = await client.send(new ListShardsCommand({ StreamName, MaxResults: 3 }));
    const both = new ListShardsCommand({ StreamName, NextToken: first.NextToken });
    await expect(client.send(both)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    const second = await client.send(new ListShardsCommand({ NextToken: first.NextToken, MaxResults: 3 }));
    expect([first.Shards?.length, second.Shards?.length, second.NextToken]).toEqual([3, 1, undefined]);
  });

  it('divide the hash space evenly after UpdateShardCount, at most twice and at least half as many', async () => {
    const { aws, client, summary } = await setup({}, { ShardCount: 4 });
    const update = (TargetShardCount: number) =>
      client.send(new UpdateShardCountCommand({ StreamName, TargetShardCount, ScalingType: 'UNIFORM_SCALING' }));
    for (const target of [6, 3, 5, 10]) {
      const current = (await summary())?.OpenShardCount;
      expect(await update(target)).toMatchObject({ CurrentShardCount: current, TargetShardCount: target });
      const open = aws
        .stream(StreamName)
        .openShards.toSorted((a, b) => (BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1));
      expect(open).toHaveLength(target);
      const size = (maxHashKey + 1n) / BigInt(target);
      expect(open.map((shard) => shard.startingHashKey)).toEqual(open.map((_, index) => String(size * BigInt(index))));
    }
    await expect(update(21)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    await expect(update(4)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
  });

  it('are merged only when they are adjacent, and split only inside', async () => {
    const { client } = await setup({}, { ShardCount: 3 });
    const ShardToMerge = 'shardId-000000000000';
    const merge = (AdjacentShardToMerge: string) =>
      client.send(new MergeShardsCommand({ StreamName, ShardToMerge, AdjacentShardToMerge }));
    await expect(merge('shardId-000000000002')).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    await expect(merge('shardId-000000000009')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await merge('shardId-000000000001');
    const split = (NewStartingHashKey: string) =>
      client.send(new SplitShardCommand({ StreamName, ShardToSplit: 'shardId-000000000003', NewStartingHashKey }));
    for (const wrong of ['0', 'x', String(maxHashKey), '01']) {
      await expect(split(wrong)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    }
    await split('5');
    expect(await shardIds(client, { ShardFilter: { Type: 'AT_LATEST' } })).toEqual([2, 4, 5]);
  });
});

describe('the records of a stream of the fake AWS', () => {
  it('may have 10 MiB where the server allows it', async () => {
    const maxRecordBytes = 10 * 1024 * 1024;
    const { clock, client } = await setup({ maxRecordBytes });
    const Data = Buffer.alloc(maxRecordBytes - 1, 7);
    const put = (bytes: Uint8Array) =>
      client.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: bytes }));
    const { ShardId } = await put(Data);
    await expect(put(Buffer.alloc(1))).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
    await clock.advance(11_000);
    await expect(put(Buffer.alloc(maxRecordBytes))).rejects.toMatchObject({ name: 'ValidationException' });
    const open = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' as const };
    const { ShardIterator } = await client.send(new GetShardIteratorCommand(open));
    const { Records } = await client.send(new GetRecordsCommand({ ShardIterator }));
    expect(Buffer.compare(Records?.[0]?.Data ?? Buffer.alloc(0), Data)).toBe(0);
  });

  it('are refused one by one when they are wrong, and tell the service’s words', async () => {
    const { client } = await setup();
    const put = (entry: object) =>
      client.send(
        new PutRecordsCommand({ StreamName, Records: [{ Data: Buffer.of(1), PartitionKey: 'k', ...entry }] }),
      );
    await expect(put({ ExplicitHashKey: 'x' })).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    await expect(put({ PartitionKey: '' })).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(put({ PartitionKey: undefined })).rejects.toThrow("Value null at 'partitionKey'");
    const wrong = new GetShardIteratorCommand({
      StreamName,
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: '12x',
    });
    await expect(client.send(wrong)).rejects.toMatchObject({ name: 'InvalidArgumentException' });
    const limit = new GetRecordsCommand({ ShardIterator: 'x', Limit: 10_001 });
    await expect(client.send(limit)).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(client.send(new GetRecordsCommand({ ShardIterator: 'x' }))).rejects.toMatchObject({
      name: 'InvalidArgumentException',
    });
  });
});
