import { describe, expect, it, vi } from 'vitest';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();

const produce = (
  stream: string,
  input: string | Buffer | undefined,
  args: readonly string[] = [],
  io = realTimeIo(),
) => {
  if (input !== undefined) io.stdin.end(input);
  return service.run(['produce', '--stream-name', stream, ...service.flags('stream'), ...args], io);
};

const read = async (stream: string) => {
  const all = ['--from', 'TRIM_HORIZON', '--until', 'CAUGHT_UP'];
  const { stdout } = await service.run(['tail', '--stream-name', stream, ...service.flags('stream'), ...all]);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, string>);
};

describe('millrace produce', () => {
  it('puts each line, byte for byte and in order, and prints nothing but the figures', async () => {
    const { name } = await service.createStream();
    const bytes = Buffer.from([0xff, 0x0a]);
    const input = Buffer.concat([Buffer.from('one\r\n\ntwo {\n'), bytes, Buffer.from('last')]);
    const { code, stdout, stderr } = await produce(name, input, ['--partition-key', 'k']);
    expect([code, stdout, stderr]).toEqual([0, '', 'put 5 records, 0.0 MB\n']);
    const records = await read(name);
    expect(records.map(({ data }) => data)).toEqual(['one', '', 'two {', '/w==', 'last']);
    expect(new Set(records.map(({ partitionKey }) => partitionKey))).toEqual(new Set(['k']));
  });

  it('spreads lines over the shards, as aggregates where that is asked for', async () => {
    const { name, fake } = await service.createStream(2);
    const lines = Array.from({ length: 3_000 }, (_, index) => `${index}\n`).join('');
    const { stdout } = await produce(name, lines, ['--aggregate', '--json']);
    expect(JSON.parse(stdout)).toEqual({ records: 3_000, bytes: lines.length - 3_000 });
    expect(fake.shards.every(({ recordCount }) => recordCount > 0 && recordCount < 20)).toBe(true);
    expect((await read(name)).map(({ data }) => Number(data)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 3_000 }, (_, i) => i),
    );
  });

  it('takes the lines of tail again', async () => {
    const { name, fake } = await service.createStream();
    fake.put('a', 'text');
    fake.put('b', Buffer.from([0xff]));
    const first = await service.run([
      'tail',
      '--stream-name',
      name,
      ...service.flags('stream'),
      '--from',
      'TRIM_HORIZON',
      '--until',
      'CAUGHT_UP',
    ]);
    const { name: other } = await service.createStream();
    expect((await produce(other, first.stdout, ['--input', 'json'])).code).toBe(0);
    const pick = ({ data, encoding, partitionKey }: Record<string, string>) => ({ data, encoding, partitionKey });
    expect((await read(other)).map(pick)).toEqual((await read(name)).map(pick));
  });

  it('puts what was read until a signal, from an input that does not end', async () => {
    const { name, fake } = await service.createStream();
    const io = realTimeIo();
    const running = produce(name, undefined, [], io);
    io.stdin.write('one\ntw');
    await vi.waitFor(() => expect(fake.shards[0]?.recordCount).toBe(1), 15_000);
    io.signal(2);
    expect((await running).code).toBe(0);
    expect((await read(name)).map(({ data }) => data)).toEqual(['one', 'tw']);
  });

  it('shows its progress on a terminal', async () => {
    const { name, fake } = await service.createStream();
    const io = realTimeIo({ isTTY: true });
    const running = produce(name, undefined, [], io);
    io.stdin.write('one\n');
    await vi.waitFor(() => expect(io.stderr.text).toContain('1 records, 0.0 MB'), 15_000);
    io.stdin.end();
    await running;
    expect(fake.shards[0]?.recordCount).toBe(1);
  });

  it.each([
    ['{"data":1}\n', 'line 1 of the input has no data'],
    ['{"data":"x"}\n\n[1]\n', 'line 3 of the input is [1]: give an object with data; the lines before it are put'],
    ['x\u001b[2J\n', 'line 1 of the input is no JSON, "x\\u001b[2J"'],
    ['{"data":"x","encoding":"hex"}\n', 'has the encoding "hex": give "utf8" or "base64"'],
    ['{"data":"x","partitionKey":""}\n', 'has the partitionKey "": give a text of 1 to 256 characters'],
    ['{"data":"x","explicitHashKey":"a"}\n', 'has the explicitHashKey "a"'],
  ])('refuses the JSON line %j with 2', async (input, words) => {
    const { name, fake } = await service.createStream();
    const { code, stderr } = await produce(name, input, ['--input', 'json']);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
    expect(fake.shards[0]?.recordCount).toBe(input.startsWith('{"data":"x"}') ? 1 : 0);
  });

  it('refuses a record that no stream takes, and a stream that is not there', async () => {
    const { name } = await service.createStream();
    const { code, stderr } = await produce(name, Buffer.alloc(10 * 1024 * 1024 + 1, 'x'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('line 1 of the input is a record of 104857')]);
    expect((await produce('nothing', 'x')).code).toBe(3);
  });
});
