import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../lib/base/clock.ts';
import type { KinesisApi, ShardFilter, StartPosition } from '../../lib/kinesis/kinesis-api.ts';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';
import { FakeKinesis, type FakeKinesisOptions } from '../../lib/testkit/fake-kinesis.ts';
import { maxHashKey } from '../../lib/testkit/hash-key.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const signal = new AbortController().signal;
const shardId = 'shardId-000000000000';
const hourMillis = 3_600_000;

function setup(options: Partial<FakeKinesisOptions> = {}) {
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock, ...options });
  return { clock, fake, api: fake.connect() };
}

async function readFrom(api: KinesisApi, start: StartPosition, limit = 10_000) {
  const iterator = await api.getShardIterator({ shardId, start }, signal);
  return api.getRecords({ iterator, limit }, signal);
}

describe('FakeKinesis', () => {
  it('gives sequence numbers of 56 digits that grow over shards, splits and re-creation', () => {
    const { fake } = setup({ shardCount: 2 });
    const numbers = fake.shards.map((shard) => shard.startingSequenceNumber);
    numbers.push(fake.put('a', '1').sequenceNumber, fake.put('b', '2').sequenceNumber);
    const children = fake.split(shardId);
    numbers.push(fake.shards[0]?.endingSequenceNumber as string);
    for (const child of children) {
      numbers.push(fake.shards.find((shard) => shard.shardId === child)?.startingSequenceNumber as string);
    }
    fake.delete();
    fake.recreate();
    numbers.push(fake.put('c', '3').sequenceNumber);
    expect(numbers.every((number) => /^\d{56}$/.test(number))).toBe(true);
    expect(numbers.map(BigInt)).toEqual(numbers.map(BigInt).toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('covers the hash space exactly once whatever is split and merged', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(), { maxLength: 30 }), (shardCount, choices) => {
        const { fake } = setup({ shardCount });
        for (const choice of choices) {
          const open = fake.openShards.toSorted((a, b) =>
            BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1,
          );
          const index = choice % open.length;
          const next = open[index + 1];
          const chosen = open[index]?.shardId as string;
          if (choice % 2 === 0 || next === undefined) fake.split(chosen);
          else fake.merge(chosen, next.shardId);
        }
        let from = 0n;
        for (const shard of fake.openShards.toSorted((a, b) =>
          BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1,
        )) {
          expect(BigInt(shard.startingHashKey)).toBe(from);
          from = BigInt(shard.endingHashKey) + 1n;
        }
        expect(from).toBe(maxHashKey + 1n);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses an iterator that is older than 5 minutes, by the clock it was given', async () => {
    const { clock, api } = setup();
    const iterator = await api.getShardIterator({ shardId, start: { type: 'TRIM_HORIZON' } }, signal);
    await clock.advance(300_000);
    await expect(api.getRecords({ iterator, limit: 1 }, signal)).resolves.toMatchObject({ records: [] });
    await clock.advance(1);
    await expect(api.getRecords({ iterator, limit: 1 }, signal)).rejects.toMatchObject({ kind: 'iteratorExpired' });
  });

  it('refuses garbage, an iterator of the stream that was here before, and limits out of bounds', async () => {
    const { fake, api } = setup();
    const iterator = await api.getShardIterator({ shardId, start: { type: 'TRIM_HORIZON' } }, signal);
    for (const limit of [0, 10_001, 1.5]) {
      await expect(api.getRecords({ iterator, limit }, signal)).rejects.toMatchObject({ kind: 'invalid' });
    }
    fake.recreate();
    for (const bad of ['garbage', iterator]) {
      await expect(api.getRecords({ iterator: bad, limit: 1 }, signal)).rejects.toMatchObject({ kind: 'invalid' });
    }
  });

  it('allows five reads a second and shard, shared by all callers', async () => {
    const { clock, fake } = setup({ shardCount: 2 });
    const one = fake.connect('one');
    const two = fake.connect('two');
    for (const api of [one, two, one, two, one]) await readFrom(api, { type: 'TRIM_HORIZON' });
    await expect(readFrom(two, { type: 'TRIM_HORIZON' })).rejects.toMatchObject({ kind: 'throttled' });
    const other = await two.getShardIterator({ shardId: 'shardId-000000000001', start: { type: 'LATEST' } }, signal);
    await expect(two.getRecords({ iterator: other, limit: 1 }, signal)).resolves.toMatchObject({ records: [] });
    await clock.advance(1_000);
    await expect(readFrom(two, { type: 'TRIM_HORIZON' })).resolves.toMatchObject({ records: [] });
  });

  it('answers at most 10,000 records and 10 MB, and makes the next read wait for what was given', async () => {
    const { clock, fake, api } = setup();
    for (let count = 0; count < 12; count += 1) fake.put('k', new Uint8Array(1_000_000));
    const first = await readFrom(api, { type: 'TRIM_HORIZON' });
    expect(first.records).toHaveLength(10);
    const more = () => api.getRecords({ iterator: first.nextIterator as string, limit: 10_000 }, signal);
    await clock.advance(3_000);
    await expect(more()).rejects.toMatchObject({ kind: 'throttled' });
    await clock.advance(2_000);
    expect((await more()).records).toHaveLength(2);
    const { fake: many, api: manyApi } = setup();
    for (let count = 0; count < 10_001; count += 1) many.put('k', '');
    expect((await readFrom(manyApi, { type: 'TRIM_HORIZON' })).records).toHaveLength(10_000);
  });

  it('refuses what a shard cannot take, record by record', async () => {
    const { clock, api } = setup({ shardCount: 1 });
    const entries = Array.from({ length: 500 }, () => ({ data: new Uint8Array(3_000), partitionKey: 'k' }));
    const taken = (await api.putRecords(entries, signal)).filter((result) => result.ok).length;
    expect(taken).toBe(Math.floor(1_048_576 / 3_000));
    await clock.advance(1_000);
    expect((await api.putRecords(entries.slice(0, 100), signal)).every((result) => result.ok)).toBe(true);
  });

  it('limits nothing when told so', async () => {
    const { fake, api } = setup({ limits: false });
    fake.put('k', 'a');
    for (let count = 0; count < 50; count += 1) await readFrom(api, { type: 'TRIM_HORIZON' });
    const entries = Array.from({ length: 500 }, () => ({ data: new Uint8Array(10_000), partitionKey: 'k' }));
    expect((await api.putRecords(entries, signal)).every((result) => result.ok)).toBe(true);
  });

  it('refuses calls that Kinesis would refuse', async () => {
    const { fake, api } = setup();
    const entry = { data: new Uint8Array(1), partitionKey: 'k' };
    const bad = [
      [],
      Array.from({ length: 501 }, () => entry),
      [{ ...entry, partitionKey: '' }],
      [{ ...entry, partitionKey: 'x'.repeat(257) }],
      [{ ...entry, data: new Uint8Array(1024 * 1024) }],
    ];
    for (const entries of bad) await expect(api.putRecords(entries, signal)).rejects.toMatchObject({ kind: 'invalid' });
    for (const sequenceNumber of ['5', '9'.repeat(56)]) {
      const start: StartPosition = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber };
      await expect(readFrom(api, start)).rejects.toMatchObject({ kind: 'invalid' });
    }
    const future: StartPosition = { type: 'AT_TIMESTAMP', timestampMillis: fake.nowMillis() + 1 };
    await expect(readFrom(api, future)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('says how far an answer is behind the tip', async () => {
    const { clock, fake, api } = setup();
    for (let count = 0; count < 3; count += 1) {
      fake.put('k', String(count));
      await clock.advance(1_000);
    }
    const one = await readFrom(api, { type: 'TRIM_HORIZON' }, 1);
    const all = await readFrom(api, { type: 'TRIM_HORIZON' });
    expect([one.millisBehindLatest, all.millisBehindLatest]).toEqual([2_000, 0]);
  });

  it('forgets records and closed shards after the retention', async () => {
    const { clock, fake, api } = setup();
    fake.put('k', 'old');
    await clock.advance(hourMillis);
    fake.put('k', 'young');
    await clock.advance(23 * hourMillis + 1);
    expect((await readFrom(api, { type: 'TRIM_HORIZON' })).records).toHaveLength(1);
    fake.split(shardId);
    await clock.advance(24 * hourMillis);
    expect(fake.shards).toHaveLength(3);
    await clock.advance(1);
    expect(fake.shards).toHaveLength(2);
    await expect(readFrom(api, { type: 'TRIM_HORIZON' })).rejects.toMatchObject({ kind: 'shardGone' });
  });

  it('trims on request, and a position before the horizon continues at it', async () => {
    const { fake, api } = setup();
    const [first, second] = ['a', 'b', 'c'].map((text) => fake.put('k', text).sequenceNumber) as [string, string];
    fake.trim(shardId, second);
    expect((await readFrom(api, { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: first })).records).toHaveLength(1);
    fake.trim(shardId);
    expect((await readFrom(api, { type: 'TRIM_HORIZON' })).records).toHaveLength(0);
  });

  it('lists shards at every time of its life, on a clock that never shows the same time twice', async () => {
    const { clock } = setup();
    let looks = 0;
    const restless: Clock = {
      monotonicMillis: () => (looks += 0.001),
      wallMillis: () => 1_000_000 + looks,
      timer: (delayMillis, callback) => clock.timer(delayMillis, callback),
    };
    const fake = new FakeKinesis({ clock: restless, shardCount: 2 });
    const list = async (filter: ShardFilter) =>
      (await fake.connect().listShards({ filter }, signal)).shards.map((shard) => Number(shard.shardId.slice(-1)));
    expect(await list({ type: 'AT_TRIM_HORIZON' })).toEqual([0, 1]);
    const beforeMillis = fake.nowMillis();
    fake.split(shardId);
    fake.merge('shardId-000000000001', 'shardId-000000000003');
    const afterMillis = fake.nowMillis();
    for (let atMillis = beforeMillis; atMillis < afterMillis; atMillis += 0.0005) {
      const filter: ShardFilter = { type: 'AT_TIMESTAMP', timestampMillis: atMillis };
      const { shards } = await fake.connect().listShards({ filter }, signal);
      const sizes = shards.map((shard) => BigInt(shard.endingHashKey) - BigInt(shard.startingHashKey) + 1n);
      expect(
        sizes.reduce((sum, size) => sum + size, 0n),
        `at ${atMillis}`,
      ).toBe(maxHashKey + 1n);
    }
    expect(await list({ type: 'AT_TIMESTAMP', timestampMillis: afterMillis })).toEqual([2, 4]);
  });

  it('filters the listing by time', async () => {
    const { clock, fake, api } = setup({ shardCount: 1 });
    const list = async (filter: ShardFilter) =>
      (await api.listShards({ filter }, signal)).shards.map((shard) => Number(shard.shardId.slice(-1)));
    await clock.advance(1_000);
    fake.split(shardId);
    const splitAtMillis = fake.nowMillis();
    await clock.advance(1_000);
    expect(await list({ type: 'AT_TRIM_HORIZON' })).toEqual([0]);
    expect(await list({ type: 'AT_TIMESTAMP', timestampMillis: splitAtMillis - 1 })).toEqual([0]);
    expect(await list({ type: 'AT_TIMESTAMP', timestampMillis: splitAtMillis })).toEqual([1, 2]);
    expect(await list({ type: 'FROM_TIMESTAMP', timestampMillis: splitAtMillis - 1 })).toEqual([0, 1, 2]);
    expect(await list({ type: 'FROM_TIMESTAMP', timestampMillis: splitAtMillis })).toEqual([1, 2]);
    expect(await list({ type: 'AT_LATEST' })).toEqual([1, 2]);
  });

  it('expires paging tokens after 5 minutes', async () => {
    const { clock, api } = setup({ shardCount: 3, listShardsPageSize: 2 });
    const { nextToken } = await api.listShards({}, signal);
    await clock.advance(300_001);
    await expect(api.listShards({ nextToken: nextToken as string }, signal)).rejects.toMatchObject({
      kind: 'tokenExpired',
    });
    await expect(api.listShards({ nextToken: 'x' }, signal)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('obeys its status, and is not found once deleted', async () => {
    const { clock, fake, api } = setup();
    const created = (await api.describeStream(signal)).createdAtMillis;
    for (const status of ['CREATING', 'DELETING'] as const) {
      fake.setStatus(status);
      expect((await api.describeStream(signal)).status).toBe(status);
      await expect(api.listShards({}, signal)).rejects.toMatchObject({ kind: 'streamNotActive' });
    }
    fake.delete();
    await expect(api.describeStream(signal)).rejects.toMatchObject({ kind: 'streamNotFound' });
    await clock.advance(0);
    fake.recreate(2);
    expect((await api.describeStream(signal)).createdAtMillis).toBeGreaterThan(created);
    expect((await api.listShards({}, signal)).shards).toHaveLength(2);
  });

  it("keeps the service's time when a worker's clock jumps", async () => {
    const { clock, fake, api } = setup();
    const before = fake.nowMillis();
    clock.jumpWall(-86_400_000);
    await clock.advance(1_000);
    expect([api.serviceTimeMillis(), fake.nowMillis()]).toEqual([before + 1_000, before + 1_000]);
  });

  it('lets an interceptor refuse a call, lose its answer, or tell callers apart', async () => {
    const { fake, api } = setup();
    const entry = { data: new Uint8Array(1), partitionKey: 'k' };
    const remove = fake.intercept(async (call, proceed) => {
      if (call.caller !== 'unlucky') return proceed();
      if (call.number === 1) throw awsError('InternalFailure', 'refused', 500);
      await proceed();
      throw networkError('ECONNRESET');
    });
    const unlucky = fake.connect('unlucky');
    await expect(unlucky.putRecords([entry], signal)).rejects.toMatchObject({ kind: 'transient' });
    expect(fake.shards[0]?.recordCount).toBe(0);
    await expect(unlucky.putRecords([entry], signal)).rejects.toMatchObject({ kind: 'unreachable' });
    expect(fake.shards[0]?.recordCount).toBe(1);
    await expect(api.putRecords([entry], signal)).resolves.toHaveLength(1);
    remove();
    await expect(unlucky.putRecords([entry], signal)).resolves.toHaveLength(1);
    expect(fake.callCount('putRecords')).toBe(4);
  });

  it('takes its latency in virtual time and ends a call when its signal aborts', async () => {
    const { clock, api } = setup({ latencyMillis: 40 });
    await clock.runUntil(api.describeStream(signal));
    expect(clock.monotonicMillis()).toBe(40);
    const controller = new AbortController();
    const call = api.describeStream(controller.signal);
    controller.abort(new Error('enough'));
    await expect(call).rejects.toMatchObject({ kind: 'aborted' });
  });
});
