import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KinesisRecord,
  type MillraceEvent,
  type StateStore,
  StreamingContext,
  createAdmin,
  fileState,
  memoryState,
} from '../../lib/index.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { testKinesisClient } from '../support/local-stack.ts';

type Scope = 'shard' | 'application';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
let aws: LocalFakeAws;
let folder: string;
let number = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-state-'));
  aws = await startFakeAws();
});

afterAll(async () => {
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A stream of its own, and a program that counts it by partition key. */
async function newProgram() {
  number += 1;
  const name = `app-${number}`;
  const client = testKinesisClient(aws.endpoint);
  await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 2 }));
  client.destroy();
  const store = fileState(join(folder, name));
  return { name, store, put: () => keys.forEach((key) => aws.stream(name).put(key, 'x')) };
}

const connection = () => ({
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  kinesisEndpoint: aws.endpoint,
  dynamoDBEndpoint: aws.endpoint,
});

interface RunOptions {
  readonly scope: Scope;
  readonly store: StateStore;
}

/** Runs the program until it has caught up; resolves to what its state holds then. */
async function count(name: string, { scope, store }: RunOptions): Promise<Record<string, number>> {
  const context = new StreamingContext({
    applicationName: name,
    batchIntervalMillis: 100,
    state: store,
    retainedVersions: 300,
  });
  const lines = context.kinesisStream({
    ...connection(),
    streamName: name,
    until: 'CAUGHT_UP',
    failoverTimeMillis: 3_000,
    idleTimeBetweenReadsInMillis: 200,
    blockIntervalMillis: 20,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const faults: string[] = [];
  context.events.subscribe((event: MillraceEvent) => {
    if (event.type === 'shard.failed') faults.push(event.message);
  });
  const groups = new Map<string, (readonly [string, number])[]>();
  const keyed =
    scope === 'shard'
      ? lines.keyByPartitionKey()
      : lines.mapToPair((record): [string, KinesisRecord] => [record.partitionKey, record]);
  keyed
    .updateStateByKey<number>('counts', (values, sum = 0) => sum + values.length)
    .foreachBatch((batch, { group }) => void groups.set(group, batch.collect()));
  await context.run();
  if (faults.length > 0) throw new Error(faults.join());
  const sums: Record<string, number> = {};
  for (const pairs of groups.values()) for (const [key, sum] of pairs) sums[key] = (sums[key] ?? 0) + sum;
  return sums;
}

/** What the rows of the shards say of when nothing followed their places. */
async function caughtUpTimes(TableName: string): Promise<readonly number[]> {
  const client = new DynamoDBClient({ endpoint: aws.endpoint, ...connection() });
  const { Items = [] } = await client.send(new ScanCommand({ TableName }));
  client.destroy();
  return Items.flatMap(({ entityType, caughtUpAtMillis }) =>
    entityType?.S === 'LEASE' ? [Number(caughtUpAtMillis?.N)] : [],
  );
}

const each = (sum: number) => Object.fromEntries(keys.map((key) => [key, sum]));
const adminOf = (name: string) => createAdmin({ ...connection(), applicationName: name, streamName: name });

describe.each(['shard', 'application'] as const)('the state of a program in %s scope', (scope) => {
  it('is shown with its versions, and goes back together with its positions: nothing is missing or counted twice', async () => {
    const { name, store, put } = await newProgram();
    const putMillis = Date.now();
    put();
    expect(await count(name, { scope, store })).toEqual(each(1));
    await using admin = adminOf(name);
    const before = await admin.state.inspect();
    expect(before).toMatchObject({ applicationName: name, scope });
    put();
    expect(await count(name, { scope, store })).toEqual(each(2));
    const after = await admin.state.inspect();
    expect(after.groups.map(({ group }) => group)).toEqual(before.groups.map(({ group }) => group));
    // Each group to where it was; batch times that were made up for may lie before the other groups' last.
    for (const { group, batchId } of before.groups) {
      const request = { to: { batchId }, ...(scope === 'shard' ? { shards: [group] } : {}) };
      const [planned] = await admin.state.rewind({ ...request, dryRun: true });
      const [move] = await admin.state.rewind(request);
      expect([planned?.applied, move]).toEqual([false, { ...planned, applied: true }]);
    }
    // When the last records of the versions arrived: whoever begins there too late finds out by it.
    const arrivals = scope === 'shard' ? await caughtUpTimes(name) : [];
    for (const arrival of arrivals) expect(arrival).toBeGreaterThan(putMillis - 10_000);
    expect(Math.max(putMillis, ...arrivals)).toBeLessThan(putMillis + 2_000);
    const back = await admin.state.inspect();
    for (const [index, { batchId, lineage, versions }] of back.groups.entries()) {
      expect([batchId, lineage]).toEqual([(after.groups[index]?.batchId ?? 0) + 1, 1]);
      expect(versions.at(-1)?.positions).toEqual(before.groups[index]?.versions.at(-1)?.positions);
    }
    put();
    expect(await count(name, { scope, store })).toEqual(each(3));
    await expect(admin.state.rewind({ to: new Date(1_000) })).rejects.toThrow(
      /MR_CONFIG_INVALID: .* cannot go back to 1970-01-01T00:00:01.000Z: it has the versions \d+ of/,
    );
  });

  it('must be spoken of in a seek: kept, so that records count again, or empty', async () => {
    const { name, store, put } = await newProgram();
    put();
    expect(await count(name, { scope, store })).toEqual(each(1));
    await using admin = adminOf(name);
    await expect(admin.seek({ to: 'TRIM_HORIZON' })).rejects.toThrow('MR_SEEK_STATE');
    await expect(admin.seek({ to: 'TRIM_HORIZON', state: { batchId: 999_999 } })).rejects.toThrow('MR_SEEK_STATE');
    await admin.seek({ to: 'TRIM_HORIZON', state: 'KEEP' });
    expect(await count(name, { scope, store })).toEqual(each(2));
    await admin.seek({ to: 'TRIM_HORIZON', state: 'EMPTY' });
    expect(await count(name, { scope, store })).toEqual(each(1));
    await admin.seek({ to: new Date(Date.now() - 60_000), state: 'EMPTY' });
    put();
    expect(await count(name, { scope, store })).toEqual(each(2));
  });

  it('is brought to the other scope, and nothing starts under the wrong one', async () => {
    const { name, store, put } = await newProgram();
    const other: Scope = scope === 'shard' ? 'application' : 'shard';
    put();
    await count(name, { scope, store });
    await expect(count(name, { scope: other, store })).rejects.toThrow(
      new RegExp(`MR_SCOPE_CHANGED: application ${name} has committed state in ${scope} scope`),
    );
    await using admin = adminOf(name);
    await admin.state.migrate({ toScope: other });
    await expect(count(name, { scope, store })).rejects.toThrow('MR_SCOPE_CHANGED');
    put();
    expect(await count(name, { scope: other, store })).toEqual(each(2));
    await admin.state.migrate({ toScope: scope });
    put();
    expect(await count(name, { scope, store })).toEqual(each(3));
  });

  it('is brought to another place, and nothing starts from another one without that', async () => {
    const { name, store, put } = await newProgram();
    const to = fileState(join(folder, `${name}-elsewhere`));
    put();
    await count(name, { scope, store });
    await expect(count(name, { scope, store: to })).rejects.toThrow(
      /MR_STATE_UNREACHABLE: .*the last commit is in the store [0-9a-f]+ \(file:.*\), and this one is .*: a folder of another host/,
    );
    await expect(count(name, { scope, store: memoryState() })).rejects.toThrow(
      /MR_STATE_UNREACHABLE: .* keeps its state in memory/,
    );
    await using admin = adminOf(name);
    await admin.state.migrate({ toState: to });
    await expect(count(name, { scope, store })).rejects.toThrow('MR_STATE_UNREACHABLE');
    put();
    expect(await count(name, { scope, store: to })).toEqual(each(2));
  });

  it('is given up on request alone, at the positions that were committed', async () => {
    const { name, store, put } = await newProgram();
    put();
    await count(name, { scope, store });
    await using admin = adminOf(name);
    await admin.state.migrate({ discardState: true });
    expect(await admin.state.inspect()).toEqual({ applicationName: name, groups: [] });
    put();
    expect(await count(name, { scope, store: fileState(join(folder, `${name}-new`)) })).toEqual(each(1));
  });

  it('that is damaged is never taken for none; an earlier version of it can be gone back to', async () => {
    const { name, store, put } = await newProgram();
    put();
    await count(name, { scope, store });
    put();
    await count(name, { scope, store });
    await using admin = adminOf(name);
    const { groups } = await admin.state.inspect();
    for (const { group, versions } of groups) {
      const batchId = versions.at(-1)?.batchId;
      const place = join(folder, name, name, group);
      const objects = readdirSync(place).filter((object) => object.includes(`-${String(batchId).padStart(12, '0')}-`));
      for (const object of objects) writeFileSync(join(place, object), 'torn');
    }
    await expect(count(name, { scope, store })).rejects.toThrow('MR_STATE_DAMAGED');
    const damaged = await admin.state.inspect();
    expect(damaged.groups.map(({ fault }) => fault?.code)).toEqual(groups.map(() => 'MR_STATE_DAMAGED'));
    await admin.state.rewind({ to: { versionsBack: 1 } });
    put();
    expect(await count(name, { scope, store })).toEqual(each(3));
  });
});

describe('a shard whose end is committed in application scope', () => {
  it('is ended at the next start where its lease does not say so yet, and its children are read', async () => {
    const { name, store, put } = await newProgram();
    const scope = 'application';
    put();
    await count(name, { scope, store });
    const stream = aws.stream(name);
    const [parent = ''] = stream.shards.map(({ shardId }) => shardId);
    await using admin = adminOf(name);
    const before =
      (await admin.leases()).find(({ shardId }) => shardId === parent)?.checkpoint.replace(/:0$/, '') ?? '';
    stream.split(parent);
    put();
    expect(await count(name, { scope, store })).toEqual(each(2));
    const client = new DynamoDBClient({ ...connection(), endpoint: aws.endpoint });
    await client.send(
      new UpdateItemCommand({
        TableName: name,
        Key: { leaseKey: { S: parent } },
        UpdateExpression: 'SET checkpoint = :before',
        ExpressionAttributeValues: { ':before': { S: before } },
      }),
    );
    client.destroy();
    put();
    expect(await count(name, { scope, store })).toEqual(each(3));
    expect((await admin.leases()).find(({ shardId }) => shardId === parent)).toMatchObject({ isEnded: true });
  });
});

describe('a place that holds the state of an application of this name', () => {
  it.each(['shard', 'application'] as const)('on another table is refused: %s scope', async (scope) => {
    const { name, store, put } = await newProgram();
    put();
    await count(name, { scope, store });
    const first = aws;
    aws = await startFakeAws();
    try {
      const client = testKinesisClient(aws.endpoint);
      await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: 2 }));
      client.destroy();
      await expect(count(name, { scope, store })).rejects.toThrow('MR_STATE_FOREIGN');
    } finally {
      await aws.stop();
      aws = first;
    }
  });
});
