import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { SHARD_END } from '../../lib/base/position.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { FleetAges } from '../../lib/lease/ages.ts';
import { Assigner, workerViews } from '../../lib/lease/assigner.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import {
  type AssignmentInput,
  type Move,
  type ObservedLease,
  defaultAssignmentOptions,
} from '../../lib/lease/plan/utilization-types.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { failoverTimeMillis as F, givenLease, workerRow } from './keeper-bench.ts';
import { CallLog, openLease } from './leader-bench.ts';
import { idOf } from './plan/lineage.ts';

const never = new AbortController().signal;
const unreachable = () => {
  throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
};

let clock: VirtualClock;
let table: FakeLeaseTable;
let log: CallLog;
let events: MillraceEvent[];
let ages: FleetAges;
let asked: AssignmentInput[];
let isLeader: () => boolean;
let mine: string[];
let handed: string[];

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  log = new CallLog(table, clock);
  events = [];
  ages = new FleetAges(F);
  asked = [];
  isLeader = () => true;
  mine = [];
  handed = [];
});

/** An assigner whose plan is what the test says. */
function assignerOf(moves: readonly Move[]): Assigner {
  return new Assigner({
    table,
    clock,
    ages,
    plan: (input) => {
      asked.push(input);
      return moves;
    },
    assignment: { ...defaultAssignmentOptions, failoverTimeMillis: F },
    workerIdentifier: 'leader',
    random: seededRandom(1),
    events: { publish: (event) => void events.push(event) },
    isLeader: () => isLeader(),
    onGivenToMe: (leaseKey) => {
      mine.push(leaseKey);
      return Promise.resolve();
    },
    onHandoffFromMe: (leaseKey) => void handed.push(leaseKey),
  });
}

/** A snapshot of all rows, as seen now. */
function look(): readonly ObservedLease[] {
  return ages.observe(table.rows, [], clock.monotonicMillis());
}

function run(assigner: Assigner): Promise<void> {
  return clock.runUntil(assigner.assign(look(), [{ workerIdentifier: 'b' }], clock.monotonicMillis(), never));
}

function row(number = 0): Lease {
  return table.rows.find(({ leaseKey }) => leaseKey === idOf(number))!;
}

const free = (number: number, to = 'b'): Move => ({ leaseKey: idOf(number), from: undefined, to, reason: 'unowned' });

describe('a free lease', () => {
  it('is assigned on condition of both owners and the counter as seen', async () => {
    table.putRow(openLease(0, 1, { leaseOwner: 'dead', leaseCounter: 7, checkpointOwner: 'x' }));
    await run(assignerOf([{ leaseKey: idOf(0), from: 'dead', to: 'b', reason: 'expired' }]));
    const [sent] = log.sent.flatMap(({ call }) => (call.name === 'write' ? [call.write] : []));
    expect(sent?.condition).toEqual({ leaseCounter: 7, leaseOwner: 'dead', checkpointOwner: 'x' });
    expect(row()).toMatchObject({ leaseOwner: 'b', leaseCounter: 8, ownerSwitchesSinceCheckpoint: 1 });
    expect(row().checkpointOwner).toBeUndefined();
    expect(events).toEqual([{ type: 'lease.assigned', leaseKey: idOf(0), workerIdentifier: 'b', reason: 'expired' }]);
  });

  it('whose owner has renewed since the scan is left to it, without a word', async () => {
    table.putRow(openLease(0, 1, { leaseOwner: 'slow', leaseCounter: 7 }));
    const assigner = assignerOf([{ leaseKey: idOf(0), from: 'slow', to: 'b', reason: 'expired' }]);
    const observed = look();
    table.putRow({ ...row(), leaseCounter: 8 });
    await clock.runUntil(assigner.assign(observed, [], F + 1, never));
    expect(row()).toMatchObject({ leaseOwner: 'slow', leaseCounter: 8 });
    expect(events).toEqual([]);
  });

  it('that goes to the leader itself begins at once', async () => {
    table.putRow(openLease(0, 2));
    table.putRow(openLease(1, 2));
    await run(assignerOf([free(0, 'leader'), free(1)]));
    expect(mine).toEqual([idOf(0)]);
  });

  it('is remembered with the time of the gift: a second one without an answer is waited for three times as long', async () => {
    table.putRow(openLease(0, 1));
    for (let round = 0; round < 2; round += 1) {
      await clock.advance(F + 1);
      const { leaseOwner } = row();
      await run(
        assignerOf([{ ...free(0), from: leaseOwner, reason: leaseOwner === undefined ? 'unowned' : 'expired' }]),
      );
    }
    const given = clock.monotonicMillis();
    await clock.advance(1_000);
    expect(look()[0]).toMatchObject({ unchangedSinceMillis: given, expiresAfterMillis: 3 * F });
  });
});

describe('a lease that moves for balance', () => {
  const balance = (to = 'b', from = 'a'): Move => ({ leaseKey: idOf(0), from, to, reason: 'balance' });

  it('is handed over: the next owner is named, the old one keeps its right to write, the counter stays', async () => {
    table.putRow(openLease(0, 1, { leaseOwner: 'a', leaseCounter: 7, tenure: 7 }));
    await run(assignerOf([balance()]));
    expect(row()).toMatchObject({ leaseOwner: 'b', checkpointOwner: 'a', leaseCounter: 7, tenure: 7 });
    expect(events).toEqual([{ type: 'lease.handoff', leaseKey: idOf(0), from: 'a', to: 'b' }]);
    expect(mine).toEqual([]);
    expect(handed).toEqual([]);
  });

  it('may have been renewed since the scan: that is no reason to stop', async () => {
    table.putRow(openLease(0, 1, { leaseOwner: 'a', leaseCounter: 7 }));
    const assigner = assignerOf([balance()]);
    const observed = look();
    table.putRow({ ...row(), leaseCounter: 9 });
    await clock.runUntil(assigner.assign(observed, [], 0, never));
    expect(row()).toMatchObject({ leaseOwner: 'b', checkpointOwner: 'a', leaseCounter: 9 });
  });

  it('is left alone when its owner has changed, or another handoff has begun, since the scan', async () => {
    for (const parts of [{ leaseOwner: 'c' }, { leaseOwner: 'c', checkpointOwner: 'a' }]) {
      table.putRow(openLease(0, 1, { leaseOwner: 'a', leaseCounter: 7 }));
      const assigner = assignerOf([balance()]);
      const observed = look();
      table.putRow({ ...row(), ...parts });
      const before = row();
      await clock.runUntil(assigner.assign(observed, [], 0, never));
      expect(row()).toEqual(before);
      expect(events).toEqual([]);
    }
  });

  it('away from the leader itself is told to its own keeper, which need not wait for a heartbeat', async () => {
    table.putRow(openLease(0, 1, { leaseOwner: 'leader' }));
    await run(assignerOf([balance('b', 'leader')]));
    expect(handed).toEqual([idOf(0)]);
  });
});

describe('a round', () => {
  it('balances on runs 0, 3, 6 of a leader, and counts anew when it leads again', async () => {
    const assigner = assignerOf([]);
    for (let round = 0; round < 7; round += 1) await run(assigner);
    expect(asked.map(({ balance }) => balance)).toEqual([true, false, false, true, false, false, true]);
    assigner.restart();
    await run(assigner);
    expect(asked.at(-1)?.balance).toBe(true);
  });

  it('is planned for the time before the scan was asked for', async () => {
    table.putRow(openLease(0, 1));
    const assigner = assignerOf([]);
    const observed = look();
    await clock.advance(500);
    await clock.runUntil(assigner.assign(observed, [{ workerIdentifier: 'b' }], 0, never));
    expect(asked[0]).toMatchObject({ nowMillis: 0, workers: [{ workerIdentifier: 'b' }] });
  });

  it('goes on over a row that fails, waits for all of them, and tells the first fault', async () => {
    for (let number = 0; number < 5; number += 1) table.putRow(openLease(number, 5));
    log.fate = (call) => {
      if (call.name !== 'write') return undefined;
      return call.write.leaseKey === idOf(1) ? unreachable() : sleep(clock, 100);
    };
    const round = run(assignerOf([0, 1, 2, 3, 4].map((number) => free(number))));
    await expect(round).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
    expect(table.rows.map(({ leaseOwner }) => leaseOwner)).toEqual(['b', undefined, 'b', 'b', 'b']);
  });

  it('waits F/4 for a row without an answer, no longer', async () => {
    for (let number = 0; number < 3; number += 1) table.putRow(openLease(number, 3));
    log.fate = (call) => (call.name === 'write' && call.write.leaseKey === idOf(1) ? sleep(clock, 100 * F) : undefined);
    const round = run(assignerOf([0, 1, 2].map((number) => free(number))));
    await expect(round).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE', reaction: 'retry' });
    expect(clock.monotonicMillis()).toBe(F / 4);
    expect([row(0).leaseOwner, row(2).leaseOwner]).toEqual(['b', 'b']);
  });

  it('has at most 32 writes under way, and sends none once this worker leads no more, even in its middle', async () => {
    const count = 100;
    for (let number = 0; number < count; number += 1) table.putRow(openLease(number, count));
    let underWay = 0;
    let most = 0;
    log.fate = async (call) => {
      if (call.name !== 'write') return;
      underWay += 1;
      most = Math.max(most, underWay);
      await sleep(clock, 100);
      underWay -= 1;
    };
    isLeader = () => clock.monotonicMillis() < 150;
    await run(assignerOf(Array.from({ length: count }, (_, number) => free(number))));
    expect(most).toBe(32);
    // Two waves: at 0 and at 100 ms.
    expect(table.rows.filter(({ leaseOwner }) => leaseOwner === 'b')).toHaveLength(64);
    expect(Math.max(...log.timesOf('write'))).toBe(100);
  });

  it('writes nothing at all for a worker that does not lead', async () => {
    table.putRow(openLease(0, 1));
    isLeader = () => false;
    await run(assignerOf([free(0)]));
    expect(log.sent).toEqual([]);
  });
});

describe('the earliest expiry', () => {
  const observed = (parts: Partial<ObservedLease> & { readonly row?: Partial<Lease> }): ObservedLease => {
    const { row: changes, ...rest } = parts;
    return { lease: { ...givenLease('a'), ...changes }, unchangedSinceMillis: 0, ...rest };
  };

  it('is that of the first lease that can expire, each by its own patience', () => {
    const assigner = assignerOf([]);
    const leases = [
      observed({ unchangedSinceMillis: 3_000 }),
      observed({ unchangedSinceMillis: 1_000, expiresAfterMillis: 3 * F }),
      observed({ unchangedSinceMillis: 5_000, expiresAfterMillis: F }),
    ];
    expect(assigner.earliestExpiryMillis(leases, 6_000)).toBe(3_000 + F);
  });

  it('leaves out what has no owner, has ended, or had expired when the snapshot was asked for', () => {
    const assigner = assignerOf([]);
    const { leaseOwner: _, ...unowned } = givenLease('a');
    const leases: readonly ObservedLease[] = [
      { lease: unowned, unchangedSinceMillis: 0 },
      observed({ row: { checkpoint: SHARD_END } }),
      observed({ unchangedSinceMillis: 1_000 }),
    ];
    expect(assigner.earliestExpiryMillis(leases, 1_001 + F)).toBe(Number.POSITIVE_INFINITY);
    // One that expires while the round goes on has not had its chance: the moment may have passed.
    expect(assigner.earliestExpiryMillis(leases, 1_000 + F)).toBe(1_000 + F);
  });
});

describe('the workers of a plan', () => {
  it('are those that report, with the figures of their rows, and those without a row without figures', () => {
    const row = workerRow('a', { metrics: { C: [10, 20] }, operatingRange: { C: [100] } });
    expect(workerViews({ leases: [], workers: [row, workerRow('silent')] }, ['a', 'me'])).toEqual([
      { workerIdentifier: 'a', metrics: { sts: { C: [10, 20] }, opr: { C: [100] } } },
      { workerIdentifier: 'me' },
    ]);
  });
});
