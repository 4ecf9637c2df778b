import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import type { PutEntry, PutResult } from '../../../lib/kinesis/kinesis-api.ts';
import { hashKeyOf } from '../../../lib/kinesis/kpl/hash-range.ts';
import { type ProducerOptions, createProducer } from '../../../lib/kinesis/producer.ts';
import { listAllShards } from '../../../lib/kinesis/shard-lister.ts';
import { awsError } from '../../../lib/testkit/aws-error.ts';
import { FakeKinesis } from '../../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import { deaggregator } from './values.ts';

const shard = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** Entries with keys all over the hash space; the data of each is its number. */
const entriesOf = (count: number, keys = count): readonly PutEntry[] =>
  Array.from({ length: count }, (_, index) => ({
    partitionKey: `customer-${index % keys}`,
    data: new TextEncoder().encode(`${index}`),
  }));

const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** One user record as a consumer finds it. */
interface Found {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly number: number;
}

function setup(options: Partial<ProducerOptions> & { shardCount?: number } = {}) {
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock, shardCount: options.shardCount ?? 3 });
  const api = fake.connect();
  const { signal } = new AbortController();
  const ports = { api, clock, random: seededRandom(1) };
  const producer = createProducer({ ...ports, aggregation: {}, ...options });
  const put = (entries: readonly PutEntry[]) =>
    clock.runUntil(producer.putAll(entries, signal), { atMostMillis: 600_000 });
  /** What is in the stream, shard by shard: the records of Kinesis, and what Millrace and KCL make of them. */
  const read = () => clock.runUntil(readAll(), { atMostMillis: 600_000 });
  async function readAll() {
    const raw: KinesisRecord[] = [];
    const found: Found[] = [];
    const foundByKcl: Found[] = [];
    for (const { shardId, ...range } of await listAllShards({ ...ports, signal })) {
      const iterator = await api.getShardIterator({ shardId, start: { type: 'TRIM_HORIZON' } }, signal);
      const { records } = await api.getRecords({ iterator, limit: 10_000 }, signal);
      for (const content of records) {
        const record = new KinesisRecord(content, { shardId, streamName: 'stream', subSequenceNumber: 0 });
        raw.push(record);
        const { all, events } = deaggregator(range);
        const userRecords = all(record).map((one) => ({
          shardId,
          sequenceNumber: one.sequenceNumber,
          subSequenceNumber: one.subSequenceNumber,
          number: Number(one.text()),
        }));
        found.push(...userRecords);
        // KCL drops an aggregate as a whole when one of its user records belongs to another shard.
        if (events.length === 0) foundByKcl.push(...userRecords);
      }
    }
    return { raw, found, foundByKcl };
  }
  return { clock, fake, put, read };
}

const numbersOf = (found: readonly Found[]) => found.map((one) => one.number).toSorted((a, b) => a - b);

describe('a producer with aggregation', () => {
  it('puts few records, each for one shard, and tells where every entry is', async () => {
    const { fake, put, read } = setup();
    const receipts = await put(entriesOf(2_000));
    const { raw, found, foundByKcl } = await read();
    expect(fake.callCount('putRecords')).toBe(1);
    expect(raw.length).toBeLessThan(10);
    expect(foundByKcl).toEqual(found);
    expect(numbersOf(found)).toEqual([...receipts.keys()]);
    for (const one of found) expect(receipts[one.number]).toEqual({ ...one, number: undefined });
  });

  it('keeps the order of the entries of a key', async () => {
    const { put, read } = setup();
    await put(entriesOf(900, 7));
    const { found } = await read();
    for (let key = 0; key < 7; key += 1) {
      const numbers = found.filter((one) => one.number % 7 === key).map((one) => one.number);
      expect(numbers).toEqual(Array.from(numbers, (_, index) => key + 7 * index));
    }
  });

  it('keeps within its limits', async () => {
    const { put, read } = setup({ aggregation: { maxBytes: 1_000, maxRecords: 20 } });
    const big = { partitionKey: 'big', data: new TextEncoder().encode('7'.padStart(5_000, '0')) };
    await put([...entriesOf(1_000), big]);
    const { raw, found } = await read();
    expect(found).toHaveLength(1_001);
    for (const record of raw) {
      const count = found.filter((one) => one.sequenceNumber === record.sequenceNumber).length;
      expect(count).toBeLessThanOrEqual(20);
      if (record.partitionKey !== 'big') expect(record.byteLength).toBeLessThanOrEqual(1_000);
    }
    expect(raw.find((record) => record.partitionKey === 'big')?.byteLength).toBe(5_000);
  });

  it('goes by explicit hash keys', async () => {
    const { put, read } = setup({ shardCount: 2 });
    const entries = entriesOf(20).map((entry, index) => ({
      ...entry,
      explicitHashKey: `${index % 2}`.padEnd(39, '7'),
    }));
    const receipts = await put(entries);
    const { raw, foundByKcl } = await read();
    expect(raw).toHaveLength(2);
    expect(foundByKcl).toHaveLength(20);
    expect(receipts.map((receipt) => receipt.shardId)).toEqual(entries.map((_, index) => shard(index % 2)));
  });

  it('puts again what a split has sent to another shard: neither Millrace nor KCL misses an entry', async () => {
    const { fake, put, read } = setup({ shardCount: 1 });
    await put(entriesOf(1));
    const stop = fake.intercept((call, proceed) => {
      if (call.operation === 'putRecords') {
        stop();
        fake.split(shard(0));
      }
      return proceed();
    });
    const receipts = await put(entriesOf(500));
    const { found, foundByKcl } = await read();
    const receivedByKcl = new Set(
      foundByKcl.map((one) => `${one.shardId} ${one.sequenceNumber}:${one.subSequenceNumber}`),
    );
    for (const one of receipts) {
      expect(receivedByKcl.has(`${one.shardId} ${one.sequenceNumber}:${one.subSequenceNumber}`)).toBe(true);
    }
    expect(new Set(numbersOf(found)).size).toBe(500);
    // Nothing is found in a shard that its key does not belong to.
    const middle = 1n << 127n;
    for (const one of found.slice(1)) {
      const isLower = hashKeyOf(`customer-${one.number}`) < middle;
      expect(one.shardId).toBe(isLower ? shard(1) : shard(2));
    }
  });

  it('repeats nothing after a merge', async () => {
    const { fake, put, read } = setup({ shardCount: 2 });
    await put(entriesOf(2));
    fake.merge(shard(0), shard(1));
    await put(entriesOf(300));
    const { found } = await read();
    expect(found).toHaveLength(302);
  });

  it('lists the shards once, and again when a record went elsewhere', async () => {
    const { fake, put } = setup({ shardCount: 1 });
    await put(entriesOf(5));
    await put(entriesOf(5));
    expect(fake.callCount('listShards')).toBe(1);
    fake.split(shard(0));
    await put(entriesOf(50));
    await put(entriesOf(50));
    expect(fake.callCount('listShards')).toBe(2);
  });

  it('puts an entry alone for which no open shard is listed', async () => {
    const { fake, put, read } = setup({ shardCount: 2 });
    const stop = fake.intercept(async (call, proceed) => {
      if (call.operation !== 'listShards') return proceed();
      stop();
      const page = (await proceed()) as { readonly shards: readonly unknown[] };
      return { ...page, shards: page.shards.slice(1) };
    });
    await put(entriesOf(40));
    const { raw, found } = await read();
    expect(numbersOf(found)).toEqual([...entriesOf(40).keys()]);
    expect(raw.length).toBeGreaterThan(5);
  });

  it('offers only the refused aggregates again', async () => {
    const { fake, put, read } = setup({ shardCount: 1 });
    // One shard takes 1 MB a second, so the later aggregates of a call are refused.
    const entries = entriesOf(1_000).map((entry, index) => ({
      ...entry,
      data: Buffer.from(`${index}`.padStart(3_000)),
    }));
    await put(entries);
    expect(fake.callCount('putRecords')).toBeGreaterThan(2);
    expect(numbersOf((await read()).found)).toEqual([...entries.keys()]);
  });

  it('repeats a call that was throttled as a whole', async () => {
    const { fake, put, read } = setup();
    fake.failNext('putRecords', awsError('ProvisionedThroughputExceededException'));
    await put(entriesOf(300));
    expect(numbersOf((await read()).found)).toEqual([...entriesOf(300).keys()]);
  });

  it('gives up on a stream that distributes its records without regard to keys', async () => {
    const { fake, put } = setup({ maxAttempts: 3, shardCount: 2 });
    fake.intercept(async (call, proceed) => {
      const results = (await proceed()) as readonly PutResult[];
      if (call.operation !== 'putRecords') return results;
      const other = (shardId: string) => (shardId === shard(0) ? shard(1) : shard(0));
      return results.map((result) => (result.ok ? { ...result, shardId: other(result.shardId) } : result));
    });
    await expect(put(entriesOf(10))).rejects.toThrow(
      'MR_INTERNAL: 10 records did not come to the shard of their key in 3 attempts',
    );
    expect(fake.callCount('putRecords')).toBe(3);
  });

  it('refuses limits and explicit hash keys that are none', async () => {
    for (const aggregation of [{ maxBytes: 63 }, { maxBytes: 2 ** 20 }, { maxRecords: 0 }, { maxRecords: 1.5 }]) {
      expect(() => setup({ aggregation })).toThrow('MR_CONFIG_INVALID');
    }
    const { fake, put } = setup();
    await expect(put([{ partitionKey: 'k', data: new Uint8Array(), explicitHashKey: 'x' }])).rejects.toThrow(
      'MR_CONFIG_INVALID: explicit hash key "x" is none',
    );
    expect(fake.callCount('putRecords')).toBe(0);
  });

  it('puts nothing when there is nothing', async () => {
    const { fake, put } = setup();
    expect(await put([])).toEqual([]);
    expect(fake.callCount('putRecords')).toBe(0);
  });

  it('puts the same bytes at the same times with the same seed', async () => {
    const run = async () => {
      const { clock, fake, put, read } = setup();
      fake.failNext('putRecords', awsError('ProvisionedThroughputExceededException'), 3);
      await put(entriesOf(100));
      const { raw } = await read();
      return [clock.monotonicMillis(), ...raw.map((record) => [record.arrivalTimeMillis, text(record.data)])];
    };
    expect(await run()).toEqual(await run());
  });
});
