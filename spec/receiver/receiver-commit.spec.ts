import { describe, expect, it } from 'vitest';
import { SHARD_END } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import { Fleet, type Worker, type WorkerOptions, noAnswer } from './fleet.ts';

const shard0 = 'shardId-000000000000';

/** A worker whose blocks of ten records are kept, not acked. */
async function holding(count: number, options: WorkerOptions = {}) {
  const fleet = new Fleet();
  fleet.put(count * 10);
  const worker = fleet.start('a', { blockMaxRecords: 10, handle: () => false, ...options });
  await fleet.clock.runUntil(() => worker.blocks.length === count);
  return { fleet, worker, blocks: worker.blocks };
}

function rowOf(fleet: Fleet, shardId = shard0) {
  const row = fleet.table.rows.find((lease) => lease.leaseKey === shardId);
  if (row === undefined) throw new Error(`no lease ${shardId}`);
  return row;
}

const commit = (fleet: Fleet, worker: Worker, block: Block | undefined, state?: string) =>
  fleet.clock.runUntil(worker.receiver.commit((block as Block).range, state === undefined ? {} : { state }));

describe('commit', () => {
  it('writes position and state in the same write, at once', async () => {
    const { fleet, worker, blocks } = await holding(2);
    const writes: string[] = [];
    fleet.table.intercept = (call) => {
      if (call.name === 'write' && call.write.set.checkpoint !== undefined) {
        writes.push(`${call.write.set.engineState}`);
      }
    };
    expect(await commit(fleet, worker, blocks[0], 'one')).toBe('committed');
    expect(await commit(fleet, worker, blocks[1], 'two')).toBe('committed');
    expect(writes).toEqual(['one', 'two']);
    expect(rowOf(fleet)).toMatchObject({ engineState: 'two', checkpoint: blocks[1]?.range.through });
  });

  it('refuses a range that leaves a gap, and one that was never handed out', async () => {
    const { fleet, worker, blocks } = await holding(3);
    const first = blocks[0] as Block;
    await expect(commit(fleet, worker, blocks[1])).rejects.toMatchObject({ code: 'MR_COMMIT_GAP' });
    worker.receiver.ack(first.range);
    expect(await commit(fleet, worker, blocks[1], 's')).toBe('committed');
    const beyond = { ...(blocks[2] as Block).range, through: SHARD_END };
    await expect(worker.receiver.commit(beyond)).rejects.toMatchObject({ code: 'MR_COMMIT_GAP' });
    await fleet.clock.advance(10_000);
    expect(rowOf(fleet).checkpoint).toEqual(blocks[1]?.range.through);
  });

  it('takes several blocks as one range', async () => {
    const { fleet, worker, blocks } = await holding(3);
    const [first, , third] = blocks as [Block, Block, Block];
    const all = { ...first.range, through: third.range.through };
    expect(await fleet.clock.runUntil(worker.receiver.commit(all, { state: 'all' }))).toBe('committed');
    expect(rowOf(fleet)).toMatchObject({ engineState: 'all', checkpoint: third.range.through });
    await fleet.clock.runUntil(worker.drain());
    expect(worker.outcome).toBe('resolved');
  });

  it('stores a text without moving the position when the range is finished already', async () => {
    const { fleet, worker, blocks } = await holding(2);
    for (const block of blocks) worker.receiver.ack(block.range);
    await fleet.clock.advance(10_000);
    expect(await commit(fleet, worker, blocks[0], 'late')).toBe('committed');
    expect(rowOf(fleet)).toMatchObject({ engineState: 'late', checkpoint: blocks[1]?.range.through });
  });

  it('does not let a checkpoint move the position past a commit that is not applied', async () => {
    const { fleet, worker, blocks } = await holding(2, { checkpointIntervalMillis: 500, failoverTimeMillis: 60_000 });
    const before = rowOf(fleet).checkpoint;
    // The commit's write is refused an answer for a while; the loop meanwhile writes what it may.
    let isDown = true;
    fleet.table.intercept = (call) => {
      if (isDown && call.name === 'write' && call.write.set.engineState !== undefined) throw noAnswer();
    };
    const committed = worker.receiver.commit((blocks[0] as Block).range, { state: 'one' });
    await fleet.clock.advance(5_000);
    expect(rowOf(fleet).checkpoint).toEqual(before);
    isDown = false;
    fleet.table.intercept = () => {};
    expect(await fleet.clock.runUntil(committed)).toBe('committed');
    expect(rowOf(fleet)).toMatchObject({ engineState: 'one', checkpoint: blocks[0]?.range.through });
  });

  it('is lost after the lease is, and the row stays as its new owner wrote it', async () => {
    const { fleet, worker, blocks } = await holding(1);
    worker.process.pause();
    const other = fleet.start('b', { handle: () => true });
    await fleet.clock.runUntil(() => other.blocks.length > 0);
    await fleet.clock.advance(5_000);
    worker.process.resume();
    expect(await commit(fleet, worker, blocks[0], 'mine')).toBe('lost');
    expect(rowOf(fleet).engineState).toBeUndefined();
    expect(rowOf(fleet).leaseOwner).toBe('b');
    await fleet.clock.advance(1_000);
    expect(await commit(fleet, worker, blocks[0], 'mine')).toBe('lost');
  });

  it('is lost for a range of another tenure, though it would follow what is finished', async () => {
    const { fleet, worker, blocks } = await holding(1);
    const block = blocks[0] as Block;
    const earlier = { ...block, range: { ...block.range, tenure: block.range.tenure - 1 } };
    expect(await commit(fleet, worker, earlier, 'mine')).toBe('lost');
    expect(rowOf(fleet).engineState).toBeUndefined();
    expect(await commit(fleet, worker, block, 'mine')).toBe('committed');
  });

  it('ends a shard: the children are leased, the text and SHARD_END are one write', async () => {
    const { fleet, worker, blocks } = await holding(1);
    expect(await commit(fleet, worker, blocks[0], 'one')).toBe('committed');
    const children = fleet.kinesis.split(shard0);
    await fleet.clock.runUntil(() => worker.blocks.length === 2);
    const last = worker.blocks[1] as Block;
    expect(last).toMatchObject({ records: [], range: { through: SHARD_END } });
    expect(await commit(fleet, worker, last, 'end')).toBe('committed');
    expect(rowOf(fleet)).toMatchObject({ engineState: 'end', checkpoint: SHARD_END, childShardIds: children });
    for (const child of children) expect(rowOf(fleet, child).checkpoint.kind).toBe('TRIM_HORIZON');
    await fleet.clock.advance(5_000);
    expect(worker.eventsOf('shard.changed').filter(({ to }) => to === 'ended')).toHaveLength(1);
    expect(await commit(fleet, worker, last, 'again')).toBe('lost');
    expect(rowOf(fleet).engineState).toBe('end');
  });

  it('is lost, and the run goes on, when the lease is lost while the children are leased', async () => {
    const { fleet, worker } = await holding(0, { handle: (block) => block.records.length > 0 });
    await fleet.clock.advance(3_000);
    fleet.kinesis.split(shard0);
    await fleet.clock.runUntil(() => worker.blocks.length === 1);
    fleet.table.intercept = (call) => {
      if (call.name === 'createIfAbsent') throw noAnswer();
      if (call.name === 'write') throw noAnswer();
    };
    const committed = worker.receiver.commit((worker.blocks[0] as Block).range, { state: 'end' });
    await fleet.clock.advance(12_000);
    expect(await committed).toBe('lost');
    fleet.table.intercept = () => {};
    await fleet.clock.advance(20_000);
    expect(worker.hasEnded).toBe(false);
    // The lease comes back, and the end of the shard with it.
    expect(worker.blocks.at(-1)?.range.through).toEqual(SHARD_END);
    expect(worker.blocks.length).toBe(2);
  });
});
