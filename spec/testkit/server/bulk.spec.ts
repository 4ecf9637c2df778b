import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type GetShardIteratorCommandInput,
  type KinesisClient,
  ListShardsCommand,
  RegisterStreamConsumerCommand,
  SubscribeToShardCommand,
  type _Record,
} from '@aws-sdk/client-kinesis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import type { BulkStreamOptions } from '../../../lib/testkit/server/kinesis/bulk-stream.ts';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import { type Transport, kinesisClient } from './aws-clients.ts';

const StreamName = 'bulk';
const ShardId = 'shardId-000000000000';
const never = new AbortController().signal;

async function setup(options: Omit<BulkStreamOptions, 'streamName'>, transport: Transport = 'HTTP/1.1') {
  const aws = await startFakeAws();
  const client = kinesisClient(aws, transport);
  onTestFinished(async () => {
    client.destroy();
    await aws.stop();
  });
  const figures = await aws.createBulkStream({ ...options, streamName: StreamName });
  return { aws, client, figures };
}

async function iteratorAt(client: KinesisClient, start: Partial<GetShardIteratorCommandInput>): Promise<string> {
  const input = { ShardIteratorType: 'TRIM_HORIZON' as const, StreamName, ShardId, ...start };
  return (await client.send(new GetShardIteratorCommand(input))).ShardIterator ?? '';
}

function textOf({ SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp }: _Record): string {
  const time = ApproximateArrivalTimestamp?.getTime() ?? 0;
  expect(Math.abs(time - systemClock.wallMillis())).toBeLessThan(600_000);
  return `${SequenceNumber} ${PartitionKey} ${Buffer.from(Data ?? []).toString()}`;
}

const words = ['one', 'zwei', 'trés'].map((text, index) => ({
  data: Buffer.from(text),
  partitionKey: `key "${index}" ü`,
}));

describe('a bulk stream', () => {
  it('gives the same records in JSON, in CBOR and as events, under growing sequence numbers', async () => {
    const { client } = await setup({ records: words }, 'HTTP/2');
    let iterator = await iteratorAt(client, {});
    const bySdk: string[] = [];
    for (let page = 0; page < 12; page += 1) {
      const answer = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
      bySdk.push(...(answer.Records ?? []).map(textOf));
      iterator = answer.NextShardIterator ?? '';
    }
    expect(bySdk.map((line) => line.split(' ').at(-1)).slice(0, 4)).toEqual(['one', 'zwei', 'trés', 'one']);
    const numbers = bySdk.map((line) => BigInt(line.split(' ')[0] ?? ''));
    for (const [index, number] of numbers.entries())
      if (index > 0) expect(number > (numbers[index - 1] ?? 0n)).toBe(true);

    const api = createAwsKinesis({
      client,
      stream: { streamName: StreamName },
      clock: systemClock,
      events: new EventBus(),
      codec: 'cbor',
    });
    let cborIterator = await api.getShardIterator({ shardId: ShardId, start: { type: 'TRIM_HORIZON' } }, never);
    const byCbor: string[] = [];
    for (let page = 0; page < 12; page += 1) {
      const { records, nextIterator = '' } = await api.getRecords({ iterator: cborIterator, limit: 10_000 }, never);
      byCbor.push(
        ...records.map((one) => `${one.sequenceNumber} ${one.partitionKey} ${Buffer.from(one.data).toString()}`),
      );
      cborIterator = nextIterator;
    }
    expect(byCbor).toEqual(bySdk);

    const { Consumer } = await client.send(
      new RegisterStreamConsumerCommand({
        StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${StreamName}`,
        ConsumerName: 'reader',
      }),
    );
    const { EventStream } = await client.send(
      new SubscribeToShardCommand({
        ConsumerARN: Consumer?.ConsumerARN,
        ShardId,
        StartingPosition: { Type: 'TRIM_HORIZON' },
      }),
    );
    const byEvents: string[] = [];
    for await (const { SubscribeToShardEvent } of EventStream ?? []) {
      byEvents.push(...(SubscribeToShardEvent?.Records ?? []).map(textOf));
      if (byEvents.length >= bySdk.length) break;
    }
    expect(byEvents).toEqual(bySdk);
  });

  it('goes on inside a page, at and after a sequence number, by the limit', async () => {
    const { client } = await setup({ records: words });
    const read = async (ShardIterator: string, Limit: number) => {
      const { Records = [], NextShardIterator = '' } = await client.send(
        new GetRecordsCommand({ ShardIterator, Limit }),
      );
      return { numbers: Records.map((record) => record.SequenceNumber ?? ''), next: NextShardIterator };
    };
    const one = await read(await iteratorAt(client, {}), 2);
    const two = await read(one.next, 2);
    const three = await read(two.next, 2);
    expect([one, two, three].map((page) => page.numbers.length)).toEqual([2, 1, 2]);
    const all = [...one.numbers, ...two.numbers, ...three.numbers];
    const from = async (ShardIteratorType: 'AT_SEQUENCE_NUMBER' | 'AFTER_SEQUENCE_NUMBER', index: number) => {
      const start = { ShardIteratorType, StartingSequenceNumber: all[index] ?? '' };
      return (await read(await iteratorAt(client, start), 1)).numbers;
    };
    expect(await from('AT_SEQUENCE_NUMBER', 1)).toEqual([all[1]]);
    expect(await from('AFTER_SEQUENCE_NUMBER', 1)).toEqual([all[2]]);
    expect(await from('AFTER_SEQUENCE_NUMBER', 2)).toEqual([all[3]]);
  });

  it('is read to its end when it has one, and tells the lag until then', async () => {
    const { client } = await setup({ recordsPerPage: 2, recordBytes: 10, pagesPerShard: 3, shardCount: 2 });
    expect((await client.send(new ListShardsCommand({ StreamName }))).Shards).toHaveLength(2);
    let iterator = await iteratorAt(client, {});
    const seen: (readonly [number, number])[] = [];
    for (let page = 0; page < 5; page += 1) {
      const answer = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
      seen.push([answer.Records?.length ?? -1, answer.MillisBehindLatest ?? -1]);
      iterator = answer.NextShardIterator ?? '';
    }
    expect(seen).toEqual([
      [2, 2_000],
      [2, 1_000],
      [2, 0],
      [0, 0],
      [0, 0],
    ]);
    const latest = await iteratorAt(client, { ShardIteratorType: 'LATEST' });
    expect((await client.send(new GetRecordsCommand({ ShardIterator: latest }))).Records).toEqual([]);
  });

  it('tells how much a page holds', async () => {
    const { figures } = await setup({ recordsPerPage: 10, recordBytes: 100 });
    expect(figures).toMatchObject({ recordsPerPage: 10, dataBytesPerPage: 1_000 });
    expect(figures.jsonBytesPerPage).toBeGreaterThan(figures.cborBytesPerPage);
    expect(figures.cborBytesPerPage).toBeGreaterThan(1_000);
  });

  it('never changes an answer that is still on its way', async () => {
    const { client } = await setup({ recordsPerPage: 300, recordBytes: 1_000 }, 'HTTP/2 over TLS');
    const iterator = await iteratorAt(client, {});
    // Answers of many pages at once.
    const places = Array.from({ length: 24 }, (_, page) => iterator.replace(/\d+:\d+$/, `${page}:0`));
    const answers = await Promise.all(
      places.map((ShardIterator) => client.send(new GetRecordsCommand({ ShardIterator }))),
    );
    for (const [page, { Records = [] }] of answers.entries()) {
      expect(Records).toHaveLength(300);
      const pages = new Set(Records.map((record) => Number(record.SequenceNumber?.slice(41, 50))));
      expect([...pages]).toEqual([page]);
    }
  }, 60_000);

  it('keeps the limits of reading when it is told to', async () => {
    const { client } = await setup({ recordsPerPage: 1, limits: true });
    const ShardIterator = await iteratorAt(client, {});
    const reads = Array.from({ length: 60 }, () => client.send(new GetRecordsCommand({ ShardIterator })));
    const outcomes = await Promise.allSettled(reads);
    const refusals = outcomes.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).name] : []));
    expect(new Set(refusals)).toEqual(new Set(['ProvisionedThroughputExceededException']));
  });
});
