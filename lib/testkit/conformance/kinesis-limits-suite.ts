import assert from 'node:assert/strict';
import { isKinesisFault } from '../../kinesis/fault.ts';
import type { GetRecordsAnswer, KinesisApi, PutResult } from '../../kinesis/kinesis-api.ts';
import type { ConformanceCase } from './case.ts';

/** One stream of its own with one shard, and the time of its service, which stands still by itself. */
export interface KinesisLimitsSubject {
  readonly api: KinesisApi;
  /** Lets time pass at the service. */
  readonly pass: (millis: number) => Promise<void>;
}

/** Something that keeps Kinesis' limits, and whose time can be moved. */
export interface KinesisLimitsBench {
  /** A stream whose ListShards answers `listShardsPageSize` shards on a page. */
  createStream(shardCount: number, listShardsPageSize: number): Promise<KinesisLimitsSubject>;
}

const never = new AbortController().signal;
const shardId = 'shardId-000000000000';
const minuteMillis = 60_000;

/** What every imitation of Kinesis must refuse, each case on a stream of its own. */
export function kinesisLimitsSuite(bench: KinesisLimitsBench): readonly ConformanceCase[] {
  const on = (
    name: string,
    body: (subject: KinesisLimitsSubject) => Promise<void>,
    shardCount = 1,
  ): ConformanceCase => ({
    name,
    run: async () => body(await bench.createStream(shardCount, 2)),
  });
  return [
    on('throttles the sixth read of a shard within a second', sixthRead),
    on('gives at most 10 MB at once, and throttles until 2 MB a second have made up for it', tenMegabytes),
    on('gives at most 10,000 records at once', tenThousandRecords),
    on('refuses an iterator that is older than 5 minutes', oldIterator),
    on('refuses a paging token that is older than 5 minutes', oldToken, 5),
    on('takes at most 1,000 records a second into a shard, and tells which were refused', thousandRecords),
    on('takes at most 1 MiB a second into a shard', oneMebibyte),
    on('refuses more than 500 records at once', fiveHundredRecords),
  ];
}

async function open(api: KinesisApi): Promise<string> {
  return api.getShardIterator({ shardId, start: { type: 'TRIM_HORIZON' } }, never);
}

function read(api: KinesisApi, iterator: string): Promise<GetRecordsAnswer> {
  return api.getRecords({ iterator, limit: 10_000 }, never);
}

async function assertThrottled(calling: Promise<unknown>): Promise<void> {
  await assert.rejects(calling, (thrown) => isKinesisFault(thrown, 'throttled'));
}

async function put(api: KinesisApi, count: number, bytes: number): Promise<readonly PutResult[]> {
  const entries = Array.from({ length: count }, () => ({ data: new Uint8Array(bytes), partitionKey: 'k' }));
  return api.putRecords(entries, never);
}

async function fill(subject: KinesisLimitsSubject, calls: number, count: number, bytes: number): Promise<void> {
  for (let call = 0; call < calls; call += 1) {
    const results = await put(subject.api, count, bytes);
    assert.ok(results.every((result) => result.ok));
    await subject.pass(1_000);
  }
}

async function sixthRead({ api, pass }: KinesisLimitsSubject): Promise<void> {
  const iterator = await open(api);
  for (let count = 0; count < 5; count += 1) await read(api, iterator);
  await assertThrottled(read(api, iterator));
  await pass(1_000);
  await read(api, iterator);
}

async function tenMegabytes(subject: KinesisLimitsSubject): Promise<void> {
  const { api, pass } = subject;
  await fill(subject, 12, 1, 1_000_000);
  const first = await read(api, await open(api));
  assert.equal(first.records.length, 10);
  assert.ok(first.millisBehindLatest > 0);
  await pass(3_000);
  await assertThrottled(read(api, first.nextIterator ?? ''));
  await pass(2_000);
  assert.equal((await read(api, first.nextIterator ?? '')).records.length, 2);
}

async function tenThousandRecords(subject: KinesisLimitsSubject): Promise<void> {
  await fill(subject, 21, 500, 1);
  const first = await read(subject.api, await open(subject.api));
  assert.equal(first.records.length, 10_000);
  assert.equal((await read(subject.api, first.nextIterator ?? '')).records.length, 500);
}

async function oldIterator({ api, pass }: KinesisLimitsSubject): Promise<void> {
  const iterator = await open(api);
  await pass(5 * minuteMillis);
  const { nextIterator = '' } = await read(api, iterator);
  await pass(1);
  await assert.rejects(read(api, iterator), (thrown) => isKinesisFault(thrown, 'iteratorExpired'));
  await read(api, nextIterator);
}

async function oldToken({ api, pass }: KinesisLimitsSubject): Promise<void> {
  const { nextToken = '' } = await api.listShards({}, never);
  await pass(5 * minuteMillis);
  assert.equal((await api.listShards({ nextToken }, never)).shards.length, 2);
  await pass(1);
  await assert.rejects(api.listShards({ nextToken }, never), (thrown) => isKinesisFault(thrown, 'tokenExpired'));
}

async function thousandRecords({ api, pass }: KinesisLimitsSubject): Promise<void> {
  for (let call = 0; call < 2; call += 1) assert.ok((await put(api, 500, 1)).every((result) => result.ok));
  const refused = await put(api, 3, 1);
  assert.deepEqual(
    refused.map((result) => result.ok || result.errorCode),
    Array.from({ length: 3 }, () => 'ProvisionedThroughputExceededException'),
  );
  await pass(1_000);
  assert.ok((await put(api, 3, 1)).every((result) => result.ok));
}

async function oneMebibyte({ api, pass }: KinesisLimitsSubject): Promise<void> {
  const taken = async () => (await put(api, 5, 250_000)).filter((result) => result.ok).length;
  assert.equal(await taken(), 4);
  await pass(1_000);
  assert.equal(await taken(), 4);
}

async function fiveHundredRecords({ api }: KinesisLimitsSubject): Promise<void> {
  await assert.rejects(put(api, 501, 1), (thrown) => isKinesisFault(thrown, 'invalid'));
}
