import { beforeAll, describe, expect, it } from 'vitest';
import { defaultReadBench, fastestSdk, measureReading, ratioOf } from '../../bench/read/measure.ts';
import { checksumOf, preparePage } from '../../bench/read/page.ts';
import { loadPeer } from '../../bench/peers.ts';

const small = { ...defaultReadBench, records: 20, recordBytes: 100, rounds: 2, roundBytes: 10_000 };

beforeAll(() => {
  loadPeer('lifion-kinesis');
}, 240_000);

describe('the bench of reading', () => {
  it('reads the same by every variant, and gives figures of each', async () => {
    const figures = await measureReading(small);
    expect(figures).toMatchObject({ records: 20, recordBytes: 100, rounds: 2, checksum: preparePage(small).checksum });
    expect(figures.variants.map(({ name }) => name)).toEqual(small.variants);
    for (const { mbPerCpuSecond, spreadMbPerCpuSecond, roundsMbPerCpuSecond } of figures.variants) {
      expect(roundsMbPerCpuSecond).toHaveLength(2);
      expect(spreadMbPerCpuSecond).toEqual([Math.min(...roundsMbPerCpuSecond), Math.max(...roundsMbPerCpuSecond)]);
      expect(roundsMbPerCpuSecond).toContain(mbPerCpuSecond);
    }
  }, 120_000);

  it('reads the same over TLS', async () => {
    const variants = ['sdk', 'sdkShared', 'json', 'fanOut'];
    const figures = await measureReading({ ...small, tls: true, rounds: 1, variants });
    expect(figures).toMatchObject({ tls: true, checksum: preparePage(small).checksum });
    expect(variants.slice(0, 2)).toContain(fastestSdk(figures));
  }, 120_000);

  it('ends with an error when a variant is not there', async () => {
    await expect(measureReading({ ...small, variants: ['json', 'none'] })).rejects.toThrow('ended with 1');
  }, 120_000);
});

describe('ratioOf', () => {
  it('is the median over the rounds, each against the same round of the other', () => {
    const variant = (name: string, roundsMbPerCpuSecond: number[]) => ({
      name,
      roundsMbPerCpuSecond,
      mbPerCpuSecond: 1,
      recordsPerCpuSecond: 1,
      spreadMbPerCpuSecond: [1, 1] as const,
      peakMegabytes: 1,
    });
    const variants = [variant('json', [30, 20, 40]), variant('sdk', [10, 10, 10])];
    const figures = { records: 1, recordBytes: 1, rounds: 3, tls: false, checksum: '', variants };
    expect(ratioOf(figures, 'json', 'sdk')).toBe(3);
    expect(ratioOf(figures, 'cbor', 'sdk')).toBeUndefined();
  });
});

describe('a prepared page', () => {
  it('is the same each time, and another for another shape', () => {
    const page = preparePage(small);
    expect(preparePage(small)).toEqual(page);
    expect(preparePage({ ...small, recordBytes: 101 }).checksum).not.toBe(page.checksum);
  });

  it('has a checksum in which every field counts', () => {
    const record = { data: Buffer.from('a'), partitionKey: 'k', sequenceNumber: '1', arrivalTimeMillis: 1 };
    const others = [
      { ...record, data: Buffer.from('b') },
      { ...record, partitionKey: 'l' },
      { ...record, sequenceNumber: '2' },
      { ...record, arrivalTimeMillis: 2 },
    ];
    expect(new Set([record, ...others].map((one) => checksumOf([one]))).size).toBe(5);
  });
});
