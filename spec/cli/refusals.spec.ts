import { describe, expect, it, vi } from 'vitest';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();

/** Commands that ask AWS, with what each needs beside its application, stream and endpoints. */
const commands: readonly { name: string; asks: 'stream' | 'table' | 'both'; args: readonly string[] }[] = [
  { name: 'consume', asks: 'both', args: ['--heartbeat-isolation', 'inline'] },
  { name: 'tail', asks: 'stream', args: [] },
  { name: 'produce', asks: 'stream', args: [] },
  { name: 'leases', asks: 'table', args: [] },
  { name: 'lag', asks: 'both', args: [] },
  { name: 'shards', asks: 'stream', args: [] },
  { name: 'seek', asks: 'both', args: ['--to', 'LATEST', '--yes'] },
  { name: 'drain', asks: 'table', args: ['worker-1', '--yes'] },
  { name: 'doctor', asks: 'both', args: [] },
  { name: 'bench', asks: 'stream', args: [] },
];

const run = ({ name, asks, args }: (typeof commands)[number], stream: string) => {
  const io = realTimeIo();
  io.stdin.end('x\n');
  const application = asks === 'stream' ? [] : ['--application-name', 'mailer'];
  const named = asks === 'table' ? [] : ['--stream-name', stream];
  return service.run([name, ...args, ...application, ...named, ...service.flags(asks), '--json'], io);
};

/** The error, or of a doctor the first check that failed. */
const codeOf = ({ stdout, stderr }: { stdout: string; stderr: string }) => {
  const lines = `${stdout}${stderr}`
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  return lines.find(({ level, result }) => level === 'error' || result === 'failed')?.['code'];
};

describe.each(commands)('millrace $name', (command) => {
  it('ends with 3 where the stream or the table is missing', async () => {
    const ended = await run(command, 'nothing');
    const expected = command.asks === 'table' ? 'MR_TABLE_FOREIGN' : 'MR_STREAM_NOT_FOUND';
    // Lag begins with the leases.
    expect([ended.code, codeOf(ended)]).toEqual([3, command.name === 'lag' ? 'MR_TABLE_FOREIGN' : expected]);
  });

  it('ends with 4 where it is denied', async () => {
    await service.aws.inject({ operation: '*', effect: { kind: 'error', name: 'AccessDeniedException' } });
    const ended = await run(command, 'nothing');
    expect([ended.code, codeOf(ended)]).toEqual([4, 'MR_ACCESS_DENIED']);
  });

  it('ends with 4 without credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('HOME', '/nonexistent');
    const ended = await run(command, 'nothing');
    expect([ended.code, codeOf(ended)]).toEqual([4, 'MR_CREDENTIALS_MISSING']);
  });
});
