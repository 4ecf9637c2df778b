import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { realTimeIo } from './fake-service.ts';

const run = async (argv: readonly string[], env: Record<string, string> = {}, io = realTimeIo()) => {
  const code = await main(argv, env, io);
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
};

describe('millrace dev', () => {
  it('serves a seeded stream, in whose environment every command works, until a signal', async () => {
    const io = realTimeIo();
    const running = run(['dev', '--port', '0', '--records', '5', '--records-per-second', '0', '--json'], {}, io);
    await vi.waitFor(() => expect(io.stdout.text).toContain('\n'), 15_000);
    const { streamName, environment } = JSON.parse(io.stdout.text) as {
      streamName: string;
      environment: Record<string, string>;
    };
    expect(streamName).toBe('orders');
    for (const [name, value] of Object.entries(environment)) if (name.startsWith('AWS_')) vi.stubEnv(name, value);
    const all = ['--from', 'TRIM_HORIZON', '--until', 'CAUGHT_UP', '--template', '{data}'];
    const { code, stdout } = await run(['tail', ...all], environment);
    vi.unstubAllEnvs();
    expect(code).toBe(0);
    const orders = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { order: number; customer: string });
    expect(orders.map(({ order }) => order).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    // The seed is part of what the command promises.
    expect(orders.find(({ order }) => order === 1)).toMatchInlineSnapshot(`
      {
        "cents": 127,
        "customer": "customer-39",
        "order": 1,
      }
    `);
    io.signal(2);
    expect((await running).code).toBe(0);
    await expect(fetch(environment['MILLRACE_KINESIS_ENDPOINT'] ?? '')).rejects.toThrow();
  });

  it('prints the environment as a shell takes it, and puts records as time goes', async () => {
    const io = realTimeIo({ isTTY: true });
    const running = run(['dev', '--port', '0', '--stream-name', 'words', '--records-per-second', '100'], {}, io);
    await vi.waitFor(() => expect(io.stderr.text).toMatch(/1\d\d records put/), 15_000);
    io.signal(15);
    expect((await running).code).toBe(0);
    expect(io.stdout.text).toMatch(/^export MILLRACE_KINESIS_ENDPOINT=http:\/\/127\.0\.0\.1:\d+$/m);
    expect(io.stdout.text).toContain('export MILLRACE_STREAM_NAME=words\n');
  });

  it('refuses a port in use, and a name that no stream has', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await vi.waitFor(() => expect(server.listening).toBe(true));
    const { port } = server.address() as AddressInfo;
    const taken = await run(['dev', '--port', String(port)]);
    server.close();
    expect([taken.code, taken.stderr]).toEqual([
      2,
      expect.stringContaining(`port ${port} is in use: give another one`),
    ]);
    const name = await run(['dev', '--port', '0', '--stream-name', 'a b']);
    expect([name.code, name.stderr]).toEqual([2, expect.stringContaining('--stream-name')]);
  });
});
