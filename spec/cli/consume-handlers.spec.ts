import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'millrace-handlers-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let applications = 0;
const consume = async (args: readonly string[], { records = 3, io = realTimeIo() } = {}) => {
  const { name, fake } = await service.createStream();
  for (let index = 0; index < records; index += 1) fake.put('k', `line ${index}`);
  const application = `app-${(applications += 1)}`;
  const given = ['--stream-name', name, '--application-name', application, '--until', 'CAUGHT_UP'];
  const settings = ['--idle-time-between-reads-in-millis', '250', '--heartbeat-isolation', 'inline'];
  return service.run(['consume', ...given, ...settings, ...service.flags('both'), ...args], io, {
    PATH: process.env['PATH'] ?? '',
  });
};

const node = (script: string, ...args: string[]) => ['--exec', process.execPath, '--', '-e', script, ...args];

describe('millrace consume --exec', () => {
  it('gives the records to the standard input of a program, with arguments that no shell sees', async () => {
    const script = 'process.stdin.pipe(process.stdout); console.log(process.argv[1], process.env.KINESIS_SHARD_ID)';
    const { code, stdout, stderr } = await consume(node(script, '$HOME *;'));
    expect([code, stderr]).toEqual([0, '']);
    const [first, ...lines] = stdout.trimEnd().split('\n');
    expect(first).toBe('$HOME *; shardId-000000000000');
    expect(lines.map((line) => (JSON.parse(line) as { data: string }).data)).toEqual(['line 0', 'line 1', 'line 2']);
  });

  it('gives the data alone where that is asked for, and passes on what the program says on stderr', async () => {
    const script = 'process.stdin.pipe(process.stdout); console.error("note")';
    const { code, stdout, stderr } = await consume(['--exec-input', 'data', ...node(script)]);
    expect([code, stdout, stderr]).toEqual([0, 'line 0\nline 1\nline 2\n', 'note\n']);
  });

  it('takes a code other than 0 for a failure, which the policy ends with 6', async () => {
    const policy = ['--on-failure-maximum-retry-attempts', '0'];
    const { code, stderr } = await consume([...policy, ...node('process.stdin.resume(); process.exitCode = 3')]);
    expect(code).toBe(6);
    expect(stderr).toContain('ended with code 3, for 3 records of shardId-000000000000');
  });

  it('lets a program end without reading everything', async () => {
    const { code, stderr } = await consume(node('process.exit(0)'), { records: 200 });
    expect([code, stderr]).toEqual([0, '']);
  });

  it('ends the program at a second signal', async () => {
    const io = realTimeIo();
    const mark = path.join(folder, 'ended');
    const script = `process.stdin.resume(); setInterval(() => {}, 1000); console.log("up");
      process.on("SIGTERM", () => { require("fs").writeFileSync(process.argv[1], "x"); process.exit(1); })`;
    const running = consume(node(script, mark), { io });
    await vi.waitFor(() => expect(io.stdout.text).toBe('up\n'), 30_000);
    io.signal(2);
    io.signal(2);
    expect((await running).code).toBe(130);
    await vi.waitFor(() => expect(readFileSync(mark, 'utf8')).toBe('x'), 30_000);
  });

  it.each([
    [['--exec', 'no-such-program'], '--exec "no-such-program" is in no folder of PATH'],
    [['--exec', './package.json'], '--exec "./package.json" is no file that may be executed'],
    [['--exec', 'cat', '--module', 'a.js'], '--exec and --module are both given'],
    [['--exec-input', 'xml', '--exec', 'cat'], '--exec-input is "xml": give json or data'],
    [['--exec-input', 'json'], '--exec-input is given without --exec'],
    [['--exec-processes', '0', '--exec', 'cat'], '--exec-processes is "0": give a whole number of processes from 1'],
  ])('refuses %j', async (args, words) => {
    const { code, stderr } = await consume(args, { records: 0 });
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});

describe('millrace consume --module', () => {
  const write = (name: string, text: string) => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('runs the default export as the handler', async () => {
    const seen = path.join(folder, 'seen');
    const file = write(
      'handler.mjs',
      `import { appendFileSync } from 'node:fs';
       export default async ({ records }) => { for (const r of records) appendFileSync(${JSON.stringify(seen)}, r.text() + '\\n'); };`,
    );
    const { code, stdout, stderr } = await consume(['--module', file]);
    expect([code, stdout, stderr]).toEqual([0, '', '']);
    expect(readFileSync(seen, 'utf8')).toBe('line 0\nline 1\nline 2\n');
  });

  it('runs a record processor', async () => {
    const seen = path.join(folder, 'processed');
    const file = write(
      'processor.mjs',
      `import { appendFileSync } from 'node:fs';
       export const handler = { processRecords({ records }) { appendFileSync(${JSON.stringify(seen)}, String(records.length)); } };`,
    );
    expect((await consume(['--module', file])).code).toBe(0);
    expect(readFileSync(seen, 'utf8')).toBe('3');
  });

  it.each([
    ['nothing.mjs', 'export const other = 1;', 'exports other: give it a default export'],
    ['broken.mjs', 'export default (', 'cannot be loaded'],
    ['number.mjs', 'export default 5;', 'run() needs a function that takes records'],
  ])('refuses %s', async (name, text, words) => {
    const { code, stderr } = await consume(['--module', write(name, text)], { records: 0 });
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});
