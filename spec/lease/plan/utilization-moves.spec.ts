import { describe, expect, it } from 'vitest';
import type { Lease } from '../../../lib/lease/lease.ts';
import { MoveMemory } from '../../../lib/lease/plan/utilization-moves.ts';
import { ended, row } from './utilization-rows.ts';

const metrics = { sts: { C: [50] }, opr: { C: [100] } };

/** A memory, fed with the owner of one lease of 70 KB/s and with the report marks of two workers. */
function memory() {
  const remembered = new MoveMemory();
  return (lease: Partial<Lease>, marks: { a: number; b: number }) => {
    const workers = Object.entries(marks).map(([workerIdentifier, reportMark]) => ({
      workerIdentifier,
      metrics,
      reportMark,
    }));
    const views = remembered.observe([row('s', { throughputKBps: 70, ...lease }).lease], workers);
    return Object.fromEntries(
      views.map(({ workerIdentifier, reportsSinceMove, unreported }) => [
        workerIdentifier,
        reportsSinceMove === undefined ? 'no move' : { reports: reportsSinceMove, leases: unreported?.leases },
      ]),
    );
  };
}

describe('MoveMemory', () => {
  it('knows of no move at the first sight', () => {
    expect(memory()({ leaseOwner: 'a' }, { a: 1, b: 1 })).toEqual({ a: 'no move', b: 'no move' });
  });

  it('passes the metrics on', () => {
    const views = new MoveMemory().observe([], [{ workerIdentifier: 'a', metrics, reportMark: 1 }]);
    expect(views).toEqual([{ workerIdentifier: 'a', metrics }]);
  });

  it('counts the reports after a move but for the first, which began before it', () => {
    const observe = memory();
    observe({ leaseOwner: 'a' }, { a: 1, b: 1 });
    expect(observe({ leaseOwner: 'b' }, { a: 2, b: 1 })).toEqual({
      a: { reports: 0, leases: -1 },
      b: { reports: 0, leases: 1 },
    });
    expect(observe({ leaseOwner: 'b' }, { a: 2, b: 2 })).toMatchObject({ a: { reports: 0 }, b: { reports: 0 } });
    expect(observe({ leaseOwner: 'b' }, { a: 3, b: 3 })).toEqual({
      a: { reports: 0, leases: -1 },
      b: { reports: 1, leases: 0 },
    });
    expect(observe({ leaseOwner: 'b' }, { a: 4, b: 3 })).toEqual({
      a: { reports: 1, leases: 0 },
      b: { reports: 1, leases: 0 },
    });
  });

  it('adds up the moves that no report can show yet', () => {
    const remembered = new MoveMemory();
    const observe = (owner: string, throughputKBps: number) =>
      remembered.observe(
        ['1', '2'].map((key) => row(key, { leaseOwner: key === '1' ? owner : 'b', throughputKBps }).lease),
        [{ workerIdentifier: 'b', reportMark: 1 }],
      );
    observe('a', 5);
    observe('b', 7);
    expect(observe('b', 9)).toEqual([
      { workerIdentifier: 'b', reportsSinceMove: 0, unreported: { leases: 1, throughputKBps: 7 } },
    ]);
    expect(observe('a', 7)[0]?.unreported).toEqual({ leases: 0, throughputKBps: 0 });
  });

  it('counts a lease that appears with an owner, and one that is released', () => {
    const remembered = new MoveMemory();
    const observe = (leases: Lease[]) =>
      remembered.observe(leases, [{ workerIdentifier: 'a', reportMark: 1 }])[0]?.unreported?.leases;
    expect(observe([])).toBeUndefined();
    expect(observe([row('s', { leaseOwner: 'a' }).lease])).toBe(1);
    expect(observe([row('s').lease])).toBe(0);
  });

  it('takes a pending handoff for a move that goes on, for both its workers', () => {
    const observe = memory();
    observe({ leaseOwner: 'a' }, { a: 1, b: 1 });
    for (const mark of [2, 3, 4, 5])
      expect(observe({ leaseOwner: 'b', checkpointOwner: 'a' }, { a: mark, b: mark })).toEqual({
        a: { reports: 0, leases: -1 },
        b: { reports: 0, leases: 1 },
      });
    observe({ leaseOwner: 'b' }, { a: 6, b: 6 });
    expect(observe({ leaseOwner: 'b' }, { a: 7, b: 7 })).toMatchObject({ a: { reports: 1 }, b: { reports: 1 } });
  });

  it('forgets a move when a row has only later values', () => {
    const observe = memory();
    observe({ leaseOwner: 'a' }, { a: 0, b: 0 });
    observe({ leaseOwner: 'b' }, { a: 0, b: 0 });
    for (let mark = 1; mark <= 10; mark += 1)
      expect(observe({ leaseOwner: 'b' }, { a: mark, b: 0 })).toMatchObject({ a: { reports: mark - 1 } });
    expect(observe({ leaseOwner: 'b' }, { a: 11, b: 0 })).toMatchObject({ a: 'no move', b: { reports: 0 } });
  });

  it('does not take the end of a shard for a move', () => {
    const remembered = new MoveMemory();
    const workers = [{ workerIdentifier: 'a', reportMark: 1 }];
    remembered.observe([row('s', { leaseOwner: 'a' }).lease], workers);
    const views = remembered.observe([ended(row('s', { leaseOwner: 'b' })).lease], workers);
    expect(views).toEqual([{ workerIdentifier: 'a' }]);
  });
});
