import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { SHARD_END, positionOf } from '../../lib/base/position.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { LeaderElector } from '../../lib/lease/leader-elector.ts';
import type { AssignmentInput, AssignmentPlan } from '../../lib/lease/plan/utilization-types.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { openShards } from './fleet.ts';
import { failoverTimeMillis as F, workerRow } from './keeper-bench.ts';
import { CallLog, LeaderBench, openLease } from './leader-bench.ts';
import { idOf } from './plan/lineage.ts';

const never = new AbortController().signal;
const unreachable = () => {
  throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
};

let clock: VirtualClock;
let table: FakeLeaseTable;
let log: CallLog;

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  log = new CallLog(table, clock);
});

/** Leases of `count` open shards, all of `owner`. */
function putLeases(count: number, owner?: string): void {
  for (let number = 0; number < count; number += 1) {
    table.putRow(openLease(number, count, owner === undefined ? {} : { leaseOwner: owner }));
  }
}

function renewAll(owner: string): void {
  for (const row of table.rows) {
    if (row.leaseOwner === owner) table.putRow({ ...row, leaseCounter: row.leaseCounter + 1 });
  }
}

function leaderOf(count: number, plan?: AssignmentPlan): LeaderBench {
  return new LeaderBench(table, clock, { shards: openShards(count), ...(plan === undefined ? {} : { plan }) }).run();
}

/** Another worker that leads, and the lock that it keeps. */
function otherLeader(name = 'other'): { readonly elector: LeaderElector; halt(): void } {
  const end = new AbortController();
  const elector = new LeaderElector({
    table,
    clock,
    workerIdentifier: name,
    failoverTimeMillis: F,
    random: seededRandom(99),
    events: { publish: () => {} },
    mayLead: () => true,
    onChange: () => {},
  });
  void elector.run(end.signal);
  return { elector, halt: () => end.abort(new Error('halted')) };
}

describe('an expired lease', () => {
  it('is assigned one millisecond after its counter has stood still for F, whatever the period of the scans is', async () => {
    for (const count of [1, 4, 100]) {
      table = new FakeLeaseTable();
      log = new CallLog(table, clock);
      putLeases(count, 'x');
      const startedAtMillis = clock.monotonicMillis();
      const leader = leaderOf(count);
      await clock.advance(F);
      expect(log.timesOf('write')).toEqual([]);
      await clock.advance(1);
      expect(table.rows.every(({ leaseOwner }) => leaseOwner === 'leader')).toBe(true);
      for (const at of log.timesOf('write')) {
        expect(at).toBeGreaterThan(startedAtMillis + F);
        expect(at).toBeLessThanOrEqual(startedAtMillis + F + 1);
      }
      leader.halt();
    }
  });

  it('is assigned F after the scan that saw its last renewal, each at its own moment', async () => {
    putLeases(6, 'x');
    const leader = leaderOf(6);
    await clock.advance(300);
    table.putRow({ ...table.rows[3]!, leaseCounter: 9 });
    await clock.advance(3_000);
    const seen = log.timesOf('scan').find((at) => at > 300)!;
    await clock.advance(2 * F);
    expect(log.assigns.find((one) => one.includes(idOf(3)))).toBe(`${seen + F + 1} ${idOf(3)}>leader`);
    expect(log.assigns.filter((one) => one.startsWith(`${F + 1} `))).toHaveLength(5);
    leader.halt();
  });

  it('that expires while a slow round goes on is looked at right after it', async () => {
    putLeases(6, 'x');
    log.fate = (call) => (call.name === 'scan' ? () => sleep(clock, 400) : undefined);
    leaderOf(6);
    await clock.advance(2 * F);
    // First seen when the first scan of the loop was answered.
    const firstSeen = log.timesOf('scan').filter((at) => at >= 400)[0]! + 400;
    const assigned = Math.min(...log.timesOf('write'));
    expect(assigned).toBeGreaterThan(firstSeen + F);
    // The scan under way, and another one.
    expect(assigned).toBeLessThanOrEqual(firstSeen + F + 1 + 2 * 400);
  });

  it('is left alone as long as its owner renews, for an hour', async () => {
    putLeases(3, 'java');
    leaderOf(3);
    for (let passed = 0; passed < 3_600_000; passed += 3_308) {
      await clock.advance(3_308);
      renewAll('java');
    }
    expect(log.timesOf('write')).toEqual([]);
  }, 60_000);
});

describe('a leader whose lock is too old', () => {
  it('writes nothing from that moment on, even in the middle of a round', async () => {
    const count = 200;
    putLeases(count);
    // Elected at 0. Every heartbeat after that is lost, and writes take long.
    log.fate = (call) => {
      if (call.name === 'writeLock' && log.timesOf('writeLock').length > 1) return unreachable();
      return call.name === 'write' ? sleep(clock, 2_200) : undefined;
    };
    const leader = leaderOf(count);
    await clock.advance(3 * F);
    expect(leader.elector.isLeader).toBe(false);
    const times = log.timesOf('write');
    expect(times.length).toBeGreaterThan(32);
    expect(Math.max(...times)).toBeLessThan(F);
    // The round was far from its end.
    expect(new Set(log.assigns.map((one) => one.split(' ')[1])).size).toBeLessThan(count);
  });

  it('leases nothing when it grew too old during the first sync', async () => {
    log.fate = (call) => {
      if (call.name === 'writeLock' && log.timesOf('writeLock').length > 1) return unreachable();
      // It was elected by then.
      const isElected = log.timesOf('writeLock').length > 0;
      return call.name === 'scan' && isElected ? sleep(clock, 2 * F) : undefined;
    };
    const leader = leaderOf(3);
    await clock.advance(10 * F);
    expect(log.timesOf('scan').length).toBeGreaterThan(0);
    expect(leader.elector.isLeader).toBe(false);
    expect([log.timesOf('createIfAbsent'), table.rows]).toEqual([[], []]);
  });

  it('leases what it had to leave when its heartbeats come through again, and not a minute later', async () => {
    let scans = 0;
    log.fate = (call) => {
      const heartbeats = log.timesOf('writeLock').length;
      if (call.name === 'writeLock' && heartbeats > 1 && clock.monotonicMillis() < 1.25 * F) return unreachable();
      if (call.name !== 'scan' || heartbeats === 0) return undefined;
      scans += 1;
      // The lock is too old when the first sync may create leases, and is not any more before the loop looks again.
      return scans === 1 ? sleep(clock, 1.2 * F) : scans === 3 ? sleep(clock, 0.2 * F) : undefined;
    };
    const leader = leaderOf(3);
    await clock.advance(1.2 * F);
    expect([leader.elector.isLeader, log.timesOf('createIfAbsent')]).toEqual([false, []]);
    await clock.advance(0.8 * F);
    expect(leader.elector.isLeader).toBe(true);
    expect(table.rows).toHaveLength(3);
    expect(table.rows.every(({ leaseOwner }) => leaseOwner === 'leader')).toBe(true);
  });

  it('neither syncs, nor removes rows, nor deletes leases', async () => {
    putLeases(2, 'a');
    const leader = leaderOf(3);
    await clock.advance(100);
    log.fate = (call) => (call.name === 'writeLock' || call.name === 'readLock' ? unreachable() : undefined);
    // All of it would be due at 60 s.
    table.putWorkerRow(workerRow('dead', { reportCounter: 1 }));
    await clock.advance(F);
    const since = log.sent.length;
    await clock.advance(10 * F);
    expect(leader.elector.isLeader).toBe(false);
    expect(new Set(log.sent.slice(since).map(({ call }) => call.name))).toEqual(new Set(['writeLock']));
    expect(table.workerRows).toHaveLength(1);
  });
});

describe('a leader whose lock grows too old in the middle of its housekeeping', () => {
  /** From this call on, which takes longer than the lock lasts, no heartbeat comes through. */
  function cutAt(name: 'deleteWorker' | 'createIfAbsent', since = 0): void {
    let isCut = false;
    log.fate = (call) => {
      if (isCut && (call.name === 'writeLock' || call.name === 'readLock')) return unreachable();
      if (call.name !== name || clock.monotonicMillis() < since) return undefined;
      isCut = true;
      return sleep(clock, 2 * F);
    };
  }

  it('removes no further row of a silent worker', async () => {
    putLeases(1, 'a');
    for (const name of ['dead 1', 'dead 2']) table.putWorkerRow(workerRow(name, { reportCounter: 1 }));
    cutAt('deleteWorker');
    leaderOf(1);
    await clock.advance(8 * F);
    expect(log.timesOf('deleteWorker')).toHaveLength(1);
    expect(table.workerRows).toHaveLength(1);
  });

  it('creates no further lease in a sync', async () => {
    putLeases(6, 'a');
    const leader = leaderOf(6);
    await clock.runUntil(() => leader.listings.length === 1);
    // The look for holes comes every ten seconds, and would be first.
    await clock.advance(59_000);
    const listings = leader.listings.length;
    for (const number of [2, 4]) table.deleteRow(idOf(number));
    cutAt('createIfAbsent');
    await clock.runUntil(() => log.timesOf('createIfAbsent').length > 0, { atMostMillis: 2 * F });
    await clock.advance(5 * F);
    expect(log.timesOf('createIfAbsent')).toHaveLength(1);
    expect(leader.listings).toHaveLength(listings + 1);
  });
});

describe('one that has let a lease expire', () => {
  it('is given nothing more before it reports again, though its row is young', async () => {
    putLeases(2, 'x');
    table.putWorkerRow(workerRow('x', { reportCounter: 1 }));
    leaderOf(3);
    await clock.advance(F / 2);
    table.putWorkerRow(workerRow('x', { reportCounter: 2 }));
    await clock.advance(F / 2 + 200);
    expect(table.rows.slice(0, 2).map(({ leaseOwner }) => leaseOwner)).toEqual(['leader', 'leader']);
    table.putRow({ ...openLease(2, 3), leaseCounter: 1 });
    await clock.advance(1_500);
    expect(table.rows.map(({ leaseOwner }) => leaseOwner)).toEqual(['leader', 'leader', 'leader']);
    table.putWorkerRow(workerRow('x', { reportCounter: 3 }));
    table.putRow({ ...openLease(1, 3), leaseKey: idOf(9), leaseCounter: 1 });
    await clock.advance(1_500);
    expect(table.rows.find(({ leaseKey }) => leaseKey === idOf(9))?.leaseOwner).toBe('x');
  });
});

describe('a new leader', () => {
  it('gives nothing to the one before it, which has died, though its row has not stood still for long', async () => {
    const old = otherLeader();
    putLeases(4);
    const leader = leaderOf(4);
    for (let reportCounter = 1; reportCounter <= 5; reportCounter += 1) {
      table.putWorkerRow(workerRow('other', { reportCounter }));
      await clock.advance(1_000);
    }
    expect(leader.elector.isLeader).toBe(false);
    table.putWorkerRow(workerRow('other', { reportCounter: 6 }));
    old.halt();
    await clock.runUntil(() => leader.elector.isLeader);
    await clock.advance(500);
    expect(table.rows.map(({ leaseOwner }) => leaseOwner)).toEqual(Array(4).fill('leader'));
  });
});

describe('the periods', () => {
  /** Scans, and the read units that they cost, in an hour in which nothing happens. */
  async function hourOf(count: number): Promise<{ readonly scans: number; readonly units: number }> {
    table = new FakeLeaseTable();
    log = new CallLog(table, clock);
    putLeases(count, 'a');
    const leader = leaderOf(count);
    const renewing = new AbortController();
    const renew = () => {
      if (renewing.signal.aborted) return;
      renewAll('a');
      clock.timer(F / 3, renew);
    };
    renew();
    await clock.advance(60_000);
    const before = log.timesOf('scan').length;
    await clock.advance(600_000);
    renewing.abort();
    leader.halt();
    // Those of sync and cleanup once a minute are not what is stretched.
    const scans = (log.timesOf('scan').length - before) * 6 - 2 * 60;
    return { scans, units: scans * Math.max(0.5, count / 16) };
  }

  it('are a second; longer where the reads would be more than a part of the heartbeats and four units a second, but never longer than F/4', async () => {
    const most = 3_600_000 / (F / 4);
    for (const count of [1, 2, 3, 6, 16, 100]) {
      const { scans, units } = await hourOf(count);
      const writes = (count * 3 * 3_600_000) / F;
      expect(scans).toBeLessThanOrEqual(3_600 + 60);
      expect(scans).toBeGreaterThanOrEqual(most - 60);
      if (count < 76) expect(scans).toBeGreaterThanOrEqual(3_600 - 60);
      else expect(units, `${count} leases`).toBeLessThanOrEqual((writes / 5) * 1.05);
    }
  }, 60_000);

  it('of shard sync is a minute: at the election, and then again and again', async () => {
    putLeases(2, 'a');
    const leader = leaderOf(2);
    await clock.advance(185_000);
    expect(leader.listings).toHaveLength(4);
    for (const [index, at] of leader.listings.entries()) {
      expect(at).toBeGreaterThanOrEqual(60_000 * index);
      expect(at).toBeLessThan(60_000 * index + 3 * F);
    }
  });

  it('of the look for holes is ten seconds, of the cleanup a minute', async () => {
    // The row of the second half is missing, and no shard is there to fill it.
    table.putRow(openLease(0, 2, { leaseOwner: 'a' }));
    const leader = new LeaderBench(table, clock, { shards: openShards(2).slice(0, 1) }).run();
    await clock.advance(125_000);
    const holes = leader.events.filter(({ type }) => type === 'lease.hole');
    expect(holes.length).toBeGreaterThanOrEqual(10);
    expect(holes.length).toBeLessThanOrEqual(13);
    // Each hole was confirmed and led to a sync.
    expect(leader.listings.length).toBeGreaterThanOrEqual(holes.length);
  });

  it('of the cleanup is a minute', async () => {
    putLeases(1, 'a');
    leaderOf(1);
    await clock.advance(30_000);
    table.putRow(openLease(0, 1, { checkpoint: SHARD_END, childShardIds: [idOf(7)], leaseCounter: 3 }));
    table.putRow({ ...openLease(0, 1), leaseKey: idOf(7), leaseOwner: 'a', checkpoint: positionOf(1n) });
    await clock.advance(65_000);
    expect(log.timesOf('deleteEnded')).toHaveLength(1);
    expect(table.rows.map(({ leaseKey }) => leaseKey)).toEqual([idOf(7)]);
  });
});

describe('the rows of workers', () => {
  it('that have been silent for three F are removed by the leader, those of Java workers never', async () => {
    putLeases(1);
    table.putWorkerRow(workerRow('dead', { reportCounter: 1 }));
    table.putWorkerRow(workerRow('slow', { reportCounter: 1, failoverTimeMillis: 2 * F }));
    table.putWorkerRow(workerRow('java', { lastUpdateSeconds: 1 }));
    leaderOf(1);
    await clock.advance(3 * F);
    expect(table.workerRows).toHaveLength(3);
    await clock.advance(F / 2);
    expect(table.workerRows.map(({ workerIdentifier }) => workerIdentifier)).toEqual(['slow', 'java']);
    await clock.advance(3 * F);
    expect(table.workerRows.map(({ workerIdentifier }) => workerIdentifier)).toEqual(['java']);
  });

  it('make takers: those that report, and the leader itself; a silent one is given nothing', async () => {
    putLeases(4);
    const asked: AssignmentInput[] = [];
    table.putWorkerRow(workerRow('a', { reportCounter: 1 }));
    table.putWorkerRow(workerRow('dead', { reportCounter: 1 }));
    leaderOf(4, (input) => {
      asked.push(input);
      return [];
    });
    for (let report = 2; report < 8; report += 1) {
      await clock.advance(F / 3);
      table.putWorkerRow(workerRow('a', { reportCounter: report }));
    }
    const names = (input: AssignmentInput) => input.workers.map(({ workerIdentifier }) => workerIdentifier);
    expect(names(asked[0]!)).toEqual(['a', 'dead', 'leader']);
    expect(names(asked.at(-1)!)).toEqual(['a', 'leader']);
  });

  it('are told of when they come and go, the leader’s own apart', async () => {
    putLeases(1, 'java');
    table.putWorkerRow(workerRow('leader', { reportCounter: 1 }));
    const leader = leaderOf(1);
    await clock.advance(100);
    table.putWorkerRow(workerRow('a', { reportCounter: 1 }));
    await clock.advance(F / 2);
    await clock.advance(2 * F);
    const told = leader.events.flatMap((event) =>
      event.type === 'worker.joined' || event.type === 'worker.left' ? [`${event.type} ${event.workerIdentifier}`] : [],
    );
    expect(told).toEqual(['worker.joined java', 'worker.joined a', 'worker.left java', 'worker.left a']);
  });

  it('seen elsewhere before are not new to a leader', async () => {
    putLeases(2);
    table.putWorkerRow(workerRow('dead', { reportCounter: 1 }));
    const leader = new LeaderBench(table, clock, { shards: openShards(2) });
    leader.loop.observe({ leases: table.rows, workers: table.workerRows });
    await clock.advance(F + 1);
    leader.run();
    await clock.advance(100);
    expect(table.rows.map(({ leaseOwner }) => leaseOwner)).toEqual(['leader', 'leader']);
  });
});

describe('a follower', () => {
  it('leaves the table alone while the leader heartbeats', async () => {
    putLeases(3);
    const other = otherLeader();
    await clock.advance(10);
    const follower = leaderOf(3);
    await clock.advance(2 * F);
    const since = clock.monotonicMillis();
    await clock.advance(10 * F);
    expect(log.timesOf('scan').filter((at) => at > since)).toEqual([]);
    expect(log.timesOf('write')).toEqual([]);
    expect(follower.events).toEqual([]);
    other.halt();
  });

  it('begins to remember the ages of leases when two heartbeats are missing, so that it need not wait F again', async () => {
    putLeases(3, 'x');
    const other = otherLeader();
    await clock.advance(10);
    const follower = leaderOf(3);
    for (let second = 0; second < 20; second += 1) {
      await clock.advance(1_000);
      renewAll('x');
    }
    const confirmed = log.sent.findLast(({ call }) => call.name === 'writeLock')!.atMillis;
    other.halt();
    await clock.advance(confirmed + (2 * F) / 3 - clock.monotonicMillis());
    expect(log.timesOf('scan').filter((at) => at >= 2 * F)).toEqual([]);
    await clock.advance(2 * F);
    expect(follower.elector.isLeader).toBe(true);
    const elected = log.sent.find(
      ({ call }) => call.name === 'writeLock' && call.lock.ownerName === 'leader',
    )!.atMillis;
    expect(elected - confirmed).toBeLessThanOrEqual(F + 1_001);
    const firstLook = log.timesOf('scan').find((at) => at > 2 * F)!;
    expect(firstLook).toBeLessThanOrEqual(confirmed + (2 * F) / 3 + 1_000 + F / 4);
    expect(firstLook).toBeLessThan(elected);
    expect(Math.min(...log.timesOf('write'))).toBe(firstLook + F + 1);
  });

  it('that is elected syncs first, balances in its first run, and assigns at once what it has seen expire', async () => {
    putLeases(3, 'x');
    const runs: AssignmentInput[] = [];
    const other = otherLeader();
    await clock.advance(10);
    const follower = leaderOf(4, (input) => {
      runs.push(input);
      return [];
    });
    await clock.advance(F);
    await clock.runUntil(other.elector.resign(never));
    other.halt();
    await clock.advance(1_100);
    expect(follower.elector.isLeader).toBe(true);
    expect(follower.listings).toHaveLength(1);
    expect(runs[0]).toMatchObject({ balance: true });
    expect(runs[0]!.leases).toHaveLength(4);
  });
});

describe('a worker that leads again', () => {
  it('syncs again, and balances in its first run again', async () => {
    putLeases(2, 'a');
    const runs: boolean[] = [];
    const leader = leaderOf(2, ({ balance }) => {
      runs.push(balance);
      return [];
    });
    await clock.advance(F / 2);
    await clock.runUntil(() => runs.length % 3 === 2);
    const before = runs.length;
    await clock.runUntil(leader.elector.resign(never));
    // Somebody else leads for a while.
    const other = otherLeader();
    await clock.advance(3_000);
    expect(runs).toHaveLength(before);
    await clock.runUntil(other.elector.resign(never));
    other.halt();
    await clock.advance(1_100);
    expect(leader.elector.isLeader).toBe(true);
    expect(runs[before]).toBe(true);
    expect(leader.listings).toHaveLength(2);
  });
});

describe('the loop', () => {
  it('goes on after a fault that passes, soon', async () => {
    putLeases(2);
    const leader = leaderOf(2);
    let left = 3;
    log.fate = (call) => {
      if (call.name !== 'scan' || left === 0) return undefined;
      left -= 1;
      return unreachable();
    };
    await clock.advance(1_000);
    expect(leader.events.filter(({ type }) => type === 'fault.seen')).toHaveLength(3);
    expect(table.rows.every(({ leaseOwner }) => leaseOwner === 'leader')).toBe(true);
  });

  it('tries again what a round could not write, without a pause as long as a period', async () => {
    putLeases(2);
    let left = 1;
    log.fate = (call) => {
      if (call.name !== 'write' || left === 0) return undefined;
      left -= 1;
      return unreachable();
    };
    leaderOf(2);
    await clock.advance(500);
    expect(table.rows.every(({ leaseOwner }) => leaseOwner === 'leader')).toBe(true);
  });

  it('ends with a fault that does not pass', async () => {
    putLeases(1);
    const leader = leaderOf(1);
    await clock.advance(10);
    log.fate = (call) => {
      if (call.name === 'scan') throw new MillraceError('MR_ACCESS_DENIED', 'Scan is not allowed');
    };
    await clock.advance(F);
    expect(leader.fault).toMatchObject({ code: 'MR_ACCESS_DENIED' });
  });

  it('looks at once when it is woken, also when that happens during a look', async () => {
    putLeases(1, 'a');
    const leader = leaderOf(1);
    await clock.advance(100);
    const scans = () => log.timesOf('scan').length;
    const before = scans();
    leader.loop.wake();
    await clock.advance(0);
    expect(scans()).toBe(before + 1);
    log.fate = (call) => (call.name === 'scan' ? sleep(clock, 50) : undefined);
    leader.loop.wake();
    await clock.advance(10);
    leader.loop.wake();
    await clock.advance(60);
    expect(scans()).toBe(before + 3);
  });
});

describe('a leader whose passes fail', () => {
  const noAnswer = unreachable;

  /** Fails the scans of the leader from now on; those of others go on. */
  function failScans(of: { readonly isLeader: boolean }): void {
    log.fate = (call) => {
      if (call.name === 'scan' && of.isLeader) noAnswer();
    };
  }

  it('resigns when three in a row have failed, for F, and another worker leads', async () => {
    putLeases(2);
    const leader = leaderOf(2);
    await clock.runUntil(() => leader.elector.isLeader);
    await clock.advance(1_000);
    const other = otherLeader();
    const failedAtMillis = clock.monotonicMillis();
    failScans(leader.elector);
    await clock.runUntil(() => other.elector.isLeader, { atMostMillis: 2 * F });
    const tookMillis = clock.monotonicMillis() - failedAtMillis;
    expect(tookMillis).toBeGreaterThanOrEqual(F);
    expect(tookMillis).toBeLessThan(F + 4_000);
    const [resigned] = leader.events.filter((event) => event.type === 'leader.resigned');
    expect(resigned).toMatchObject({ workerIdentifier: 'leader', code: 'MR_ENDPOINT_UNREACHABLE' });
    expect(resigned?.failedPasses).toBeGreaterThanOrEqual(3);
    expect(leader.elector.isLeader).toBe(false);
    await clock.advance(3 * F);
    expect(other.elector.isLeader).toBe(true);
    other.halt();
    leader.halt();
  });

  it('stays when passes fail for less than F, or now and then', async () => {
    putLeases(2);
    const leader = leaderOf(2);
    await clock.runUntil(() => leader.elector.isLeader);
    for (let round = 0; round < 4; round += 1) {
      failScans(leader.elector);
      await clock.advance(F - 2_000);
      log.fate = () => {};
      await clock.advance(2_000);
    }
    expect(leader.events.filter(({ type }) => type === 'leader.resigned' || type === 'leader.lost')).toEqual([]);
    leader.halt();
  });

  it('leads again soon where there is nobody else, so that it works as soon as it can', async () => {
    putLeases(2);
    const leader = leaderOf(2);
    await clock.runUntil(() => leader.elector.isLeader);
    failScans(leader.elector);
    await clock.runUntil(() => leader.events.some(({ type }) => type === 'leader.resigned'), { atMostMillis: 2 * F });
    log.fate = () => {};
    expect(leader.elector.isLeader).toBe(false);
    await clock.advance(4_100);
    expect(leader.elector.isLeader).toBe(true);
    expect(leader.fault).toBeUndefined();
    leader.halt();
  });
});
