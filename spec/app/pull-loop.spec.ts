import { describe, expect, it } from 'vitest';
import { type AckableBlock, PullLoop } from '../../lib/app/pull-loop.ts';
import { drainWithin } from '../../lib/app/shutdown.ts';
import { StallWatch } from '../../lib/receiver/stall-watch.ts';
import { Fleet, type Worker, wait } from '../receiver/fleet.ts';

const graceMillis = 25_000;
const stalledAfterMillis = 30_000;

/** A worker whose blocks of one record each a loop takes. */
function pull(
  fleet: Fleet,
  name: string,
  onStall: 'RELEASE' | 'WARN' = 'RELEASE',
): { worker: Worker; blocks: AsyncGenerator<AckableBlock, void> } {
  const worker = fleet.start(name, { drinks: false, blockMaxRecords: 1 });
  const { receiver, process } = worker;
  const stallWatch = new StallWatch({
    clock: process,
    events: { publish: (event) => void worker.events.push(event) },
    stalledAfterMillis,
    onStall,
    giveUp: (shardId) => receiver.giveUpStalled(shardId),
  });
  const source = receiver;
  const blocks = new PullLoop({
    source,
    drainWithin: (drain) => drainWithin(graceMillis, process, drain),
    stallWatch,
  }).blocks();
  return { worker, blocks };
}

const numberOf = (block: AckableBlock) => Number(block.records[0]?.text());

/** What the next owner of all shards is given. */
async function restOf(fleet: Fleet, count: number): Promise<readonly number[]> {
  const next = fleet.start('next');
  await fleet.clock.runUntil(() => next.numbers.length >= count, { atMostMillis: 60_000 });
  await fleet.clock.advance(5_000);
  return [...next.numbers].sort((a, b) => a - b);
}

describe('a loop over blocks', () => {
  it('that is left drains: what was acked is checkpointed, the leases go back at once, the rest is read again', async () => {
    const fleet = new Fleet();
    fleet.put(6);
    const { worker, blocks } = pull(fleet, 'a');
    const loop = async () => {
      for await (const block of blocks) {
        await block.ack();
        if (numberOf(block) === 3) break;
      }
    };
    await fleet.clock.runUntil(loop(), { atMostMillis: 5_000 });
    expect(worker.hasEnded).toBe(true);
    expect(Object.values(fleet.owners)).toEqual(['']);
    expect(await restOf(fleet, 2)).toEqual([4, 5]);
  });

  it('that throws does not wait for the block it failed at, which is not acked', async () => {
    const fleet = new Fleet();
    fleet.put(6);
    const { blocks } = pull(fleet, 'a');
    const loop = async () => {
      for await (const block of blocks) {
        if (numberOf(block) === 2) throw new Error('injected');
        await block.ack();
      }
    };
    await expect(fleet.clock.runUntil(loop(), { atMostMillis: 5_000 })).rejects.toThrow('injected');
    expect(await restOf(fleet, 4)).toEqual([2, 3, 4, 5]);
  });

  it('waits for blocks of earlier rounds whose work goes on beside it, and reads nothing meanwhile', async () => {
    const fleet = new Fleet();
    fleet.put(4);
    const { worker, blocks } = pull(fleet, 'a');
    const loop = async () => {
      for await (const block of blocks) {
        void wait(worker, 10_000).then(() => block.ack());
        if (numberOf(block) === 3) break;
      }
    };
    const left = loop();
    await fleet.clock.advance(2_000);
    fleet.put(3);
    await fleet.clock.runUntil(left, { atMostMillis: 15_000 });
    // The block of the last round (3) may or may not have been acked in time.
    const rest = await restOf(fleet, 3);
    expect(rest.filter((number) => number !== 3)).toEqual([4, 5, 6]);
  });

  it('does not wait for ever for a block that is never acked: MR_DRAIN_TIMEOUT, and the leases still go back', async () => {
    const fleet = new Fleet();
    fleet.put(4);
    const { blocks } = pull(fleet, 'a');
    const loop = async () => {
      for await (const block of blocks) {
        if (numberOf(block) !== 1) await block.ack();
        if (numberOf(block) === 3) break;
      }
    };
    await expect(fleet.clock.runUntil(loop(), { atMostMillis: 40_000 })).rejects.toMatchObject({
      code: 'MR_DRAIN_TIMEOUT',
    });
    expect(Object.values(fleet.owners)).toEqual(['']);
    expect(await restOf(fleet, 3)).toEqual([1, 2, 3]);
  });

  it('takes an ack twice, or of a lease that was lost, for nothing', async () => {
    const fleet = new Fleet();
    fleet.put(2);
    const { worker, blocks } = pull(fleet, 'a');
    const first = (await fleet.clock.runUntil(blocks.next())).value as AckableBlock;
    await first.ack();
    await first.ack();
    await fleet.clock.runUntil(() => fleet.checkpoints[first.shardId] !== 'TRIM_HORIZON');
    const second = (await fleet.clock.runUntil(blocks.next())).value as AckableBlock;
    worker.process.pause();
    const taken = await restOf(fleet, 1);
    worker.process.resume();
    await fleet.clock.runUntil(() => second.signal.aborted);
    const before = fleet.checkpoints[first.shardId];
    await second.ack();
    await second.ack();
    expect(taken).toEqual([1]);
    await fleet.clock.advance(10_000);
    expect(fleet.checkpoints[first.shardId]).toBe(before);
    await fleet.clock.runUntil(blocks.return(undefined));
  });

  it('ends with a drain, waiting for what is out', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const { worker, blocks } = pull(fleet, 'a');
    const taken: number[] = [];
    const loop = async () => {
      for await (const block of blocks) {
        taken.push(numberOf(block));
        await wait(worker, 1_000);
        await block.ack();
      }
    };
    const looped = loop();
    await fleet.clock.runUntil(() => taken.length === 1);
    await fleet.clock.runUntil(Promise.all([worker.drain(), looped]));
    expect(taken).toEqual([0, 1, 2]);
    expect(fleet.isCheckpointed).toBe(true);
  });
});

describe('a loop over blocks that stands still', () => {
  const hangs = () => new Promise<never>(() => {});

  it('has the shard of a block given up that is never acked, and no other; another worker reads it again', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const [first, second] = fleet.kinesis.shards.map(({ shardId }) => shardId) as [string, string];
    fleet.put(1, first);
    fleet.put(3, second);
    const { worker, blocks } = pull(fleet, 'a');
    void (async () => {
      for await (const block of blocks) if (block.shardId === second) await block.ack();
    })();
    await fleet.clock.runUntil(() => fleet.checkpoints[second] !== 'TRIM_HORIZON');
    fleet.start('b');
    await fleet.clock.runUntil(() => worker.eventsOf('shard.stalled').length > 0, { atMostMillis: 60_000 });
    expect(worker.eventsOf('shard.stalled')).toMatchObject([
      { shardId: first, forMillis: stalledAfterMillis, released: true },
    ]);
    await fleet.clock.runUntil(() => fleet.checkpoints[first] !== 'TRIM_HORIZON', { atMostMillis: 60_000 });
    expect(fleet.owners[first]).toBe('b');
    await fleet.clock.advance(5 * stalledAfterMillis);
    expect(worker.eventsOf('shard.stalled')).toHaveLength(1);
  });

  it('has every shard given up whose blocks wait while a round does not end', async () => {
    const fleet = new Fleet({ shardCount: 3 });
    const shardIds = fleet.kinesis.shards.map(({ shardId }) => shardId);
    for (const shardId of shardIds.slice(0, 2)) fleet.put(2, shardId);
    const { worker, blocks } = pull(fleet, 'a');
    void (async () => {
      for await (const block of blocks) {
        await block.ack();
        await hangs();
      }
    })();
    await fleet.clock.runUntil(() => worker.eventsOf('shard.stalled').length > 0, { atMostMillis: 60_000 });
    const stalled = worker.eventsOf('shard.stalled').map(({ shardId }) => shardId);
    expect(stalled.toSorted()).toEqual(shardIds.slice(0, 2));
    const next = fleet.start('b');
    // One record was acked; the third shard has none, and its lease stays where it is.
    await fleet.clock.runUntil(() => next.numbers.length === 3, { atMostMillis: 60_000 });
  });

  it('is only told of where onStall says WARN, again and again, with how long it is', async () => {
    const fleet = new Fleet();
    fleet.put(2);
    const { worker, blocks } = pull(fleet, 'a', 'WARN');
    void (async () => {
      for await (const _ of blocks) await hangs();
    })();
    await fleet.clock.advance(2.5 * stalledAfterMillis);
    const forMillis = worker.eventsOf('shard.stalled').map((event) => event.forMillis);
    expect(forMillis).toEqual([stalledAfterMillis, 2 * stalledAfterMillis]);
    expect(Object.values(fleet.owners)).toEqual(['a']);
  });

  it('is no loop whose rounds take long, one after the other', async () => {
    const fleet = new Fleet();
    fleet.put(4);
    const { worker, blocks } = pull(fleet, 'a');
    const taken: number[] = [];
    void (async () => {
      for await (const block of blocks) {
        await wait(worker, 0.9 * stalledAfterMillis);
        taken.push(numberOf(block));
        await block.ack();
      }
    })();
    await fleet.clock.runUntil(() => taken.length === 4, { atMostMillis: 5 * stalledAfterMillis });
    expect(worker.eventsOf('shard.stalled')).toEqual([]);
    expect(taken).toEqual([0, 1, 2, 3]);
  });
});
