import { describe, expect, it } from 'vitest';
import { EventBus } from '../../lib/event/bus.ts';
import type { EventOf } from '../../lib/event/event.ts';
import type { MetricsSink } from '../../lib/monitor/cloudwatch/cloudwatch-client.ts';
import type { Datum, MetricsLevel } from '../../lib/monitor/cloudwatch/datum.ts';
import { type PublisherOptions, CloudWatchPublisher, maximumDatums } from '../../lib/monitor/cloudwatch/publisher.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

function benchOf(
  level: MetricsLevel,
  put: (data: readonly Datum[], signal: AbortSignal) => Promise<void>,
  more: Partial<PublisherOptions> = {},
) {
  const bus = new EventBus();
  const clock = new VirtualClock();
  const sink: MetricsSink = { put: (_, data, __, signal) => put(data, signal), destroy: () => {} };
  const failed: EventOf<'cloudWatch.failed'>[] = [];
  bus.subscribe((event) => event.type === 'cloudWatch.failed' && failed.push(event));
  const publisher = new CloudWatchPublisher({
    bus,
    clock,
    sink,
    namespace: 'a',
    level,
    workerIdentifier: 'w',
    ...more,
  });
  const life = new AbortController();
  const run = publisher.run(life.signal);
  const end = () => {
    life.abort();
    return run;
  };
  return { bus, clock, failed, publisher, end };
}

const read = (shardId: string, millisBehindLatest = 5) =>
  ({ type: 'shard.read', shardId, records: 2, bytes: 10, millisBehindLatest }) as const;

describe('the figures for CloudWatch', () => {
  it("are KCL's, as statistic sets, every ten seconds and once more at the end", async () => {
    const calls: (readonly Datum[])[] = [];
    const bench = benchOf('SUMMARY', async (data) => void calls.push(data));
    bench.bus.publish({ type: 'lease.gained', leaseKey: 's', tenure: 1, checkpoint: 'LATEST' });
    bench.bus.publish(read('s', 5));
    bench.bus.publish(read('s', 9));
    await bench.clock.advance(10_000);
    expect(calls).toHaveLength(1);
    const lag = { unit: 'Milliseconds', name: 'MillisBehindLatest' };
    expect(calls[0]).toContainEqual({
      ...lag,
      dimensions: { Operation: 'ProcessTask', ShardId: 's' },
      sum: 14,
      minimum: 5,
      maximum: 9,
      count: 2,
    });
    expect(calls[0]).toContainEqual({
      ...lag,
      dimensions: { Operation: 'ApplicationTracker' },
      sum: 9,
      minimum: 9,
      maximum: 9,
      count: 1,
    });
    expect(calls[0]?.map(({ name }) => name)).not.toContain('NewLeasesDiscovered');
    bench.bus.publish(read('s'));
    await bench.end();
    expect(calls[1]?.find(({ name }) => name === 'RecordsProcessed')?.sum).toBe(2);
  });

  it('keep two streams apart that have shards of the same names', async () => {
    const data: Datum[] = [];
    let streamName = 'one';
    const bench = benchOf('SUMMARY', async (some) => void data.push(...some), { streamName: () => streamName });
    for (const [stream, lag] of [
      ['one', 5],
      ['two', 50],
    ] as const) {
      streamName = stream;
      bench.bus.publish({ type: 'lease.gained', leaseKey: 's', tenure: 1, checkpoint: 'LATEST' });
      bench.bus.publish(read('s', lag));
    }
    await bench.end();
    const lags = data.filter(({ name, dimensions }) => name === 'MillisBehindLatest' && 'ShardId' in dimensions);
    expect(lags.map(({ dimensions, sum }) => [dimensions.StreamId, sum])).toEqual([
      ['one', 5],
      ['two', 50],
    ]);
    expect(data.find(({ name }) => name === 'CurrentLeases')?.sum).toBe(2);
  });

  it('are one for all shards where shards are no enabled dimension', async () => {
    const data: Datum[] = [];
    const bench = benchOf('SUMMARY', async (some) => void data.push(...some), { dimensions: ['WorkerIdentifier'] });
    bench.bus.publish(read('s'));
    bench.bus.publish(read('t'));
    await bench.end();
    const records = data.filter(({ name }) => name === 'RecordsProcessed');
    expect(records).toEqual([expect.objectContaining({ dimensions: { Operation: 'ProcessTask' }, sum: 4, count: 2 })]);
    expect(data.find(({ name }) => name === 'CurrentLeases')?.dimensions).toHaveProperty('WorkerIdentifier', 'w');
  });

  it('go in calls of at most a thousand', async () => {
    const sizes: number[] = [];
    const bench = benchOf('DETAILED', async (data) => void sizes.push(data.length));
    for (let index = 0; index < 400; index += 1) bench.bus.publish(read(`s${index}`));
    await bench.clock.advance(10_000);
    expect(sizes).toEqual([1_000, 601]);
    await bench.end();
  });

  it('survive an hour without CloudWatch: bounded, few events, and what counts arrives afterwards', async () => {
    let isDown = true;
    const arrived: Datum[] = [];
    const bench = benchOf('SUMMARY', async (data) => {
      if (isDown) throw new Error('AccessDenied');
      arrived.push(...data);
    });
    for (let minute = 0; minute < 60; minute += 1) {
      bench.bus.publish(read('s'));
      for (let index = 0; index < 400; index += 1) bench.bus.publish(read(`s${minute * 400 + index}`));
      await bench.clock.advance(60_000);
      expect(bench.publisher.waiting).toBeLessThanOrEqual(maximumDatums);
    }
    expect(bench.failed.map(({ failures }) => failures)).toEqual([1, 10, 100]);
    isDown = false;
    await bench.clock.advance(10_000);
    const records = arrived.find(({ name, dimensions }) => name === 'RecordsProcessed' && dimensions.ShardId === 's');
    expect(records?.sum).toBe(120);
    await bench.end();
  });

  it('do not wait for an answer for ever', async () => {
    const bench = benchOf('SUMMARY', (_, signal) => {
      return new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    });
    await bench.clock.advance(20_000);
    expect(bench.failed[0]?.message).toContain('within 5 s');
    const ended = bench.end();
    await bench.clock.advance(5_000);
    await ended;
  });
});
