import { describe, expect, it } from 'vitest';
import { receiverBench } from '../../bench/receiver.ts';
import { defaultReceiverBench, measureReceiver } from '../../bench/receiver/measure.ts';
import { preparePage } from '../../bench/read/page.ts';

const small = {
  ...defaultReceiverBench,
  shards: 3,
  records: 200,
  recordBytes: 1_024,
  rounds: 2,
  warmUpRounds: 1,
  roundMillis: 400,
  memoryShards: 40,
  maxBufferedBytes: 2 * 1024 * 1024,
  memoryMillis: 400,
  compiled: false,
};

describe('the bench of the receiver', () => {
  it('reads every shard under leases, and compares what it took with the bare codec', async () => {
    const figures = await measureReceiver(small);
    expect(figures).toMatchObject({
      shards: 3,
      records: 200,
      recordBytes: 1_024,
      rounds: 2,
      codec: 'json',
      tls: false,
    });
    expect(figures.checksum).toBe(preparePage(small).checksum);
    const { mbPerCpuSecond, spreadMbPerCpuSecond, ratioOverCodec, fullRateShardsPerCore } = figures;
    expect(spreadMbPerCpuSecond[0]).toBeGreaterThan(0);
    expect(spreadMbPerCpuSecond).toContain(mbPerCpuSecond);
    expect(ratioOverCodec).toBeGreaterThan(0);
    expect(fullRateShardsPerCore).toBeCloseTo(mbPerCpuSecond / 2.097_152, 0);
    const { keepingUpMegabytes, slowMegabytes, pinnedMegabytes, shards } = figures.memory;
    expect(shards).toBe(40);
    expect(figures.residentMegabytes).toBe(Math.max(keepingUpMegabytes, slowMegabytes));
    expect(Math.min(keepingUpMegabytes, slowMegabytes)).toBeGreaterThan(20);
    // The budget is 2.1 MB, and what is under way may be as much again. A page of a shard takes 0.29 MB: if each of the 40
    // kept its last one, that would be 11.6 MB.
    expect(pinnedMegabytes).toBeGreaterThan(0);
    expect(pinnedMegabytes).toBeLessThanOrEqual(6);
  }, 120_000);

  it('has the shape of the budgets by default', () => {
    expect(receiverBench.options).toMatchObject({ shards: { fallback: 40 }, 'memory-shards': { fallback: 100 } });
  });
});
