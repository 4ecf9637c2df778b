import { beforeEach, describe, expect, it } from 'vitest';
import { LATEST, SHARD_END, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { LeaseCleaner } from '../../lib/lease/lease-cleaner.ts';
import { seekLease } from '../../lib/lease/lease-write.ts';
import { ShardAuditor } from '../../lib/lease/shard-auditor.ts';
import { ShardSyncer } from '../../lib/lease/shard-syncer.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { openShards } from './fleet.ts';
import { CallLog, openLease } from './leader-bench.ts';
import { idOf, stream } from './plan/lineage.ts';

const never = new AbortController().signal;

let clock: VirtualClock;
let table: FakeLeaseTable;
let log: CallLog;
let events: MillraceEvent[];
let isLeader: () => boolean;

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  log = new CallLog(table, clock);
  events = [];
  isLeader = () => true;
});

const publish = { publish: (event: MillraceEvent) => void events.push(event) };

function keys(): readonly string[] {
  return table.rows.map(({ leaseKey }) => leaseKey).toSorted();
}

describe('ShardAuditor', () => {
  const shards = openShards(4);

  function auditor(): ShardAuditor {
    const syncer = new ShardSyncer({
      table,
      stream,
      initialPosition: { type: 'LATEST' },
      listShards: () => Promise.resolve(shards),
      serviceTimeMillis: () => clock.wallMillis(),
      events: publish,
    });
    return new ShardAuditor({ table, syncer, events: publish, isLeader: () => isLeader() });
  }

  const audit = (seen: readonly Lease[]) => clock.runUntil(auditor().audit(seen, never));

  it('finds nothing where the leases cover the hash space, and looks no further', async () => {
    for (let number = 0; number < 4; number += 1) table.putRow(openLease(number, 4, { leaseOwner: 'a' }));
    await audit(table.rows);
    expect(log.sent).toEqual([]);
    expect(events).toEqual([]);
  });

  it('repairs a hole that one consistent scan confirms: the shard is leased from its beginning', async () => {
    for (const number of [0, 1, 3]) table.putRow(openLease(number, 4, { leaseOwner: 'a' }));
    await audit(table.rows);
    expect(keys()).toEqual([0, 1, 2, 3].map(idOf));
    expect(table.rows.at(-1)).toMatchObject({ checkpoint: TRIM_HORIZON, firstSyncEnded: true });
    // A scan that may lag would confirm what a scan that may lag has shown.
    expect(log.sent[0]?.call).toMatchObject({ name: 'scan', consistency: 'consistent' });
    const { startingHashKey: from, endingHashKey: to } = shards[2]!;
    expect(events[0]).toEqual({ type: 'lease.hole', from, to, confirmed: true });
  });

  it('leaves a hole alone that the confirming scan does not show: children come before the end of their parent', async () => {
    // The first scan saw the parent ended, but read the place of the children before they were made.
    const torn = [0, 1, 3].map((number) => openLease(number, 4));
    for (let number = 0; number < 4; number += 1) table.putRow(openLease(number, 4));
    await audit(torn);
    expect(events).toMatchObject([{ type: 'lease.hole', confirmed: false }]);
    expect(log.timesOf('createIfAbsent')).toEqual([]);
  });

  it('leaves it alone too when the confirming scan shows another hole', async () => {
    for (const number of [0, 1, 2]) table.putRow(openLease(number, 4));
    await audit([0, 1, 3].map((number) => openLease(number, 4)));
    expect(events).toMatchObject([{ type: 'lease.hole', confirmed: false }]);
    expect(log.timesOf('createIfAbsent')).toEqual([]);
  });

  it('does not count leases at SHARD_END, and calls nothing a hole before every lease tells its range', async () => {
    for (const number of [0, 1, 3]) table.putRow(openLease(number, 4));
    table.putRow(openLease(2, 4, { checkpoint: SHARD_END }));
    const { hashKeyRange: _, ...java } = openLease(0, 4);
    await audit([java, ...table.rows.slice(1)]);
    expect(events).toEqual([]);
    await audit(table.rows);
    expect(events).toMatchObject([{ type: 'lease.hole', confirmed: true }]);
  });

  it('creates nothing once its worker leads no more', async () => {
    for (const number of [0, 3]) table.putRow(openLease(number, 4));
    isLeader = () => false;
    await audit(table.rows);
    expect(log.timesOf('createIfAbsent')).toEqual([]);
    expect(log.timesOf('write')).toEqual([]);
  });
});

describe('LeaseCleaner', () => {
  const clean = () =>
    clock.runUntil(new LeaseCleaner({ table, events: publish, isLeader: () => isLeader() }).clean(table.rows, never));

  /** A parent that was read to its end, and its two children at a checkpoint. */
  function putSplit(children: Lease['checkpoint'], parts: Partial<Lease> = {}): void {
    table.putRow(
      openLease(0, 4, {
        checkpoint: SHARD_END,
        leaseCounter: 9,
        childShardIds: [idOf(1), idOf(2)],
        leaseOwner: 'a',
        ...parts,
      }),
    );
    for (const number of [1, 2]) {
      table.putRow(openLease(number, 4, { checkpoint: children, parentShardIds: [idOf(0)], leaseOwner: 'a' }));
    }
  }

  it('deletes the lease of a parent whose children have been read past their beginning', async () => {
    putSplit(positionOf(5n));
    await clean();
    expect(keys()).toEqual([idOf(1), idOf(2)]);
    expect(events).toEqual([{ type: 'lease.deleted', leaseKey: idOf(0) }]);
  });

  it('keeps the parent as long as a child is at TRIM_HORIZON; LATEST counts as begun, as in KCL', async () => {
    putSplit(TRIM_HORIZON);
    await clean();
    expect(keys()).toHaveLength(3);
    table.putRow({ ...table.rows[1]!, checkpoint: positionOf(5n) });
    await clean();
    expect(keys()).toHaveLength(3);
    table.putRow({ ...table.rows[2]!, checkpoint: LATEST });
    await clean();
    expect(keys()).toHaveLength(2);
  });

  it('keeps a parent that names no children, or one whose child has no lease', async () => {
    putSplit(positionOf(5n), { childShardIds: [] });
    await clean();
    putSplit(positionOf(5n), { childShardIds: [idOf(1), idOf(2), idOf(3)] });
    await clean();
    expect(keys()).toHaveLength(3);
  });

  it('goes from the oldest generation on: a lease whose own parent is there stays', async () => {
    putSplit(SHARD_END);
    table.putRow({ ...table.rows[1]!, childShardIds: [idOf(3)] });
    table.putRow(openLease(3, 4, { checkpoint: positionOf(1n), parentShardIds: [idOf(1)] }));
    await clean();
    expect(keys()).toEqual([1, 2, 3].map(idOf));
    await clean();
    expect(keys()).toEqual([2, 3].map(idOf));
  });

  it('does not delete what was moved to another position since the scan', async () => {
    putSplit(positionOf(5n));
    let isSought = false;
    log.fate = async (call) => {
      if (call.name !== 'deleteEnded' || isSought) return;
      isSought = true;
      const parent = table.rows.find(({ leaseKey }) => leaseKey === idOf(0))!;
      expect(await table.write(seekLease(parent, TRIM_HORIZON), never)).toMatchObject({ outcome: 'applied' });
    };
    await clean();
    expect(table.rows.find(({ leaseKey }) => leaseKey === idOf(0))).toMatchObject({
      checkpoint: TRIM_HORIZON,
      leaseCounter: 10,
    });
    expect(events).toEqual([]);
  });

  it('does not delete what is ended with another counter than seen: the next round does', async () => {
    putSplit(positionOf(5n));
    let isRenewed = false;
    log.fate = (call) => {
      if (call.name !== 'deleteEnded' || isRenewed) return;
      isRenewed = true;
      table.putRow({ ...table.rows[0]!, leaseCounter: 10 });
    };
    await clean();
    expect(keys()).toHaveLength(3);
    await clean();
    expect(keys()).toHaveLength(2);
  });

  it('deletes nothing once its worker leads no more, even in the middle', async () => {
    putSplit(positionOf(5n));
    table.putRow(openLease(3, 4, { checkpoint: SHARD_END, childShardIds: [idOf(1)] }));
    isLeader = () => log.timesOf('deleteEnded').length < 1;
    await clean();
    expect(log.timesOf('deleteEnded')).toHaveLength(1);
    expect(keys()).toHaveLength(3);
  });
});
