import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cliEnvironment } from '../cli/run-cli.ts';
import { createConsumer } from '../../lib/index.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import { programArguments } from '../support/programs.ts';
import { Terminal, hasTerminals } from '../support/terminal.ts';

const ctrlC = '\u0003';
const escape = '\u001b';
const open: Terminal[] = [];
let aws: LocalFakeAws;
let folder: string;
let endpoints: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-terminal-'));
  aws = await startFakeAws();
  const stream = aws.createStream('orders', 2);
  for (let index = 0; index < 20; index += 1) stream.put(`key ${index}`, `order ${index}`);
  endpoints = ['--kinesis-endpoint', aws.endpoint, '--dynamodb-endpoint', aws.endpoint];
  await createConsumer({
    applicationName: 'mailer',
    streamName: 'orders',
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: aws.endpoint,
    dynamoDBEndpoint: aws.endpoint,
    workerIdentifier: 'a-worker-with-a-name-that-is-longer-than-half-a-terminal:4711',
    until: 'CAUGHT_UP',
    heartbeatIsolation: 'inline',
  }).run(() => {});
});
afterEach(() => {
  for (const terminal of open.splice(0)) terminal.hangUp();
});
afterAll(async () => {
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

const millrace = (args: readonly string[]) => [process.execPath, ...programArguments('lib/cli/bin.ts'), ...args];

function onTerminal(columns: number, command: readonly string[], env: Readonly<Record<string, string>> = {}): Terminal {
  const path = process.env['PATH'] ?? '';
  const terminal = new Terminal(columns, command, { PATH: path, TERM: 'xterm', ...cliEnvironment, ...env });
  open.push(terminal);
  return terminal;
}

/** A command whose standard output goes to a file, as a shell does it; the rest of the terminal stays with it. */
const intoFile = (file: string, command: readonly string[]) => [
  '/bin/sh',
  '-c',
  'out=$1; shift; exec "$@" >"$out"',
  'sh',
  file,
  ...command,
];

const owners = () => fetchRows().then((rows) => rows.map(({ checkpoint }) => checkpoint.slice(0, 12)));

async function fetchRows(): Promise<{ checkpoint: string }[]> {
  const file = join(folder, 'leases.jsonl');
  const args = ['leases', '--application-name', 'mailer', ...endpoints.slice(2), '--json'];
  expect(await onTerminal(80, intoFile(file, millrace(args))).exit()).toBe(0);
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { checkpoint: string });
}

const seek = ['seek', '--stream-name', 'orders', '--application-name', 'mailer', '--to', 'TRIM_HORIZON'];

describe.skipIf(!hasTerminals)('on a terminal', () => {
  it('tables fit it, with colours unless NO_COLOR is set; a file gets neither', async () => {
    const lag = millrace(['lag', '--stream-name', 'orders', '--application-name', 'mailer', ...endpoints]);
    const leases = millrace(['leases', '--application-name', 'mailer', ...endpoints.slice(2)]);
    const colourful = onTerminal(60, lag);
    const bare = onTerminal(60, leases, { NO_COLOR: '1' });
    const file = join(folder, 'leases.txt');
    const filed = onTerminal(60, intoFile(file, leases));
    expect(await Promise.all([colourful.exit(), bare.exit(), filed.exit()])).toEqual([0, 0, 0]);
    expect(colourful.shown).toContain(`${escape}[`);
    expect(bare.shown).not.toContain(escape);
    for (const { shown } of [colourful, bare]) {
      const lines = stripVTControlCharacters(shown).trimEnd().split('\r\n');
      expect(lines.length).toBeGreaterThan(2);
      expect(lines.filter((line) => line.length > 60)).toEqual([]);
    }
    expect(filed.shown).toBe('');
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain(escape);
    expect(text).toMatch(/^shardId-000000000000 /m);
  });

  it('seek asks: Enter, no and Ctrl-C change nothing, yes does it', async () => {
    const before = await owners();
    const declined = onTerminal(100, millrace([...seek, ...endpoints]));
    const left = onTerminal(100, millrace([...seek, ...endpoints]));
    await Promise.all([declined, left].map((terminal) => terminal.until(/move 2 leases of mailer\? \[y\/N\] $/)));
    declined.type('\r');
    left.type(ctrlC);
    expect([await declined.exit(), await left.exit()]).toEqual([1, 130]);
    expect(declined.shown).toContain('nothing was changed');
    expect(await owners()).toEqual(before);
    const agreed = onTerminal(100, millrace([...seek, ...endpoints]));
    await agreed.until(/\[y\/N\] $/);
    agreed.type('yes\r');
    expect(await agreed.exit()).toBe(0);
    expect(await owners()).toEqual(['TRIM_HORIZON', 'TRIM_HORIZON']);
  });

  it('drain asks before anything is sent', async () => {
    const drain = ['drain', 'nobody', '--application-name', 'mailer', ...endpoints.slice(2)];
    const terminal = onTerminal(80, millrace(drain));
    await terminal.until(/nobody.*\[y\/N\] $/s);
    terminal.type('n\r');
    expect(await terminal.exit()).toBe(1);
  });

  it('consume shows its progress on stderr while the records go to a file, and Ctrl-C drains it', async () => {
    const file = join(folder, 'records.jsonl');
    const consume = ['consume', '--stream-name', 'orders', '--application-name', 'viewer', ...endpoints];
    const terminal = onTerminal(80, intoFile(file, millrace([...consume, '--failover-time-millis', '3000'])));
    await terminal.until(/records 20 /);
    expect(terminal.shown).toContain(`\r${escape}[K`);
    terminal.type(ctrlC);
    expect(await terminal.exit()).toBe(0);
    // The line of progress is gone at the end.
    expect(terminal.shown.trimEnd().endsWith(`${escape}[K`)).toBe(true);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(new Set(lines.map((line) => (JSON.parse(line) as { data: string }).data)).size).toBe(20);
  });
});
