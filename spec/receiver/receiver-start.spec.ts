import { describe, expect, it } from 'vitest';
import { Fleet, type WorkerOptions } from './fleet.ts';

const shard0 = 'shardId-000000000000';
const dayMillis = 86_400_000;

describe('a new application', () => {
  it('begins at the horizon', async () => {
    const fleet = new Fleet();
    fleet.put(5);
    await fleet.clock.advance(60_000);
    fleet.start('a', { initialPosition: { type: 'TRIM_HORIZON' } });
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('begins at LATEST with what is put after the leases were created, however late the first read is', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(10);
    await fleet.clock.advance(10_000);
    let hold = true;
    fleet.kinesis.intercept(async (call, proceed) => {
      while (hold && call.operation === 'getShardIterator')
        await new Promise<void>((resolve) => void fleet.clock.timer(100, resolve));
      return proceed();
    });
    const worker = fleet.start('a', { initialPosition: { type: 'LATEST' } });
    await fleet.clock.runUntil(() => fleet.table.rows.length === 2);
    await fleet.clock.advance(1_000);
    const first = fleet.produced.length;
    fleet.put(10);
    await fleet.clock.advance(20_000);
    hold = false;
    await fleet.clock.runUntil(() => worker.numbers.length >= 10);
    fleet.put(5);
    await fleet.clock.advance(5_000);
    expect([...worker.numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, index) => first + index));
  });

  it('does not resolve LATEST again after a failover before the first checkpoint', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    await fleet.clock.advance(10_000);
    const first = fleet.start('a', { initialPosition: { type: 'LATEST' }, handle: () => false });
    await fleet.clock.runUntil(() => first.eventsOf('lease.gained').length === 1);
    await fleet.clock.advance(500);
    fleet.put(3);
    await fleet.clock.runUntil(() => first.numbers.length === 3);
    first.process.kill();
    fleet.put(3);
    const second = fleet.start('b', { initialPosition: { type: 'LATEST' } });
    await fleet.clock.advance(30_000);
    expect(second.numbers).toEqual([10, 11, 12, 13, 14, 15]);
  });

  it('begins at a date', async () => {
    const fleet = new Fleet();
    fleet.put(4);
    await fleet.clock.advance(60_000);
    const timestampMillis = fleet.clock.wallMillis();
    await fleet.clock.advance(60_000);
    fleet.put(4);
    const worker = fleet.start('a', { initialPosition: { type: 'AT_TIMESTAMP', timestampMillis } });
    await fleet.clock.advance(10_000);
    expect(worker.numbers).toEqual([4, 5, 6, 7]);
    expect(fleet.table.rows[0]).toMatchObject({ initialTimestampMillis: timestampMillis });
  });

  it('begins at a date in the future when it has come', async () => {
    const fleet = new Fleet();
    fleet.put(4);
    const timestampMillis = fleet.clock.wallMillis() + 90_000;
    const worker = fleet.start('a', { initialPosition: { type: 'AT_TIMESTAMP', timestampMillis } });
    await fleet.clock.advance(30_000);
    fleet.put(4);
    await fleet.clock.advance(70_000);
    expect(worker.numbers).toEqual([]);
    fleet.put(4);
    await fleet.clock.advance(5_000);
    expect(worker.numbers).toEqual([8, 9, 10, 11]);
  });

  it('gives shards that appear later their records from the horizon, also with LATEST', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a', { initialPosition: { type: 'LATEST' } });
    await fleet.clock.advance(5_000);
    await fleet.clock.runUntil(worker.drain());
    fleet.kinesis.split(shard0);
    fleet.put(20);
    await fleet.clock.advance(60_000);
    fleet.start('b', { initialPosition: { type: 'LATEST' } });
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('reads all that there is from a time before the stream was made, at which no shard was open', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(5);
    const timestampMillis = fleet.kinesis.nowMillis() - 3_600_000;
    fleet.start('a', { initialPosition: { type: 'AT_TIMESTAMP', timestampMillis } });
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 20_000 });
    fleet.kinesis.split('shardId-000000000000');
    fleet.put(5);
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 30_000 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });
});

describe.each([
  ['a day ahead', dayMillis],
  ['a day behind', -dayMillis],
])('a machine whose clock is %s', (_, wallSkewMillis) => {
  const options: WorkerOptions = { wallSkewMillis };

  it('begins at LATEST of the service, and tells of its clock', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    await fleet.clock.advance(10_000);
    const worker = fleet.start('a', { ...options, initialPosition: { type: 'LATEST' } });
    await fleet.clock.runUntil(() => fleet.table.rows.length === 1);
    const created = fleet.table.rows[0]?.initialTimestampMillis ?? 0;
    expect(Math.abs(created - fleet.kinesis.nowMillis())).toBeLessThanOrEqual(1_000);
    fleet.put(5);
    await fleet.clock.advance(10_000);
    expect(worker.numbers).toEqual([10, 11, 12, 13, 14]);
    const [skewed, ...more] = worker.eventsOf('clock.skewed');
    expect(more).toEqual([]);
    expect(Math.abs((skewed?.skewMillis ?? 0) - wallSkewMillis)).toBeLessThanOrEqual(1_000);
  });

  it('ends a run until LATEST', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    await fleet.clock.advance(10_000);
    const worker = fleet.start('a', { ...options, until: { type: 'LATEST' } });
    await fleet.clock.runUntil(worker.ended);
    expect(worker.outcome).toBe('resolved');
    expect(worker.numbers).toHaveLength(10);
  });

  it('takes over and hands over beside one whose clock is right', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const right = fleet.start('a');
    const wrong = fleet.start('b', options);
    await fleet.clock.advance(5_000);
    fleet.put(10);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(new Set(Object.values(fleet.owners))).toEqual(new Set(['a', 'b']));
    await fleet.clock.advance(30_000);
    expect([...right.eventsOf('lease.lost'), ...wrong.eventsOf('lease.lost')]).toEqual([]);
    right.process.kill();
    fleet.put(10);
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 25_000 });
    expect(fleet.verdict.missing).toEqual([]);
  });
});
