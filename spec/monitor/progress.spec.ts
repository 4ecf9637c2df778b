import { describe, expect, it } from 'vitest';
import { ProgressFold } from '../../lib/monitor/progress.ts';

describe('the progress of a run', () => {
  it('counts held shards and read records, and is as far behind as the furthest shard', () => {
    const fold = new ProgressFold();
    expect(fold.current).toEqual({ shards: 0, records: 0, millisBehindLatest: undefined });
    fold.add({ type: 'lease.gained', leaseKey: 'a', tenure: 1, checkpoint: 'LATEST' });
    fold.add({ type: 'lease.gained', leaseKey: 'b', tenure: 1, checkpoint: 'LATEST' });
    fold.add({ type: 'shard.read', shardId: 'a', records: 10, bytes: 1, millisBehindLatest: 500 });
    fold.add({ type: 'shard.read', shardId: 'b', records: 5, bytes: 1, millisBehindLatest: 9_000 });
    expect(fold.current).toEqual({ shards: 2, records: 15, millisBehindLatest: 9_000 });
    fold.add({ type: 'lease.released', leaseKey: 'b', tenure: 1 });
    fold.add({ type: 'shard.read', shardId: 'b', records: 1, bytes: 1, millisBehindLatest: 8_000 });
    expect(fold.current).toEqual({ shards: 1, records: 16, millisBehindLatest: 500 });
  });
});
