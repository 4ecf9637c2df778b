import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsumerOptions, createAdmin, createConsumer } from '../../lib/index.ts';
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
import { programArguments, programEnvironment, writeProgram } from '../support/programs.ts';

let kinesis: LocalService;
let dynamo: LocalService;
let client: KinesisClient;
let options: ConsumerOptions;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  client = testKinesisClient(kinesis.endpoint);
  await createTestStream(kinesis.endpoint, 'orders', 2);
  options = {
    applicationName: 'mailer',
    streamName: 'orders',
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: kinesis.endpoint,
    dynamoDBEndpoint: dynamo.endpoint,
    coordinationTables: 'single',
    failoverTimeMillis: 2_000,
    idleTimeBetweenReadsInMillis: 200,
  };
});

afterAll(async () => {
  client?.destroy();
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
});

let produced = 0;

async function put(count: number): Promise<void> {
  const Records = Array.from({ length: count }, () => {
    produced += 1;
    return { Data: Buffer.from(String(produced)), PartitionKey: `key ${produced}` };
  });
  await client.send(new PutRecordsCommand({ StreamName: 'orders', Records }));
}

/** Consumes until it has caught up; answers with what it saw. */
async function consume(): Promise<readonly { number: number; shardId: string; sequenceNumber: string }[]> {
  const seen: { number: number; shardId: string; sequenceNumber: string }[] = [];
  await createConsumer({ ...options, until: 'CAUGHT_UP' }).run(({ records, shardId }) => {
    for (const record of records) {
      seen.push({ number: Number(record.text()), shardId, sequenceNumber: record.sequenceNumber });
    }
  });
  return seen;
}

describe('an administrator', () => {
  it('moves an application back, forward and behind one record, and tells its leases and lag', async () => {
    await using admin = createAdmin(options);
    await put(20);
    const first = await consume();
    expect(first).toHaveLength(20);
    expect((await admin.lag()).map(({ millisBehindLatest }) => millisBehindLatest)).toEqual([0, 0]);

    await admin.seek({ to: 'TRIM_HORIZON' });
    expect((await admin.leases()).map(({ checkpoint, isEnded }) => [checkpoint, isEnded])).toEqual([
      ['TRIM_HORIZON', false],
      ['TRIM_HORIZON', false],
    ]);
    expect(await consume()).toHaveLength(20);

    await admin.seek({ to: 'TRIM_HORIZON' });
    await admin.seek({ to: 'LATEST' });
    expect(await consume()).toEqual([]);
    await put(5);
    expect(await consume()).toHaveLength(5);

    const { shardId } = first[0]!;
    const ofShard = first.filter((one) => one.shardId === shardId);
    const [, second] = ofShard;
    await admin.seek({ to: { afterSequenceNumber: second!.sequenceNumber }, shards: [shardId] });
    const again = await consume();
    const later = again.filter((one) => one.number <= 20).map(({ number }) => number);
    expect(later).toEqual(ofShard.slice(2).map(({ number }) => number));
    expect(new Set(again.map((one) => one.shardId))).toEqual(new Set([shardId]));
  });

  it('moves an application while a worker runs: it reads again from there', async () => {
    await using admin = createAdmin(options);
    const seen: number[] = [];
    const consumer = createConsumer(options);
    const run = consumer.run(({ records }) => void seen.push(...records.map((record) => Number(record.text()))));
    await until(async () => (await admin.leases()).every(({ leaseOwner }) => leaseOwner !== undefined));
    const moves = await admin.seek({ to: new Date(Date.now() - 3_600_000) });
    expect(moves.every(({ evicted }) => evicted !== undefined)).toBe(true);
    await until(async () => new Set(seen).size === produced);
    await consumer.drain();
    await run;
    expect(seen).toHaveLength(produced);
  });

  it.each([
    { to: new Date(Date.now() + 86_400_000), says: 'has not come yet' },
    { to: new Date('x'), says: 'invalid Date' },
    { to: 'NOW' as 'LATEST', says: 'give TRIM_HORIZON, LATEST, a Date or' },
    { to: { afterSequenceNumber: 'x1' }, says: 'a text of digits' },
    { to: { afterSequenceNumber: '1' }, says: 'name that shard alone' },
    { to: { afterSequenceNumber: '1', subSequenceNumber: -1 }, says: 'a whole number from 0' },
    { to: 'LATEST' as const, shards: ['shardId-9'], says: 'shards: shardId-9 is not in the stream' },
  ])('refuses $says', async ({ says, ...request }) => {
    await using admin = createAdmin(options);
    await expect(admin.seek(request)).rejects.toMatchObject({
      code: 'MR_CONFIG_INVALID',
      message: expect.stringContaining(says),
    });
  });
});

describe('the drain of a worker in a process of its own', () => {
  it('ends that process well, and its leases go to another', async () => {
    const plain = { ...options, applicationName: 'drained' };
    const script = 'spec/integration/fixtures/worker.ts';
    const start = (workerIdentifier: string) => {
      const child = spawn(
        process.execPath,
        [...programArguments(script), JSON.stringify({ ...plain, workerIdentifier })],
        { env: { PATH: process.env['PATH'] ?? '' }, stdio: ['ignore', 'pipe', 'ignore'] },
      );
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      const code = new Promise<number | null>((settle) => child.once('close', settle));
      return { child, code, output: () => output };
    };
    await using admin = createAdmin(plain);
    const first = start('first');
    let second: ReturnType<typeof start> | undefined;
    const owners = async () => new Set((await admin.leases().catch(() => [])).map(({ leaseOwner }) => leaseOwner));
    const areOnly = (name: string) => async () => {
      const now = await owners();
      return now.size === 1 && now.has(name);
    };
    try {
      await until(areOnly('first'));
      const drained = await admin.drain('first');
      expect(drained).toMatchObject({ workerIdentifier: 'first', isBack: false });
      expect(drained.shards).toEqual(['shardId-000000000000', 'shardId-000000000001']);
      expect(await first.code, first.output()).toBe(0);
      expect(first.output()).toContain('"type":"ended"');
      second = start('second');
      await until(areOnly('second'));
      await expect(admin.drain('first')).rejects.toMatchObject({
        code: 'MR_CONFIG_INVALID',
        message: expect.stringContaining('(second has one)'),
      });
    } finally {
      for (const one of [first, second]) {
        if (one?.child.exitCode === null) one.child.kill('SIGKILL');
        await one?.code;
      }
    }
  });
});

describe('the programs of docs/admin.md', () => {
  const programs = programsOf('docs/admin.md');

  it('are two', () => {
    expect(programs.map(({ heading }) => heading)).toEqual(['Read again from another place', 'Drain a worker']);
  });

  it('show a seek, and move the application', async () => {
    await using admin = createAdmin(options);
    await admin.seek({ to: 'TRIM_HORIZON' });
    // The document's shard has no such record: Kinesis is asked before anything is moved.
    const { sequenceNumber = '' } = (await consume()).find(({ shardId }) => shardId === 'shardId-000000000000') ?? {};
    const source = programs[0]!.source
      .replace(/new Date\('.*?'\)/, 'new Date(Date.now() - 60_000)')
      .replace(/afterSequenceNumber: '\d+'/, `afterSequenceNumber: '${sequenceNumber}'`);
    const { code, output } = await runProgram(source);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^shardId-000000000000 .+ to AT_TIMESTAMP unowned$/m);
  });

  it('drain a worker, whose run ends well', async () => {
    await using admin = createAdmin(options);
    // The program before has moved a shard to the place of an example.
    await admin.seek({ to: 'TRIM_HORIZON' });
    const consumer = createConsumer({ ...options, workerIdentifier: 'host-1-4711' });
    const run = consumer.run(() => {});
    await until(async () => (await admin.leases()).every(({ leaseOwner }) => leaseOwner === 'host-1-4711'));
    const { code, output } = await runProgram(programs[1]!.source);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^gave back 2 leases after \d+ ms$/m);
    await run;
  });
});

/** Runs a program to its end; answers with what it wrote. */
async function runProgram(source: string): Promise<{ readonly code: unknown; readonly output: string }> {
  // Inside the repository, so that the program finds its packages.
  const folder = mkdtempSync(resolve('node_modules', '.admin-program-'));
  try {
    const child = spawn(process.execPath, await writeProgram(folder, 'program', source), {
      env: programEnvironment(kinesis.endpoint, dynamo.endpoint),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    return { code: await new Promise((settle) => child.once('close', settle)), output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error('not seen within 60 s');
    await new Promise((wake) => setTimeout(wake, 50));
  }
}
