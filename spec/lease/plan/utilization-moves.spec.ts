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
  it('takes its first sight for a move of every worker: another leader may have made one just now', () => {
    const observe = memory();
    const unknown = { reports: 0, leases: 0 };
    expect(observe({ leaseOwner: 'a' }, { a: 1, b: 1 })).toEqual({ a: unknown, b: unknown });
    expect(observe({ leaseOwner: 'a' }, { a: 2, b: 1 })).toEqual({ a: unknown, b: unknown });
    expect(observe({ leaseOwner: 'a' }, { a: 3, b: 2 })).toEqual({ a: { reports: 1, leases: 0 }, b: unknown });
  });

  it('knows of no move of a worker that comes later', () => {
    const remembered = new MoveMemory();
    remembered.observe([], []);
    expect(remembered.observe([], [{ workerIdentifier: 'a', reportMark: 1 }])).toEqual([{ workerIdentifier: 'a' }]);
  });

  it('passes on the metrics and how often they come', () => {
    const worker = { workerIdentifier: 'a', metrics, reportIntervalMillis: 5_000 };
    expect(new MoveMemory().observe([], [{ ...worker, reportMark: 1 }])).toMatchObject([worker]);
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
    expect(observe([])).toBe(0);
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
    const observe = (lease: Lease, reportMark: number) =>
      remembered.observe([lease], [{ workerIdentifier: 'a', reportMark }])[0]?.reportsSinceMove;
    observe(row('s', { leaseOwner: 'a' }).lease, 1);
    observe(row('s', { leaseOwner: 'a' }).lease, 2);
    expect(observe(row('s', { leaseOwner: 'a' }).lease, 3)).toBe(1);
    expect(observe(ended(row('s', { leaseOwner: 'b' })).lease, 3)).toBe(1);
  });
});
