import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MillraceEvent, StreamingContext, createAdmin, fileState } from '../../lib/index.ts';
import type { FakeFault } from '../../lib/testkit/server/faults.ts';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';

type Scope = 'shard' | 'application';

const shard0 = 'shardId-000000000000';
let aws: LocalFakeAws;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-rewind-'));
  aws = await startFakeAws();
});

afterAll(async () => {
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

const connection = () => ({
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  kinesisEndpoint: aws.endpoint,
  dynamoDBEndpoint: aws.endpoint,
});

const throttled = (tableName: string): FakeFault => ({
  operation: 'Scan',
  subject: { tableName },
  times: 1,
  effect: { kind: 'error', name: 'ProvisionedThroughputExceededException', message: 'slow down' },
});

/** Counts a stream by key until it has caught up; resolves to the sum, and what was told of trimmed records. */
async function count(name: string, scope: Scope, onTrimmedPosition: 'FAIL' | 'TRIM_HORIZON' = 'FAIL') {
  const context = new StreamingContext({
    applicationName: name,
    batchIntervalMillis: 50,
    state: fileState(join(folder, name)),
    retainedVersions: 300,
  });
  const records = context.kinesisStream({
    ...connection(),
    streamName: name,
    until: 'CAUGHT_UP',
    failoverTimeMillis: 1_000,
    idleTimeBetweenReadsInMillis: 200,
    blockIntervalMillis: 20,
    onTrimmedPosition,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const trimmed: string[] = [];
  context.events.subscribe((event: MillraceEvent) => {
    if (event.type === 'shard.positionTrimmed') trimmed.push(event.checkpoint);
    // Whoever takes over looks at the leases before it reads, and must survive that its request is refused.
    if (event.type === 'engine.active') void aws.inject(throttled(name));
  });
  let sum = 0;
  const keyed =
    scope === 'shard' ? records.keyByPartitionKey() : records.mapToPair((record) => [record.partitionKey, record]);
  keyed
    .updateStateByKey<number>('counts', (values, before = 0) => before + values.length)
    .foreachBatch((batch) => {
      sum = batch.collect()[0]?.[1] ?? sum;
    });
  const ended = await context.run().then(
    () => 'caught up',
    (error: unknown) => (error as { readonly code: string }).code,
  );
  return { sum, trimmed, ended };
}

describe('a rewind to where the stream has trimmed', () => {
  it.concurrent.each(['shard', 'application'] as const)(
    'is refused in %s scope; forced, it is up to the program',
    async (scope) => {
      const name = `trimmed-${scope}`;
      const stream = aws.createStream(name);
      const put = () => stream.put('k', 'x').sequenceNumber;
      const last = put();
      expect(await count(name, scope)).toMatchObject({ sum: 1, ended: 'caught up' });
      await using admin = createAdmin({ ...connection(), applicationName: name, streamName: name });
      const batchId = (await admin.state.inspect()).groups[0]?.batchId ?? 0;
      put();
      stream.trim(shard0, put());
      put();
      // The program itself is not behind: it goes on with what it finds, as within the retention.
      expect(await count(name, scope)).toMatchObject({ sum: 2, trimmed: [] });
      const before = await admin.state.inspect();
      const to = { batchId };
      for (const dryRun of [true, false]) {
        await expect(admin.state.rewind({ to, dryRun })).rejects.toMatchObject({
          code: 'MR_POSITION_TRIMMED',
          message: expect.stringContaining(`what follows ${last}:0 in shard ${shard0} cannot all be read again`),
        });
      }
      expect(await admin.state.inspect()).toEqual(before);
      expect(await admin.state.rewind({ to, force: true, dryRun: true })).toMatchObject([{ applied: false }]);
      expect(await admin.state.rewind({ to, force: true })).toMatchObject([{ applied: true }]);
      const trimmed = [`${last}:0`];
      if (scope === 'shard') expect(await count(name, scope)).toMatchObject({ trimmed, ended: 'MR_POSITION_TRIMMED' });
      const goneOn = await count(name, scope, 'TRIM_HORIZON');
      expect(goneOn).toMatchObject({ sum: 2, trimmed, ended: 'caught up' });
      const [group] = (await admin.state.inspect()).groups;
      expect(group?.versions.at(-1)?.gaps).toMatchObject([{ shardId: shard0, after: `${last}:0` }]);
    },
  );
});
