import { setTimeout } from 'node:timers/promises';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createConsumer } from '../../lib/index.ts';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();
let stream: string;
let given: string[];

interface CheckLine {
  readonly area: string;
  readonly name: string;
  readonly result: string;
  readonly detail: string;
  readonly code?: string;
}

const doctor = async (args: readonly string[]) => {
  const { code, stdout } = await service.run(['doctor', ...args, '--json']);
  const checks = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as CheckLine);
  return { code, checks, of: (name: string) => checks.find((check) => check.name === name) };
};

beforeAll(async () => {
  const { name, fake } = await service.createStream(2);
  stream = name;
  fake.put('a', 'x');
  given = ['--stream-name', name, '--application-name', 'mailer', ...service.flags('both')];
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const { endpoint } = service.aws;
  await createConsumer({
    applicationName: 'mailer',
    streamName: name,
    region: 'us-east-1',
    kinesisEndpoint: endpoint,
    dynamoDBEndpoint: endpoint,
    heartbeatIsolation: 'inline',
    until: 'CAUGHT_UP',
  }).run(() => {});
}, 60_000);

const deny = (operation: string) =>
  service.aws.inject({ operation, effect: { kind: 'error', name: 'AccessDeniedException' } });

describe('millrace doctor', () => {
  it('looks at everything that a consumer needs, changes nothing, and ends with 0', async () => {
    const before = (await service.run(['leases', ...given.slice(2, 6), ...service.flags('table').slice(2), '--json']))
      .stdout;
    const { code, checks, of } = await doctor(given);
    expect(checks.filter(({ result }) => result !== 'ok')).toEqual([]);
    expect(code).toBe(0);
    expect(checks.map(({ name }) => name)).toEqual([
      'AWS credentials',
      'kinesis:DescribeStreamSummary',
      stream,
      'kinesis:ListShards',
      'kinesis:GetShardIterator',
      'kinesis:GetRecords',
      'fan-out slots',
      'shards of the account',
      'this machine and Kinesis',
      'dynamodb:DescribeTable',
      'mailer',
      'index LeaseOwnerToLeaseKeyIndex',
      'coordination rows',
      'dynamodb:Scan',
      'stream of the leases',
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
    ]);
    expect(of('AWS credentials')?.detail).toBe('key ...test in us-east-1');
    expect(of(stream)?.detail).toBe('PROVISIONED, 2 open shards, keeps records 24 h, encryption NONE');
    expect(of('this machine and Kinesis')?.detail).toBe('they agree');
    expect(of('fan-out slots')?.detail).toBe('0 of 20 stream consumers');
    const after = (await service.run(['leases', ...given.slice(2, 6), ...service.flags('table').slice(2), '--json']))
      .stdout;
    expect(after).toBe(before);
  });

  it.each([
    ['GetRecords', 'kinesis:GetRecords'],
    ['UpdateItem', 'dynamodb:UpdateItem'],
    ['Query', 'dynamodb:Query'],
  ])('names the permission %s that is missing, goes on, and ends with 4', async (operation, name) => {
    await deny(operation);
    const { code, checks } = await doctor(given);
    expect(code).toBe(4);
    expect(checks.filter(({ result }) => result === 'failed')).toMatchObject([{ name, code: 'MR_ACCESS_DENIED' }]);
    expect(checks).toHaveLength(20);
  });

  it('does not mind calls that no consumer makes', async () => {
    await deny('DescribeLimits');
    await deny('ListStreamConsumers');
    const { code, of } = await doctor(given);
    expect(code).toBe(0);
    expect(of('fan-out slots')).toMatchObject({ result: 'skipped' });
    expect(of('shards of the account')).toMatchObject({ result: 'skipped' });
  });

  it('says what is not there yet: a table, an application, a stream consumer', async () => {
    const fresh = await doctor(given.with(3, 'fresh'));
    expect([fresh.code, fresh.of('fresh')]).toMatchObject([
      0,
      { result: 'warning', detail: expect.stringContaining('the first start makes it') },
    ]);
    const alone = await doctor([...given.slice(0, 2), ...given.slice(4)]);
    expect([alone.code, alone.of('lease table')]).toMatchObject([0, { result: 'skipped' }]);
    const fanOut = await doctor([...given, '--retrieval-mode', 'FAN_OUT']);
    expect(fanOut.of('kinesis:DescribeStreamConsumer')?.detail).toContain('is not registered yet');
    expect(fanOut.of('kinesis:SubscribeToShard')).toMatchObject({ result: 'skipped' });
  });

  it('finds a stream that is missing, a table of something else, and a service out of reach', async () => {
    const missing = await doctor(given.with(1, 'nothing'));
    expect([missing.code, missing.of('kinesis:DescribeStreamSummary')]).toMatchObject([
      3,
      { code: 'MR_STREAM_NOT_FOUND' },
    ]);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new DynamoDBClient({ endpoint: service.aws.endpoint, region: 'us-east-1', credentials });
    await client.send(
      new CreateTableCommand({
        TableName: 'customers',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
    client.destroy();
    const foreign = await doctor(given.with(3, 'customers'));
    expect([foreign.code, foreign.of('customers')]).toMatchObject([3, { code: 'MR_TABLE_FOREIGN' }]);
    const closed = given.map((word) => (word === service.aws.endpoint ? 'http://127.0.0.1:1' : word));
    const away = await doctor(closed);
    expect([away.code, away.checks.filter(({ result }) => result === 'failed').length]).toEqual([5, 2]);
  });

  it('finds that another stream has the leases', async () => {
    const { name } = await service.createStream();
    const { code, of } = await doctor(given.with(1, name));
    expect([code, of('stream of the leases')]).toMatchObject([3, { code: 'MR_STREAM_CHANGED' }]);
  });

  it('asks nothing without credentials, and ends with 4', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('HOME', '/nonexistent');
    const { code, checks } = await doctor(given);
    expect([code, checks.map(({ result }) => result)]).toEqual([4, ['failed', 'skipped']]);
  });

  it('prints lines that fit the terminal, as it goes', async () => {
    const io = realTimeIo({ isTTY: true, columns: 100 });
    // The doctors before it have read the first shard as often as it may be read within a second.
    await setTimeout(1_000);
    const { stdout } = await service.run(['doctor', ...given], io);
    // oxlint-disable-next-line no-control-regex -- colours are control characters
    const plain = stdout.replace(/\u001b\[\d+m/g, '');
    expect(plain).toContain(
      'ok       permission   kinesis:GetRecords                    one read of shardId-000000000000\n',
    );
    expect(plain).toContain('20 ok, 0 warnings, 0 failed, 0 skipped\n');
    expect(Math.max(...plain.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
