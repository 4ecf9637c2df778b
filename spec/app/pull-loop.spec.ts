import { describe, expect, it } from 'vitest';
import { type AckableBlock, PullLoop } from '../../lib/app/pull-loop.ts';
import { drainWithin } from '../../lib/app/shutdown.ts';
import { Fleet, type Worker, wait } from '../receiver/fleet.ts';

const graceMillis = 25_000;

/** A worker whose blocks of one record each a loop takes. */
function pull(fleet: Fleet, name: string): { worker: Worker; blocks: AsyncGenerator<AckableBlock, void> } {
  const worker = fleet.start(name, { drinks: false, blockMaxRecords: 1 });
  const { receiver, process } = worker;
  const blocks = new PullLoop(receiver, (drain) => drainWithin(graceMillis, process, drain)).blocks();
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
