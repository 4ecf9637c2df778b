import { describe, expect, it } from 'vitest';
import type { Until } from '../../lib/receiver/until.ts';
import { Fleet, type Worker, wait } from './fleet.ts';

const shard = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** Records that keep coming, so that a bound has something to leave out. */
function trickle(fleet: Fleet): () => void {
  let isOn = true;
  const next = () => {
    if (!isOn) return;
    for (const { shardId } of fleet.kinesis.openShards) fleet.put(1, shardId);
    fleet.clock.timer(400, next);
  };
  next();
  return () => (isOn = false);
}

async function ended(fleet: Fleet, ...workers: Worker[]): Promise<void> {
  await fleet.clock.runUntil(Promise.all(workers.map((worker) => worker.ended)), { atMostMillis: 120_000 });
  for (const worker of workers) expect(worker.outcome).toBe('resolved');
  expect(Object.values(fleet.owners).join('')).toBe('');
  expect(fleet.table.workerRows).toEqual([]);
}

describe('a bounded run', () => {
  it('until CAUGHT_UP ends when every shard is read to its tip, and what was read is checkpointed', async () => {
    const fleet = new Fleet({ shardCount: 3 });
    fleet.put(50);
    const worker = fleet.start('a', { until: { type: 'CAUGHT_UP' }, handle: () => wait(worker, 700) });
    await ended(fleet, worker);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(fleet.isCheckpointed).toBe(true);
  });

  it('after a crash reads what the dead worker owned, at every start, however new its rows look', async () => {
    for (const restartAfterMillis of [0, 3_000, 40_000]) {
      const fleet = new Fleet({ shardCount: 3 });
      const dead = fleet.start('dead');
      await fleet.clock.advance(5_000);
      dead.process.kill();
      fleet.put(30);
      await fleet.clock.advance(restartAfterMillis);
      const worker = fleet.start('a', { until: { type: 'CAUGHT_UP' } });
      await fleet.clock.runUntil(worker.ended, { atMostMillis: 60_000 });
      expect(worker.outcome).toBe('resolved');
      expect(fleet.verdict.missing).toEqual([]);
    }
  });

  it('gives nothing to a dead worker whose row is still there', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const first = fleet.start('a');
    await fleet.clock.advance(5_000);
    await fleet.clock.runUntil(first.drain());
    fleet.table.putWorkerRow({
      workerIdentifier: 'dead',
      lastUpdateSeconds: 1,
      reportCounter: 1,
      exclusive: false,
      metrics: {},
      operatingRange: {},
    });
    const worker = fleet.start('b', { until: { type: 'CAUGHT_UP' } });
    fleet.put(20);
    await fleet.clock.runUntil(worker.ended, { atMostMillis: 60_000 });
    expect(fleet.verdict.missing).toEqual([]);
    expect(Object.values(fleet.owners).join('')).toBe('');
  });

  it('beside a worker that lives leaves its shards to it', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    fleet.start('lives');
    await fleet.clock.advance(5_000);
    fleet.put(20);
    const worker = fleet.start('a', { until: { type: 'CAUGHT_UP' } });
    await fleet.clock.runUntil(worker.ended, { atMostMillis: 60_000 });
    expect(worker.outcome).toBe('resolved');
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('until CAUGHT_UP ends on an empty stream', async () => {
    const fleet = new Fleet({ shardCount: 3 });
    const worker = fleet.start('a', { until: { type: 'CAUGHT_UP' } });
    await ended(fleet, worker);
    expect(worker.blocks).toEqual([]);
  });

  it('until LATEST takes every record that was put before it began, and ends although more keep coming', async () => {
    // Every phase of the second to which the Date header is cut.
    for (let phase = 0; phase < 1_000; phase += 130) {
      const fleet = new Fleet({ shardCount: 2 });
      await fleet.clock.advance(10_000 + phase);
      fleet.put(20);
      const before = fleet.produced.length;
      await fleet.clock.advance(1);
      const stop = trickle(fleet);
      const worker = fleet.start('a', { until: { type: 'LATEST' } });
      await ended(fleet, worker);
      stop();
      expect(fleet.verdict.missing.filter((number) => number < before)).toEqual([]);
      expect(fleet.verdict.missing.length).toBeGreaterThan(0);
      expect(fleet.verdict.repeated).toEqual([]);
    }
  });

  it('until a date takes exactly what arrived until then, whether it is past or to come', async () => {
    for (const aheadMillis of [-5_000, 8_000]) {
      const fleet = new Fleet({ shardCount: 2 });
      const stop = trickle(fleet);
      await fleet.clock.advance(20_000);
      const timestampMillis = fleet.kinesis.nowMillis() + aheadMillis;
      const worker = fleet.start('a', { until: { type: 'AT_TIMESTAMP', timestampMillis } });
      await ended(fleet, worker);
      stop();
      const times = worker.blocks.flatMap((block) => block.records.map((record) => record.arrivalTimeMillis));
      expect(Math.max(...times)).toBeLessThanOrEqual(timestampMillis);
      // 400 ms apart, from 0 s on, two shards.
      expect(times).toHaveLength(2 * (Math.floor((20_000 + aheadMillis) / 400) + 1));
    }
  });

  it('goes on where the last one ended, without a gap', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const stop = trickle(fleet);
    for (let run = 0; run < 4; run += 1) {
      await fleet.clock.advance(3_000);
      await ended(fleet, fleet.start(`run ${run}`, { until: { type: 'LATEST' } }));
    }
    stop();
    await ended(fleet, fleet.start('last', { until: { type: 'CAUGHT_UP' } }));
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it.each<Until>([{ type: 'CAUGHT_UP' }, { type: 'LATEST' }])(
    'until $type is shared with a second worker',
    async (until) => {
      const fleet = new Fleet({ shardCount: 4 });
      fleet.put(200);
      await fleet.clock.advance(2_000);
      const handle = (_: unknown, worker: Worker) => wait(worker, 300);
      const workers = [fleet.start('a', { until, handle }), fleet.start('b', { until, handle })];
      await ended(fleet, ...workers);
      expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    },
  );

  it('ends beside a worker without a bound, which goes on with all shards', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const other = fleet.start('a');
    await fleet.clock.advance(5_000);
    fleet.put(100);
    const bounded = fleet.start('b', { until: { type: 'CAUGHT_UP' } });
    await fleet.clock.runUntil(bounded.ended);
    expect(bounded.outcome).toBe('resolved');
    fleet.put(100);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(new Set(Object.values(fleet.owners))).toEqual(new Set(['a']));
    expect(other.hasEnded).toBe(false);
  });

  it.each<Until>([{ type: 'CAUGHT_UP' }, { type: 'LATEST' }])(
    'until $type reads the children of shards that ended before',
    async (until) => {
      const fleet = new Fleet({ shardCount: 2 });
      fleet.put(20);
      await fleet.clock.advance(100);
      const [lower] = fleet.kinesis.split(shard(0));
      await fleet.clock.advance(100);
      fleet.put(20);
      fleet.kinesis.split(lower);
      await fleet.clock.advance(100);
      fleet.put(20);
      fleet.kinesis.merge(shard(1), shard(3));
      await fleet.clock.advance(100);
      fleet.put(20);
      await fleet.clock.advance(2_000);
      await ended(fleet, fleet.start('a', { until }));
      expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    },
  );

  it('ends after a merge one of whose parents it has read to the bound already', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(5, shard(1));
    let isOpen = false;
    const worker = fleet.start('a', {
      until: { type: 'CAUGHT_UP' },
      maxUnackedBlocks: 1,
      blockMaxRecords: 1,
      handle: async (block) => {
        while (block.shardId === shard(1) && !isOpen) await wait(worker, 100);
      },
    });
    // Shard 0 is empty and caught up at once; shard 1 waits with its second page.
    await fleet.clock.runUntil(() => worker.blocks.length > 0);
    await fleet.clock.advance(3_000);
    fleet.put(3, shard(1));
    const child = fleet.kinesis.merge(shard(0), shard(1));
    fleet.put(5);
    isOpen = true;
    await fleet.clock.runUntil(worker.ended, { atMostMillis: 60_000 });
    expect(worker.outcome).toBe('resolved');
    // Whatever was not read is there for the next run, in order.
    await ended(fleet, fleet.start('b', { until: { type: 'CAUGHT_UP' } }));
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(Object.keys(fleet.checkpoints)).toContain(child);
  });

  it('until a date ends although the child of a merge waits for a parent that stopped at the date', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(5, shard(0));
    fleet.put(5, shard(1));
    await fleet.clock.advance(5_000);
    const timestampMillis = fleet.kinesis.nowMillis();
    await fleet.clock.advance(5_000);
    // Shard 0 has records beyond the date, shard 1 has not.
    fleet.put(5, shard(0));
    const child = fleet.kinesis.merge(shard(0), shard(1));
    fleet.put(5, child);
    const worker = fleet.start('a', { until: { type: 'AT_TIMESTAMP', timestampMillis } });
    await ended(fleet, worker);
    expect([...worker.numbers].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await ended(fleet, fleet.start('b', { until: { type: 'CAUGHT_UP' } }));
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });
});
