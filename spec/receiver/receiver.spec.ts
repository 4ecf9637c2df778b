import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { follows } from '../../lib/block/range.ts';
import type { Block } from '../../lib/block/block.ts';
import { Fleet, noAnswer, wait } from './fleet.ts';

const shard0 = 'shardId-000000000000';
const shard1 = 'shardId-000000000001';

describe('a receiver alone', () => {
  it('hands out the blocks of each shard in order, without a gap, every record once', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    fleet.put(100);
    const worker = fleet.start('a', { blockMaxRecords: 7 });
    await fleet.clock.runUntil(() => fleet.allDelivered);
    fleet.put(100);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    for (const { shardId } of fleet.kinesis.shards) {
      const blocks = worker.blocks.filter((block) => block.shardId === shardId);
      expect(blocks.length).toBeGreaterThan(1);
      expect(
        blocks.every((block, index) => index === 0 || follows(block.range, (blocks[index - 1] as Block).range)),
      ).toBe(true);
      const numbers = blocks.flatMap((block) => block.records.map((record) => Number(record.text())));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    expect(new Set(worker.blocks.map((block) => block.id)).size).toBe(worker.blocks.length);
  });

  it('checkpoints what is acked on the interval, and not before', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    const worker = fleet.start('a', { checkpointIntervalMillis: 5_000 });
    await fleet.clock.runUntil(() => fleet.history.some((step) => step.type === 'acked'));
    expect(fleet.checkpoints).toEqual({ [shard0]: 'TRIM_HORIZON' });
    await fleet.clock.runUntil(() => fleet.isCheckpointed, { atMostMillis: 5_500 });
    expect(worker.eventsOf('lease.checkpointed')).toHaveLength(1);
    // Nothing more to write: no write.
    await fleet.clock.advance(30_000);
    expect(worker.eventsOf('lease.checkpointed')).toHaveLength(1);
  });

  it('checkpoints no further than the first block that is not finished', async () => {
    const fleet = new Fleet();
    const held: Block[] = [];
    fleet.put(30);
    const worker = fleet.start('a', {
      blockMaxRecords: 10,
      handle: (block) => {
        held.push(block);
        return false;
      },
    });
    await fleet.clock.runUntil(() => held.length === 3);
    worker.receiver.ack((held[0] as Block).range);
    worker.receiver.ack((held[2] as Block).range);
    await fleet.clock.advance(10_000);
    expect(fleet.checkpoints).toEqual({ [shard0]: `${fleet.produced[9]?.sequenceNumber}:0` });
    worker.receiver.ack((held[1] as Block).range);
    await fleet.clock.advance(10_000);
    expect(fleet.checkpoints).toEqual({ [shard0]: `${fleet.produced[29]?.sequenceNumber}:0` });
  });

  it('takes a block that is acked twice for one, and checkpoints nothing of one that is never acked', async () => {
    const fleet = new Fleet();
    const held: Block[] = [];
    fleet.put(30);
    const worker = fleet.start('a', {
      blockMaxRecords: 10,
      handle: (block) => {
        held.push(block);
        return false;
      },
    });
    await fleet.clock.runUntil(() => held.length === 3);
    const ack = (index: number) => worker.receiver.ack((held[index] as Block).range);
    ack(0);
    ack(0);
    // Counted twice, the first would stand for the second, which nobody acks.
    ack(2);
    ack(2);
    await fleet.clock.advance(60_000);
    expect(fleet.checkpoints).toEqual({ [shard0]: `${fleet.produced[9]?.sequenceNumber}:0` });
    ack(0);
    await fleet.clock.advance(10_000);
    expect(fleet.checkpoints).toEqual({ [shard0]: `${fleet.produced[9]?.sequenceNumber}:0` });
    expect(worker.eventsOf('lease.checkpointed')).toHaveLength(1);
  });

  it('stops reading a shard at maxUnackedBlocks and goes on when they are acked, while other shards are read', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const held: Block[] = [];
    const worker = fleet.start('a', {
      maxUnackedBlocks: 3,
      handle: (block) => {
        if (block.shardId === shard1) return true;
        held.push(block);
        return false;
      },
    });
    for (let round = 0; round < 12; round += 1) {
      fleet.put(1, shard0);
      fleet.put(1, shard1);
      await fleet.clock.advance(2_000);
    }
    expect(held).toHaveLength(3);
    expect(worker.blocks.filter((block) => block.shardId === shard1)).toHaveLength(12);
    worker.receiver.ack((held[0] as Block).range);
    await fleet.clock.advance(5_000);
    // The next page brings all that has waited, as one block.
    expect(held).toHaveLength(4);
    expect(held[3]?.records).toHaveLength(9);
  });

  it('keeps the bytes in memory near the budget, and finishes all the same', async () => {
    const fleet = new Fleet({ shardCount: 4, limits: false });
    for (const { shardId } of fleet.kinesis.shards) {
      for (let index = 0; index < 60; index += 1) {
        fleet.produced.push({ shardId, ...fleet.kinesis.putTo(shardId, new Uint8Array(10_000)) });
      }
    }
    const budget = 1_000_000;
    let unacked = 0;
    let most = 0;
    fleet.start('a', {
      maxBufferedBytes: budget,
      blockMaxBytes: 100_000,
      handle: async (block, worker) => {
        unacked += block.bytes;
        most = Math.max(most, unacked);
        await wait(worker, 700);
        unacked -= block.bytes;
      },
    });
    await fleet.clock.runUntil(() => fleet.history.filter((step) => step.type === 'acked').length >= 24, {
      atMostMillis: 600_000,
    });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    // One page of a shard is 600 KB; without a budget the four would be 2.4 MB.
    expect(most).toBeLessThanOrEqual(budget + 600_000);
  });

  it('reads the other shards although one has filled its share of the budget with blocks that nobody finishes', async () => {
    const fleet = new Fleet({ shardCount: 3, limits: false });
    // Five pages of 10 MB.
    for (let index = 0; index < 500; index += 1) fleet.kinesis.putTo(shard0, new Uint8Array(100_000));
    const worker = fleet.start('a', {
      maxBufferedBytes: 40_000_000,
      blockMaxBytes: 1_000_000,
      handle: (block) => block.shardId !== shard0,
    });
    await fleet.clock.advance(30_000);
    const stuckBytes = worker.blocks.reduce((sum, block) => sum + (block.shardId === shard0 ? block.bytes : 0), 0);
    expect(stuckBytes).toBeGreaterThan(10_000_000);
    for (let round = 0; round < 20; round += 1) {
      fleet.put(20, shard1);
      await fleet.clock.advance(1_000);
    }
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('reads no faster than the demand', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const worker = fleet.start('a', { blockIntervalMillis: 100 });
    worker.receiver.demand({ recordsPerSecond: 5 });
    for (let second = 0; second < 60; second += 1) {
      fleet.put(20);
      await fleet.clock.advance(1_000);
    }
    expect(worker.numbers.length).toBeGreaterThan(100);
    expect(worker.numbers.length).toBeLessThan(500);
    worker.receiver.demand({});
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict.repeated).toEqual([]);
  });

  it('reads forty shards without a warning of the runtime about its listeners', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      const fleet = new Fleet({ shardCount: 40 });
      fleet.put(400);
      const first = fleet.start('a', { handle: (_, worker) => wait(worker, 500) });
      await fleet.clock.runUntil(() => fleet.allDelivered);
      const second = fleet.start('b', { handle: (_, worker) => wait(worker, 500) });
      await fleet.clock.advance(20_000);
      fleet.put(400);
      await fleet.clock.runUntil(() => fleet.allDelivered);
      await fleet.clock.runUntil(Promise.all([first.drain(), second.drain()]));
      expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    } finally {
      process.off('warning', onWarning);
    }
    expect(warnings.map((warning) => warning.message)).toEqual([]);
  });

  it('ends with the fault of a stream that is not there', async () => {
    const fleet = new Fleet();
    fleet.kinesis.delete();
    const worker = fleet.start('a');
    await fleet.clock.runUntil(worker.ended);
    expect(worker.outcome).toMatchObject({ code: 'MR_STREAM_NOT_FOUND' });
    expect(fleet.table.rows).toEqual([]);
  });

  it('gives up a Kinesis that cannot be reached at the start after 30 s', async () => {
    const fleet = new Fleet();
    fleet.kinesis.intercept(() => Promise.reject(Object.assign(new Error('no route'), { code: 'ECONNREFUSED' })));
    const worker = fleet.start('a');
    await fleet.clock.runUntil(worker.ended, { atMostMillis: 40_000 });
    expect(worker.outcome).toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
    expect(fleet.clock.monotonicMillis()).toBeGreaterThan(25_000);
  });

  it('waits out a Kinesis that cannot be reached for two minutes in the middle', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(20);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.allDelivered);
    const restore = fleet.kinesis.intercept(() =>
      Promise.reject(Object.assign(new Error('no route'), { code: 'ECONNREFUSED' })),
    );
    await fleet.clock.advance(120_000);
    restore();
    fleet.put(20);
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 120_000 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    expect(worker.eventsOf('fault.seen').length).toBeGreaterThan(0);
    expect(worker.eventsOf('lease.lost')).toEqual([]);
  });

  it('outlives any number of failures of an idle shard, as long as a page comes in between', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a');
    await fleet.clock.advance(5_000);
    for (let round = 0; round < 12; round += 1) {
      const restore = fleet.kinesis.intercept((call, proceed) =>
        call.operation === 'getRecords'
          ? Promise.reject(Object.assign(new Error('no route'), { code: 'ECONNREFUSED' }))
          : proceed(),
      );
      await fleet.clock.advance(32_000);
      restore();
      await fleet.clock.advance(60_000);
    }
    fleet.put(1);
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(worker.hasEnded).toBe(false);
  });

  it('ends with the fault of a call that is denied, and gives its leases back', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a');
    await fleet.clock.advance(5_000);
    fleet.kinesis.intercept((call, proceed) =>
      call.operation === 'getRecords'
        ? Promise.reject(
            Object.assign(new Error('no'), { name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } }),
          )
        : proceed(),
    );
    await fleet.clock.runUntil(worker.ended);
    expect(worker.outcome).toMatchObject({ code: 'MR_ACCESS_DENIED' });
    expect(fleet.owners).toEqual({ [shard0]: '' });
    expect(fleet.table.workerRows).toEqual([]);
  });
});

describe('the end of a run', () => {
  it('drains: what was read is finished, checkpointed and released, and the next worker repeats nothing', async () => {
    const fleet = new Fleet({ shardCount: 3 });
    fleet.put(60);
    const first = fleet.start('a', {
      handle: (_, worker) => wait(worker, 3_000),
    });
    await fleet.clock.runUntil(() => first.blocks.length > 0);
    await fleet.clock.runUntil(first.drain());
    expect(fleet.isCheckpointed || first.numbers.length < 60).toBe(true);
    expect(Object.values(fleet.owners)).toEqual(['', '', '']);
    expect(fleet.table.workerRows).toEqual([]);
    expect(first.outcome).toBe('resolved');
    fleet.put(10);
    fleet.start('b');
    await fleet.clock.runUntil(() => fleet.allDelivered);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('drains at any moment: the last block is sealed before the blocks end, and repeats nothing', async () => {
    // Every moment of the first second of reading, a page coming in at some of them.
    for (let millis = 0; millis <= 60; millis += 5) {
      const fleet = new Fleet({ limits: false, latencyMillis: 10 });
      const first = fleet.start('a', {
        handle: (_, worker) => wait(worker, 500),
      });
      await fleet.clock.runUntil(() => first.eventsOf('shard.changed').length > 0);
      fleet.put(5);
      await fleet.clock.advance(millis);
      await fleet.clock.runUntil(first.drain(), { atMostMillis: 5_000 });
      expect(first.outcome).toBe('resolved');
      fleet.put(5);
      fleet.start('b');
      await fleet.clock.runUntil(() => fleet.allDelivered);
      expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
    }
  });

  it('leaves unfinished blocks to the next worker when the deadline passes, says so, and releases the leases', async () => {
    const fleet = new Fleet();
    const signals: AbortSignal[] = [];
    fleet.put(30);
    const first = fleet.start('a', {
      blockMaxRecords: 10,
      handle: (block) => {
        signals.push(block.signal);
        return Number(block.records[0]?.text()) < 10;
      },
    });
    await fleet.clock.runUntil(() => first.blocks.length === 3);
    const drained = first.drain(7_000);
    await expect(fleet.clock.runUntil(drained, { atMostMillis: 10_000 })).rejects.toMatchObject({
      code: 'MR_DRAIN_TIMEOUT',
    });
    expect(first.outcome).toMatchObject({ code: 'MR_DRAIN_TIMEOUT' });
    expect(signals.every((signal) => signal.aborted)).toBe(true);
    expect(fleet.owners).toEqual({ [shard0]: '' });
    fleet.start('b');
    await fleet.clock.runUntil(() => fleet.history.filter((step) => step.worker === 'b').length > 0);
    await fleet.clock.advance(2_000);
    expect(fleet.verdict).toEqual({ missing: [], repeated: Array.from({ length: 20 }, (_, index) => index + 10) });
  });

  it('stops: drops what is not finished, keeps what is, releases the leases', async () => {
    const fleet = new Fleet();
    fleet.put(20);
    const first = fleet.start('a', { blockMaxRecords: 10, handle: (block) => Number(block.records[0]?.text()) < 10 });
    await fleet.clock.runUntil(() => first.blocks.length === 2);
    await fleet.clock.runUntil(first.receiver.stop());
    expect(first.outcome).toBe('resolved');
    expect(fleet.owners).toEqual({ [shard0]: '' });
    expect(fleet.checkpoints).toEqual({ [shard0]: `${fleet.produced[9]?.sequenceNumber}:0` });
    const reader = first.receiver.blocks[Symbol.asyncIterator]();
    await expect(reader.next()).rejects.toMatchObject({ code: 'MR_ABORTED' });
  });

  it('ends at once when its signal aborts, also while it drains', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    const worker = fleet.start('a', { handle: () => false });
    await fleet.clock.runUntil(() => worker.blocks.length > 0);
    void worker.drain();
    await fleet.clock.advance(3_000);
    expect(worker.hasEnded).toBe(false);
    worker.abort(new MillraceError('MR_ABORTED', 'a second signal'));
    await fleet.clock.runUntil(worker.ended, { atMostMillis: 1_000 });
    expect(worker.outcome).toMatchObject({ code: 'MR_ABORTED' });
    expect(fleet.owners).toEqual({ [shard0]: '' });
  });

  it('may come before the start has ended, and leaves nothing behind', async () => {
    for (let millis = 0; millis <= 60; millis += 4) {
      const fleet = new Fleet({ shardCount: 2, latencyMillis: 7 });
      const worker = fleet.start('a');
      await fleet.clock.advance(millis);
      await fleet.clock.runUntil(worker.drain(), { atMostMillis: 1_000 });
      expect(worker.outcome).toBe('resolved');
      expect(fleet.table.workerRows).toEqual([]);
      expect(Object.values(fleet.owners).join('')).toBe('');
    }
  });

  it('gives all callers the same outcome', async () => {
    const fleet = new Fleet();
    const worker = fleet.start('a');
    await fleet.clock.advance(3_000);
    await fleet.clock.runUntil(
      Promise.all([worker.drain(), worker.drain(), worker.receiver.drain(new AbortController().signal)]),
    );
    await worker.receiver.stop();
    expect(worker.outcome).toBe('resolved');
  });

  it('says so when the last checkpoint is denied: the next owner will repeat', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    const worker = fleet.start('a', { checkpointIntervalMillis: 60_000 });
    await fleet.clock.runUntil(() => fleet.history.some((step) => step.type === 'acked'));
    fleet.table.intercept = (call) => {
      if (call.name === 'write') throw new MillraceError('MR_ACCESS_DENIED', 'injected');
    };
    await expect(fleet.clock.runUntil(worker.drain())).rejects.toMatchObject({ code: 'MR_ACCESS_DENIED' });
  });

  it('is not held up by a table that does not answer for longer than F twice', async () => {
    const fleet = new Fleet();
    fleet.put(10);
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => fleet.allDelivered);
    fleet.table.intercept = () => {
      throw noAnswer();
    };
    const before = fleet.clock.monotonicMillis();
    const drained = worker.drain().catch((thrown: unknown) => thrown);
    // What was finished is not in the table, so the next owner repeats it: that is no clean end.
    expect(await fleet.clock.runUntil(drained)).toMatchObject({ code: 'MR_DRAIN_TIMEOUT' });
    expect(fleet.clock.monotonicMillis() - before).toBeLessThan(20_500);
  });
});
