import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createConsumer } from '../../lib/index.ts';
import type { FakeKinesis } from '../../lib/testkit/index.ts';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();
let given: string[];
let table: string[];
let stream: string;
let sequenceNumber: string;
let shards: FakeKinesis;

beforeAll(async () => {
  const { name, fake } = await service.createStream(2);
  stream = name;
  shards = fake;
  for (let index = 0; index < 10; index += 1) fake.put(`key ${index}`, 'x');
  ({ sequenceNumber } = fake.putTo('shardId-000000000001', 'x'));
  table = ['--application-name', 'mailer', ...service.flags('table')];
  given = ['--stream-name', name, ...table, ...service.flags('stream').slice(2)];
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  await createConsumer({ ...options(), until: 'CAUGHT_UP' }).run(() => {});
}, 60_000);

const options = () => ({
  applicationName: 'mailer',
  streamName: stream,
  region: 'us-east-1',
  kinesisEndpoint: service.aws.endpoint,
  dynamoDBEndpoint: service.aws.endpoint,
  heartbeatIsolation: 'inline' as const,
});

const checkpoints = async () => {
  const { stdout } = await service.run(['leases', ...table, '--json']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { checkpoint: string }).checkpoint);
};

/** Runs a command on a terminal where a person answers. */
const asked = async (argv: readonly string[], answer: string, io = realTimeIo({ isTTY: true })) => {
  const running = service.run(argv, io);
  await vi.waitFor(() => expect(io.stderr.text).toContain('[y/N]'), 15_000);
  io.stdin.write(answer);
  return running;
};

describe('millrace seek', () => {
  it('only shows what it would do with --dry-run', async () => {
    const before = await checkpoints();
    const { code, stdout, stderr } = await service.run(['seek', ...given, '--to', 'TRIM_HORIZON', '--dry-run']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^shardId-000000000000 +\d+:0 +TRIM_HORIZON +- +planned$/m);
    expect(await checkpoints()).toEqual(before);
  });

  it('refuses without a terminal and without --yes, before anything is sent', async () => {
    const calls = (await service.aws.stats()).calls;
    const { code, stderr } = await service.run(['seek', ...given, '--to', 'TRIM_HORIZON']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('there is no terminal to ask on: give --yes')]);
    expect((await service.aws.stats()).calls).toEqual(calls);
  });

  it('shows its plan on a terminal and asks; anything but yes changes nothing', async () => {
    const before = await checkpoints();
    const declined = await asked(['seek', ...given, '--to', '1h'], '\n');
    expect([declined.code, declined.stdout]).toEqual([1, '']);
    expect(declined.stderr).toContain('move 2 leases of mailer? [y/N] nothing was changed\n');
    expect(await checkpoints()).toEqual(before);
    const agreed = await asked(['seek', ...given, '--to', '1h'], 'y\n');
    expect(agreed.code).toBe(0);
    expect(agreed.stdout).toMatch(/ \d{4}-\d\d-\d\dT[\d:.]+Z .*done/);
    expect(await checkpoints()).toEqual(['AT_TIMESTAMP', 'AT_TIMESTAMP']);
  });

  it('does it with --yes: one shard behind one record, with a JSON line for it', async () => {
    const to = ['--to', `${sequenceNumber}:3`];
    const shard = ['--shard', 'shardId-000000000001'];
    const { code, stdout } = await service.run(['seek', ...given, ...to, ...shard, '--yes', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ shardId: shard[1], from: 'AT_TIMESTAMP', applied: true });
    expect((await checkpoints())[1]).toBe(`${sequenceNumber}:3`);
  });

  it.each([
    [[], '--to is missing: give the place to go to'],
    [['--to', 'START'], '--to is "START": give TRIM_HORIZON, LATEST or a time with a zone'],
    [['--to', '2999-01-01T00:00:00Z'], 'which has not come yet'],
    [['--to', '123'], 'name that shard alone'],
    [['--to', '123', '--shard', 'shardId-000000000001'], 'Kinesis refused a value given to GetShardIterator'],
    [['--to', 'LATEST', '--shard', 'shardId-9'], 'shardId-9 is not in the stream'],
  ])('refuses %j with 2', async (args, words) => {
    const { code, stderr } = await service.run(['seek', ...given, ...args, '--yes']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});

describe('millrace drain', () => {
  it('drains a running worker, and shows how long it waits', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const handler = vi.fn(() => finished);
    shards.put('key', 'x');
    const run = createConsumer({ ...options(), workerIdentifier: 'worker-1' }).run(handler);
    await vi.waitFor(async () => {
      const { stdout } = await service.run(['leases', ...table, '--json']);
      expect(stdout.match(/"leaseOwner":"worker-1"/g)).toHaveLength(2);
    }, 15_000);
    await vi.waitFor(() => expect(handler).toHaveBeenCalled(), 15_000);
    const io = realTimeIo({ isTTY: true });
    const draining = asked(['drain', 'worker-1', ...table], 'yes\n', io);
    await vi.waitFor(() => expect(io.stderr.text).toContain('waiting for worker-1'), 15_000);
    finish();
    const { code, stdout, stderr } = await draining;
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^worker-1 gave back 2 leases: shardId-0+0, shardId-0+1; answered after .+\n$/),
    ]);
    expect(stderr).toContain('drain worker-1, which holds 2 leases of mailer? [y/N]');
    await run;
  }, 40_000);

  it('refuses without a worker, without a terminal, and a worker that does not take part', async () => {
    expect(await service.run(['drain', ...table, '--yes'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('WORKER is missing: give it after the command') as string,
    });
    expect(await service.run(['drain', 'worker-1', ...table])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('give --yes') as string,
    });
    const unknown = await service.run(['drain', 'worker-9', ...table, '--yes', '--json']);
    expect([unknown.code, JSON.parse(unknown.stderr)]).toEqual([
      2,
      expect.objectContaining({ code: 'MR_CONFIG_INVALID', msg: expect.stringContaining('worker-9') as string }),
    ]);
  });
});
