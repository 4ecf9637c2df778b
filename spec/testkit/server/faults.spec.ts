import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
  PutRecordCommand,
} from '@aws-sdk/client-kinesis';
import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import type { FakeFaultEffect } from '../../../lib/testkit/server/faults.ts';
import { type FakeAwsOptions, startFakeAws } from '../../../lib/testkit/server/start.ts';
import { type Transport, dynamoClient, kinesisClient } from './aws-clients.ts';

async function setup(transport: Transport = 'HTTP/1.1', options: FakeAwsOptions = {}) {
  const aws = await startFakeAws(options);
  const client = kinesisClient(aws, transport);
  onTestFinished(async () => {
    client.destroy();
    await aws.stop();
  });
  const list = () => client.send(new ListStreamsCommand());
  return { aws, client, list };
}

const transports: readonly Transport[] = ['HTTP/1.1', 'HTTP/2', 'HTTP/2 over TLS'];

describe.each(transports)('a fault over %s', (transport) => {
  it.each<[string, FakeFaultEffect, object]>([
    ['throttles', { kind: 'error', name: 'LimitExceededException' }, { name: 'LimitExceededException' }],
    [
      'fails with a status of its own',
      { kind: 'error', name: 'InternalFailure', statusCode: 500 },
      { $metadata: { httpStatusCode: 500 } },
    ],
    ['answers garbage', { kind: 'body', body: '{"StreamNames":[' }, { name: 'SyntaxError' }],
    ['cuts the connection', { kind: 'cut' }, {}],
    ['cuts the connection within the body', { kind: 'cut', afterBytes: 5 }, {}],
    ['resets the stream within the body', { kind: 'cut', afterBytes: 5, how: 'stream' }, {}],
    ['changes a byte of the body', { kind: 'corrupt', atByte: 0 }, { name: 'SyntaxError' }],
  ])('%s, once', async (_, effect, error) => {
    const { aws, list } = await setup(transport);
    await aws.inject({ operation: 'ListStreams', times: 1, effect });
    await expect(list()).rejects.toMatchObject(error);
    await expect(list()).resolves.toMatchObject({ StreamNames: [] });
    expect((await aws.stats()).calls).toEqual({ ListStreams: 2 });
  });

  it('never answers, until the caller has had enough', async () => {
    const { aws, client, list } = await setup(transport);
    await aws.inject({ operation: '*', times: 1, effect: { kind: 'cut', how: 'hang', afterBytes: 3 } });
    const caller = new AbortController();
    const calling = client.send(new ListStreamsCommand(), { abortSignal: caller.signal });
    await expect.poll(async () => (await aws.stats()).calls, { timeout: 60_000 }).toEqual({ ListStreams: 1 });
    caller.abort();
    await expect(calling).rejects.toThrow();
    await expect(list()).resolves.toMatchObject({ StreamNames: [] });
  });
});

describe('a fault', () => {
  it('delays, and adds to the latency of every call', async () => {
    const { aws, list } = await setup('HTTP/1.1', { latencyMillis: 30 });
    await aws.inject({ operation: '*', effect: { kind: 'delay', delayMillis: 40 } });
    const startMillis = systemClock.monotonicMillis();
    await list();
    // Timers may fire a millisecond early.
    expect(systemClock.monotonicMillis() - startMillis).toBeGreaterThan(65);
    await aws.clearFaults();
  });

  it('loses the answer of a call that was applied, and refuses one that was not', async () => {
    const { aws, client } = await setup();
    await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 1 }));
    const put = () =>
      client.send(new PutRecordCommand({ StreamName: 'orders', PartitionKey: 'k', Data: Buffer.of(1) }));
    await aws.inject({ operation: 'PutRecord', times: 1, effect: { kind: 'cut' } });
    await aws.inject({ operation: 'PutRecord', times: 1, effect: { kind: 'error', name: 'KMSThrottlingException' } });
    await expect(put()).rejects.toThrow();
    expect(aws.stream('orders').shards[0]?.recordCount).toBe(1);
    await expect(put()).rejects.toMatchObject({ name: 'KMSThrottlingException' });
    expect(aws.stream('orders').shards[0]?.recordCount).toBe(1);
    expect((await aws.stats()).refusals).toEqual({ 'PutRecord KMSThrottlingException': 1 });
    await put();
    expect(aws.stream('orders').shards[0]?.recordCount).toBe(2);
  });

  it('lets the bytes before a cut arrive, and the length of the whole', async () => {
    await using aws = await startFakeAws();
    await aws.inject({ operation: 'ListStreams', effect: { kind: 'cut', afterBytes: 5 } });
    const answer = await fetch(aws.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Kinesis_20131202.ListStreams',
        authorization: 'x',
      },
      body: '{}',
    });
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(5);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    expect(Buffer.from(value ?? []).toString()).toBe('{"Str');
    await expect(reader.read()).rejects.toThrow();
  });

  it('befalls the shard that it names, also by its iterator', async () => {
    const { aws, client } = await setup();
    await client.send(new CreateStreamCommand({ StreamName: 'orders', ShardCount: 2 }));
    const read = async (ShardId: string) => {
      const open = { StreamName: 'orders', ShardId, ShardIteratorType: 'LATEST' as const };
      const { ShardIterator } = await client.send(new GetShardIteratorCommand(open));
      return client.send(new GetRecordsCommand({ ShardIterator }));
    };
    const subject = { streamName: 'orders', shardId: 'shardId-000000000001' };
    await aws.inject({ operation: 'GetRecords', subject, effect: { kind: 'error', name: 'AccessDeniedException' } });
    await expect(read('shardId-000000000000')).resolves.toMatchObject({ Records: [] });
    await expect(read('shardId-000000000001')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  it('befalls calls by chance, the same ones for the same seed', async () => {
    const outcomes = async (seed: number) => {
      const { aws, list } = await setup('HTTP/1.1', { seed });
      await aws.inject({ operation: '*', probability: 0.5, effect: { kind: 'error', name: 'InternalFailure' } });
      const seen: boolean[] = [];
      for (let count = 0; count < 40; count += 1) {
        seen.push(
          await list().then(
            () => true,
            () => false,
          ),
        );
      }
      return seen;
    };
    const once = await outcomes(7);
    expect(await outcomes(7)).toEqual(once);
    expect(await outcomes(8)).not.toEqual(once);
    expect(once.filter(Boolean).length).toBeGreaterThan(5);
    expect(once.filter(Boolean).length).toBeLessThan(35);
  });
});

describe('the fake AWS', () => {
  it('names an operation that it does not have, and refuses calls without a signature', async () => {
    await using aws = await startFakeAws();
    const call = async (target: string, headers: Record<string, string> = { authorization: 'x' }) => {
      const answer = await fetch(aws.endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target, ...headers },
        body: '{}',
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, string> };
    };
    expect(await call('Kinesis_20131202.StartStreamEncryption')).toMatchObject({
      status: 400,
      body: { __type: 'UnknownOperationException', message: expect.stringContaining('StartStreamEncryption') },
    });
    expect((await call('Nothing.At')).body['__type']).toBe('UnknownOperationException');
    expect((await call('Kinesis_20131202.ListStreams', {})).body['__type']).toBe('MissingAuthenticationTokenException');
    expect((await call('Kinesis_20131202.ListStreams')).status).toBe(200);
  });

  it('has both services behind one endpoint, on one connection of each client', async () => {
    const { aws, list } = await setup('HTTP/2');
    const dynamo = dynamoClient(aws);
    await Promise.all([list(), list(), list()]);
    for (let count = 0; count < 3; count += 1) await dynamo.send(new ListTablesCommand());
    dynamo.destroy();
    expect((await aws.stats()).connections).toEqual({ http1: 1, http2: 1 });
  });
});
