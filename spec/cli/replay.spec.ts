import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deadLetterLine } from '../../lib/app/dead-letter-line.ts';
import { KinesisRecord } from '../../lib/block/record.ts';
import { main } from '../../lib/cli/main.ts';
import { realTimeIo } from './fake-service.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'millrace-replay-'));
  const letter = (index: number) =>
    deadLetterLine(
      new KinesisRecord({
        data: Buffer.from(`line ${index}`),
        partitionKey: 'k',
        sequenceNumber: String(index),
        subSequenceNumber: 0,
        shardId: 'shardId-0',
        streamName: 'orders',
        arrivalTimeMillis: 0,
      }),
      { shardId: 'shardId-0', error: new Error('x'), attempts: 1, failedAtMillis: 0 },
    );
  file = write('failed.jsonl', `${letter(1)}\n{"half\n${letter(2)}\n${letter(3)}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const made = path.join(folder, name);
  writeFileSync(made, text);
  return made;
}

async function run(args: readonly string[], io = realTimeIo()) {
  const code = await main(['replay', ...args], { PATH: process.env['PATH'] ?? '' }, io);
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
}

const node = (script: string) => ['--exec', process.execPath, '--', '-e', script];

describe('millrace replay', () => {
  it('hands each record to a program, in order, and names lines that hold none', async () => {
    const { code, stdout, stderr } = await run([
      file,
      '--exec-input',
      'data',
      ...node('process.stdin.pipe(process.stdout)'),
    ]);
    expect(code).toBe(0);
    expect(stdout).toBe('line 1\nline 2\nline 3\n3 records replayed, 1 lines unreadable\n');
    expect(JSON.parse(stderr)).toMatchObject({ level: 'warn', lines: [2] });
  });

  it('hands each record to a module', async () => {
    const handler = write(
      'handler.mjs',
      'export default ({ records }) => { if (records[0].text() === "line 9") throw 1; };',
    );
    const { code, stdout } = await run([file, '--module', handler, '--json']);
    expect([code, JSON.parse(stdout)]).toEqual([0, { replayed: 3, unreadable: [2] }]);
  });

  it('ends with 6 at the first failure, and names the line', async () => {
    const script =
      'let text = ""; process.stdin.on("data", (d) => (text += d)).on("end", () => (process.exitCode = /line 2/.test(text) ? 1 : 0))';
    const { code, stderr } = await run([file, ...node(script)]);
    expect([code, stderr]).toEqual([
      6,
      expect.stringContaining(`the handler failed for line 3 of ${file}; the 1 records before it`),
    ]);
  });

  it.each([
    [() => [file], 'neither --exec nor --module is given'],
    [() => [file, '--exec', 'cat', '--module', 'x'], '--exec and --module are both given'],
    [() => [file, 'surplus'], 'unexpected argument "surplus"'],
    [() => [file, 'surplus', '--exec', 'cat'], 'unexpected argument "surplus": options begin with --, and arguments'],
    [() => [file, 'surplus', '--exec', 'cat', '--', 'more'], 'unexpected argument "surplus"'],
    [() => [write('other.txt', 'no\nletters\n'), '--exec', 'cat'], 'in which no line holds a record (of 2)'],
    [() => [], 'FILE is missing'],
    [() => [path.join(folder, 'none'), ...node('')], 'which cannot be read'],
    [() => [file, '--module', write('object.mjs', 'export default {}')], 'exports no function'],
  ])('refuses case %# with 2', async (args, words) => {
    const { code, stderr } = await run(args());
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});
