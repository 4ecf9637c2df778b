import { expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { SHARD_END, TRIM_HORIZON } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import type { ShardOpening } from '../../lib/block/shard-opening.ts';
import { type Lease, isEnded } from '../../lib/lease/lease.ts';
import { Fleet, type Worker } from './fleet.ts';

const shard0 = 'shardId-000000000000';

it('tries again to open a shard when the fault passes, and does not keep off it for a minute', async () => {
  const fleet = new Fleet();
  fleet.put(3);
  let tries = 0;
  const worker = fleet.start('a', {
    open: async ({ checkpoint }) => {
      tries += 1;
      if (tries < 3) throw new MillraceError('MR_STATE_UNREACHABLE', 'not now');
      return { position: checkpoint };
    },
  });
  await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 10_000 });
  expect(tries).toBe(3);
  const faults = worker.events.filter((event) => event.type === 'fault.seen' || event.type === 'shard.failed');
  expect(faults).toMatchObject([{ code: 'MR_STATE_UNREACHABLE' }, { code: 'MR_STATE_UNREACHABLE' }]);
});

it('gives a shard up whose engine met a fault that does not pass', async () => {
  const fleet = new Fleet();
  const worker = fleet.start('a', {
    open: () => Promise.reject(new MillraceError('MR_STATE_DAMAGED', 'half of it')),
  });
  const failures = () => worker.events.filter((event) => event.type === 'shard.failed');
  await fleet.clock.runUntil(() => failures().length > 0);
  expect(failures()).toMatchObject([{ shardId: shard0, code: 'MR_STATE_DAMAGED' }]);
});

it('ends a shard that its engine has at its end already: leases the children, and writes SHARD_END', async () => {
  const fleet = new Fleet();
  fleet.put(3);
  await fleet.clock.advance(1_000);
  const [lower, upper] = fleet.kinesis.split(shard0);
  // An engine that was killed between its last commit of the shard and the row of the lease.
  const worker = fleet.start('a', {
    open: async ({ shardId, checkpoint }) => ({ position: shardId === shard0 ? SHARD_END : checkpoint }),
  });
  const rowOf = (shardId: string) => fleet.table.rows.find(({ leaseKey }) => leaseKey === shardId);
  await fleet.clock.runUntil(() => {
    const row = rowOf(shard0);
    return row !== undefined && isEnded(row);
  });
  expect([rowOf(lower)?.parentShardIds, rowOf(upper)?.parentShardIds]).toEqual([[shard0], [shard0]]);
  expect(worker.blocks).toEqual([]);
  fleet.put(4);
  await fleet.clock.runUntil(() => worker.blocks.flatMap(({ records }) => records).length === 4);
});

it('stops to open a shard that is handed to another worker meanwhile', async () => {
  const fleet = new Fleet({ shardCount: 2 });
  const opening = new Map<string, AbortSignal>();
  const first = fleet.start('a', {
    // An engine that takes long to read what it has kept.
    open: ({ shardId }, _, signal) => {
      opening.set(shardId, signal);
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    },
  });
  await fleet.clock.runUntil(() => opening.size === 2);
  fleet.start('b', { open: async ({ checkpoint }) => ({ position: checkpoint }) });
  await fleet.clock.runUntil(() => Object.values(fleet.owners).includes('b'), { atMostMillis: 60_000 });
  await fleet.clock.runUntil(() => first.eventsOf('lease.released').length === 1, { atMostMillis: 60_000 });
  const [moved] = first.eventsOf('lease.released').map(({ leaseKey }) => leaseKey);
  await fleet.clock.advance(100);
  expect(moved).toBeDefined();
  const aborted = Array.from(opening).filter(([, signal]) => signal.aborted);
  expect(aborted.map(([shardId]) => shardId)).toEqual([moved]);
  expect(first.eventsOf('shard.failed')).toEqual([]);
});

it('tells what the parents left also of a shard that has committed, should it begin anew', async () => {
  const fleet = new Fleet();
  fleet.put(2);
  const handle = async (block: Block, { receiver }: Worker) => {
    await receiver.commit(block.range, { state: `${block.shardId} committed` });
    return false;
  };
  const first = fleet.start('a', { handle });
  await fleet.clock.runUntil(() => first.blocks.length > 0);
  const [lower] = fleet.kinesis.split(shard0);
  fleet.put(8);
  const stateOf = (shardId: string) => fleet.table.rows.find(({ leaseKey }) => leaseKey === shardId)?.engineState;
  await fleet.clock.runUntil(() => stateOf(lower) !== undefined);
  first.process.kill();
  const opened = new Map<string, ShardOpening>();
  fleet.start('b', {
    handle,
    open: async (shard) => {
      opened.set(shard.shardId, shard);
      return { position: shard.checkpoint };
    },
  });
  await fleet.clock.runUntil(() => opened.has(lower), { atMostMillis: 60_000 });
  expect(opened.get(lower)).toMatchObject({
    state: `${lower} committed`,
    inherited: [{ shardId: shard0, state: `${shard0} committed` }],
  });
});

it('takes what a parent left by its row, which a seek may have made again, and by the names only where there is none', async () => {
  const fleet = new Fleet();
  fleet.put(2);
  const opened: ShardOpening[] = [];
  const options = {
    handle: async (block: Block, { receiver }: Worker) => {
      await receiver.commit(block.range, { state: `${block.shardId} committed` });
      return false;
    },
    open: async (shard: ShardOpening) => {
      opened.push(shard);
      return { position: shard.checkpoint };
    },
  };
  const first = fleet.start('a', options);
  await fleet.clock.runUntil(() => first.blocks.length > 0);
  const [lower] = fleet.kinesis.split(shard0);
  fleet.put(8);
  const rowOf = (shardId: string) => fleet.table.rows.find(({ leaseKey }) => leaseKey === shardId) as Lease;
  await fleet.clock.runUntil(() => rowOf(lower)?.engineState !== undefined);
  first.process.kill();
  const last = async () => {
    opened.length = 0;
    const next = fleet.start(`b${fleet.table.rows.length}`, options);
    const openings = () => opened.filter(({ shardId }) => shardId === lower);
    await fleet.clock.runUntil(() => openings().length > 0, { atMostMillis: 60_000 });
    next.process.kill();
    return openings()
      .at(-1)
      ?.inherited.map(({ state }) => state);
  };
  const { tenure: _, ...parent } = rowOf(shard0);
  fleet.table.putRow({ ...parent, leaseCounter: 1, tenure: 1, engineState: 'anew' });
  expect(await last()).toEqual(['anew']);
  expect(await fleet.table.deleteEnded(rowOf(shard0), new AbortController().signal)).toBe(true);
  expect(await last()).toEqual([`${shard0} committed`]);
});

it('waits again for a parent that is taken back while its child is opened, and inherits only what it ends with', async () => {
  const fleet = new Fleet();
  fleet.put(2);
  const inherited: (string | undefined)[][] = [];
  const worker = fleet.start('a', {
    handle: async (block: Block, { receiver }: Worker) => {
      await receiver.commit(block.range, { state: `${block.shardId} through ${block.range.through.kind}` });
      return false;
    },
    open: async (shard) => {
      if (shard.parentShardIds.length > 0) inherited.push(shard.inherited.map(({ state }) => state));
      return { position: shard.checkpoint };
    },
  });
  await fleet.clock.runUntil(() => worker.blocks.length > 0);
  const [lower] = fleet.kinesis.split(shard0);
  const parentRow = () => fleet.table.rows.find(({ leaseKey }) => leaseKey === shard0) as Lease;
  let isSeenEnded = false;
  let endedRow: Lease | undefined;
  fleet.table.intercept = (call) => {
    if (call.name !== 'get' || endedRow !== undefined) return;
    if (call.key === shard0) isSeenEnded ||= isEnded(parentRow());
    // Between the look at the parent's end and the look at what it left, an operator takes the parent back.
    if (call.key !== lower || !isSeenEnded) return;
    endedRow = parentRow();
    const { leaseOwner: _, leaseCounter, ...row } = endedRow;
    const takenBack = { checkpoint: TRIM_HORIZON, engineState: 'taken back', leaseCounter: leaseCounter + 1 };
    fleet.table.putRow({ ...row, ...takenBack });
  };
  await fleet.clock.runUntil(() => endedRow !== undefined);
  await fleet.clock.runUntil(() => inherited.length === 2);
  expect(inherited).toEqual([[`${shard0} through SHARD_END`], [`${shard0} through SHARD_END`]]);
  expect(parentRow().leaseCounter).toBeGreaterThan((endedRow as unknown as Lease).leaseCounter + 1);
});

it('ends a bounded run whose engine cannot open a shard: it would wait for a shard that nobody can begin', async () => {
  const fleet = new Fleet();
  const worker = fleet.start('a', {
    until: { type: 'CAUGHT_UP' },
    open: () => Promise.reject(new MillraceError('MR_STATE_DAMAGED', 'half of it')),
  });
  await fleet.clock.runUntil(() => worker.hasEnded, { atMostMillis: 30_000 });
  expect(worker.outcome).toMatchObject({ code: 'MR_STATE_DAMAGED' });
});

it('has a commit of a shard that is being opened wait until it is read: timers of state fire without records', async () => {
  const fleet = new Fleet();
  const outcomes: unknown[] = [];
  fleet.start('a', {
    open: async ({ shardId, tenure, checkpoint }, source) => {
      const range = { shardId, tenure, after: checkpoint, through: checkpoint };
      void source.commit(range, { state: 'timers' }).then((outcome) => outcomes.push(outcome));
      await new Promise((resolve) => void fleet.clock.timer(500, () => resolve(undefined)));
      return { position: checkpoint };
    },
  });
  await fleet.clock.runUntil(() => outcomes.length > 0);
  expect(outcomes).toEqual(['committed']);
  expect(fleet.table.rows[0]?.engineState).toBe('timers');
});
