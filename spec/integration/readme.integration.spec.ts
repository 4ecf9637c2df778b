import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testKinesisClient,
} from '../support/local-stack.ts';
import { programsOf } from '../support/readme-programs.ts';
import { programEnvironment, writeProgram } from '../support/programs.ts';

let kinesis: LocalService;
let dynamo: LocalService;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  await createTestStream(kinesis.endpoint, 'orders', 2);
  await createTestStream(kinesis.endpoint, 'lines', 2);
  await put('orders', ['{"order":1}', '{"order":2}', '{"order":3}']);
  await put('lines', ['to be or not to be', 'not to be']);
  // Inside the repository, so that the programs find its packages.
  folder = mkdtempSync(resolve('node_modules', '.readme-programs-'));
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

describe('the programs of the README', () => {
  const programs = programsOf('README.md');

  it('are three: a function, a loop, micro-batches', () => {
    expect(programs.map((program) => program.heading)).toEqual([
      'A function for every block',
      'A loop over blocks',
      'Micro-batches',
    ]);
  });

  it('the function sees every record once, and SIGTERM drains it', async () => {
    const program = await run(programs[0]?.source);
    await program.until((output) => [1, 2, 3].every((order) => output.includes(`sent {"order":${order}}`)));
    program.child.kill('SIGTERM');
    expect(await program.exited()).toBe(0);
    expect(program.output().match(/^sent /gm)).toHaveLength(3);
  });

  it('the loop loads every record and ends when it has caught up', async () => {
    const program = await run(programs[1]?.source);
    expect(await program.exited()).toBe(0);
    expect(program.output()).toContain('loaded 3');
  });

  it('the micro-batches count the words of all shards, and SIGTERM drains them', async () => {
    const program = await run(programs[2]?.source);
    const counted = () => {
      const counts = new Map<string, number>();
      for (const [, word = '', count] of program.output().matchAll(/^(\w+) (\d+)$/gm)) {
        counts.set(word, (counts.get(word) ?? 0) + Number(count));
      }
      return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    };
    const expected = { be: 3, not: 2, or: 1, to: 3 };
    await program.until(() => JSON.stringify(counted()) === JSON.stringify(expected));
    program.child.kill('SIGTERM');
    expect(await program.exited()).toBe(0);
    expect(counted()).toEqual(expected);
  });
});

describe('the program of docs/record-processors.md', () => {
  it('stores and checkpoints the rest when SIGTERM asks it to stop, and the next run repeats nothing', async () => {
    const source = programsOf('docs/record-processors.md')[0]?.source ?? '';
    // The program says nothing before it stores: here it also says what it took.
    const taking = source.replace(
      'this.#waiting.push(',
      "console.log('took', records.length);\n    this.#waiting.push(",
    );
    const first = await run(taking);
    const taken = () =>
      [...first.output().matchAll(/^took (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    await first.until(() => taken() === 3);
    expect(first.output()).not.toContain('stored');
    first.child.kill('SIGTERM');
    expect(await first.exited()).toBe(0);
    expect(first.output().match(/^stored \{"order":[123]\}$/gm)).toHaveLength(3);
    const second = await run(taking.replace("streamName: 'orders'", "streamName: 'orders', until: 'CAUGHT_UP'"));
    expect(await second.exited()).toBe(0);
    expect(second.output()).toBe('');
  });
});

describe('the program of docs/exactly-once.md', () => {
  const programs = programsOf('docs/exactly-once.md');
  const here = (source = '') => {
    const program = source
      .replace('/var/lib/counts', resolve(folder, 'state'))
      .replace("applicationName: 'counts'", "applicationName: 'counts-once'");
    expect(program).toContain(folder);
    return program;
  };

  it('counts every record once over two runs, and its changed program goes on from the state of the first', async () => {
    const program = here(programs[0]?.source);
    for (const count of [1, 2]) {
      const one = await run(program);
      const shows = (key: string) => one.output().includes(`'${key}', ${count}`);
      await one.until(() => shows('key-0') && shows('key-1'));
      one.child.kill('SIGTERM');
      expect(await one.exited()).toBe(0);
      await put('lines', ['once', 'more']);
    }
    const changed = await run(here(programs.find(({ heading }) => heading === 'When the program changes')?.source));
    const shows = (key: string) => changed.output().includes(`'${key}', { sum: 3 }`);
    await changed.until(() => shows('key-0') && shows('key-1'));
    changed.child.kill('SIGTERM');
    expect(await changed.exited()).toBe(0);
  });
});

async function put(stream: string, lines: readonly string[]): Promise<void> {
  const client = testKinesisClient(kinesis.endpoint);
  const records = lines.map((line, index) => ({ Data: Buffer.from(line), PartitionKey: `key-${index}` }));
  await client.send(new PutRecordsCommand({ StreamName: stream, Records: records }));
  client.destroy();
}

async function run(source: string | undefined) {
  const command = await writeProgram(folder, `program-${children.length}`, source ?? '');
  const child = spawn(process.execPath, command, {
    cwd: folder,
    env: programEnvironment(kinesis.endpoint, dynamo.endpoint),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exit = new Promise<number | null>((settle) => child.once('close', (code) => settle(code)));
  return {
    child,
    output: () => output,
    async until(seen: (output: string) => boolean): Promise<void> {
      const giveUpAt = performance.now() + 60_000;
      while (!seen(output)) {
        if (performance.now() > giveUpAt || child.exitCode !== null) {
          throw new Error(`not seen; exit code ${child.exitCode}; output: ${output}; errors: ${errors}`);
        }
        await delay(20);
      }
    },
    async exited(): Promise<number | null> {
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
      const code = await exit;
      clearTimeout(timer);
      if (code !== 0) throw new Error(`exit code ${code}; output: ${output}; errors: ${errors}`);
      return code;
    },
  };
}
