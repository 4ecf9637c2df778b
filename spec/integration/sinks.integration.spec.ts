import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CreateTableCommand, type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { createTable, rowsOf } from '../support/dynamo-sink-bench.ts';
import { createTestStream, testCredentials, testRegion } from '../support/local-stack.ts';
import { programsOf } from '../support/readme-programs.ts';
import { dynamoClient } from '../testkit/server/aws-clients.ts';
import type { TableWorkerOptions } from './fixtures/table-worker.ts';
import { programArguments, writeProgram } from '../support/programs.ts';

const script = 'spec/integration/fixtures/table-worker.ts';
const keys = Array.from({ length: 10 }, (_, index) => `key ${index}`);

let aws: LocalFakeAws;
let client: DynamoDBClient;
let folder: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  // Inside the repository, so that the programs find its packages.
  folder = mkdtempSync(resolve('node_modules', '.sink-programs-'));
  aws = await startFakeAws();
  client = dynamoClient(aws);
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended(child);
  }
});

afterAll(async () => {
  client.destroy();
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

function ended(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? child.signalCode);
  return new Promise((settle) => child.once('exit', (code, signal) => settle(code ?? signal)));
}

interface Line {
  readonly type: string;
  readonly message?: string;
}

function start(options: Omit<TableWorkerOptions, 'endpoint' | 'stateFolder' | 'failoverTimeMillis'>) {
  const all: TableWorkerOptions = {
    ...options,
    endpoint: aws.endpoint,
    stateFolder: join(folder, 'state'),
    failoverTimeMillis: 3_000,
  };
  const child = spawn(process.execPath, [...programArguments(script), JSON.stringify(all)], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let [text, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (errors = (errors + chunk).slice(-4_000)));
  const lines = (): Line[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  return { child, lines, has: (type: string) => lines().some((line) => line.type === type), errors: () => errors };
}

async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!(await condition()) && performance.now() < giveUpAt) await new Promise((settle) => setTimeout(settle, 50));
  expect(await condition(), what()).toBe(true);
}

describe.each(['shard', 'application'] as const)(
  'a process that is paused in the middle of a write, in %s scope',
  (scope) => {
    it('neither commits nor writes to the table unnoticed when it goes on and another holds its place', async () => {
      const streamName = `lines-${scope}`;
      await createTestStream(aws.endpoint, streamName, 2);
      const tableName = await createTable(client);
      let each = 0;
      const put = () => {
        for (let n = 0; n < 8; n += 1) for (const key of keys) aws.stream(streamName).put(key, `${n}`);
        each += 8;
      };
      const counts = async () =>
        Array.from(
          await rowsOf(client, tableName),
          ([key, row]) => `${key}: ${(row['count'] as { N: string }).N}`,
        ).toSorted();
      const isCounted = async () =>
        JSON.stringify(await counts()) === JSON.stringify(keys.map((key) => `${key}: ${each}`));
      put();
      const worker = { applicationName: `tables-${scope}`, scope, streamName, tableName };
      const zombie = start({ ...worker, workerIdentifier: 'one', pausesAtRow: 13 });
      await until(() => zombie.has('pausing'), zombie.errors);
      const other = start({ ...worker, workerIdentifier: 'two' });
      const state = async () => `${JSON.stringify(await counts())} ${other.errors()}`;
      await until(isCounted, () => other.errors());
      put();
      await until(isCounted, () => other.errors());
      const before = await counts();
      zombie.child.kill('SIGCONT');
      const isNoticed = () => zombie.has('lease.lost') || zombie.has('engine.lost') || zombie.has('failed');
      await until(isNoticed, zombie.errors);
      if (scope === 'application') {
        expect(await ended(zombie.child), zombie.errors()).toBe(1);
        expect(zombie.lines().at(-1)?.message).toContain('MR_EPOCH_LOST');
      } else {
        zombie.child.kill('SIGTERM');
        expect(await ended(zombie.child), zombie.errors()).toBe(0);
      }
      expect(await counts(), await state()).toEqual(before);
      other.child.kill('SIGTERM');
      expect(await ended(other.child), other.errors()).toBe(0);
      expect(await isCounted(), await state()).toBe(true);
    });
  },
);

describe('the program of docs/exactly-once.md with sinks', () => {
  it('shows every order once in files and in the table, over two runs, though some were put twice', async () => {
    await createTestStream(aws.endpoint, 'orders', 2);
    await createTestStream(aws.endpoint, 'orders-once', 1);
    await client.send(
      new CreateTableCommand({
        TableName: 'towns',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'town', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'town', KeyType: 'HASH' }],
      }),
    );
    const place = join(folder, 'orders');
    mkdirSync(place);
    const source = programsOf('docs/exactly-once.md')[1]?.source ?? '';
    const program = source
      .replace('/var/lib/orders', join(place, 'state'))
      .replace('/var/spool/orders', join(place, 'out'));
    expect(program).toContain(join(place, 'out'));
    const command = await writeProgram(folder, 'orders', program);
    const orders = (from: number) =>
      Array.from({ length: 12 }, (_, index) => ({
        id: `order ${from + index}`,
        town: index % 2 ? 'Ulm' : 'Jena',
        euros: 1,
      }));
    const expected: unknown[] = [];
    for (const from of [1, 13]) {
      // The producer put each second order twice.
      for (const order of orders(from)) {
        const times = order.town === 'Ulm' ? 2 : 1;
        for (let time = 0; time < times; time += 1) aws.stream('orders').put(order.id, JSON.stringify(order));
        expected.push(order);
      }
      await promisify(execFile)(process.execPath, command, {
        cwd: folder,
        timeout: 100_000,
        env: {
          PATH: process.env['PATH'] ?? '',
          AWS_REGION: testRegion,
          AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
          AWS_ENDPOINT_URL_DYNAMODB: aws.endpoint,
          AWS_ENDPOINT_URL_KINESIS: aws.endpoint,
        },
      });
      const names = readdirSync(join(place, 'out', 'orders-out')).filter((name) => !name.startsWith('.'));
      const shown = names.flatMap((name) =>
        readFileSync(join(place, 'out', 'orders-out', name), 'utf8')
          .trim()
          .split('\n'),
      );
      expect(shown.toSorted()).toEqual(expected.map((order) => JSON.stringify(order)).toSorted());
    }
    const { Items = [] } = await client.send(new ScanCommand({ TableName: 'towns', ConsistentRead: true }));
    expect(Items.map(({ town, euros }) => `${town?.S} ${euros?.N}`).toSorted()).toEqual(['Jena 12', 'Ulm 12']);
    expect(aws.stream('orders-once').shards.map(({ recordCount }) => recordCount)).toEqual([24]);
  });
});
