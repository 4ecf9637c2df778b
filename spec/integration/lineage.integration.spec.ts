import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type MillraceEvent, StreamingContext, fileState } from '../../lib/index.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { testCredentials, testKinesisClient, testRegion } from '../support/local-stack.ts';

const records = 40;
let aws: LocalFakeAws;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lineage-'));
  aws = await startFakeAws();
  const client = testKinesisClient(aws.endpoint);
  await client.send(new CreateStreamCommand({ StreamName: 'lines', ShardCount: 2 }));
  client.destroy();
});

afterAll(async () => {
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('counts every record once when blocks that wait behind a failing output are dropped and read again', async () => {
  const stream = aws.stream('lines');
  const text = 'x'.repeat(1_500);
  // Two keys, one in each shard.
  const keys = new Map<string, string>();
  for (let n = 0; keys.size < 2; n += 1) keys.set(stream.put(`key ${n}`, text).shardId, `key ${n}`);
  const [failing = ''] = keys.keys();
  for (let n = 1; n < records; n += 1) for (const key of keys.values()) stream.put(key, text);

  const context = new StreamingContext({
    applicationName: 'lineage',
    batchIntervalMillis: 100,
    maximumRetryAttempts: -1,
    state: fileState(folder),
  });
  const dropped: MillraceEvent[] = [];
  const reread: MillraceEvent[] = [];
  context.events.subscribe((event) => {
    if (event.type === 'blocks.dropped') dropped.push(event);
    if (event.type === 'batch.reread') reread.push(event);
  });
  const shown = new Map<string, number>();
  context
    .kinesisStream({
      streamName: 'lines',
      region: testRegion,
      credentials: testCredentials,
      kinesisEndpoint: aws.endpoint,
      dynamoDBEndpoint: aws.endpoint,
      until: 'CAUGHT_UP',
      idleTimeBetweenReadsInMillis: 200,
      maxBufferedBytes: 131_072,
      maxRecords: 6,
      blockMaxRecords: 1,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    .keyByPartitionKey()
    .updateStateByKey<number>('counts', (values, sum = 0) => sum + values.length)
    .foreachBatch((batch, { group }) => {
      if (group === failing && dropped.length === 0) throw new Error('the table is away');
      // The other shard holds what it has until the first has let go of something.
      if (group !== failing && dropped.length === 0 && batch.id > 2) throw new Error('so is this one');
      for (const [key, count] of batch.collect()) shown.set(key, count);
    });
  await context.run();
  expect([...keys.values()].map((key) => shown.get(key))).toEqual([records, records]);
  expect(dropped[0]).toMatchObject({ type: 'blocks.dropped' });
  expect(reread[0]).toMatchObject({ type: 'batch.reread' });
  expect(context.snapshot().batches.completed.some(({ isReread }) => isReread)).toBe(true);
});
