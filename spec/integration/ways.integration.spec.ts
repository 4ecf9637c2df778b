import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConsumer, deadLetterStream } from '../../lib/index.ts';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';
import { programsOf } from '../support/readme-programs.ts';
import { programEnvironment, writeProgram } from '../support/programs.ts';

let kinesis: LocalService;
let dynamo: LocalService;
let folder: string;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  await createTestStream(kinesis.endpoint, 'orders', 2);
  const client = testKinesisClient(kinesis.endpoint);
  const Records = ['one', 'two', 'three'].map((text) => ({ Data: Buffer.from(text), PartitionKey: text }));
  await client.send(new PutRecordsCommand({ StreamName: 'orders', Records }));
  client.destroy();
  // Inside the repository, so that the programs find its packages.
  folder = mkdtempSync(resolve('node_modules', '.ways-programs-'));
});

afterAll(async () => {
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program to its end, at most a minute; answers with its output, line by line, sorted. */
async function outputOf(source: string | undefined): Promise<string[]> {
  const child = spawn(process.execPath, await writeProgram(folder, 'program', source ?? ''), {
    cwd: folder,
    timeout: 60_000,
    env: programEnvironment(kinesis.endpoint, dynamo.endpoint),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const code = await new Promise((settle) => child.once('close', settle));
  if (code !== 0) throw new Error(`exit code ${String(code)}; output: ${output}; errors: ${errors}`);
  return output.trimEnd().split('\n').toSorted();
}

describe('the programs of the pages about ways to consume', () => {
  it('docs/lambda.md hands every record to the Lambda handler once', async () => {
    const programs = programsOf('docs/lambda.md');
    expect(programs.length).toBe(1);
    expect(await outputOf(programs[0]?.source)).toEqual(['handled one', 'handled three', 'handled two']);
  });

  it('docs/dead-letters.md finds the bad record, writes it to a file, and replays it', async () => {
    const programs = programsOf('docs/dead-letters.md');
    expect(programs.length).toBe(1);
    expect(await outputOf(programs[0]?.source)).toEqual(['again two no', 'replayed 1']);
    expect(statSync(join(folder, 'failed.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('docs/engine-by-hand.md counts every record once, also when it is run again', async () => {
    const programs = programsOf('docs/engine-by-hand.md');
    expect(programs.length).toBe(1);
    for (let run = 0; run < 2; run += 1) {
      expect(await outputOf(programs[0]?.source)).toEqual(['one 1', 'three 1', 'two 1']);
    }
  });

  it('docs/engine-in-workers.md adds up in threads', async () => {
    const programs = programsOf('docs/engine-in-workers.md');
    expect(programs.length).toBe(1);
    const [, worker = ''] = /^```js\n([\s\S]*?)^```$/m.exec(readFileSync('docs/engine-in-workers.md', 'utf8')) ?? [];
    writeFileSync(join(folder, 'measure.mjs'), worker);
    expect(await outputOf(programs[0]?.source)).toEqual(['letters 11']);
  });

  it('deadLetterStream puts what failed on another stream, and refuses the one that is read', async () => {
    await createTestStream(kinesis.endpoint, 'failed', 1);
    const where = { region: testRegion, credentials: testCredentials, kinesisEndpoint: kinesis.endpoint };
    const options = {
      ...where,
      dynamoDBEndpoint: dynamo.endpoint,
      streamName: 'orders',
      until: 'CAUGHT_UP',
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    } as const;
    const failing = (applicationName: string, streamName: string) =>
      createConsumer({
        ...options,
        applicationName,
        // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
        onFailure: { maximumRetryAttempts: 0, then: deadLetterStream({ ...where, streamName }) },
      }).run(() => {
        throw new Error('no');
      });
    await failing('to-stream', 'failed');
    const letters: string[] = [];
    await createConsumer({ ...options, applicationName: 'letters-of', streamName: 'failed' }).run(({ records }) => {
      for (const record of records) letters.push(record.json<{ data: string }>().data);
    });
    expect(letters.toSorted()).toEqual(['one', 'three', 'two']);
    await expect(failing('to-itself', 'orders')).rejects.toMatchObject({
      code: 'MR_HANDLER_FAILED',
      message: expect.stringContaining('would come back to it') as string,
    });
  });
});
