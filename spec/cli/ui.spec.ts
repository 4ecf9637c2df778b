import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createAdmin, createConsumer } from '../../lib/index.ts';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();
let given: string[];
let stream: string;

const options = () => ({
  applicationName: 'mailer',
  streamName: stream,
  region: 'us-east-1',
  kinesisEndpoint: service.aws.endpoint,
  dynamoDBEndpoint: service.aws.endpoint,
});

beforeAll(async () => {
  const { name, fake } = await service.createStream(1);
  stream = name;
  fake.split('shardId-000000000000');
  fake.put('a', 'x');
  given = ['ui', '--stream-name', name, '--application-name', 'mailer', '--port', '0', ...service.flags('both')];
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  await createConsumer({ ...options(), heartbeatIsolation: 'inline', until: 'CAUGHT_UP' }).run(() => {});
}, 60_000);

describe('millrace ui', () => {
  it('serves the application as its lease table shows it, and follows it, until a signal', async () => {
    const io = realTimeIo();
    const running = service.run([...given, '--json', '--interval-seconds', '1'], io);
    await vi.waitFor(() => expect(io.stdout.text).toContain('\n'), 15_000);
    const { url } = JSON.parse(io.stdout.text) as { url: string };
    const [base, token] = url.split('/#token=');
    const ask = async (path: string) =>
      (await fetch(`${base}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })).json() as Promise<
        object[]
      >;
    expect(await ask('/notice')).toMatchObject({ notice: expect.stringContaining('lease table') as string });
    expect(await ask('/applications/mailer/shards')).toMatchObject([
      { shardId: 'shardId-000000000000', state: 'ended', children: ['shardId-000000000001', 'shardId-000000000002'] },
      { shardId: 'shardId-000000000001', state: 'free', parents: ['shardId-000000000000'], millisBehindLatest: 0 },
      { shardId: 'shardId-000000000002', streamName: stream, owner: null },
    ]);
    expect(await ask('/applications/mailer/leases')).toHaveLength(3);
    // What changes in the table is there a look later.
    await using admin = createAdmin(options());
    await admin.seek({ to: 'TRIM_HORIZON', shards: ['shardId-000000000002'] });
    await vi.waitFor(async () => {
      expect(await ask('/applications/mailer/shards/shardId-000000000002')).toMatchObject([
        { position: 'TRIM_HORIZON' },
      ]);
    }, 15_000);
    io.signal(2);
    expect((await running).code).toBe(0);
    await expect(fetch(base ?? '')).rejects.toThrow();
  });

  it('shows who takes part, and goes on when a look fails', async () => {
    const io = realTimeIo();
    const running = service.run([...given, '--interval-seconds', '1'], io);
    await vi.waitFor(() => expect(io.stdout.text).toContain('page: http://127.0.0.1:'), 15_000);
    const [, base, token] = /page: (\S+)\/#token=(\S+)/.exec(io.stdout.text) ?? [];
    const ask = async (path: string) =>
      (
        await fetch(`${base}/api/v1/applications/mailer${path}`, { headers: { authorization: `Bearer ${token}` } })
      ).json();
    await service.aws.inject({ operation: 'Scan', effect: { kind: 'error', name: 'AccessDeniedException' } });
    await vi.waitFor(async () => {
      await ask('/leases');
      expect(io.stderr.text).toContain('the lease table could not be looked at');
    }, 15_000);
    await service.aws.clearFaults();
    const consumer = createConsumer({ ...options(), heartbeatIsolation: 'inline', workerIdentifier: 'worker-1' });
    const consuming = consumer.run(() => {});
    await vi.waitFor(async () => {
      expect(await ask('/leases/moves')).toMatchObject([{ kind: 'assigned', to: 'worker-1' }, { to: 'worker-1' }]);
    }, 20_000);
    await consumer.drain();
    await consuming;
    io.signal(2);
    expect((await running).code).toBe(0);
  }, 60_000);

  it.each([
    [['--host', 'no such host'], 2, '--host is "no such host": give an address'],
    [['--token-file', '/nonexistent/token'], 2, 'cannot be read'],
  ])('refuses %j', async (args, expected, words) => {
    const { code, stderr } = await service.run([...given, ...args]);
    expect([code, stderr]).toEqual([expected, expect.stringContaining(words)]);
  });
});
