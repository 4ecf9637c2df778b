import { type ChildProcess, spawn } from 'node:child_process';
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';
import { programArguments } from '../support/programs.ts';

let kinesis: LocalService;
let dynamo: LocalService;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
});
afterAll(() => Promise.all([kinesis.stop(), dynamo.stop()]));

describe('npm run test:aws, on emulators', () => {
  it('passes all checks, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await run(['--yes', '--json']).ended;
    const report = JSON.parse(stdout) as { checks: { name: string; outcome: string; words: string }[] };
    expect(report.checks.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
    expect(report).toMatchObject({ passed: 6, failed: 0, faults: [] });
    expect(report.checks.map(({ name }) => name)).toEqual([
      'codecs',
      'polling',
      'fan-out',
      'split',
      'merge',
      'takeover',
    ]);
    expect(code, stderr).toBe(0);
    await nothingIsLeft();
  });

  it('calls nothing without --yes', async () => {
    const { code, stderr } = await run([]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('At most $');
    expect(stderr).toContain('add --yes');
    await nothingIsLeft();
  });

  it('deletes what it has created when it is interrupted', async () => {
    const running = run(['--yes', '--json']);
    await vi.waitFor(() => expect(running.stderr()).toContain('codecs'), 90_000);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({ faults: [] });
    expect(stdout).toContain('notRun');
    await nothingIsLeft();
  });

  it('deletes orphans of killed runs with --cleanup, and nothing else', async () => {
    const name = 'millrace-test-aws-orphan';
    const client = dynamoClient();
    for (const each of [name, 'somebodys']) {
      await createTestStream(kinesis.endpoint, each, 1);
      await client.send(
        new CreateTableCommand({
          TableName: each,
          KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        }),
      );
    }
    client.destroy();
    const { code, stdout } = await run(['--yes', '--cleanup', '--json']).ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ deleted: { streams: [name], tables: [name] } });
    await nothingIsLeft(['somebodys']);
  });
});

function run(args: readonly string[]) {
  const where = [
    '--region',
    testRegion,
    '--kinesis-endpoint',
    kinesis.endpoint,
    '--dynamodb-endpoint',
    dynamo.endpoint,
  ];
  const child: ChildProcess = spawn(
    process.execPath,
    [...programArguments('spec/run/test-aws.ts'), ...where, ...args],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended, stderr: () => stderr };
}

function dynamoClient(): DynamoDBClient {
  return new DynamoDBClient({ endpoint: dynamo.endpoint, region: testRegion, credentials: testCredentials });
}

/** Deletions take a moment at the services. */
async function nothingIsLeft(but: readonly string[] = []): Promise<void> {
  const client = testKinesisClient(kinesis.endpoint);
  const tables = dynamoClient();
  try {
    await vi.waitFor(
      async () => {
        expect((await client.send(new ListStreamsCommand({}))).StreamNames).toEqual(but);
        expect((await tables.send(new ListTablesCommand({}))).TableNames).toEqual(but);
      },
      { timeout: 60_000, interval: 200 },
    );
  } finally {
    client.destroy();
    tables.destroy();
  }
}
