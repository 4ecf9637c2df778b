import { describe, expect, it } from 'vitest';
import { follows } from '../../lib/block/range.ts';
import { Fleet } from './fleet.ts';

describe('a receiver alone', () => {
  it('reads all shards from the horizon, in order, once', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    fleet.put(100);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.allDelivered);
    fleet.put(100);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    for (const shard of fleet.kinesis.shards) {
      const blocks = worker.blocks.filter((block) => block.shardId === shard.shardId);
      for (const [index, block] of blocks.entries()) {
        const before = blocks[index - 1];
        if (before !== undefined) expect(follows(block.range, before.range)).toBe(true);
      }
      const numbers = blocks.flatMap((block) => block.records.map((record) => Number(record.text())));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    expect(new Set(worker.blocks.map((block) => block.id)).size).toBe(worker.blocks.length);
    await fleet.clock.runUntil(worker.drain());
  });
});
