import { describe, expect, it } from 'vitest';
import type { Block } from '../../lib/block/block.ts';
import type { GetRecordsAnswer } from '../../lib/kinesis/kinesis-api.ts';
import { Fleet } from './fleet.ts';

const hot = 'shardId-000000000000';
const limitBytes = 8 * 1024 * 1024;
/** Kinesis: the data of one answer of GetRecords. */
const maxPageBytes = 10 * 1024 * 1024;

/** The bytes that were answered and not acked yet, and the most there ever were. */
function watch(fleet: Fleet) {
  let answered = 0;
  let acked = 0;
  let peak = 0;
  fleet.kinesis.intercept(async (call, proceed) => {
    const answer = await proceed();
    if (call.operation !== 'getRecords') return answer;
    for (const { data } of (answer as GetRecordsAnswer).records) answered += data.byteLength;
    peak = Math.max(peak, answered - acked);
    return answer;
  });
  return {
    ack: (bytes: number) => void (acked += bytes),
    get peak() {
      return peak;
    },
    get held() {
      return answered - acked;
    },
  };
}

describe('the byte budget of a receiver', () => {
  it('lets one hot shard among 50, whose blocks nobody finishes, neither starve the others nor pass the budget', async () => {
    const fleet = new Fleet({ shardCount: 50 });
    const bytes = watch(fleet);
    const stuck: Block[] = [];
    let isStuck = true;
    const worker = fleet.start('a', {
      maxBufferedBytes: limitBytes,
      handle: (block) => {
        if (block.shardId === hot && isStuck) {
          stuck.push(block);
          return false;
        }
        bytes.ack(block.bytes);
        return true;
      },
    });
    const cold = fleet.kinesis.shards.map((shard) => shard.shardId).filter((shardId) => shardId !== hot);
    await fleet.clock.runUntil(() => Object.values(fleet.owners).filter((owner) => owner === 'a').length === 50, {
      atMostMillis: 120_000,
    });
    const hotRecord = new Uint8Array(100_000);
    for (let second = 0; second < 40; second += 1) {
      for (let count = 0; count < 8; count += 1) {
        fleet.produced.push({ shardId: hot, ...fleet.kinesis.putTo(hot, hotRecord) });
      }
      for (const shardId of cold) fleet.put(1, shardId);
      await fleet.clock.advance(1_000);
    }
    await fleet.clock.advance(3_000);
    // 32 MB came to the hot shard: it has taken what it may, and waits.
    expect(stuck.length).toBeGreaterThan(0);
    expect(bytes.held).toBeGreaterThan(limitBytes / 8);
    expect(bytes.peak).toBeLessThanOrEqual(limitBytes);
    const delivered = new Set(worker.blocks.flatMap((block) => block.records.map((record) => record.sequenceNumber)));
    const missed = fleet.produced.filter((put) => put.shardId !== hot && !delivered.has(put.sequenceNumber));
    expect(missed).toEqual([]);
    isStuck = false;
    for (const block of stuck) {
      bytes.ack(block.bytes);
      worker.receiver.ack(block.range);
    }
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 300_000 });
    // Nobody knows before how large a page will be, and the backlog comes in pages of up to 10 MB: one may go beyond.
    expect(bytes.peak).toBeLessThanOrEqual(limitBytes + maxPageBytes);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  }, 60_000);

  it('lets a record of 10 MiB pass when it is smaller than that', async () => {
    const fleet = new Fleet({ shardCount: 2, maxRecordBytes: 10 * 1024 * 1024 });
    const large = new Uint8Array(10 * 1024 * 1024 - 16).fill(7);
    fleet.put(3, hot);
    fleet.produced.push({ shardId: hot, ...fleet.kinesis.putTo(hot, large) });
    fleet.put(3, hot);
    fleet.put(3, 'shardId-000000000001');
    const worker = fleet.start('a', { maxBufferedBytes: 65_536 });
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 120_000 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    const seen = worker.blocks.flatMap((block) => block.records).find((record) => record.byteLength > 65_536);
    expect(seen?.data.every((byte) => byte === 7)).toBe(true);
    await fleet.clock.runUntil(() => fleet.isCheckpointed, { atMostMillis: 30_000 });
  }, 60_000);
});
