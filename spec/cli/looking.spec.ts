import { beforeAll, describe, expect, it, vi } from 'vitest';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();
let stream: string;
let application: string[];

/** Consumes what is there, so that the application has leases. */
beforeAll(async () => {
  const { name, fake } = await service.createStream(2);
  stream = name;
  for (let index = 0; index < 20; index += 1) fake.put(`key ${index}`, 'x');
  application = ['--application-name', 'mailer', ...service.flags('table')];
  const quick = ['--until', 'CAUGHT_UP', '--heartbeat-isolation', 'inline'];
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const io = realTimeIo();
  const code = (
    await service.run(
      ['consume', '--stream-name', name, ...quick, ...application, ...service.flags('stream').slice(2)],
      io,
    )
  ).code;
  expect([code, io.stderr.text]).toEqual([0, '']);
}, 60_000);

const both = () => ['--stream-name', stream, ...application, ...service.flags('stream').slice(2)];

describe('millrace leases', () => {
  it('prints a table for a person, and needs no stream for it', async () => {
    const { code, stdout, stderr } = await service.run(['leases', ...application]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^shard +owner +handed to +counter +state +checkpoint\n/);
    expect(stdout).toContain('shardId-000000000001  -');
    expect(stdout).toContain('2 leases, 0 ended, 2 without an owner, 0 workers\n');
  });

  it('prints a JSON line for each lease', async () => {
    const { stdout } = await service.run(['leases', ...application, '--json']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ shardId: 'shardId-000000000000', isEnded: false, hasState: false });
  });

  it('fits the terminal, with colours there alone, and none with NO_COLOR', async () => {
    const io = realTimeIo({ isTTY: true, columns: 60 });
    const { stdout } = await service.run(['leases', ...application], io);
    // oxlint-disable-next-line no-control-regex -- colours are control characters
    const plain = stdout.replace(/\u001b\[\d+m/g, '');
    expect(plain).not.toBe(stdout);
    expect(Math.max(...plain.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
    const without = realTimeIo({ isTTY: true, columns: 60 });
    expect((await service.run(['leases', ...application], without, { NO_COLOR: '1' })).stdout).toBe(plain);
  });

  it('says that a table is not there, with 3', async () => {
    const { code, stderr } = await service.run(['leases', ...application.with(1, 'mailre')]);
    expect(code).toBe(3);
    expect(stderr).toBe(
      'millrace: MR_TABLE_FOREIGN: the lease table mailre does not exist: no worker of mailre has run in this account ' +
        'and region; see to applicationName, tableName and region\n',
    );
  });

  it('ends cleanly when the reader goes away', async () => {
    const io = realTimeIo();
    io.stdout.breakWith('EPIPE');
    expect(await service.run(['leases', ...application], io)).toMatchObject({ code: 0, stderr: '' });
    const full = realTimeIo();
    full.stdout.breakWith('ENOSPC');
    const { code, stderr } = await service.run(['leases', ...application], full);
    expect(code).toBe(1);
    expect(stderr).toContain('standard output cannot be written: write ENOSPC');
  });

  it('takes the words of the services for what they are: no credentials and no permission with 4', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('HOME', '/nonexistent');
    const none = await service.run(['leases', ...application]);
    expect([none.code, none.stderr]).toEqual([4, expect.stringContaining('MR_CREDENTIALS_MISSING')]);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
    await service.aws.inject({ operation: 'Scan', effect: { kind: 'error', name: 'AccessDeniedException' } });
    const denied = await service.run(['leases', ...application]);
    expect([denied.code, denied.stderr]).toEqual([4, expect.stringContaining('MR_ACCESS_DENIED')]);
  });
});

describe('millrace lag', () => {
  it('prints how far each shard is behind', async () => {
    const { code, stdout, stderr } = await service.run(['lag', ...both()]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('2 shards, at most 0 ms behind\n');
    const { stdout: json } = await service.run(['lag', ...both(), '--json']);
    expect(JSON.parse(json.split('\n')[0] ?? '')).toMatchObject({
      shardId: 'shardId-000000000000',
      millisBehindLatest: 0,
    });
  });

  it('waits out the reads of the workers', async () => {
    const name = 'ProvisionedThroughputExceededException';
    await service.aws.inject({ operation: 'GetRecords', times: 1, effect: { kind: 'error', name } });
    expect((await service.run(['lag', ...both()])).code).toBe(0);
  });

  it('shows it again and again, in the same place on a terminal, until a signal', async () => {
    const io = realTimeIo({ isTTY: true });
    const running = service.run(['lag', ...both(), '--watch', '--interval-seconds', '1'], io);
    await vi.waitFor(() => expect(io.stdout.text.split('\u001b[H\u001b[J').length).toBeGreaterThanOrEqual(3), 15_000);
    io.signal(2);
    expect((await running).code).toBe(0);
    expect(io.signalHandlers).toBe(0);
  });
});

describe('millrace shards', () => {
  it('prints the shards with their parents and keys, closed ones last', async () => {
    const { name, fake } = await service.createStream(1);
    fake.split('shardId-000000000000');
    const given = ['shards', '--stream-name', name, ...service.flags('stream')];
    const { code, stdout } = await service.run(given);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[1]).toMatch(/^shardId-000000000001 +open +50\.0 % +shardId-000000000000 +0 +\d+$/);
    expect(lines[3]).toMatch(/^shardId-000000000000 +closed +100\.0 %/);
    expect(lines[4]).toBe('2 open, 1 closed');
    const { stdout: json } = await service.run([...given, '--json']);
    expect(
      json
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { share: number }).share),
    ).toEqual([0.5, 0.5, 1]);
  });

  it('says that a stream is not there, with 3', async () => {
    const { code, stderr } = await service.run(['shards', '--stream-name', 'nothing', ...service.flags('stream')]);
    expect([code, stderr]).toEqual([3, expect.stringContaining('MR_STREAM_NOT_FOUND')]);
  });
});
