import { describe, expect, it } from 'vitest';
import { type ClientOptions, createClients } from '../../lib/app/clients.ts';
import { type Clock, systemClock } from '../../lib/base/clock.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { type StreamReference, createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import type { KinesisApi } from '../../lib/kinesis/kinesis-api.ts';
import { patiently } from '../../lib/kinesis/patience.ts';
import { createProducer } from '../../lib/kinesis/producer.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { freePort } from '../support/child-server.ts';
import {
  type KinesisWire,
  type WireHandler,
  refusal,
  startKinesisWire,
  streamSummary,
} from '../support/kinesis-wire.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';

const signal = new AbortController().signal;

interface Bench {
  readonly api: KinesisApi;
  readonly events: readonly MillraceEvent[];
}

async function withClient(
  endpoint: string,
  body: (bench: Bench) => Promise<void>,
  more: ClientOptions & { stream?: StreamReference; clock?: Clock } = {},
): Promise<void> {
  const { stream, clock, ...options } = more;
  const clients = createClients({
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: endpoint,
    ...options,
  });
  const events: MillraceEvent[] = [];
  const api = createAwsKinesis({
    client: clients.kinesis,
    stream: stream ?? { streamName: 'orders' },
    clock: clock ?? systemClock,
    events: { publish: (event) => events.push(event) },
  });
  try {
    await body({ api, events });
  } finally {
    clients.destroy();
  }
}

async function withWire(
  handlers: Readonly<Record<string, WireHandler>>,
  body: (bench: Bench & { wire: KinesisWire }) => Promise<void>,
  more: Parameters<typeof withClient>[2] = {},
): Promise<void> {
  const wire = await startKinesisWire(handlers);
  try {
    await withClient(wire.endpoint, (bench) => body({ ...bench, wire }), more);
  } finally {
    await wire.stop();
  }
}

describe('createAwsKinesis', () => {
  it('tries each call once', async () => {
    const handlers = { GetRecords: () => refusal('ProvisionedThroughputExceededException') };
    await withWire(handlers, async ({ api, wire }) => {
      const fault = { kind: 'throttled', code: 'MR_THROTTLED', subject: { stream: 'orders', shard: 'shardId-0' } };
      await expect(api.getRecords({ iterator: 'x', limit: 1, shardId: 'shardId-0' }, signal)).rejects.toMatchObject(
        fault,
      );
      expect(wire.operations).toEqual(['GetRecords']);
    });
  });

  it('shows the status of a stream that is DELETING, and says streamNotActive where a call needs more', async () => {
    const handlers = {
      DescribeStreamSummary: () => streamSummary('orders', 'DELETING'),
      PutRecords: () => refusal('ResourceInUseException', 'Stream orders under account 1 is DELETING.'),
    };
    await withWire(handlers, async ({ api }) => {
      expect(await api.describeStream(signal)).toEqual({
        streamName: 'orders',
        streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/orders',
        status: 'DELETING',
        createdAtMillis: Date.UTC(2026, 0, 1),
        retentionPeriodHours: 24,
      });
      await expect(api.putRecords([], signal)).rejects.toMatchObject({
        kind: 'streamNotActive',
        code: 'MR_STREAM_NOT_ACTIVE',
        message: expect.stringContaining('wait until it is ACTIVE') as string,
      });
    });
  });

  it('says denied for a refused action, with the operation, the stream and the remedy', async () => {
    const handlers = { ListShards: () => refusal('AccessDeniedException', 'User x is not authorized') };
    await withWire(handlers, async ({ api }) => {
      await expect(api.listShards({}, signal)).rejects.toMatchObject({
        kind: 'denied',
        code: 'MR_ACCESS_DENIED',
        message:
          'MR_ACCESS_DENIED: Kinesis ListShards for stream orders was denied (AccessDeniedException 400: ' +
          'User x is not authorized); allow the action for these credentials, or use others',
      });
    });
  });

  it('puts the refused half of a PutRecords again, and only that', async () => {
    const offered: string[][] = [];
    const handlers: Record<string, WireHandler> = {
      PutRecords(body, number) {
        const keys = (body['Records'] as { PartitionKey: string }[]).map((record) => record.PartitionKey);
        offered.push(keys);
        const Records = keys.map((key, index) =>
          index % 2 === 1
            ? { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' }
            : { ShardId: 'shardId-000000000000', SequenceNumber: `${number}${key}` },
        );
        return { body: { FailedRecordCount: Math.floor(keys.length / 2), Records } };
      },
    };
    await withWire(handlers, async ({ api }) => {
      const clock = new VirtualClock();
      const producer = createProducer({
        api,
        clock: { ...systemClock, timer: (_, fire) => clock.timer(0, fire) },
        random: seededRandom(1),
      });
      const entries = ['1', '2', '3', '4'].map((partitionKey) => ({ data: new Uint8Array([1]), partitionKey }));
      const putting = producer.putAll(entries, signal);
      let done = false;
      void putting.finally(() => (done = true));
      while (!done) {
        await clock.advance(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect((await putting).map((receipt) => receipt.sequenceNumber)).toEqual(['11', '22', '13', '34']);
      expect(offered).toEqual([['1', '2', '3', '4'], ['2', '4'], ['4']]);
    });
  });

  it('names the stream by its ARN in every call but a later page of a listing', async () => {
    const streamArn = 'arn:aws:kinesis:us-east-1:000000000000:stream/orders';
    const bodies: Record<string, unknown>[] = [];
    const answer =
      (body: object): WireHandler =>
      (request) => {
        bodies.push(request);
        return { body };
      };
    const handlers = {
      ListShards: answer({ Shards: [] }),
      GetShardIterator: answer({ ShardIterator: 'it' }),
      GetRecords: answer({ Records: [], MillisBehindLatest: 5, NextShardIterator: 'next' }),
    };
    const body = async ({ api }: Bench) => {
      await api.listShards({ filter: { type: 'AT_TIMESTAMP', timestampMillis: 1_500 } }, signal);
      await api.listShards({ nextToken: 'more' }, signal);
      await api.getShardIterator({ shardId: 's', start: { type: 'AT_TIMESTAMP', timestampMillis: 2_500 } }, signal);
      const page = await api.getRecords({ iterator: 'it', limit: 7 }, signal);
      expect(page).toEqual({ records: [], millisBehindLatest: 5, nextIterator: 'next', childShards: [] });
    };
    await withWire(handlers, body, { stream: { streamArn } });
    expect(bodies).toEqual([
      { StreamARN: streamArn, ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: 1.5 } },
      { NextToken: 'more' },
      { StreamARN: streamArn, ShardId: 's', ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 2.5 },
      { StreamARN: streamArn, ShardIterator: 'it', Limit: 7 },
    ]);
  });

  it("takes the service's time from every answer, refusals too, and tells a clock that is a day off", async () => {
    const clock = new VirtualClock({ startWallMillis: Date.UTC(2026, 5, 2, 12) });
    const date = new Date(Date.UTC(2026, 5, 1, 12)).toUTCString();
    const handlers = {
      ListShards: () => ({ status: 400, body: { __type: 'LimitExceededException' }, headers: { date } }),
    };
    const body = async ({ api, events }: Bench) => {
      expect(api.serviceTimeMillis()).toBe(Date.UTC(2026, 5, 2, 12));
      await expect(api.listShards({}, signal)).rejects.toMatchObject({ kind: 'throttled' });
      await expect(api.listShards({}, signal)).rejects.toMatchObject({ kind: 'throttled' });
      expect(api.serviceTimeMillis()).toBe(Date.UTC(2026, 5, 1, 12));
      expect(events).toEqual([{ type: 'clock.skewed', skewMillis: 86_400_000 }]);
    };
    await withWire(handlers, body, { clock });
  });

  it('goes on after a signature that was refused because of a wrong clock', async () => {
    const date = new Date(Date.now() + 86_400_000).toUTCString();
    const handlers: Record<string, WireHandler> = {
      DescribeStreamSummary: (_body, number) =>
        number === 1
          ? {
              status: 400,
              body: { __type: 'InvalidSignatureException', message: 'Signature expired' },
              headers: { date },
            }
          : streamSummary('orders'),
    };
    await withWire(handlers, async ({ api, wire }) => {
      const describeIt = () => api.describeStream(signal);
      const options = { clock: systemClock, random: seededRandom(1), signal };
      await expect(patiently(describeIt, options)).resolves.toMatchObject({ status: 'ACTIVE' });
      expect(wire.operations).toHaveLength(2);
    });
  });

  it('says unreachable when nobody listens, over HTTP/1.1 and over HTTP/2', async () => {
    const port = await freePort();
    for (const scheme of ['http', 'https']) {
      await withClient(`${scheme}://127.0.0.1:${port}`, async ({ api }) => {
        await expect(api.describeStream(signal)).rejects.toMatchObject({
          kind: 'unreachable',
          code: 'MR_ENDPOINT_UNREACHABLE',
          message: expect.stringContaining('ECONNREFUSED') as string,
        });
      });
    }
  });

  it('says unreachable when no answer comes in time, and when the connection is cut', async () => {
    const handlers: Record<string, WireHandler> = {
      DescribeStreamSummary: () => 'hang',
      ListShards: () => 'cut',
      GetRecords: () => 'half',
    };
    const body = async ({ api }: Bench) => {
      await expect(api.describeStream(signal)).rejects.toMatchObject({
        kind: 'unreachable',
        cause: { name: 'TimeoutError' },
      });
      await expect(api.listShards({}, signal)).rejects.toMatchObject({ kind: 'unreachable' });
      await expect(api.getRecords({ iterator: 'x', limit: 1 }, signal)).rejects.toMatchObject({ kind: 'unreachable' });
    };
    await withWire(handlers, body, { requestTimeoutMillis: 100 });
  });

  it.each(['hang', 'cut', 'half'] as const)('says unreachable of a later read too (%s)', async (answer) => {
    const page = { body: { Records: [], MillisBehindLatest: 0, NextShardIterator: 'next' } };
    const handlers: Record<string, WireHandler> = { GetRecords: (_, number) => (number === 2 ? answer : page) };
    const body = async ({ api }: Bench) => {
      const read = () => api.getRecords({ iterator: 'x', limit: 1 }, signal);
      await read();
      await expect(read()).rejects.toMatchObject({ kind: 'unreachable' });
      await expect(read()).resolves.toMatchObject({ nextIterator: 'next' });
    };
    await withWire(handlers, body, { requestTimeoutMillis: 200 });
  });

  it('says transient for a fault of the service and for an answer that is not JSON', async () => {
    const handlers = {
      DescribeStreamSummary: () => refusal('InternalFailure', 'sorry', 500),
      ListShards: () => ({ body: '<html>' }),
    };
    await withWire(handlers, async ({ api }) => {
      await expect(api.describeStream(signal)).rejects.toMatchObject({ kind: 'transient', reaction: 'retry' });
      await expect(api.listShards({}, signal)).rejects.toMatchObject({ kind: 'transient' });
    });
  });

  it('says what is missing in an answer that cannot be from Kinesis', async () => {
    await withWire({ DescribeStreamSummary: () => ({ body: {} }) }, async ({ api }) => {
      await expect(api.describeStream(signal)).rejects.toMatchObject({
        kind: 'fatal',
        message: expect.stringContaining('no StreamDescriptionSummary; is the endpoint really Kinesis?') as string,
      });
    });
  });

  it.each([
    ['hang', 'first'],
    ['half', 'first'],
    ['hang', 'later'],
    ['half', 'later'],
  ] as const)('ends a call under way when the signal aborts (%s, the %s call)', async (answer, which) => {
    const page = { body: { Records: [], MillisBehindLatest: 0, NextShardIterator: 'next' } };
    const before = which === 'later' ? 2 : 0;
    const handlers: Record<string, WireHandler> = { GetRecords: (_, number) => (number <= before ? page : answer) };
    await withWire(handlers, async ({ api, wire }) => {
      for (let count = 0; count < before; count += 1) await api.getRecords({ iterator: 'x', limit: 1 }, signal);
      const controller = new AbortController();
      const reading = api.getRecords({ iterator: 'x', limit: 1 }, controller.signal);
      const outcome = reading.catch((thrown: unknown) => thrown);
      await expect.poll(() => wire.operations.length).toBe(before + 1);
      // Time for the half answer to arrive; the outcome is the same when it has not.
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.abort(new Error('enough'));
      expect(await outcome).toMatchObject({ kind: 'aborted', code: 'MR_ABORTED' });
    });
  });

  it('says credentialsMissing when there are none', async () => {
    const credentials = () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' }));
    const body = async ({ api, wire }: Bench & { wire: KinesisWire }) => {
      await expect(api.describeStream(signal)).rejects.toMatchObject({ code: 'MR_CREDENTIALS_MISSING' });
      expect(wire.operations).toEqual([]);
    };
    await withWire({}, body, { credentials });
  });
});
