import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Position, comparePositions, formatPosition } from '../../lib/base/position.ts';
import { randomInteger, seededRandom } from '../../lib/base/random.ts';
import type { Block } from '../../lib/block/block.ts';
import type { StreamDescription } from '../../lib/kinesis/kinesis-api.ts';
import { AggregateBuilder } from '../../lib/kinesis/kpl/aggregate-builder.ts';
import { maxPartRecords } from '../../lib/kinesis/kpl/deaggregator.ts';
import { hashKeyOf } from '../../lib/kinesis/kpl/hash-range.ts';
import { Fleet, type Worker, wait } from './fleet.ts';
import { historyFaults } from './history.ts';

const shard = (index: number) => `shardId-${String(index).padStart(12, '0')}`;

/** Puts one aggregate into a shard, whatever its keys; answers its sequence number. */
function putAggregate(fleet: Fleet, shardId: string, texts: readonly string[], keyOf = (text: string) => text): string {
  const builder = new AggregateBuilder({ maxBytes: Number.MAX_SAFE_INTEGER, maxRecords: Number.MAX_SAFE_INTEGER });
  for (const text of texts) builder.add({ partitionKey: keyOf(text), data: Buffer.from(text) });
  return fleet.kinesis.putTo(shardId, builder.build().data).sequenceNumber;
}

const textsOf = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `r${from + index}`);
const delivered = (workers: readonly Worker[]) =>
  workers.flatMap((worker) => worker.blocks.flatMap((block) => block.records.map((record) => record.text())));
const throughs = (blocks: readonly Block[]) => blocks.map((block) => formatPosition(block.range.through));

/** A worker over one shard that acks only the blocks up to a number. */
async function ackingUpTo(count: number) {
  const fleet = new Fleet();
  const sequence = putAggregate(fleet, shard(0), textsOf(10));
  const worker = fleet.start('a', {
    blockMaxRecords: 3,
    handle: (block, self) => self.blocks.indexOf(block) < count,
  });
  await fleet.clock.runUntil(() => worker.blocks.length === 4);
  return { fleet, sequence, worker };
}

describe('blocks inside an aggregate', () => {
  it('end at user records, and are checkpointed there', async () => {
    const { fleet, sequence, worker } = await ackingUpTo(2);
    expect(throughs(worker.blocks)).toEqual(['2', '5', '8', '9'].map((sub) => `${sequence}:${sub}`));
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === `${sequence}:5`);
  });

  it('are read by the next owner from the user record after the checkpoint', async () => {
    const { fleet, sequence, worker } = await ackingUpTo(2);
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === `${sequence}:5`);
    worker.process.kill();
    const next = fleet.start('b');
    await fleet.clock.runUntil(() => delivered([next]).length === 4, { atMostMillis: 60_000 });
    expect(delivered([next])).toEqual(['r6', 'r7', 'r8', 'r9']);
    expect(next.blocks[0]?.range.after).toEqual(worker.blocks[1]?.range.through);
  });

  it('are committed one by one, with their text', async () => {
    const { fleet, sequence, worker } = await ackingUpTo(0);
    const [first, second, third] = worker.blocks as [Block, Block, Block];
    const commit = (block: Block) => fleet.clock.runUntil(worker.receiver.commit(block.range, { state: block.id }));
    await expect(commit(second)).rejects.toMatchObject({ code: 'MR_COMMIT_GAP' });
    expect(await commit(first)).toBe('committed');
    expect(await commit(second)).toBe('committed');
    expect(fleet.table.rows[0]).toMatchObject({ engineState: second.id, checkpoint: second.range.through });
    expect(fleet.checkpoints[shard(0)]).toBe(`${sequence}:5`);
    expect(third.range.after).toEqual(second.range.through);
  });

  it('are repeated by nobody after a drain in their middle', async () => {
    const fleet = new Fleet();
    putAggregate(fleet, shard(0), textsOf(10));
    const first = fleet.start('a', { blockMaxRecords: 3, handle: (_, worker) => wait(worker, 500) });
    await fleet.clock.runUntil(() => first.blocks.length > 0);
    await fleet.clock.runUntil(first.drain());
    const second = fleet.start('b');
    putAggregate(fleet, shard(0), textsOf(5, 10));
    await fleet.clock.runUntil(() => delivered([first, second]).length >= 15, { atMostMillis: 60_000 });
    expect(delivered([first, second])).toEqual(textsOf(15));
  });

  it('come before the end of their shard', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a', { blockMaxRecords: 4 });
    await fleet.clock.advance(3_000);
    putAggregate(fleet, shard(0), textsOf(10));
    fleet.kinesis.split(shard(0));
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === 'SHARD_END');
    expect(delivered([worker])).toEqual(textsOf(10));
    expect(historyFaults(fleet)).toEqual([]);
  });
});

describe('an aggregate that is larger than what may be in memory', () => {
  it('is handed out as its blocks are acked', async () => {
    const fleet = new Fleet();
    const count = 35_000;
    putAggregate(fleet, shard(0), textsOf(count), () => 'k');
    let isOpen = false;
    const worker = fleet.start('a', {
      blockMaxRecords: 1_000,
      maxUnackedBlocks: 5,
      handle: async (_, self) => {
        while (!isOpen) await wait(self, 100);
      },
    });
    await fleet.clock.runUntil(() => worker.blocks.length >= 5);
    await fleet.clock.advance(2_000);
    // No part is made while five blocks or more are not acked, and a part adds few to them.
    expect(worker.blocks.length).toBeLessThan(5 + maxPartRecords / 1_000 + 1);
    isOpen = true;
    await fleet.clock.runUntil(() => delivered([worker]).length === count);
    expect(delivered([worker])).toEqual(textsOf(count));
    expect(historyFaults(fleet)).toEqual([]);
  });

  it('is left in its middle by a drain, and taken up there', async () => {
    const fleet = new Fleet();
    const count = 25_000;
    putAggregate(fleet, shard(0), textsOf(count), () => 'k');
    const settings = { blockMaxRecords: 1_000, maxUnackedBlocks: 2 };
    const first = fleet.start('a', { ...settings, handle: (_, self) => wait(self, 300) });
    await fleet.clock.runUntil(() => first.blocks.length >= 5);
    await fleet.clock.runUntil(first.drain());
    expect(delivered([first]).length).toBeLessThan(count);
    const second = fleet.start('b', settings);
    await fleet.clock.runUntil(() => delivered([first, second]).length >= count, { atMostMillis: 60_000 });
    expect(delivered([first, second])).toEqual(textsOf(count));
  });
});

describe('the user records of another shard', () => {
  const middle = 1n << 127n;
  const isLower = (text: string) => hashKeyOf(text) < middle;

  it('are left out and told, and do not hold the checkpoint up', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const worker = fleet.start('a');
    putAggregate(fleet, shard(0), textsOf(40));
    const last = putAggregate(fleet, shard(0), ['last', ...textsOf(40).filter(isLower)]);
    await fleet.clock.runUntil(() => worker.blocks.some((block) => block.records.length > 0));
    const own = textsOf(40).filter(isLower);
    expect(delivered([worker])).toEqual([...own, ...['last'].filter(isLower), ...own]);
    expect(worker.eventsOf('aggregate.misplaced').map((event) => event.records)).toEqual([40 - own.length]);
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)]?.startsWith(`${last}:`) === true);
  });

  it('are handed out where the stream distributes records without regard to keys', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.kinesis.intercept(async (call, proceed) => {
      const answer = await proceed();
      if (call.operation !== 'describeStream') return answer;
      return { ...(answer as StreamDescription), recordDistributionStrategy: 'AUTO' };
    });
    const worker = fleet.start('a');
    putAggregate(fleet, shard(0), textsOf(40));
    await fleet.clock.runUntil(() => worker.blocks.length > 0);
    expect(delivered([worker])).toEqual(textsOf(40));
  });
});

describe('a broken aggregate', () => {
  it('is handed out as one record, and the position goes on behind it', async () => {
    const fleet = new Fleet();
    const bytes = Buffer.from('f3899ac2 is no aggregate', 'latin1');
    bytes.set([0xf3, 0x89, 0x9a, 0xc2]);
    const { sequenceNumber } = fleet.kinesis.putTo(shard(0), bytes);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.checkpoints[shard(0)] === `${sequenceNumber}:0`);
    expect(worker.blocks.flatMap((block) => block.records.map((record) => [...record.data]))).toEqual([[...bytes]]);
    expect(worker.eventsOf('aggregate.broken')).toMatchObject([{ records: 1, sequenceNumber, reason: 'digest' }]);
  });
});

describe('plain records and aggregates, with owners that come and go', () => {
  it('are all handed out, in order, and not again once their checkpoint is written', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 });
    const ends = fc.array(fc.constantFrom('kill' as const, 'drain' as const), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        ends,
        fc.integer({ min: 1, max: 7 }),
        fc.nat(),
        async (puts, endings, blockSize, seed) => {
          const random = seededRandom(seed);
          const fleet = new Fleet();
          let count = 0;
          for (const size of puts) {
            // A single user record is put plain, as the KPL does.
            putAggregate(fleet, shard(0), textsOf(size, count));
            count += size;
          }
          const floors: (Position | undefined)[] = [];
          for (const [index, ending] of [...endings, 'stay'].entries()) {
            floors.push(fleet.table.rows[0]?.checkpoint);
            const worker = fleet.start(`w${index}`, {
              blockMaxRecords: blockSize,
              failoverTimeMillis: 3_000,
              checkpointIntervalMillis: 500,
              handle: (_, self) => wait(self, 1 + randomInteger(random, 400)),
            });
            if (ending === 'stay') break;
            await fleet.clock.advance(randomInteger(random, 8_000));
            if (ending === 'kill') worker.process.kill();
            else await fleet.clock.runUntil(worker.drain(), { atMostMillis: 60_000 });
          }
          await fleet.clock.runUntil(() => new Set(delivered(fleet.workers)).size === count, { atMostMillis: 120_000 });
          expect(historyFaults(fleet)).toEqual([]);
          for (const [index, { blocks }] of fleet.workers.entries()) {
            const [floor, after] = [floors[index], blocks[0]?.range.after];
            if (floor !== undefined && after !== undefined)
              expect(comparePositions(after, floor)).toBeGreaterThanOrEqual(0);
          }
          if (!endings.includes('kill')) expect(delivered(fleet.workers)).toEqual(textsOf(count));
        },
      ),
      { numRuns: 40 },
    );
  });
});
