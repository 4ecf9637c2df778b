import { describe, expect, it } from 'vitest';
import { randomInteger, seededRandom } from '../../lib/base/random.ts';
import { gracefulLeaseHandoffTimeoutMillis } from '../../lib/lease/ages.ts';
import { runWithPolicy } from '../../lib/receiver/handler-runner.ts';
import { type BlockHandler, Fleet, type Worker, wait } from '../receiver/fleet.ts';
import { historyFaults } from '../receiver/history.ts';
import { Fleet as LeaseFleet, type FleetWorker, openShards } from './fleet.ts';
import { failoverTimeMillis as F } from './keeper-bench.ts';

const slowly =
  (millis: number): BlockHandler =>
  (_, worker) =>
    wait(worker, millis);

/** A handler that fails again and again, under the policy that never gives up. */
const failing: BlockHandler = async (block, worker) => {
  const run = runWithPolicy({
    work: block,
    handler: () => {
      throw new Error('the mail server is down');
    },
    policy: {
      maximumRetryAttempts: -1,
      maximumRecordAgeInSeconds: -1,
      bisectBatchOnFunctionError: false,
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      then: 'STOP',
    },
    clock: worker.process,
    random: seededRandom(1),
    events: { publish: () => {} },
    serviceTimeMillis: () => worker.process.wallMillis(),
    retentionMillis: () => worker.receiver.retentionMillis,
    signal: new AbortController().signal,
  });
  await run.catch(() => {});
  return false;
};

/** Puts a record into every open shard, every second. */
async function flow(fleet: Fleet, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    for (const { shardId } of fleet.kinesis.openShards) fleet.put(1, shardId);
    await fleet.clock.advance(1_000);
  }
}

const pending = (fleet: Fleet) => fleet.table.rows.filter(({ checkpointOwner }) => checkpointOwner !== undefined);
const owned = (fleet: Fleet, name: string) => Object.values(fleet.owners).filter((owner) => owner === name).length;

/** The leader l and the old owner a with three shards each; then b joins, and one shard of each begins to move to it. */
async function handingOver(
  handlers: { readonly a?: BlockHandler; readonly b?: BlockHandler } = {},
): Promise<{ fleet: Fleet; l: Worker; a: Worker; b: Worker; leaseKey: string }> {
  const fleet = new Fleet({ shardCount: 6 });
  const l = fleet.start('l');
  const a = fleet.start('a', handlers.a === undefined ? {} : { handle: handlers.a });
  await fleet.clock.runUntil(() => owned(fleet, 'a') === 3 && owned(fleet, 'l') === 3);
  await flow(fleet, 12);
  const b = fleet.start('b', handlers.b === undefined ? {} : { handle: handlers.b });
  const ofA = () => pending(fleet).find(({ checkpointOwner }) => checkpointOwner === 'a');
  await fleet.clock.runUntil(() => ofA() !== undefined);
  const row = ofA();
  expect(row).toMatchObject({ leaseOwner: 'b', checkpointOwner: 'a' });
  expect(fleet.table.lock?.ownerName).toBe('l');
  return { fleet, l, a, b, leaseKey: row!.leaseKey };
}

/** Everything is delivered, no handoff is pending, and nothing went wrong on the way. */
async function expectRest(fleet: Fleet, repeated: 'nothing' | 'something allowed' = 'nothing'): Promise<void> {
  await flow(fleet, 5);
  await fleet.clock.runUntil(() => fleet.allDelivered && pending(fleet).length === 0);
  expect(fleet.verdict.missing).toEqual([]);
  if (repeated === 'nothing') expect(fleet.verdict.repeated).toEqual([]);
  expect(historyFaults(fleet)).toEqual([]);
}

describe('a handoff between two workers that live', () => {
  it('ends when the old owner has finished its blocks, soon, and repeats nothing', async () => {
    const { fleet, b, leaseKey } = await handingOver({ a: slowly(400) });
    const began = fleet.clock.monotonicMillis();
    await fleet.clock.runUntil(() => b.eventsOf('lease.gained').some((event) => event.leaseKey === leaseKey));
    // Heard of by a heartbeat, finished, and found by the index.
    expect(fleet.clock.monotonicMillis() - began).toBeLessThan(F / 3 + 400 + 1_000 + 500);
    expect(fleet.owners[leaseKey]).toBe('b');
    await expectRest(fleet);
  });

  it('of the leader’s own lease begins at once: it hears of it without a heartbeat', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const l = fleet.start('l');
    await flow(fleet, 10);
    const b = fleet.start('b');
    await fleet.clock.runUntil(() => l.eventsOf('lease.handoff').length > 0);
    const began = fleet.clock.monotonicMillis();
    await fleet.clock.runUntil(() => b.eventsOf('lease.gained').length === 1);
    expect(fleet.clock.monotonicMillis() - began).toBeLessThan(1_500);
    await expectRest(fleet);
  });

  it('ends at once where there is no consumer: a lease at SHARD_END that another leader moves', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const a = fleet.start('a');
    await flow(fleet, 3);
    const [parent] = fleet.kinesis.openShards;
    fleet.kinesis.split(parent!.shardId);
    await flow(fleet, 15);
    const ended = fleet.table.rows.find(({ checkpoint }) => checkpoint.kind === 'SHARD_END')!;
    // Java's leader gives ended leases to workers like any other, and moves them.
    fleet.table.putRow({ ...ended, leaseOwner: 'a', leaseCounter: 50 });
    await fleet.clock.runUntil(() => a.eventsOf('lease.gained').some(({ tenure }) => tenure > 50));
    const held = fleet.table.rows.find(({ leaseKey }) => leaseKey === ended.leaseKey)!;
    fleet.table.putRow({ ...held, leaseOwner: 'elsewhere', checkpointOwner: 'a' });
    await fleet.clock.runUntil(() => pending(fleet).length === 0, { atMostMillis: F });
    expect(fleet.owners[ended.leaseKey]).toBe('elsewhere');
    expect(a.eventsOf('lease.lost')).toEqual([]);
    await expectRest(fleet);
  });

  it('ends at once where the shard waits for its parent, and the next owner waits on', async () => {
    const fleet = new Fleet({ shardCount: 1 });
    const a = fleet.start('a', { handle: (block) => block.records.length === 0 || block.records[0]!.text() !== '0' });
    fleet.put(1);
    await flow(fleet, 3);
    const [parent] = fleet.kinesis.openShards;
    fleet.kinesis.split(parent!.shardId);
    await flow(fleet, 5);
    // The parent is not finished, and yet its children are leased, as by a second worker's repair of a hole.
    const child = fleet.kinesis.openShards[0]!.shardId;
    const { startingHashKey, endingHashKey } = fleet.kinesis.openShards[0]!;
    const row = fleet.table.rows[0]!;
    fleet.table.putRow({
      ...row,
      leaseKey: child,
      leaseCounter: 1,
      parentShardIds: [parent!.shardId],
      hashKeyRange: { startingHashKey, endingHashKey },
      checkpoint: { kind: 'TRIM_HORIZON' },
    });
    await fleet.clock.runUntil(() => a.eventsOf('lease.gained').some(({ leaseKey }) => leaseKey === child));
    const held = fleet.table.rows.find(({ leaseKey }) => leaseKey === child)!;
    fleet.table.putRow({ ...held, leaseOwner: 'b', checkpointOwner: 'a' });
    await fleet.clock.runUntil(() => pending(fleet).length === 0, { atMostMillis: F });
    expect(fleet.owners[child]).toBe('b');
    expect(a.numbers.every((number) => fleet.produced[number]!.shardId === parent!.shardId)).toBe(true);
  });

  it('of a shard whose handler throws for ever ends after 30 s; the next owner goes on at the checkpoint', async () => {
    const { fleet, a, b, leaseKey } = await handingOver({ a: failing });
    const began = fleet.clock.monotonicMillis();
    const isGained = () => b.eventsOf('lease.gained').some((event) => event.leaseKey === leaseKey);
    await fleet.clock.runUntil(isGained, { atMostMillis: 60_000 });
    const took = fleet.clock.monotonicMillis() - began;
    expect(took).toBeGreaterThan(gracefulLeaseHandoffTimeoutMillis - 1_000);
    expect(took).toBeLessThan(gracefulLeaseHandoffTimeoutMillis + F / 3 + 2_000);
    expect(fleet.owners[leaseKey]).toBe('b');
    // The blocks that the old owner still has are of no more use.
    for (const block of a.blocks) if (block.shardId === leaseKey) expect(block.signal.aborted).toBe(true);
    await flow(fleet, 3);
    const finished = fleet.table.rows.find((row) => row.leaseKey === leaseKey)!;
    expect(finished.checkpoint.kind).toBe('SEQUENCE');
    expect(fleet.verdict.missing.filter((number) => fleet.produced[number]!.shardId === leaseKey)).toEqual([]);
    expect(a.hasEnded).toBe(false);
  });

  it('repeats nothing when the old owner stops in the middle', async () => {
    const { fleet, a } = await handingOver({ a: slowly(1_200) });
    await fleet.clock.runUntil(a.drain(), { atMostMillis: 5_000 });
    expect(pending(fleet)).toEqual([]);
    expect(owned(fleet, 'a')).toBe(0);
    await expectRest(fleet);
  });

  it.each([
    ['before the old one has heard of it', false],
    ['while the old one finishes its blocks', true],
  ])('ends when the new owner stops %s: nobody waits for it, and nothing is repeated', async (_, isHeard) => {
    const { fleet, a, b, leaseKey } = await handingOver({ a: slowly(1_200) });
    const draining = () =>
      a.eventsOf('shard.changed').some(({ shardId, to }) => shardId === leaseKey && to === 'draining');
    if (isHeard) {
      for (const { shardId } of fleet.kinesis.openShards) fleet.put(3, shardId);
      await fleet.clock.runUntil(draining, { atMostMillis: F });
    }
    await fleet.clock.runUntil(b.drain(), { atMostMillis: 5_000 });
    expect(draining()).toBe(isHeard);
    const stoppedAtMillis = fleet.clock.monotonicMillis();
    fleet.put(1, leaseKey);
    const last = fleet.produced.length - 1;
    const isRead = () => fleet.timesDelivered[last] === 1;
    await fleet.clock.runUntil(isRead, { atMostMillis: F });
    // What the old one still finishes, the leader's next look, the index, a read.
    expect(fleet.clock.monotonicMillis() - stoppedAtMillis).toBeLessThan(6_000);
    expect(['a', 'l']).toContain(fleet.owners[leaseKey]);
    await expectRest(fleet);
  });

  it('goes on without the leader: one that is killed, or stops, after the first write is not needed for the rest', async () => {
    for (const end of ['killed', 'stopped'] as const) {
      const { fleet, l, b, leaseKey } = await handingOver({ a: slowly(400) });
      if (end === 'killed') l.process.kill();
      else void l.drain();
      await fleet.clock.runUntil(() => b.eventsOf('lease.gained').some((event) => event.leaseKey === leaseKey), {
        atMostMillis: F / 3 + 2_500,
      });
      await flow(fleet, 25);
      await expectRest(fleet, end === 'killed' ? 'something allowed' : 'nothing');
      const moved = fleet.verdict.repeated.filter((number) => fleet.produced[number]!.shardId === leaseKey);
      expect(moved).toEqual([]);
    }
  });

  it('is not begun again by another leader that comes half-way', async () => {
    const { fleet, l, a, b } = await handingOver({ a: slowly(2_500) });
    void l.drain();
    await flow(fleet, 20);
    const handoffs = [a, b].flatMap((worker) => worker.eventsOf('lease.handoff'));
    const keys = handoffs.map(({ leaseKey }) => leaseKey);
    expect(new Set(keys).size).toBe(keys.length);
    await expectRest(fleet);
  });
});

describe('a handoff of which one end is dead', () => {
  it('the old owner: the lease expires after F, and goes on from its checkpoint', async () => {
    const { fleet, a, leaseKey } = await handingOver();
    a.process.kill();
    const began = fleet.clock.monotonicMillis();
    await fleet.clock.runUntil(() => fleet.owners[leaseKey] !== 'a' && pending(fleet).length === 0, {
      atMostMillis: 2 * F,
    });
    expect(fleet.clock.monotonicMillis() - began).toBeLessThanOrEqual(F + 3_000);
    await expectRest(fleet, 'something allowed');
  });

  it('the new owner: the old one completes it all the same, and F later the lease goes to one that lives', async () => {
    const { fleet, b, leaseKey } = await handingOver();
    b.process.kill();
    await fleet.clock.runUntil(() => pending(fleet).length === 0, { atMostMillis: F });
    expect(fleet.owners[leaseKey]).toBe('b');
    await fleet.clock.runUntil(() => fleet.owners[leaseKey] !== 'b', { atMostMillis: 2 * F });
    // It had read nothing.
    await expectRest(fleet);
  });

  it('both: the lease expires, once or twice, and goes to the one that lives', async () => {
    const { fleet, a, b } = await handingOver();
    a.process.kill();
    b.process.kill();
    await fleet.clock.runUntil(() => owned(fleet, 'l') === 6, { atMostMillis: 5 * F });
    expect(pending(fleet)).toEqual([]);
    await expectRest(fleet, 'something allowed');
  });

  it('the old owner and the leader: the next leader ends it', async () => {
    const { fleet, l, a } = await handingOver();
    l.process.kill();
    a.process.kill();
    await fleet.clock.runUntil(() => owned(fleet, 'b') === 6, { atMostMillis: 4 * F });
    expect(pending(fleet)).toEqual([]);
    await expectRest(fleet, 'something allowed');
  });

  it('an old owner that sleeps through it writes nothing over the next one when it wakes', async () => {
    const { fleet, a, leaseKey } = await handingOver();
    a.process.pause();
    await flow(fleet, 15);
    expect(pending(fleet)).toEqual([]);
    expect(fleet.owners[leaseKey]).not.toBe('a');
    const row = fleet.table.rows.find((one) => one.leaseKey === leaseKey)!;
    a.process.resume();
    await fleet.clock.advance(10);
    expect(fleet.table.rows.find((one) => one.leaseKey === leaseKey)!.tenure).toBe(row.tenure);
    await flow(fleet, 10);
    expect(a.hasEnded).toBe(false);
    await expectRest(fleet, 'something allowed');
  });
});

describe('handoffs that something happens to at any moment', () => {
  type Blow = 'stop' | 'kill' | 'pause';
  const blows: readonly Blow[] = ['stop', 'kill', 'pause'];
  const roles = ['leader', 'old', 'new'] as const;

  function strike(worker: FleetWorker, blow: Blow): void {
    if (blow === 'stop') void worker.stop();
    else if (blow === 'kill') worker.kill();
    else worker.pause();
  }

  it.each(roles.flatMap((role) => blows.map((blow) => [role, blow] as const)))(
    'end, whenever the %s gets a %s; between workers that live nothing is repeated',
    async (role, blow) => {
      for (let seed = 0; seed < 6; seed += 1) {
        const random = seededRandom(seed);
        const fleet = new LeaseFleet({ shards: openShards(8) });
        fleet.slow(60, seed);
        const finish = () => ({ finishMillis: randomInteger(random, 2_500) });
        const leader = fleet.start('l', finish());
        await fleet.until(() => fleet.leader === leader, 5_000);
        const old = fleet.start('a', finish());
        await fleet.until(() => fleet.allHeld && fleet.shares['a'] === 4, 60_000);
        await fleet.advance(F);
        const moved = fleet.handoffs.length;
        const next = fleet.start('b', finish());
        await fleet.until(() => fleet.handoffs.length > moved, 20_000);
        await fleet.advance(randomInteger(random, 6_000));
        const struck = { leader, old, new: next }[role];
        strike(struck, blow);
        await fleet.advance(2 * F);
        if (blow === 'pause') struck.resume();
        const isAtRest = () =>
          fleet.allHeld && fleet.table.rows.every(({ checkpointOwner }) => checkpointOwner === undefined);
        await fleet.until(isAtRest, gracefulLeaseHandoffTimeoutMillis + 3 * F);
        expect(fleet.workers.map(({ fault }) => fault)).toEqual([undefined, undefined, undefined]);
        if (blow === 'stop') {
          expect(fleet.repeated, `seed ${seed}`).toEqual([]);
          for (const worker of fleet.workers) expect(worker.lost).toEqual([]);
        }
        await fleet.until(() => Math.max(...Object.values(fleet.shares)) <= (blow === 'pause' ? 3 : 4), 6 * F);
      }
    },
    60_000,
  );
});
