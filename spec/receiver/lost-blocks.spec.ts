import { describe, expect, it } from 'vitest';
import { BlockLanes } from '../../lib/app/block-lanes.ts';
import type { Block } from '../../lib/block/block.ts';
import type { GetRecordsAnswer } from '../../lib/kinesis/kinesis-api.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { BlockFeed } from '../engine/feed.ts';
import { kept } from '../support/garbage.ts';
import { FeedRig } from './feed/rig.ts';
import { Fleet } from './fleet.ts';

/** Sends a block as one of its own, since the feed that made it keeps what its stream still has. */
function sendCopy({ blocks }: BlockFeed, block: Block): WeakRef<Block> {
  const copy = { ...block };
  blocks.send(copy);
  return new WeakRef(copy);
}

/**
 * A shard whose work hangs is given up, and comes back after a while where nobody else is: it is read again, while the
 * work still hangs. Kept, the blocks of every such round would fill the memory.
 */
describe('blocks of a lost tenure that nobody has taken yet', () => {
  it('are not kept by a receiver whose blocks nobody takes', async () => {
    const fleet = new Fleet();
    const records: WeakRef<object>[] = [];
    fleet.kinesis.intercept(async (call, proceed) => {
      const answer = await proceed();
      if (call.operation !== 'getRecords') return answer;
      const copies = (answer as GetRecordsAnswer).records.map((record) => ({ ...record }));
      records.push(...copies.map((record) => new WeakRef(record)));
      return { ...(answer as GetRecordsAnswer), records: copies };
    });
    const worker = fleet.start('a', { drinks: false });
    for (let block = 0; block < 3; block += 1) {
      fleet.put(5);
      await fleet.clock.advance(3_000);
    }
    expect(await kept(records)).toBe(15);
    const [row] = fleet.table.rows;
    fleet.table.putRow({ ...row!, leaseOwner: 'b', leaseCounter: row!.leaseCounter + 1 });
    await fleet.clock.runUntil(() => worker.eventsOf('lease.lost').length > 0);
    await fleet.clock.advance(10);
    expect(await kept(records)).toBe(0);
  });

  it('are not kept by the feed of an engine that hangs', async () => {
    const rig = new FeedRig(() => new Promise(() => {}));
    rig.source.push('a', ['1']);
    await rig.clock.advance(1_000);
    expect(rig.taken).toHaveLength(1);
    const blocks: WeakRef<object>[] = [];
    const other = new BlockFeed();
    for (let tenure = 1; tenure <= 8; tenure += 1) {
      for (let block = 0; block < 64; block += 1) {
        blocks.push(sendCopy(rig.source, other.push(`shard-${tenure}`, ['2'], { tenure })));
      }
      await rig.clock.advance(10);
      other.lose(`shard-${tenure}`, tenure);
    }
    expect(await kept(blocks)).toBeLessThan(3 * 64);
  });

  it('are not kept by a lane that was left to work that hangs', async () => {
    const lanes = new BlockLanes(new VirtualClock());
    const source = new BlockFeed();
    const other = new BlockFeed();
    const life = new AbortController();
    let begun = 0;
    const finish = () => {
      begun += 1;
      return new Promise<void>(() => {});
    };
    const signals = { run: life.signal, ended: new AbortController().signal };
    lanes.dispatch({ blocks: source.blocks, finish, signals }).catch(() => {});
    const blocks = Array.from({ length: 10 }, () => sendCopy(source, other.push('a', ['1'])));
    // The first is with the work that hangs, which keeps nothing of it.
    expect(await kept(blocks)).toBe(9);
    const lost = lanes.leave('a');
    other.lose('a');
    lost();
    expect(begun).toBe(1);
    // The loop over the blocks has the last one in its hand.
    expect(await kept(blocks)).toBeLessThanOrEqual(1);
    life.abort(new Error('the test is over'));
  });
});
