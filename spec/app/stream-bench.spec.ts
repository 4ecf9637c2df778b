import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StreamBenchFigures, benchStream } from '../../lib/app/stream-bench.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';

let aws: LocalFakeAws;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

beforeAll(async () => {
  aws = await startFakeAws();
  const shape = { recordsPerPage: 10, recordBytes: 100, pagesPerShard: 3 };
  await aws.createBulkStream({ streamName: 'orders', shardCount: 3, ...shape });
});

afterAll(() => aws.stop());

function bench(more: Partial<Parameters<typeof benchStream>[0]>): Promise<StreamBenchFigures> {
  const given = { region: testRegion, credentials: testCredentials, kinesisEndpoint: aws.endpoint, logger: quiet };
  return benchStream({ streamName: 'orders', ...given, ...more });
}

/** Reads until everything is there, and ends the measurement then. */
function benchUntil(records: number, more: Partial<Parameters<typeof benchStream>[0]> = {}) {
  const enough = new AbortController();
  const onProgress = (figures: StreamBenchFigures) => {
    if (figures.records >= records) enough.abort();
  };
  return bench({ seconds: 60, signal: enough.signal, onProgress, ...more });
}

describe('benchStream', () => {
  it.each(['POLLING', 'FAN_OUT'] as const)(
    'adds up what every shard gave, by %s',
    async (retrievalMode) => {
      const figures = await benchUntil(90, { retrievalMode });
      expect(figures).toMatchObject({ streamName: 'orders', retrievalMode, records: 90, bytes: 9_000 });
      expect(figures.seconds).toBeLessThan(60);
      expect(figures.cpuSeconds).toBeGreaterThan(0);
      expect(figures.recordsPerSecond).toBeCloseTo(90 / figures.seconds, 0);
      expect(figures.shards.map(({ shardId, records, bytes }) => [shardId, records, bytes])).toEqual(
        [0, 1, 2].map((index) => [`shardId-00000000000${index}`, 30, 3_000]),
      );
    },
    70_000,
  );

  it('touches no table, and leaves no stream consumer behind', async () => {
    await benchUntil(90, { retrievalMode: 'FAN_OUT' });
    const { calls, tables } = await aws.stats();
    expect(tables).toEqual({});
    expect(Object.keys(calls)).not.toContain('CreateTable');
    expect(calls['DeregisterStreamConsumer']).toBe(calls['RegisterStreamConsumer']);
  }, 70_000);

  it('ends after its time', async () => {
    const figures = await bench({ seconds: 0.5 });
    expect(figures.seconds).toBeGreaterThanOrEqual(0.5);
  }, 60_000);

  it('follows shards that end to their children, each once', async () => {
    const stream = await createStream('splitting', 1);
    stream.put('before', Buffer.from('before'));
    stream.split('shardId-000000000000');
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) stream.put(key, Buffer.from(key));
    const { shards, records } = await benchUntil(7, { streamName: 'splitting' });
    expect(records).toBe(7);
    expect(shards.map(({ isEnded }) => isEnded)).toEqual([true, false, false]);
  }, 70_000);

  it('refuses a time that is none, and tells that a stream is not there', async () => {
    await expect(bench({ seconds: 0 })).rejects.toMatchObject({ code: 'MR_CONFIG_INVALID' });
    await expect(bench({ streamName: 'nowhere' })).rejects.toMatchObject({ code: 'MR_STREAM_NOT_FOUND' });
  });
});

async function createStream(streamName: string, shardCount: number) {
  const { CreateStreamCommand } = await import('@aws-sdk/client-kinesis');
  const { createClients } = await import('../../lib/app/clients.ts');
  const clients = createClients({ region: testRegion, credentials: testCredentials, kinesisEndpoint: aws.endpoint });
  await clients.kinesis.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: shardCount }));
  clients.destroy();
  return aws.stream(streamName);
}
