import { beforeEach, describe, expect, it } from 'vitest';
import { FleetAges, gracefulLeaseHandoffTimeoutMillis } from '../../lib/lease/ages.ts';
import type { Lease, WorkerRow } from '../../lib/lease/lease.ts';
import { failoverTimeMillis as F, givenLease, workerRow } from './keeper-bench.ts';

let ages: FleetAges;

beforeEach(() => {
  ages = new FleetAges(F);
});

function lease(leaseCounter: number, leaseOwner = 'a', leaseKey = 'shard-1'): Lease {
  return { ...givenLease(leaseOwner, leaseKey), leaseCounter };
}

function worker(workerIdentifier: string, reportCounter: number, failoverTimeMillis?: number): WorkerRow {
  return workerRow(workerIdentifier, {
    reportCounter,
    ...(failoverTimeMillis === undefined ? {} : { failoverTimeMillis }),
  });
}

/** A Java worker's row: `lut` is all that changes. */
function java(lastUpdateSeconds: number): WorkerRow {
  return workerRow('java', { lastUpdateSeconds });
}

/** After how long the one lease of a snapshot counts as expired. */
function patience(row: Lease, atMillis: number, workers: readonly WorkerRow[] = []): number | undefined {
  return ages.observe([row], workers, atMillis)[0]?.expiresAfterMillis;
}

describe('the age of a lease', () => {
  it('counts from the first sight of its counter, and anew with each change', () => {
    const since = (counter: number, at: number) => ages.observe([lease(counter)], [], at)[0]?.unchangedSinceMillis;
    expect([since(5, 100), since(5, 900), since(6, 1_000), since(6, 5_000), since(5, 6_000)]).toEqual([
      100, 100, 1_000, 1_000, 6_000,
    ]);
  });

  it('is forgotten with a lease that was gone in between', () => {
    ages.observe([lease(5)], [], 0);
    ages.observe([], [], 1_000);
    expect(ages.observe([lease(5)], [], 2_000)[0]?.unchangedSinceMillis).toBe(2_000);
  });

  it('does not grow by a slow scan: what it read early may have changed since', () => {
    ages.observe([lease(5)], [worker('a', 1)], 0);
    // Asked at 1 s, answered at 12 s: all that is known is that the counter stood still for one second.
    const [observed] = ages.observe([lease(5)], [worker('a', 1)], 12_000);
    const askedAtMillis = 1_000;
    expect(askedAtMillis - observed!.unchangedSinceMillis).toBe(1_000);
    expect(ages.liveWorkers([observed!], [], askedAtMillis)).toEqual(['a']);
    expect(ages.reportingWorkers([worker('a', 1)], askedAtMillis)).toEqual(['a']);
  });

  it('counts from a gift, not from the scan that shows it', () => {
    ages.observe([lease(5, 'x')], [], 0);
    ages.noteAssigned(lease(6, 'a'), 10_500);
    expect(ages.observe([lease(6, 'a')], [], 11_500)[0]?.unchangedSinceMillis).toBe(10_500);
  });
});

describe('how long a counter may stand still', () => {
  it('is F for a worker of the same F, and for a lease without an owner', () => {
    expect(patience(lease(1), 0, [worker('a', 1, F)])).toBe(F);
    const { leaseOwner: _, ...unowned } = lease(1);
    expect(patience(unowned, 10)).toBe(F);
  });

  it('is the owner’s own F where its row tells a longer one, never less than ours', () => {
    expect(patience(lease(1), 0, [worker('a', 1, 3 * F)])).toBe(3 * F);
    expect(patience(lease(1), 10, [worker('a', 1, F / 5)])).toBe(F);
  });

  it('goes by what the row tells, not by renewal gaps, where there is a row that tells it', () => {
    patience(lease(1), 0, [worker('a', 1, F)]);
    expect(patience(lease(2), 9_000, [worker('a', 2, F)])).toBe(F);
  });

  it('stays what the row told when the row is gone: a worker that stops removes it before it has released its leases', () => {
    expect(patience(lease(1), 0, [worker('a', 1, 3 * F)])).toBe(3 * F);
    expect(patience(lease(1), 1_000)).toBe(3 * F);
    // The same for the row of a dead worker that was removed: no gap takes its place.
    expect(patience(lease(2), 4_000)).toBe(3 * F);
  });

  /** Looks every second while the owner renews every `everyMillis`, until `untilMillis`. */
  function watch(everyMillis: number, untilMillis: number): number | undefined {
    let last: number | undefined;
    for (let now = 0; now <= untilMillis; now += 1_000) {
      last = patience(lease(1 + Math.floor(now / everyMillis), 'java'), now, [java(1)]);
    }
    return last;
  }

  it('is three of the longest renewal gaps of an owner whose F cannot be seen', () => {
    expect(watch(3_000, 30_000)).toBe(F);
    ages = new FleetAges(F);
    // A Java worker with an F of 30 s.
    expect(watch(10_000, 40_000)).toBe(30_000);
  });

  it('keeps the longest gap, whatever comes after it', () => {
    watch(10_000, 40_000);
    for (const [counter, now] of [
      [6, 41_000],
      [7, 42_000],
      [8, 43_000],
    ] as const) {
      expect(patience(lease(counter, 'java'), now)).toBe(30_000);
    }
  });

  it('divides a gap by the steps that the counter made', () => {
    patience(lease(1, 'java'), 0);
    expect(patience(lease(3, 'java'), 5_000)).toBe(F);
    expect(patience(lease(4, 'java'), 9_000)).toBe(12_000);
  });

  it('learns nothing from a look that comes late: the owner may have died in between', () => {
    patience(lease(1, 'java'), 0);
    // This process slept for 20 s; the owner renewed once more, and that was all.
    expect(patience(lease(2, 'java'), 20_000)).toBe(F);
    expect(patience(lease(20, 'java'), 80_000)).toBe(F);
  });

  it('learns a gap from all leases of an owner, and nothing of it for another', () => {
    for (const now of [0, 4_000]) {
      ages.observe([lease(1, 'java', 'one'), lease(1, 'java', 'two'), lease(1, 'other', 'three')], [], now);
    }
    const later = [lease(2, 'java', 'one'), lease(1, 'java', 'two'), lease(1, 'other', 'three')];
    expect(ages.observe(later, [], 8_000).map((one) => one.expiresAfterMillis)).toEqual([24_000, 24_000, F]);
  });

  it('takes neither a change of the owner nor a step back for a renewal', () => {
    patience(lease(1, 'java'), 0);
    expect(patience(lease(2, 'other'), 9_000)).toBe(F);
    expect(patience(lease(1, 'other'), 18_000)).toBe(F);
    expect(patience(lease(1, 'java'), 18_500)).toBe(F);
  });

  it('goes by the old owner during a handoff: it is the one that renews', () => {
    const handed = (counter: number): Lease => ({ ...lease(counter, 'new'), checkpointOwner: 'old' });
    const rows = [worker('new', 1, 5 * F), worker('old', 1, 2 * F)];
    expect(patience(handed(1), 0, rows)).toBe(2 * F);
  });

  it('is three times as long once an assign was not answered by one renewal', () => {
    patience(lease(5, 'x'), 0);
    ages.noteAssigned(lease(6), 10_001);
    expect(patience(lease(6), 11_000, [worker('a', 1, F)])).toBe(F);
    ages.noteAssigned(lease(7), 20_002);
    expect(patience(lease(7), 21_000, [worker('a', 2, F)])).toBe(3 * F);
    // It lives after all.
    expect(patience(lease(8), 40_000, [worker('a', 3, F)])).toBe(F);
  });

  it('stays three times as long when a scan that lags shows the row from before the assign', () => {
    patience(lease(5, 'x'), 0);
    ages.noteAssigned(lease(6), 10_001);
    patience(lease(5, 'x'), 11_000);
    patience(lease(6), 12_000);
    ages.noteAssigned(lease(7), 22_003);
    expect(patience(lease(7), 23_000)).toBe(3 * F);
    expect(patience(lease(6), 24_000)).toBe(3 * F);
  });
});

describe('a pending handoff', () => {
  const handed = (counter: number, to = 'b'): Lease => ({ ...lease(counter, to), checkpointOwner: 'a' });
  const timeoutMillis = gracefulLeaseHandoffTimeoutMillis + F;
  const isOver = (row: Lease, at: number) => ages.observe([row], [], at)[0]?.handoffTimedOut === true;

  it('has used up its time 30 s + F after its first sight, however often the old owner renews', () => {
    expect(isOver(handed(1), 1_000)).toBe(false);
    expect(isOver(handed(9), 1_000 + timeoutMillis)).toBe(false);
    expect(isOver(handed(10), 1_001 + timeoutMillis)).toBe(true);
  });

  it('gets its time anew with another pair of owners, and after it was over', () => {
    isOver(handed(1), 0);
    expect(isOver(handed(2, 'c'), timeoutMillis + 1)).toBe(false);
    isOver(lease(3, 'c'), timeoutMillis + 2);
    expect(isOver(handed(4, 'c'), 2 * timeoutMillis + 2)).toBe(false);
  });
});

describe('the workers', () => {
  it('report while their rows change, and for F after; a new row counts too', () => {
    const rows = [worker('b', 1), worker('a', 1)];
    ages.observe([], rows, 0);
    expect(ages.reportingWorkers(rows, F)).toEqual(['a', 'b']);
    const later = [worker('b', 2), worker('a', 1)];
    ages.observe([], later, F);
    expect(ages.reportingWorkers(later, F + 1)).toEqual(['b']);
  });

  it('report for their own F where that is longer', () => {
    const rows = [worker('slow', 1, 2 * F), worker('quick', 1, F / 5)];
    ages.observe([], rows, 0);
    expect(ages.reportingWorkers(rows, F)).toEqual(['quick', 'slow']);
    expect(ages.reportingWorkers(rows, 2 * F)).toEqual(['slow']);
    expect(ages.reportingWorkers(rows, 2 * F + 1)).toEqual([]);
  });

  it('of Java show life by lut, for twice its report period, and their rows are left to Java', () => {
    ages.observe([], [java(100)], 0);
    ages.observe([], [java(130)], 30_000);
    expect(ages.reportingWorkers([java(130)], 90_000)).toEqual(['java']);
    expect(ages.reportingWorkers([java(130)], 90_001)).toEqual([]);
    expect(ages.silentWorkers([java(130)], 1, 1_000_000)).toEqual([]);
  });

  it('are alive when they report or own a lease that moves', () => {
    ages.observe([lease(1, 'java'), lease(1, 'dead', 'shard-2')], [worker('a', 1), worker('gone', 1)], 0);
    const leases = [lease(2, 'java'), lease(1, 'dead', 'shard-2')];
    const workers = [worker('a', 2), worker('gone', 1)];
    const observed = ages.observe(leases, workers, F + 1);
    expect(ages.liveWorkers(observed, workers, F + 1)).toEqual(['a', 'java']);
  });

  it('are given nothing more once they are distrusted, until they report anew', () => {
    ages.observe([], [worker('a', 1), worker('b', 7)], 0);
    ages.distrust('b');
    expect(ages.reportingWorkers([worker('a', 1), worker('b', 7)], 1_000)).toEqual(['a']);
    ages.observe([], [worker('a', 1), worker('b', 7)], 2_000);
    expect(ages.reportingWorkers([worker('a', 1), worker('b', 7)], 2_000)).toEqual(['a']);
    ages.observe([], [worker('a', 1), worker('b', 8)], 3_000);
    expect(ages.reportingWorkers([worker('a', 1), worker('b', 8)], 3_000)).toEqual(['a', 'b']);
  });

  it('are silent after so many F without a report', () => {
    const rows = [worker('a', 1), worker('slow', 1, 2 * F)];
    ages.observe([], rows, 0);
    expect(ages.silentWorkers(rows, 3, 3 * F)).toEqual([]);
    expect(ages.silentWorkers(rows, 3, 3 * F + 1)).toEqual([rows[0]]);
    expect(ages.silentWorkers(rows, 3, 6 * F + 1)).toEqual(rows);
  });

  it('are proven when this process has itself seen them move something within F, and by nothing else', () => {
    const look = (at: number, leases: readonly Lease[], workers: readonly WorkerRow[]) => {
      ages.observe(leases, workers, at);
      return ages.provenWorkers(leases, workers, at);
    };
    expect(look(0, [lease(1, 'java')], [worker('a', 1)])).toEqual([]);
    expect(look(1_000, [lease(1, 'java')], [worker('a', 2)])).toEqual(['a']);
    expect(look(2_000, [lease(2, 'java')], [worker('a', 2)])).toEqual(['a', 'java']);
    // Given away by somebody else: that is no life of the new owner's.
    expect(look(3_000, [lease(3, 'b')], [worker('a', 2)])).toEqual(['a']);
    expect(look(11_001, [lease(3, 'b')], [worker('a', 2)])).toEqual([]);
  });
});
