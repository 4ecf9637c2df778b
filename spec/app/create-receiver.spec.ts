import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { describe, expect, it } from 'vitest';
import { createReceiver } from '../../lib/app/create-receiver.ts';
import { startFakeAws } from '../../lib/testkit/server/start.ts';
import { testKinesisClient } from '../support/local-stack.ts';

describe('a receiver for an engine of your own', () => {
  it('is watched like a consumer: a snapshot, a listener, and figures for CloudWatch', async () => {
    await using aws = await startFakeAws();
    const client = testKinesisClient(aws.endpoint);
    await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 1 }));
    client.destroy();
    for (const text of ['1', '2', '3']) aws.stream('orders').put(text, text);
    const metrics: string[] = [];
    const cloudWatch = createServer((request, response) => {
      metrics.push(request.headers['x-amz-target']?.toString() ?? request.url ?? '');
      request.resume().once('end', () => response.end());
    });
    await new Promise<void>((listening) => cloudWatch.listen(0, '127.0.0.1', listening));
    try {
      const receiver = createReceiver({
        applicationName: 'totals',
        streamName: 'orders',
        until: 'CAUGHT_UP',
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        kinesisEndpoint: aws.endpoint,
        dynamoDBEndpoint: aws.endpoint,
        heartbeatIsolation: 'inline',
        cloudWatch: true,
        cloudWatchEndpoint: `http://127.0.0.1:${(cloudWatch.address() as AddressInfo).port}`,
        alerts: { receiverErrors: 1 },
      });
      expect(receiver.snapshot()).toMatchObject({ application: { applicationName: 'totals', status: 'starting' } });
      const started: unknown[] = [];
      const remove = receiver.addStreamingListener({ onReceiverStarted: (event) => void started.push(event) });
      const taken: string[] = [];
      const onBatch = async (batch: readonly { readonly records: readonly { text(): string }[] }[]) => {
        for (const { records } of batch) taken.push(...records.map((record) => record.text()));
      };
      await receiver.feed({ onBatch }, { batchIntervalMillis: 50 });
      remove();
      expect(taken.toSorted()).toEqual(['1', '2', '3']);
      expect(started).toHaveLength(1);
      expect(receiver.snapshot().shards).toMatchObject([{ shardId: 'shardId-000000000000' }]);
      // What is left is published at the end of the run.
      expect(metrics.length).toBeGreaterThan(0);
    } finally {
      cloudWatch.closeAllConnections();
      cloudWatch.close();
    }
  });
});
