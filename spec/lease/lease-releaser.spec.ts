import { beforeEach, describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { FleetAges } from '../../lib/lease/ages.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { LeaseReleaser } from '../../lib/lease/lease-releaser.ts';
import { beginTenure, initiateHandoff } from '../../lib/lease/lease-write.ts';
import { planLeaseCountBased } from '../../lib/lease/plan/lease-count-plan.ts';
import { defaultAssignmentOptions } from '../../lib/lease/plan/utilization-types.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { type KeeperBench, failoverTimeMillis as F, startKeeper, workerRow } from './keeper-bench.ts';
import { CallLog, openLease } from './leader-bench.ts';
import { idOf } from './plan/lineage.ts';

const never = new AbortController().signal;

let clock: VirtualClock;
let table: FakeLeaseTable;
let log: CallLog;
let bench: KeeperBench;
let releaser: LeaseReleaser;
let events: MillraceEvent[];

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  log = new CallLog(table, clock);
  bench = startKeeper(table, clock);
  events = [];
  releaser = new LeaseReleaser({
    table,
    keeper: bench.keeper,
    plan: planLeaseCountBased,
    seenAlive: () => [],
    assignment: { ...defaultAssignmentOptions, failoverTimeMillis: F },
    workerIdentifier: 'me',
    ages: new FleetAges(F),
    clock,
    random: seededRandom(1),
    events: { publish: (event) => void events.push(event) },
  });
});

function row(number: number): Lease {
  return table.rows.find(({ leaseKey }) => leaseKey === idOf(number))!;
}

/** Holds leases 0 to `count` - 1. */
async function hold(count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    table.putRow(openLease(number, 8, { leaseOwner: 'me' }));
    await clock.runUntil(bench.keeper.begin(idOf(number), never));
  }
}

function report(name: string, reportCounter: number): void {
  table.putWorkerRow(workerRow(name, { reportCounter }));
}

/** The stop of a worker: the first look, what happens meanwhile, the second look with the releases. */
async function stop(meanwhile: () => void | Promise<void> = () => {}): Promise<void> {
  await clock.runUntil(releaser.look(never));
  await clock.advance(500);
  await meanwhile();
  await clock.runUntil(releaser.releaseAll(never), { atMostMillis: 200_000 });
}

const owners = () => table.rows.map(({ leaseOwner }) => leaseOwner ?? '-');

describe('the leases of a worker that stops', () => {
  it('go where the plan puts them when every worker that reports was seen alive in between', async () => {
    await hold(4);
    report('a', 1);
    report('b', 1);
    await stop(() => {
      report('a', 2);
      report('b', 2);
    });
    expect(owners()).toEqual(['a', 'b', 'a', 'b']);
    expect(bench.keeper.held).toEqual([]);
    expect(bench.lost).toEqual([]);
  });

  it('go to those that live when one that reports may be dead, as far as that is fair; the leader gives out the others', async () => {
    await hold(2);
    report('a', 1);
    report('dead', 1);
    await stop(() => report('a', 2));
    expect(owners()).toEqual(['a', '-']);
    for (const number of [0, 1]) expect(row(number).leaseCounter).toBe(3);
  });

  it('are seen alive by a lease of theirs, too', async () => {
    await hold(2);
    report('a', 1);
    table.putRow(openLease(5, 8, { leaseOwner: 'a', leaseCounter: 7 }));
    await stop(() => table.putRow(openLease(5, 8, { leaseOwner: 'a', leaseCounter: 8 })));
    expect(owners().slice(0, 2)).toEqual(['a', 'a']);
  });

  it('are looked for by a consistent read: one that was given at the last moment is found', async () => {
    await hold(1);
    report('a', 1);
    const scan = table.scan.bind(table);
    const before = await scan(never);
    // Another read shows the table as it was.
    table.scan = (signal, consistency) =>
      consistency === 'consistent' ? scan(signal, consistency) : Promise.resolve(before);
    await stop(() => {
      report('a', 2);
      table.putRow(openLease(3, 8, { leaseOwner: 'me' }));
    });
    expect(owners()).toEqual(['a', 'a']);
  });

  it('go to nobody when there is nobody', async () => {
    await hold(2);
    report('me', 1);
    await stop(() => report('me', 2));
    expect(owners()).toEqual(['-', '-']);
  });

  it('go to no worker that reports no more, such as one that stops at the same time', async () => {
    await hold(2);
    report('a', 1);
    report('leaving', 1);
    await stop(async () => {
      report('a', 2);
      await table.deleteWorker(workerRow('leaving', { reportCounter: 1 }), never);
    });
    expect(owners()).toEqual(['a', 'a']);
  });

  it('do not depend on the row of the worker itself, which may not have been removed', async () => {
    await hold(2);
    report('me', 1);
    report('a', 1);
    await stop(() => report('a', 2));
    expect(owners()).toEqual(['a', 'a']);
  });

  it('keep their checkpoint, and count a change of the owner only where there is a next one', async () => {
    await hold(1);
    report('a', 1);
    const before = row(0);
    await stop(() => report('a', 2));
    expect(row(0)).toEqual({ ...before, leaseOwner: 'a', leaseCounter: 3, ownerSwitchesSinceCheckpoint: 1 });
  });

  it('that are being handed over are given to the worker that the leader has named, noticed or not', async () => {
    for (const isNoticed of [false, true]) {
      await hold(1);
      report('a', 1);
      await stop(async () => {
        report('a', 2);
        await table.write(initiateHandoff(row(0), 'named'), never);
        if (isNoticed) bench.keeper.renewSoon(idOf(0));
        await clock.advance(10);
      });
      expect(row(0).leaseOwner).toBe('named');
      expect(row(0).checkpointOwner).toBeUndefined();
      table.deleteRow(idOf(0));
    }
  });

  it('that it never held are released at once: one given at the last moment, one whose handoff it never began', async () => {
    await hold(1);
    report('a', 1);
    await stop(() => {
      report('a', 2);
      table.putRow(openLease(1, 8, { leaseOwner: 'me', leaseCounter: 100 }));
      table.putRow(openLease(2, 8, { leaseOwner: 'next', checkpointOwner: 'me', leaseCounter: 50 }));
    });
    expect(owners()).toEqual(['a', 'a', 'a']);
    expect(row(1).leaseCounter).toBe(101);
    expect(row(2)).toMatchObject({ leaseCounter: 51 });
    expect(row(2).checkpointOwner).toBeUndefined();
  });

  it('that it never held lose their owner when nobody may have them; a handoff ends with its next owner', async () => {
    await stop(() => {
      table.putRow(openLease(1, 8, { leaseOwner: 'me', leaseCounter: 100 }));
      table.putRow(openLease(2, 8, { leaseOwner: 'next', checkpointOwner: 'me', leaseCounter: 50 }));
    });
    expect(owners()).toEqual(['-', 'next']);
    expect(row(2).checkpointOwner).toBeUndefined();
  });

  describe('that are still being handed to it', () => {
    const handed = openLease(3, 8, { leaseOwner: 'me', checkpointOwner: 'old', leaseCounter: 9, tenure: 4 });

    it('stay with their old owner, whose counter does not move', async () => {
      await hold(1);
      table.putRow(handed);
      report('old', 1);
      await stop();
      const { checkpointOwner: _, ...kept } = { ...handed, leaseOwner: 'old' };
      expect(row(3)).toEqual(kept);
    });

    it('are released like those that were never begun when the old owner has just completed the handoff', async () => {
      table.putRow(handed);
      const { checkpointOwner: _, ...completed } = { ...handed, leaseCounter: 10 };
      log.fate = (call) => {
        if (call.name !== 'write') return;
        log.fate = () => {};
        table.putRow(completed);
      };
      await stop();
      expect(row(3)).toMatchObject({ leaseCounter: 11 });
      expect(row(3).leaseOwner).toBeUndefined();
    });

    it('are left alone when they are elsewhere by now, or their old owner is a Java worker', async () => {
      table.putRow(handed);
      table.putWorkerRow(workerRow('old'));
      await stop();
      expect(row(3)).toEqual(handed);
      report('old', 1);
      log.fate = (call) => {
        if (call.name === 'write') table.putRow({ ...handed, leaseOwner: 'other', leaseCounter: 12 });
      };
      await stop();
      expect(row(3)).toMatchObject({ leaseOwner: 'other', checkpointOwner: 'old', leaseCounter: 12 });
    });
  });

  it('are not those of a twin: another process of the same name holds what this one does not', async () => {
    await hold(2);
    await clock.runUntil(
      table.write(
        beginTenure(row(0), 'me', () => 0),
        never,
      ),
    );
    await clock.advance(F / 3 + 10);
    expect(bench.keeper.hasTwin).toBe(true);
    const twins = row(0);
    await stop();
    expect(row(0)).toEqual(twins);
    expect(row(1).leaseOwner).toBeUndefined();
  });

  it('each stand alone: one that fails for good is told, and expires', async () => {
    await hold(1);
    log.fate = (call) => {
      if (call.name === 'write' && call.write.leaseKey === idOf(1)) {
        throw new MillraceError('MR_ACCESS_DENIED', 'UpdateItem is not allowed');
      }
    };
    await stop(() => {
      table.putRow(openLease(1, 8, { leaseOwner: 'me' }));
      table.putRow(openLease(2, 8, { leaseOwner: 'me' }));
    });
    expect(owners()).toEqual(['-', 'me', '-']);
    expect(events).toMatchObject([{ type: 'fault.seen', code: 'MR_ACCESS_DENIED' }]);
  });

  it('are released through faults that pass', async () => {
    await hold(1);
    let left = 5;
    await stop(() => {
      table.putRow(openLease(1, 8, { leaseOwner: 'me' }));
      log.fate = () => {
        left -= 1;
        if (left > 0) throw new MillraceError('MR_THROTTLED', 'slow down');
      };
    });
    expect(owners()).toEqual(['-', '-']);
  });

  it('are told about when the table cannot be read for 30 s', async () => {
    await hold(1);
    await clock.runUntil(releaser.look(never));
    log.fate = (call) => {
      if (call.name === 'scan') throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
    };
    await expect(clock.runUntil(releaser.releaseAll(never))).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
  });
});
