import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import type { PutEntry } from '../../lib/kinesis/kinesis-api.ts';
import { batchesOf, createProducer } from '../../lib/kinesis/producer.ts';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const entriesOf = (count: number, size = 10): readonly PutEntry[] =>
  Array.from({ length: count }, (_, index) => ({
    data: new Uint8Array(size).fill(index),
    partitionKey: `key-${index}`,
  }));

function setup(options: { shardCount?: number; maxAttempts?: number } = {}) {
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock, shardCount: options.shardCount ?? 2 });
  const { maxAttempts } = options;
  const producer = createProducer({
    api: fake.connect(),
    clock,
    random: seededRandom(1),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
  });
  const put = (entries: readonly PutEntry[], signal = new AbortController().signal) =>
    clock.runUntil(producer.putAll(entries, signal), { atMostMillis: 600_000 });
  const stored = () => fake.shards.reduce((sum, shard) => sum + shard.recordCount, 0);
  return { clock, fake, put, stored };
}

describe('batchesOf', () => {
  it('keeps all entries in order, within 500 records and 5 MiB a call', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 1_500_000 }), { maxLength: 30 }), fc.nat({ max: 1_200 }), (sizes, small) => {
        const entries = [
          ...sizes.map((size) => ({ data: { length: size } as Uint8Array, partitionKey: 'é' })),
          ...entriesOf(small),
        ];
        const batches = batchesOf(entries);
        expect(batches.flat()).toEqual(entries);
        for (const batch of batches) {
          expect(batch.length).toBeLessThanOrEqual(500);
          const bytes = batch.reduce(
            (sum, entry) => sum + entry.data.length + Buffer.byteLength(entry.partitionKey),
            0,
          );
          expect(bytes).toBeLessThanOrEqual(5 * 1024 * 1024);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('sends a record that is bigger than a batch alone', () => {
    const big = { data: new Uint8Array(6 * 1024 * 1024), partitionKey: 'big' };
    const [small] = entriesOf(1) as [PutEntry];
    expect(batchesOf([small, big, small])).toEqual([[small], [big], [small]]);
  });
});

describe('createProducer', () => {
  it('answers the shard and sequence number of each record, in the order of the entries', async () => {
    const { fake, put } = setup();
    const receipts = await put(entriesOf(1_201));
    expect(fake.callCount('putRecords')).toBeGreaterThanOrEqual(3);
    expect(new Set(receipts.map((receipt) => `${receipt.shardId} ${receipt.sequenceNumber}`)).size).toBe(1_201);
    expect(new Set(receipts.map((receipt) => receipt.shardId)).size).toBe(2);
  });

  it('offers only the refused records again', async () => {
    const { fake, put, stored } = setup({ shardCount: 1 });
    // One shard takes 1,000 records a second, so the later calls are refused in part.
    const receipts = await put(entriesOf(2_500));
    expect(receipts).toHaveLength(2_500);
    expect(stored()).toBe(2_500);
    expect(new Set(receipts.map((receipt) => receipt.sequenceNumber)).size).toBe(2_500);
    expect(fake.callCount('putRecords')).toBeGreaterThan(5);
  });

  it('gives up after the bounded attempts and says how many were not put', async () => {
    const { fake, put } = setup({ maxAttempts: 3 });
    fake.intercept(async (_call, proceed) =>
      ((await proceed()) as object[]).map((result, index) =>
        index % 2 === 0 ? result : { ok: false, errorCode: 'InternalFailure', errorMessage: 'half of it' },
      ),
    );
    await expect(put(entriesOf(8))).rejects.toMatchObject({
      code: 'MR_THROTTLED',
      message:
        'MR_THROTTLED: 1 of 8 records were not put after 3 attempts; the last refusal: ' +
        'InternalFailure: half of it; put more slowly, or add shards',
    });
    expect(fake.callCount('putRecords')).toBe(3);
  });

  it('repeats a call that was throttled or got no answer', async () => {
    const { fake, put, stored } = setup();
    fake.failNext('putRecords', networkError('ECONNRESET'));
    fake.failNext('putRecords', awsError('ProvisionedThroughputExceededException'));
    await put(entriesOf(10));
    expect([stored(), fake.callCount('putRecords')]).toEqual([10, 3]);
  });

  it('passes a denied call on', async () => {
    const { fake, put } = setup();
    fake.failNext('putRecords', awsError('AccessDeniedException'));
    await expect(put(entriesOf(1))).rejects.toMatchObject({ kind: 'denied', code: 'MR_ACCESS_DENIED' });
  });

  it('rejects with the reason of the signal while it waits to offer again', async () => {
    const { clock, fake, put } = setup();
    fake.intercept(() =>
      Promise.resolve([{ ok: false, errorCode: 'ProvisionedThroughputExceededException', errorMessage: '' }]),
    );
    const controller = new AbortController();
    clock.timer(60, () => controller.abort(new Error('enough')));
    await expect(put(entriesOf(1), controller.signal)).rejects.toThrow('enough');
  });

  it('puts nothing when there is nothing', async () => {
    const { fake, put } = setup();
    expect(await put([])).toEqual([]);
    expect(fake.callCount('putRecords')).toBe(0);
  });
});
