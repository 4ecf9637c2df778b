import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AwsKinesisAgg, frameOf, loadAwsKinesisAgg, userRecordsOf } from '../../bench/aws-kinesis-agg.ts';
import { kplBench } from '../../bench/kpl.ts';
import { measureKpl } from '../../bench/kpl/measure.ts';
import { preparePage } from '../../bench/kpl/shape.ts';
import { kplVariants } from '../../bench/kpl/variants.ts';
import { maxHashKey } from '../../lib/kinesis/kpl/hash-range.ts';
import { deaggregator, frameOf as ownFrameOf, record } from '../kinesis/kpl/values.ts';

let agg: AwsKinesisAgg;

beforeAll(() => {
  agg = loadAwsKinesisAgg();
}, 240_000);

/**
 * Any user records that aws-kinesis-agg can put together. It keeps its key tables in objects, so that keys like "12" come
 * first and "__proto__" gets lost, and it takes no empty key.
 */
const key = fc
  .oneof(fc.constantFrom('a', 'b', 'c'), fc.string({ unit: 'grapheme', minLength: 1 }))
  .filter((text) => !/^\d+$/.test(text) && !(text in {}) && Buffer.from(text).toString() === text);
const hashKey = fc.bigInt({ min: 10n ** 12n, max: maxHashKey }).map((value) => `${value}`);
const userRecords = fc.array(
  fc.record(
    { partitionKey: key, explicitHashKey: hashKey, data: fc.uint8Array({ maxLength: 200 }) },
    { requiredKeys: ['partitionKey', 'data'] },
  ),
  { minLength: 2, maxLength: 30 },
) as fc.Arbitrary<{ partitionKey: string; explicitHashKey?: string; data: Uint8Array }[]>;

describe('Millrace and aws-kinesis-agg', () => {
  it('write the same bytes for the same user records', () => {
    fc.assert(
      fc.property(userRecords, (records) => {
        expect(Buffer.from(ownFrameOf(records)).equals(frameOf(agg, records))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('find the same user records in the frames of the other', () => {
    fc.assert(
      fc.property(userRecords, (records) => {
        const expected = records.map(({ partitionKey, data }) => [partitionKey, Buffer.from(data).toString('base64')]);
        const { all } = deaggregator();
        const own = all(record(frameOf(agg, records)));
        expect(own.map((one) => [one.partitionKey, Buffer.from(one.data).toString('base64')])).toEqual(expected);
        const theirs = userRecordsOf(agg, { Data: ownFrameOf(records), PartitionKey: 'a', SequenceNumber: '1' });
        expect(theirs.map((one) => [one.PartitionKey, one.Data])).toEqual(expected);
        expect(theirs.map((one) => one.SubSequenceNumber)).toEqual(own.map((one) => one.subSequenceNumber));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the bench of aggregates', () => {
  const shape = { aggregates: 6, records: 20, recordBytes: 30, keys: 7 };

  it('measures all variants in turn, and sees that they read the same', async () => {
    const figures = await measureKpl({ ...shape, rounds: 5, roundRecords: 10_000 });
    expect(figures).toMatchObject({ ...shape, rounds: 5, checksum: preparePage(shape).checksum });
    expect(figures.variants.map((variant) => variant.name)).toEqual([
      'millrace',
      'awsKinesisAgg',
      'awsKinesisAggSdk',
      'opensslDigests',
    ]);
    for (const { recordsPerCpuSecond, spreadRecordsPerCpuSecond } of figures.variants) {
      const [slowest, fastest] = spreadRecordsPerCpuSecond;
      expect(slowest).toBeGreaterThan(0);
      expect(recordsPerCpuSecond).toBeGreaterThanOrEqual(slowest);
      expect(recordsPerCpuSecond).toBeLessThanOrEqual(fastest);
    }
    expect(figures.ratioOverAwsKinesisAgg).toBeGreaterThan(0);
  }, 120_000);

  it('looks at every user record in every variant', () => {
    const { frames } = preparePage(shape);
    const sums = ['millrace', 'awsKinesisAgg', 'awsKinesisAggSdk'].map((name) => kplVariants[name]?.(frames).read());
    expect(new Set(sums).size).toBe(1);
    expect(sums[0]).toBeGreaterThan(shape.aggregates * shape.records * shape.recordBytes);
  });

  it('has the shape of the budget by default', () => {
    expect(kplBench.options).toMatchObject({ records: { fallback: 500 }, 'record-bytes': { fallback: 100 } });
  });
});
