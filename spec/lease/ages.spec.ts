import { describe, expect, it } from 'vitest';
import { FleetAges } from '../../lib/lease/ages.ts';
import type { Lease, WorkerRow } from '../../lib/lease/lease.ts';
import { givenLease } from './keeper-bench.ts';

const F = 10_000;

function lease(leaseCounter: number, leaseOwner = 'a', leaseKey = 'shard-1'): Lease {
  return { ...givenLease(leaseOwner, leaseKey), leaseCounter };
}

function worker(workerIdentifier: string, reportCounter: number): WorkerRow {
  return { workerIdentifier, reportCounter, lastUpdateSeconds: 1, exclusive: false };
}

describe('FleetAges', () => {
  it('counts the age of a lease from the first sight of its counter, and anew with each change', () => {
    const ages = new FleetAges();
    const since = (counter: number, at: number) => ages.observe([lease(counter)], [], at)[0]?.unchangedSinceMillis;
    expect([since(5, 100), since(5, 900), since(6, 1_000), since(6, 5_000), since(5, 6_000)]).toEqual([
      100, 100, 1_000, 1_000, 6_000,
    ]);
  });

  it('forgets a lease that was gone in between', () => {
    const ages = new FleetAges();
    ages.observe([lease(5)], [], 0);
    ages.observe([], [], 1_000);
    expect(ages.observe([lease(5)], [], 2_000)[0]?.unchangedSinceMillis).toBe(2_000);
  });

  it('lets no slow scan make a lease look older: what it read early may have changed since', () => {
    const ages = new FleetAges();
    ages.observe([lease(5)], [], 0);
    // Asked at 1 s, answered at 12 s: all that is known is that the counter stood still for one second.
    const [observed] = ages.observe([lease(5)], [worker('a', 1)], 12_000);
    const askedAtMillis = 1_000;
    expect(askedAtMillis - observed!.unchangedSinceMillis).toBe(1_000);
    expect(ages.liveWorkers([observed!], [], F, askedAtMillis)).toEqual(['a']);
    expect(ages.reportingWorkers([worker('a', 1)], F, askedAtMillis)).toEqual(['a']);
  });

  it('counts a worker as reporting while its row changes, and for F after, a new row too', () => {
    const ages = new FleetAges();
    const rows = [worker('b', 1), worker('a', 1)];
    ages.observe([], rows, 0);
    expect(ages.reportingWorkers(rows, F, F)).toEqual(['a', 'b']);
    ages.observe([], [worker('b', 2), worker('a', 1)], F);
    expect(ages.reportingWorkers(rows, F, F + 1)).toEqual(['b']);
  });

  it('takes lut for the sign of life of a Java worker', () => {
    const ages = new FleetAges();
    const java = (lastUpdateSeconds: number): WorkerRow => ({
      workerIdentifier: 'java',
      lastUpdateSeconds,
      exclusive: false,
    });
    ages.observe([], [java(100)], 0);
    ages.observe([], [java(130)], 30_000);
    expect(ages.reportingWorkers([java(130)], F, 35_000)).toEqual(['java']);
    expect(ages.reportingWorkers([java(130)], F, 41_000)).toEqual([]);
    expect(ages.silentWorkers([java(130)], F, 1_000_000)).toEqual([]);
  });

  it('counts as alive who reports and who owns a lease that moves', () => {
    const ages = new FleetAges();
    ages.observe([lease(1, 'java'), lease(1, 'dead', 'shard-2')], [worker('a', 1), worker('gone', 1)], 0);
    const leases = [lease(2, 'java'), lease(1, 'dead', 'shard-2')];
    const workers = [worker('a', 2), worker('gone', 1)];
    const observed = ages.observe(leases, workers, F + 1);
    expect(ages.liveWorkers(observed, workers, F, F + 1)).toEqual(['a', 'java']);
    expect(ages.silentWorkers(workers, F, F + 1)).toEqual([worker('gone', 1)]);
  });
});
