import { describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { LATEST } from '../../lib/base/position.ts';
import { randomInteger, seededRandom } from '../../lib/base/random.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { Shard } from '../../lib/kinesis/shard.ts';
import { ShardSyncer } from '../../lib/lease/shard-syncer.ts';
import type { InitialPosition } from '../../lib/lease/plan/shard-sync-plan.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { idOf, shardOf, stream } from './plan/lineage.ts';

const never = new AbortController().signal;
const shards = Array.from({ length: 12 }, (_, index) => shardOf(index));

function syncerOn(
  table: FakeLeaseTable,
  clock: VirtualClock,
  listShards: (at: InitialPosition | undefined) => readonly Shard[] = () => shards,
): ShardSyncer {
  return new ShardSyncer({
    table,
    stream,
    initialPosition: { type: 'LATEST' },
    listShards: (at) => Promise.resolve(listShards(at)),
    serviceTimeMillis: () => clock.wallMillis(),
    events: new EventBus(),
  });
}

/** One whose listings take 20 s. */
function slowSyncer(
  table: FakeLeaseTable,
  clock: VirtualClock,
  listShards: (at: InitialPosition | undefined) => readonly Shard[],
): ShardSyncer {
  return new ShardSyncer({
    table,
    stream,
    initialPosition: { type: 'LATEST' },
    listShards: (at) => sleep(clock, 20_000).then(() => listShards(at)),
    serviceTimeMillis: () => clock.wallMillis(),
    events: new EventBus(),
  });
}

describe('ShardSyncer', () => {
  it('lists by the initial position for the first sync, with the lineage, and everything for later ones', async () => {
    const table = new FakeLeaseTable();
    const asked: (InitialPosition | undefined)[] = [];
    const syncer = syncerOn(table, new VirtualClock(), (at) => {
      asked.push(at);
      return shards;
    });
    expect(await syncer.sync(never)).toBe(12);
    expect(await syncer.sync(never)).toBe(0);
    expect(asked).toEqual([{ type: 'LATEST' }, undefined, undefined]);
  });

  it('makes one sync of two that start at different moments: all shards begin at the same timestamp', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const random = seededRandom(seed);
      const delay = randomInteger(random, 200);
      const clock = new VirtualClock();
      const table = new FakeLeaseTable();
      table.intercept = () => sleep(clock, 1 + randomInteger(random, 40));
      const [one, other] = [syncerOn(table, clock), syncerOn(table, clock)];
      const both = Promise.all([one.sync(never), sleep(clock, delay).then(() => other.sync(never))]);
      const created = await clock.runUntil(both);
      expect(created[0] + created[1]).toBe(12);
      expect(table.rows.map((lease) => lease.leaseKey).toSorted()).toEqual(shards.map((shard) => shard.shardId));
      expect(new Set(table.rows.map((lease) => lease.initialTimestampMillis)).size, `seed ${seed}`).toBe(1);
      for (const lease of table.rows) expect(lease.checkpoint).toEqual(LATEST);
      expect(table.rows.some((lease) => lease.firstSyncEnded)).toBe(true);
    }
  });

  /*
   * A first sync that is slow:
   *
   *   1. it scans: no leases. Its listing takes 20 s
   *   2. another worker's first sync ends; the shard is split
   *   3. it lists the children. Leased at LATEST now, what was put into them meanwhile would be skipped; leased at all, they
   *      would be read before their parent
   */
  it('plans again when another first sync has come in while it was listing', async () => {
    const clock = new VirtualClock();
    const table = new FakeLeaseTable();
    const parent = shardOf(0, [], true);
    const children = [shardOf(1, [0]), shardOf(2, [0])];
    const slow = slowSyncer(table, clock, (at) => (at === undefined ? [parent, ...children] : children));
    const slowSync = slow.sync(never);
    await clock.advance(1_000);
    await syncerOn(table, clock, () => [shardOf(0)]).sync(never);
    expect(await clock.runUntil(slowSync)).toBe(0);
    expect(table.rows.map((lease) => lease.leaseKey)).toEqual([idOf(0)]);
  });

  it('means by LATEST a time before its scan', async () => {
    const clock = new VirtualClock();
    const table = new FakeLeaseTable();
    const begunAt = clock.wallMillis();
    await clock.runUntil(slowSyncer(table, clock, () => shards).sync(never));
    expect(clock.wallMillis()).toBeGreaterThan(begunAt);
    expect(table.rows.map((lease) => lease.initialTimestampMillis)).toEqual(shards.map(() => begunAt));
  });

  it('goes on after a sync that died at any point, at the timestamp of the first', async () => {
    for (let survived = 0; survived <= 12; survived += 1) {
      const clock = new VirtualClock();
      const table = new FakeLeaseTable();
      let writes = 0;
      table.intercept = (call) => {
        if (call.name !== 'createIfAbsent') return;
        writes += 1;
        if (writes > survived) throw new Error('killed');
      };
      await syncerOn(table, clock)
        .sync(never)
        .catch(() => 'killed');
      table.intercept = () => {};
      const begunAt = clock.wallMillis();
      await clock.advance(60_000);
      await syncerOn(table, clock).sync(never);
      expect(table.rows.length).toBe(12);
      const expected = survived === 0 ? begunAt + 60_000 : begunAt;
      expect(new Set(table.rows.map((lease) => lease.initialTimestampMillis))).toEqual(new Set([expected]));
    }
  });

  it('marks the end of a first sync that lacked only the mark', async () => {
    const table = new FakeLeaseTable();
    const clock = new VirtualClock();
    await syncerOn(table, clock).sync(never);
    for (const { firstSyncEnded: _, ...lease } of table.rows) table.putRow(lease);
    expect(await syncerOn(table, clock).sync(never)).toBe(0);
    expect(table.rows.filter((lease) => lease.firstSyncEnded).map((lease) => lease.leaseKey)).toEqual([idOf(0)]);
  });

  it('leases no descendant beside its ancestor when a reshard came between two pages of the listing', async () => {
    const table = new FakeLeaseTable();
    const clock = new VirtualClock();
    const torn = [shardOf(0, [], true), shardOf(5, [4])];
    const lineage = [shardOf(0, [], true), shardOf(1, [], true), shardOf(4, [0, 1], true), shardOf(5, [4])];
    const syncer = syncerOn(table, clock, (at) => (at === undefined ? lineage : torn));
    expect(await syncer.sync(never)).toBe(1);
    expect(table.rows.map((lease) => lease.leaseKey)).toEqual([idOf(0)]);
  });

  it('begins at the horizon when retention has taken every shard of the initial position', async () => {
    const table = new FakeLeaseTable();
    const left = [shardOf(3, [0]), shardOf(4, [0])];
    const syncer = syncerOn(table, new VirtualClock(), (at) => (at?.type === 'LATEST' ? [] : left));
    expect(await syncer.sync(never)).toBe(2);
    expect(table.rows.map((lease) => lease.leaseKey)).toEqual([idOf(3), idOf(4)]);
  });

  it('asks for the whole lineage when it goes on with a first sync', async () => {
    const table = new FakeLeaseTable();
    const clock = new VirtualClock();
    const [{ firstSyncEnded: _, ...first }] = await firstRows(clock);
    table.putRow(first);
    const open = [shardOf(20, [15]), shardOf(11)];
    const lineage = [shardOf(0, [], true), shardOf(15, [0], true), ...open];
    const syncer = syncerOn(table, clock, (at) => (at === undefined ? lineage : open));
    expect(await syncer.sync(never)).toBe(1);
    expect(table.rows.map((lease) => lease.leaseKey)).toEqual([idOf(0), idOf(11)]);
  });
});

async function firstRows(clock: VirtualClock) {
  const table = new FakeLeaseTable();
  await syncerOn(table, clock).sync(never);
  return [table.rows[0]!] as const;
}
