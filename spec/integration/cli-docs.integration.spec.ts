import { readFileSync } from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Consumer, createConsumer } from '../../lib/index.ts';
import { deadLetterLine } from '../../lib/app/dead-letter-line.ts';
import { KinesisRecord } from '../../lib/block/record.ts';
import { type CommandTable, commandTable, isGroup } from '../../lib/cli/command-table.ts';
import { exitCodes } from '../../lib/cli/exit-code.ts';
import { main } from '../../lib/cli/main.ts';
import { realTimeIo, useFakeService } from '../cli/fake-service.ts';

const document = readFileSync('docs/cli.md', 'utf8');
const examples = [...document.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) =>
  block.trimEnd().split('\n'),
);

const service = useFakeService();
let folder: string;
let before: string;
let worker: Consumer | undefined;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'millrace-docs-'));
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  write('lines.txt', 'one\ntwo\n');
  write('handler.mjs', 'export default async () => {};\n');
  write('kcl.properties', 'executableName = node app.js\nstreamName = orders\napplicationName = viewer\n');
  const record = new KinesisRecord({
    data: Buffer.from('x'),
    partitionKey: 'k',
    sequenceNumber: '1',
    subSequenceNumber: 0,
    shardId: 'shardId-000000000000',
    streamName: 'orders',
    arrivalTimeMillis: 0,
  });
  write(
    'failed.jsonl',
    `${deadLetterLine(record, { shardId: 'shardId-0', error: new Error('x'), attempts: 1, failedAtMillis: 0 })}\n`,
  );
  before = process.cwd();
  process.chdir(folder);
  const orders = service.aws.createStream('orders', 2);
  service.aws.createStream('copies');
  for (let index = 0; index < 20; index += 1) orders.put(`customer-${index}`, `{"order":${index}}`);
});
afterAll(async () => {
  await worker?.drain();
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

/** Splits a command line as a shell does, as far as the examples need it. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** Runs one command; one that does not end by itself gets a SIGINT when it has said something. */
async function run(argv: readonly string[], input: string | undefined) {
  const io = realTimeIo();
  if (input !== undefined) io.stdin.end(input);
  const { endpoint } = service.aws;
  const env = {
    PATH: process.env['PATH'] ?? '',
    MILLRACE_REGION: 'us-east-1',
    MILLRACE_KINESIS_ENDPOINT: endpoint,
    MILLRACE_DYNAMODB_ENDPOINT: endpoint,
    MILLRACE_HEARTBEAT_ISOLATION: 'inline',
  };
  let isDone = false;
  const running = main(argv, env, io).finally(() => (isDone = true));
  const isEndless = /^(?:ui|dev)$|^(?:tail|lag)$/.test(argv[0] ?? '') && !/--until|--limit/.test(argv.join(' '));
  if (isEndless && (argv[0] !== 'lag' || argv.includes('--watch'))) {
    if (argv[0] === 'tail') {
      await vi.waitFor(() => {
        service.aws.stream('orders').put('a', 'more');
        expect(io.stdout.text).not.toBe('');
      }, 20_000);
    }
    await vi.waitFor(() => expect(isDone || io.stdout.text !== '').toBe(true), 20_000);
    if (!isDone) io.signal(2);
  }
  return { code: await running, stdout: io.stdout.text, stderr: io.stderr.text };
}

async function startWorker(): Promise<void> {
  const { endpoint } = service.aws;
  worker = createConsumer({
    applicationName: 'viewer',
    streamName: 'orders',
    region: 'us-east-1',
    kinesisEndpoint: endpoint,
    dynamoDBEndpoint: endpoint,
    heartbeatIsolation: 'inline',
    workerIdentifier: 'host-1-4711',
  });
  void worker.run(() => {}).catch(() => {});
  await vi.waitFor(async () => {
    const { stdout } = await run(['leases', '--application-name', 'viewer', '--json'], undefined);
    expect(stdout).toContain('"leaseOwner":"host-1-4711"');
  }, 20_000);
}

describe('docs/cli.md', () => {
  it.each(examples)('%s', { timeout: 60_000 }, async (line) => {
    if (line.includes('host-1-4711')) await startWorker();
    let input: string | undefined;
    for (const part of line.split(' | ')) {
      const [command = '', file] = part.split(' < ');
      const [name, ...argv] = words(command);
      expect(name).toBe('millrace');
      if (file !== undefined) input = readFileSync(file, 'utf8');
      const { code, stdout, stderr } = await run(argv, input);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining('"level":"error"')]);
      input = stdout;
    }
  });

  it('has an example of every command', () => {
    const leaves = (table: CommandTable, names: readonly string[]): string[] =>
      Object.entries(table).flatMap(([name, entry]) =>
        isGroup(entry) ? leaves(entry.commands, [...names, name]) : [[...names, name].join(' ')],
      );
    const shown = (name: string) => examples.some((line) => line.includes(`millrace ${name} `));
    expect(leaves(commandTable, []).filter((name) => !name.startsWith('state ') && !shown(name))).toEqual([]);
  });

  it('has every exit code', () => {
    const listed = [...document.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(listed).toEqual(Object.values(exitCodes));
  });
});
