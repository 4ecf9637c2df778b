import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { describe, expect, it } from 'vitest';
import { startFakeAwsChild } from '../../../lib/testkit/server/child.ts';
import { kinesisClient } from './aws-clients.ts';

/** The sources are TypeScript here; the compiled package needs nothing. */
const execArgv = ['--import', 'tsx'];

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a fake AWS in a child process', () => {
  it('serves, takes commands, tells its own CPU time, and is gone after stop', async () => {
    const aws = await startFakeAwsChild({ execArgv, seed: 3 });
    const client = kinesisClient(aws, 'HTTP/2 over TLS');
    try {
      const records = [{ data: Uint8Array.of(1, 2, 3), partitionKey: 'k' }];
      expect(await aws.createBulkStream({ streamName: 'bulk', records })).toMatchObject({ dataBytesPerPage: 3 });
      await expect(aws.createBulkStream({ streamName: 'bulk' })).rejects.toThrow('already exists');
      await aws.inject({ operation: '*', times: 1, effect: { kind: 'error', name: 'AccessDeniedException' } });
      await expect(client.send(new ListStreamsCommand())).rejects.toMatchObject({ name: 'AccessDeniedException' });
      await aws.inject({ operation: '*', effect: { kind: 'error', name: 'AccessDeniedException' } });
      await aws.clearFaults();
      expect((await client.send(new ListStreamsCommand())).StreamNames).toEqual(['bulk']);
      const { calls, process: served } = await aws.stats();
      expect(calls).toEqual({ ListStreams: 2 });
      expect(served.pid).not.toBe(process.pid);
      expect(served.cpuMicros).toBeGreaterThan(0);
      await Promise.all([aws.stop(), aws.stop()]);
      expect(isAlive(served.pid)).toBe(false);
      await expect(aws.stats()).rejects.toThrow();
    } finally {
      client.destroy();
      await aws.stop();
    }
  }, 60_000);

  // 1. The child has exited. 2. Its output has not ended. 3. The parent waits for that with nothing else that keeps it alive,
  // and ends with code 13 in the middle of what it was doing.
  it('keeps its parent alive until a stop is over', async () => {
    const pipes = () => process.getActiveResourcesInfo().filter((kind) => kind === 'PipeWrap').length;
    const aws = await startFakeAwsChild({ execArgv });
    const idle = pipes();
    const stopping = aws.stop();
    expect(pipes()).toBe(idle + 1);
    await stopping;
  }, 60_000);

  it('lets its parent end, and ends with it', async () => {
    const program = `
      import { startFakeAwsChild } from './lib/testkit/server/child.ts';
      const aws = await startFakeAwsChild({ execArgv: ['--import', 'tsx'] });
      console.log((await aws.stats()).process.pid);
    `;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...execArgv, '--input-type=module', '--eval', program],
      { timeout: 60_000 },
    );
    const pid = Number(stdout);
    expect(pid).toBeGreaterThan(1);
    await expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false);
  }, 130_000);

  it('says why it did not start', async () => {
    await expect(startFakeAwsChild({ execArgv: ['--import', './no-such-file.mjs'] })).rejects.toThrow('no-such-file');
  }, 60_000);
});
