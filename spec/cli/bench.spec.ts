import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { streamBenchTable } from '../../lib/cli/render/stream-bench.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { MemoryIo } from './support.ts';

let aws: LocalFakeAws;

beforeAll(async () => {
  aws = await startFakeAws();
  await aws.createBulkStream({ streamName: 'orders', shardCount: 2, recordsPerPage: 10, pagesPerShard: 1 });
});
afterAll(() => aws.stop());

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(() => vi.unstubAllEnvs());

const run = async (args: readonly string[], io = new MemoryIo()) => {
  const given = ['--stream-name', 'orders', '--region', 'us-east-1', '--kinesis-endpoint', aws.endpoint];
  return { io, code: await main(['bench', ...given, ...args], {}, io) };
};

describe('millrace bench', () => {
  it('prints its figures as one line of JSON, and progress elsewhere', async () => {
    const { io, code } = await run(['--seconds', '2', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(io.stdout.text)).toMatchObject({ streamName: 'orders', records: 20, bytes: 20_000 });
    expect(io.stdout.text.split('\n')).toHaveLength(2);
    expect(io.stderr.text).toContain('records/s');
  }, 60_000);

  it('prints a table for a person', async () => {
    const { io, code } = await run(['--seconds', '0.3']);
    expect(code).toBe(0);
    expect(io.stdout.text).toContain('per CPU second');
  }, 60_000);

  it('ends early at a signal, with the figures until then', async () => {
    const io = new MemoryIo();
    const running = run(['--seconds', '3000', '--json'], io);
    await vi.waitFor(() => expect(io.stderr.text).toContain('2 shards'), 60_000);
    io.signal(15);
    expect((await running).code).toBe(0);
    expect(JSON.parse(io.stdout.text)).toMatchObject({ records: 20 });
    expect(io.signalHandlers).toBe(0);
  }, 70_000);

  it.each([
    [['--seconds', 'soon'], '--seconds is \\"soon\\"'],
    [['--seconds', '0'], '--seconds is \\"0\\": give a number of seconds'],
    [['--secnds', '3'], 'did you mean --seconds?'],
    [['--table-name', 'leases'], 'table-name'],
  ])('refuses %j', async (args, words) => {
    const { io, code } = await run([...args, '--json']);
    expect(code).toBe(2);
    expect(io.stderr.text).toContain(words);
  });
});

describe('the table of a measurement', () => {
  it('has a line for each shard, one for all, and the processor time', () => {
    const one = { records: 10, bytes: 100, pages: 1, recordsPerSecond: 5, mbPerSecond: 0.1, isEnded: true };
    const text = streamBenchTable({
      ...one,
      streamName: 'orders',
      retrievalMode: 'POLLING',
      seconds: 2,
      cpuSeconds: 0.5,
      mbPerCpuSecond: 0.2,
      recordsPerCpuSecond: 20,
      millisBehindLatest: 7,
      shards: [{ ...one, shardId: 'shardId-0' }],
    });
    expect(text.split('\n')).toEqual([
      'shard              records/s  MB/s  records  pages  behind ms',
      'shardId-0 (ended)          5   0.1       10      1          -',
      'all                        5   0.1       10      1          7',
      'orders, POLLING, 2 s: 0.5 s of CPU, 0.2 MB and 20 records per CPU second',
      '',
    ]);
  });
});
