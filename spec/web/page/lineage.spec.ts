import { describe, expect, it } from 'vitest';
import { drawnShards, planLineage } from '../../../lib/web/page/lineage.ts';
import { shardName, tellShards, toldSource } from '../sources.ts';

/** Shards of which some came from others: child to parents, by their numbers. */
function shardsOf(count: number, parents: Readonly<Record<number, readonly number[]>>) {
  const source = toldSource();
  tellShards(source, count);
  for (const [child, of] of Object.entries(parents)) {
    const gained = {
      type: 'lease.gained',
      leaseKey: shardName(Number(child)),
      tenure: 1,
      checkpoint: 'LATEST',
    } as const;
    source.tell({ ...gained, parents: of.map(shardName) });
  }
  return source.snapshot().shards;
}

const placesOf = (plan: ReturnType<typeof planLineage>) =>
  Object.fromEntries(plan.nodes.map(({ shardId, column, row }) => [Number(shardId.slice(-12)), [column, row]]));

describe('planLineage', () => {
  it('puts a split shard left of its children, and merged ones left of theirs', () => {
    const plan = planLineage(shardsOf(6, { 2: [0], 3: [0], 4: [3, 1] }));
    expect(placesOf(plan)).toEqual({ 0: [0, 0], 1: [0, 1], 2: [1, 0], 3: [1, 1], 4: [2, 0] });
    expect(plan).toMatchObject({ columns: 3, rows: 2, alone: 1, leftOut: 0 });
    expect(plan.edges).toHaveLength(4);
  });

  it('draws parents that this worker never held, by what their children say', () => {
    const plan = planLineage(shardsOf(2, { 1: [77] }));
    expect(plan.nodes.map(({ shardId, shard }) => [shardId, shard !== undefined])).toEqual([
      [shardName(77), false],
      [shardName(1), true],
    ]);
    expect(plan.alone).toBe(1);
  });

  it('draws so many at most, the newest families first, and the chosen one always', () => {
    const parents = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [200 + index, [index]]));
    const shards = shardsOf(400, parents);
    const plan = planLineage(shards);
    expect(plan.nodes.length).toBeLessThanOrEqual(drawnShards);
    expect(plan.nodes.length + plan.leftOut).toBe(400);
    expect(plan.nodes.some(({ shardId }) => shardId === shardName(399))).toBe(true);
    expect(plan.nodes.some(({ shardId }) => shardId === shardName(0))).toBe(false);
    const chosen = planLineage(shards, `orders ${shardName(0)}`);
    expect(chosen.nodes.some(({ shardId }) => shardId === shardName(200))).toBe(true);
  });

  it('ends for a ring, which no stream has', () => {
    const plan = planLineage(shardsOf(3, { 0: [2], 1: [0], 2: [1] }));
    expect(plan.nodes).toHaveLength(3);
  });

  it('draws nothing where nothing was split', () => {
    expect(planLineage(shardsOf(1_000, {}))).toMatchObject({ nodes: [], edges: [], alone: 1_000 });
  });
});
