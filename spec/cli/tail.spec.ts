import { describe, expect, it, vi } from 'vitest';
import { momentOf } from '../../lib/cli/flags/moment.ts';
import { keyFilter } from '../../lib/cli/key-filter.ts';
import { compileTemplate } from '../../lib/cli/render/template.ts';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();

const tail = (stream: string, args: readonly string[], io = realTimeIo()) =>
  service.run(['tail', '--stream-name', stream, ...service.flags('stream'), ...args], io);

const dataOf = (stdout: string) =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { data: string }).data);

const all = ['--from', 'TRIM_HORIZON', '--until', 'CAUGHT_UP'];

describe('millrace tail', () => {
  it('prints what is there, children after parents, and touches no table', async () => {
    const { name, fake } = await service.createStream();
    fake.put('a', 'before');
    fake.split('shardId-000000000000');
    fake.put('a', 'after');
    const { code, stdout, stderr } = await tail(name, all);
    expect([code, stderr]).toEqual([0, '']);
    expect(dataOf(stdout)).toEqual(['before', 'after']);
    expect((await service.aws.stats()).tables).toEqual({});
  });

  it('prints chosen keys and shards by a template, and ends after a number of records', async () => {
    const { name, fake } = await service.createStream(2);
    for (let index = 0; index < 10; index += 1) {
      fake.putTo('shardId-000000000000', `${index}`, `customer-${index % 2}`);
      fake.putTo('shardId-000000000001', `${index}`, 'other');
    }
    const template = ['--template', '{shardId}:{partitionKey}\\t{data}'];
    const chosen = await tail(name, [...all, '--key', 'customer-1', '--key', 'nobody', '--limit', '3', ...template]);
    expect(chosen.stdout).toBe([1, 3, 5].map((index) => `shardId-000000000000:customer-1\t${index}\n`).join(''));
    const shard = await tail(name, [...all, '--shard', 'shardId-000000000001', '--key', 'o*r']);
    expect(dataOf(shard.stdout)).toHaveLength(10);
  });

  it('waits for what comes, until a signal', async () => {
    const { name, fake } = await service.createStream();
    fake.put('a', 'old');
    const io = realTimeIo();
    const running = tail(name, ['--idle-time-between-reads-in-millis', '250'], io);
    // Nothing says that LATEST was resolved but a read.
    await vi.waitFor(async () => expect((await service.aws.stats()).calls['GetRecords']).toBeGreaterThan(0), 15_000);
    await vi.waitFor(() => {
      fake.put('a', 'new');
      expect(io.stdout.text).not.toBe('');
    }, 15_000);
    io.signal(15);
    const { code, stdout, stderr } = await running;
    expect([code, stderr]).toEqual([0, '']);
    expect(new Set(dataOf(stdout))).toEqual(new Set(['new']));
  });

  it('ends cleanly when the reader goes away, and escapes for a terminal what a template prints', async () => {
    const { name, fake } = await service.createStream();
    fake.put('a', '\u001b[2J');
    const io = realTimeIo();
    io.stdout.breakWith('EPIPE');
    expect(await tail(name, ['--from', 'TRIM_HORIZON'], io)).toMatchObject({ code: 0, stderr: '' });
    const terminal = await tail(name, [...all, '--template', '{data}'], realTimeIo({ isTTY: true }));
    expect(terminal.stdout).toBe('\\x1b[2J\n');
    expect((await tail(name, [...all, '--template', '{data}'])).stdout).toBe('\u001b[2J\n');
  });

  it('begins and ends at times', async () => {
    const { name, fake } = await service.createStream();
    fake.put('a', 'x');
    expect((await tail(name, ['--from', '1h', '--until', 'LATEST'])).stdout).toContain('"data":"x"');
    expect((await tail(name, ['--from', '2h', '--until', '1h'])).stdout).toBe('');
  });

  it.each([
    [['--shard', 'shardId-7'], 'shards: shardId-7 is not in the stream, which has shardId-000000000000'],
    [['--from', 'yesterday'], '--from is "yesterday": give TRIM_HORIZON, LATEST or a time with a zone'],
    [['--from', '2026-01-31T12:00:00'], 'a time without a zone: add one'],
    [['--template', '{key}'], '--template is "{key}": give fields among streamName'],
    [['--template', '{partitionkey}'], 'did you mean {partitionKey}?'],
    [['--limit', '0'], '--limit is "0": give a whole number of records from 1'],
  ])('refuses %j with 2', async (args, words) => {
    const { name } = await service.createStream();
    const { code, stderr } = await tail(name, args);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});

describe('the parts of tail', () => {
  it('read how long ago', () => {
    expect(momentOf(['LATEST'], '15m')).toEqual({ agoMillis: 900_000 });
    expect(momentOf(['LATEST'], '2d')).toEqual({ agoMillis: 172_800_000 });
    expect(momentOf(['LATEST'], '2026-01-31T12:00:00Z')).toEqual(new Date('2026-01-31T12:00:00Z'));
    expect(() => momentOf(['LATEST'], '15min')).toThrow('or how long ago, such as 15m');
    expect(() => momentOf([], '15min')).toThrow('give a time with a zone');
    expect(momentOf(['LATEST'], '10000d')).toEqual({ agoMillis: 864_000_000_000 });
    expect(() => momentOf(['LATEST'], '10001d')).toThrow('give at most 10000d ago');
    expect(() => momentOf(['LATEST'], '999999999d')).toThrow('give at most 10000d ago');
  });

  it('take a pattern literally but for its stars', () => {
    const isWanted = keyFilter(['a.b*c', '[x]*', 'a-$(b)|*']);
    expect(isWanted('a-$(b)|\u{1f600}')).toBe(true);
    expect(['a.b/-\n c', '[x]', 'aXb c', 'x', 'a.bc d'].map(isWanted)).toEqual([true, true, false, false, false]);
  });

  it('know the escapes of a template', () => {
    const line = { data: 'd' } as Parameters<ReturnType<typeof compileTemplate>>[0];
    expect(compileTemplate('\\{{data}\\}\\t\\\\\\n')(line, false)).toBe('{d}\t\\\n');
    expect(() => compileTemplate('{data')).toThrow('give \\{ for a brace alone');
    expect(() => compileTemplate('\\x')).toThrow('in place of \\x');
  });
});
