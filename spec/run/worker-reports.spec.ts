import { describe, expect, it } from 'vitest';
import { HeldShards } from './demo/held-shards.ts';
import { LineCutter, parseReport } from './demo/report.ts';
import { WorkerFold } from './demo/worker-figures.ts';

describe('a report of a worker', () => {
  it('is read from its line, and anything else is refused by what it says', () => {
    expect(parseReport('{"type":"shards","held":["a"],"behindMillis":3}')).toEqual({
      type: 'shards',
      held: ['a'],
      behindMillis: 3,
    });
    for (const line of ['', 'hello', 'null', '{"type":"other"}', '["ready"]']) {
      expect(() => parseReport(line)).toThrow(`a line that is no report: ${line}`);
    }
  });

  it('may arrive in pieces', () => {
    const cutter = new LineCutter();
    expect(['a', 'b\nc', '\n\nd'].map((piece) => cutter.push(piece))).toEqual([[], ['ab'], ['c', '']]);
  });
});

describe('the figures of a worker', () => {
  const records = (count: number) => ({
    type: 'records' as const,
    group: 's',
    batchId: 1,
    places: Array.from({ length: count }, (_, index) => ['s', String(index)] as const),
  });

  it('are the sums of its reports, with its last shards', () => {
    const fold = new WorkerFold(2, 77);
    fold.add({ type: 'ready' }, 0);
    fold.add({ type: 'shards', held: ['a', 'b'], behindMillis: 12 }, 10);
    fold.add(
      {
        type: 'counts',
        group: 's',
        batchId: 1,
        counts: [
          ['x', 3],
          ['y', 1],
        ],
      },
      20,
    );
    fold.add(records(5), 20);
    fold.add({ type: 'shards', held: ['b'] }, 30);
    expect(fold.figuresAt(1_020)).toEqual({
      number: 2,
      pid: 77,
      shards: ['b'],
      batches: 1,
      records: 5,
      words: 4,
      recordsPerSecond: 5,
      behindMillis: undefined,
      isKilled: false,
    });
  });

  it('have the rate of the last three seconds, or of the time since the first batch', () => {
    const fold = new WorkerFold(1, 1);
    for (let millis = 500; millis <= 10_000; millis += 500) fold.add(records(50), millis);
    expect(fold.figuresAt(10_000).recordsPerSecond).toBe(100);
    expect(fold.figuresAt(13_000).recordsPerSecond).toBe(0);
    const young = new WorkerFold(1, 1);
    expect(young.figuresAt(100).recordsPerSecond).toBe(0);
    young.add(records(50), 500);
    expect(young.figuresAt(500).recordsPerSecond).toBe(50);
    young.add(records(50), 1_000);
    young.add(records(50), 1_500);
    young.add(records(50), 2_000);
    expect(young.figuresAt(2_500).recordsPerSecond).toBe(100);
  });
});

describe('the held shards', () => {
  it('follow the leases, with the read that is furthest behind', () => {
    const held = new HeldShards();
    const read = (shardId: string, millisBehindLatest: number) =>
      held.add({ type: 'shard.read', shardId, records: 1, bytes: 1, millisBehindLatest });
    expect(held.current).toEqual({ held: [] });
    for (const leaseKey of ['b', 'a', 'c']) held.add({ type: 'lease.gained', leaseKey, tenure: 1, checkpoint: 'x' });
    read('a', 40);
    read('b', 70);
    expect(held.current).toEqual({ held: ['a', 'b', 'c'], behindMillis: 70 });
    held.add({ type: 'lease.released', leaseKey: 'b', tenure: 1 });
    held.add({ type: 'lease.lost', leaseKey: 'c', tenure: 1, reason: 'taken' });
    read('b', 90);
    expect(held.current).toEqual({ held: ['a'], behindMillis: 40 });
  });
});
