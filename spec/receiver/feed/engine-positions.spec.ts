import { describe, expect, it } from 'vitest';
import { type Position, LATEST, SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import type { BatchEngine } from '../../../lib/block/batch-engine.ts';
import { startOfEngine } from '../../../lib/receiver/feed/engine-positions.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import { Fleet } from '../fleet.ts';

const shard = 'shardId-000000000000';

/** An engine with these positions of its own. */
function engineAt(positions: unknown): BatchEngine {
  return {
    onBatch: async () => {},
    positions: async () => {
      if (positions instanceof Error) throw positions;
      return positions as ReadonlyMap<string, Position>;
    },
  };
}

const { signal } = new AbortController();
const patience = { clock: new VirtualClock(), stalledAfterMillis: 300_000 };
const start = (positions: unknown, checkpoint: Position) =>
  startOfEngine(engineAt(positions), patience)({ leaseKey: shard, checkpoint }, signal);

describe('where a shard is begun for an engine', () => {
  it('is at the checkpoint of the lease when the engine keeps no positions', async () => {
    const startAt = startOfEngine({ onBatch: async () => {} }, patience);
    expect(await startAt({ leaseKey: shard, checkpoint: positionOf(7n) }, signal)).toEqual(positionOf(7n));
  });

  it('is where the engine says, before or behind the lease', async () => {
    for (const position of [positionOf(3n, 2), positionOf(9n), TRIM_HORIZON, SHARD_END]) {
      expect(await start(new Map([[shard, position]]), positionOf(7n))).toEqual(position);
    }
  });

  it('is at the initial position of a shard of which neither has anything', async () => {
    expect(await start(new Map(), TRIM_HORIZON)).toEqual(TRIM_HORIZON);
    expect(await start(new Map(), LATEST)).toEqual(LATEST);
  });

  it('is refused as a hole when the lease has finished what the engine never took', async () => {
    await expect(start(new Map(), positionOf(7n))).rejects.toMatchObject({
      code: 'MR_POSITION_HOLE',
      subject: { shard },
      message: expect.stringContaining('whose lease is at 7:0'),
    });
  });

  it('is refused when the engine rejects or answers nonsense, and says what it gave', async () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [new Error('store is gone'), 'rejected: store is gone'],
      [undefined, 'gave undefined'],
      [{ [shard]: TRIM_HORIZON }, 'gave an object that is neither'],
      [new Map([[shard, '123']]), 'gave 123 for it'],
      [new Map([[shard, LATEST]]), 'gave a position of kind LATEST for it'],
      [new Map([[shard, { kind: 'SEQUENCE', sequenceNumber: 12, subSequenceNumber: 0 }]]), 'kind SEQUENCE for it'],
    ];
    for (const [given, said] of cases) {
      await expect(start(given, TRIM_HORIZON)).rejects.toMatchObject({
        code: 'MR_HANDLER_FAILED',
        message: expect.stringContaining(said),
      });
    }
  });

  it('is no longer waited for when the signal aborts', async () => {
    const end = new AbortController();
    const engine: BatchEngine = { onBatch: async () => {}, positions: () => new Promise(() => {}) };
    const asked = startOfEngine(engine, patience)({ leaseKey: shard, checkpoint: TRIM_HORIZON }, end.signal);
    end.abort(new Error('over'));
    await expect(asked).rejects.toThrow('over');
  });
});

describe('an engine whose positions() never settles', () => {
  it('ends the run after stalledAfterMillis: the lease would be renewed for ever, and nobody would read the shard', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const engine: BatchEngine = { onBatch: async () => {}, positions: () => new Promise(() => {}) };
    const startAt = startOfEngine(engine, { ...patience, clock: fleet.clock });
    const worker = fleet.start('worker', { startAt, maxReceiverRestarts: 0 });
    await fleet.clock.runUntil(worker.ended, { atMostMillis: 400_000 });
    expect(worker.outcome).toMatchObject({
      code: 'MR_HANDLER_FAILED',
      message: expect.stringContaining('had not settled after 300000 ms') as string,
    });
    expect(Object.values(fleet.owners)).toEqual(['']);
  });
});

describe('a receiver of an engine with positions of its own', () => {
  it('begins behind them, whatever the lease says, and never moves the checkpoint back', async () => {
    const fleet = new Fleet({ shardCount: 1 });
    fleet.put(10);
    const first = fleet.start('first');
    await fleet.clock.runUntil(() => first.numbers.length === 10);
    await fleet.clock.runUntil(first.drain());
    const before = fleet.checkpoints[shard];
    expect(before).toBe(`${fleet.produced[9]?.sequenceNumber}:0`);

    const engine = engineAt(new Map([[shard, positionOf(fleet.produced[3]?.sequenceNumber ?? '')]]));
    const second = fleet.start('second', { startAt: startOfEngine(engine, { ...patience, clock: fleet.clock }) });
    await fleet.clock.runUntil(() => second.numbers.length === 6);
    expect(second.numbers).toEqual([4, 5, 6, 7, 8, 9]);
    expect(second.blocks[0]?.range.after).toEqual(positionOf(fleet.produced[3]?.sequenceNumber ?? ''));
    await fleet.clock.advance(20_000);
    expect(fleet.checkpoints[shard]).toBe(before);
    fleet.put(1);
    await fleet.clock.runUntil(() => second.numbers.length === 7);
    await fleet.clock.runUntil(second.drain());
    expect(fleet.checkpoints[shard]).toBe(`${fleet.produced[10]?.sequenceNumber}:0`);
  });

  it('leaves out what the engine has and the lease has not', async () => {
    const fleet = new Fleet({ shardCount: 1 });
    fleet.put(10);
    const engine = engineAt(new Map([[shard, positionOf(fleet.produced[6]?.sequenceNumber ?? '')]]));
    const worker = fleet.start('worker', { startAt: startOfEngine(engine, { ...patience, clock: fleet.clock }) });
    await fleet.clock.runUntil(() => worker.numbers.length === 3);
    expect(worker.numbers).toEqual([7, 8, 9]);
  });

  it('ends a shard that the engine has finished without reading it, and goes on with its children', async () => {
    const fleet = new Fleet({ shardCount: 1 });
    fleet.put(5);
    fleet.kinesis.split(shard);
    fleet.put(5);
    const engine = engineAt(new Map([[shard, SHARD_END]]));
    const worker = fleet.start('worker', { startAt: startOfEngine(engine, { ...patience, clock: fleet.clock }) });
    await fleet.clock.runUntil(() => worker.numbers.length === 5);
    expect([...worker.numbers].sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9]);
    expect(worker.blocks.some((block) => block.shardId === shard)).toBe(false);
  });

  it('ends with MR_POSITION_HOLE, and hands nothing out', async () => {
    const fleet = new Fleet({ shardCount: 1 });
    fleet.put(3);
    const first = fleet.start('first');
    await fleet.clock.runUntil(() => first.numbers.length === 3);
    await fleet.clock.runUntil(first.drain());
    fleet.put(3);
    const second = fleet.start('second', {
      startAt: startOfEngine(engineAt(new Map()), { ...patience, clock: fleet.clock }),
    });
    await fleet.clock.runUntil(second.ended);
    expect(second.outcome).toMatchObject({ code: 'MR_POSITION_HOLE' });
    expect(second.numbers).toEqual([]);
  });

  it('can be drained while the engine does not answer', async () => {
    const fleet = new Fleet({ shardCount: 1 });
    fleet.put(3);
    let isAsked = false;
    const engine: BatchEngine = {
      onBatch: async () => {},
      positions: () => {
        isAsked = true;
        return new Promise(() => {});
      },
    };
    const worker = fleet.start('worker', { startAt: startOfEngine(engine, { ...patience, clock: fleet.clock }) });
    await fleet.clock.runUntil(() => isAsked);
    await fleet.clock.runUntil(worker.drain());
    expect(worker.outcome).toBe('resolved');
    expect(fleet.owners[shard]).toBe('');
  });
});
