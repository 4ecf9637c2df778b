import { CreateStreamCommand, GetRecordsCommand, GetShardIteratorCommand } from '@aws-sdk/client-kinesis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { kinesisSink } from '../../../lib/app/sinks/kinesis-sink.ts';
import type { SinkContext } from '../../../lib/engine/sink/sink.ts';
import { type SinkItem, sinkSuite } from '../../../lib/testkit/conformance/sink-suite.ts';
import { type LocalFakeAws, startFakeAws } from '../../../lib/testkit/server/start.ts';
import { testCredentials, testKinesisClient, testRegion } from '../../support/local-stack.ts';

let aws: LocalFakeAws;
let streams = 0;

beforeAll(async () => {
  aws = await startFakeAws();
});
afterEach(() => aws.clearFaults());
afterAll(() => aws.stop());

const context: SinkContext = {
  application: 'app',
  group: 'shard-0',
  batchId: 12,
  batchTimeMillis: 1_000,
  partition: 0,
  attempt: 1,
  signal: new AbortController().signal,
};

async function createStream(): Promise<string> {
  streams += 1;
  const client = testKinesisClient(aws.endpoint);
  await client.send(new CreateStreamCommand({ StreamName: `out-${streams}`, ShardCount: 1 }));
  client.destroy();
  return `out-${streams}`;
}

const access = () => ({ region: testRegion, credentials: testCredentials, kinesisEndpoint: aws.endpoint });

/** What is on a stream, with the partition keys. */
async function recordsOf(StreamName: string): Promise<{ readonly key: string; readonly data: unknown }[]> {
  const client = testKinesisClient(aws.endpoint);
  const [shard] = aws.stream(StreamName).shards;
  const at = { StreamName, ShardId: shard?.shardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
  const { ShardIterator } = await client.send(new GetShardIteratorCommand(at));
  const { Records = [] } = await client.send(new GetRecordsCommand({ ShardIterator }));
  client.destroy();
  return Records.map(({ PartitionKey = '', Data }) => ({
    key: PartitionKey,
    data: JSON.parse(new TextDecoder().decode(Data)) as unknown,
  }));
}

describe('kinesisSink', () => {
  const cases = sinkSuite({
    shows: 'batches',
    createTarget: async () => {
      const streamName = await createStream();
      return {
        open: () => kinesisSink<SinkItem>({ ...access(), streamName }),
        shown: async () => (await recordsOf(streamName)).map(({ data }) => (data as { value: SinkItem }).value),
      };
    },
  });
  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('puts every item under the same id when the batch is given again, and pairs under their key', async () => {
    const streamName = await createStream();
    const sink = kinesisSink<SinkItem | number>({ ...access(), streamName });
    for (const attempt of [1, 2]) await sink.write([['a', '1'], 7], { ...context, attempt });
    const once = [
      { key: 'a', data: { id: 'app/shard-0/12/0', value: ['a', '1'] } },
      { key: 'app/shard-0/12/1', data: { id: 'app/shard-0/12/1', value: 7 } },
    ];
    expect(await recordsOf(streamName)).toEqual([...once, ...once]);
    expect(sink).toMatchObject({ guarantee: 'atLeastOnce', repeatable: false });
    expect(kinesisSink({ streamName, repeatable: true }).repeatable).toBe(true);
  });

  it('puts what the program makes of an item', async () => {
    const streamName = await createStream();
    const record = (item: number, id: string) => ({ data: JSON.stringify({ item, id }), partitionKey: `key ${item}` });
    await kinesisSink<number>({ ...access(), streamName, record }).write([5], context);
    expect(await recordsOf(streamName)).toEqual([{ key: 'key 5', data: { item: 5, id: 'app/shard-0/12/0' } }]);
  });

  it('puts again, alone, what Kinesis refused', async () => {
    const streamName = await createStream();
    const items = Array.from({ length: 20 }, (_, index) => index);
    // A shard takes 1 MiB a second: of these records some are refused, and taken when they are put again.
    const record = (item: number) => ({ data: JSON.stringify({ item, x: 'x'.repeat(60_000) }), partitionKey: 'a' });
    await kinesisSink<number>({ ...access(), streamName, record }).write(items, context);
    const found = (await recordsOf(streamName)).map(({ data }) => (data as { item: number }).item);
    expect(found.toSorted((a, b) => a - b)).toEqual(items);
  });

  it('says what is wrong with a record and with an option', async () => {
    const give = (record: unknown) =>
      kinesisSink<number>({ streamName: 'x', record: () => record as never }).write([1], context);
    await expect(give(undefined)).rejects.toThrow(/MR_CONFIG_INVALID.*gave no partitionKey/);
    await expect(give({ data: 'x', partitionKey: '' })).rejects.toThrow(/gave no partitionKey of 1 to 256/);
    await expect(give({ data: 7, partitionKey: 'a' })).rejects.toThrow(/gave data that is neither bytes nor a text/);
    expect(() => kinesisSink({ streamName: '' })).toThrow(/MR_CONFIG_INVALID.*needs streamName/);
    expect(() => kinesisSink({ streamName: 'x', record: 7 as never })).toThrow(/MR_CONFIG_INVALID.*no function/);
  });
});
