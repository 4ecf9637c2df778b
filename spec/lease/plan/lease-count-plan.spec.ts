import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEnded } from '../../../lib/lease/lease.ts';
import { planLeaseCountBased } from '../../../lib/lease/plan/lease-count-plan.ts';
import type { Move, ObservedLease } from '../../../lib/lease/plan/utilization-types.ts';
import { busy, ended, heldBy, inputOf, row, silent, times } from './utilization-rows.ts';

const workersNamed = (...names: readonly string[]) => names.map((workerIdentifier) => ({ workerIdentifier }));

function planned(...args: Parameters<typeof inputOf>): string[] {
  return planLeaseCountBased(inputOf(...args)).map(
    ({ leaseKey, from, to, reason }) => `${leaseKey}: ${from ?? 'nobody'} -> ${to} (${reason})`,
  );
}

describe('LEASE_COUNT_BASED, giving out leases,', () => {
  it('gives the unowned first, then the longest silent, each to the worker with the fewest', () => {
    const leases = [
      ...heldBy('b', times(2, 1)),
      silent(10_001, row('gone', { leaseOwner: 'x' })),
      silent(99_999, row('longGone', { leaseOwner: 'x' })),
      row('new'),
      row('alive', { leaseOwner: 'x' }),
    ];
    expect(planned(leases, workersNamed('a', 'b', 'c'), {}, { balance: false })).toEqual([
      'new: nobody -> a (unowned)',
      'longGone: x -> c (expired)',
      'gone: x -> a (expired)',
    ]);
  });

  it('gives nobody more than maxLeasesForWorker; the rest waits', () => {
    const leases = [...heldBy('a', times(2, 1)), ...['1', '2', '3'].map((key) => row(key))];
    expect(planned(leases, workersNamed('a', 'b'), { maxLeasesForWorker: 2 })).toEqual([
      '1: nobody -> b (unowned)',
      '2: nobody -> b (unowned)',
    ]);
  });

  it('does not look at load, nor at maxThroughputPerHostKBps', () => {
    const leases = [...heldBy('a', [5_000]), ...heldBy('b', times(2, 1)), row('new')];
    const options = { maxThroughputPerHostKBps: 100 };
    expect(planned(leases, [busy('a', 99), busy('b', 1)], options)).toEqual(['new: nobody -> a (unowned)']);
  });

  it('gives nothing to a worker whose newest capture failed, as KCL does', () => {
    expect(planned([row('s')], [busy('a', -1), busy('b', 50)])).toEqual(['s: nobody -> b (unowned)']);
  });

  it('plans nothing without workers', () => {
    expect(planned([row('s'), row('t', { leaseOwner: 'x' })], [])).toEqual([]);
  });

  it('keeps a lease from the worker that let it expire, unless there is no other', () => {
    const gone = silent(20_000, row('s', { leaseOwner: 'a' }));
    expect(planned([gone], workersNamed('a', 'b'))).toEqual(['s: a -> b (expired)']);
    expect(planned([gone], workersNamed('a'))).toEqual([]);
  });
});

describe('LEASE_COUNT_BASED, balancing,', () => {
  const counts = (a: number, b: number, c: number) => [
    ...heldBy('a', times(a, 1)),
    ...heldBy('b', times(b, 1)),
    ...heldBy('c', times(c, 1)),
  ];
  const arrows = (moves: readonly string[]) => moves.map((line) => line.slice(line.indexOf(' ') + 1));

  it('moves leases from the fullest to the emptiest while one has two more than the other', () => {
    expect(arrows(planned(counts(6, 3, 0), workersNamed('a', 'b', 'c')))).toEqual(
      Array.from({ length: 3 }, () => 'a -> c (balance)'),
    );
    expect(arrows(planned(counts(8, 1, 1), workersNamed('a', 'b', 'c')))).toEqual([
      'a -> b (balance)',
      'a -> c (balance)',
      'a -> b (balance)',
      'a -> c (balance)',
    ]);
  });

  it('leaves no worker two leases behind another, as KCL would', () => {
    expect(arrows(planned(counts(3, 3, 1), workersNamed('a', 'b', 'c')))).toEqual(['a -> c (balance)']);
  });

  it('does it only on a run that balances', () => {
    expect(planned(counts(9, 0, 0), workersNamed('a', 'b', 'c'), {}, { balance: false })).toEqual([]);
  });

  it('takes maxLeasesForWorker for the target when that is less', () => {
    const moves = planned(counts(8, 1, 0), workersNamed('a', 'b', 'c'), { maxLeasesForWorker: 2 });
    expect(arrows(moves).sort()).toEqual(['a -> b (balance)', 'a -> c (balance)', 'a -> c (balance)']);
  });

  it('counts a lease that is being handed over for its next owner, and does not move it', () => {
    const handoffs = ['p1', 'p2', 'p3'].map((key) => row(key, { leaseOwner: 'b', checkpointOwner: 'a' }));
    expect(planned([...counts(3, 0, 0), ...handoffs], workersNamed('a', 'b'))).toEqual([]);
    expect(planned([...counts(1, 0, 0), ...handoffs], workersNamed('a', 'b'))).toEqual([]);
  });

  it('gives a handoff whose time is up to its next owner for good, or to another when that one is gone', () => {
    const handoff = { ...row('p', { leaseOwner: 'b', checkpointOwner: 'a' }), handoffTimedOut: true };
    expect(planned([handoff], workersNamed('a', 'b', 'c'))).toEqual(['p: b -> b (expired)']);
    expect(planned([handoff], workersNamed('a', 'c'))).toEqual(['p: b -> c (expired)']);
  });

  it('leaves leases at SHARD_END where they are and out of every count', () => {
    const done = Array.from({ length: 9 }, (_, index) => ended(row(`e${index}`, { leaseOwner: 'a' })));
    expect(planned([...counts(2, 2, 2), ...done], workersNamed('a', 'b', 'c'))).toEqual([]);
    expect(planned([ended(row('e'))], workersNamed('a'))).toEqual([]);
  });
});

describe('LEASE_COUNT_BASED, in any fleet,', () => {
  const names = ['w0', 'w1', 'w2', 'w3', 'w4'];
  const lease = fc.record({
    owner: fc.option(fc.constantFrom(...names, 'gone'), { nil: undefined }),
    silentMillis: fc.constantFrom(0, 0, 0, 10_001, 60_000),
    isAtEnd: fc.boolean(),
  });
  const fleet = fc
    .record({
      leases: fc.array(lease, { maxLength: 60 }),
      workers: fc.subarray(names, { minLength: 1 }),
      maxLeasesForWorker: fc.constantFrom(3, 2_147_483_647),
      balance: fc.boolean(),
      // All leases without an owner or renewed by workers that report.
      isCalm: fc.boolean(),
    })
    .map(({ leases, workers, maxLeasesForWorker, balance, isCalm }) =>
      inputOf(
        leases.map(({ owner: drawn, silentMillis, isAtEnd }, index) => {
          const owner = drawn !== undefined && isCalm ? workers[names.indexOf(drawn) % workers.length] : drawn;
          const observed = silent(
            isCalm ? 0 : silentMillis,
            row(`s${index}`, owner === undefined ? {} : { leaseOwner: owner }),
          );
          return isAtEnd ? ended(observed) : observed;
        }),
        workersNamed(...workers),
        { maxLeasesForWorker },
        { balance },
      ),
    );

  const countsAfter = (leases: readonly ObservedLease[], workers: readonly string[], moves: readonly Move[]) => {
    const targets = new Map(moves.map(({ leaseKey, to }) => [leaseKey, to]));
    const owners = leases
      .filter((observed) => !isEnded(observed.lease))
      .map((observed) => targets.get(observed.lease.leaseKey) ?? observed.lease.leaseOwner);
    return workers.map((worker) => owners.filter((owner) => owner === worker).length);
  };

  it('moves each lease at most once, to a worker that is there, and none at SHARD_END', () => {
    fc.assert(
      fc.property(fleet, (given) => {
        const moves = planLeaseCountBased(given);
        const rows = new Map(given.leases.map((observed) => [observed.lease.leaseKey, observed.lease]));
        expect(new Set(moves.map(({ leaseKey }) => leaseKey)).size).toBe(moves.length);
        for (const { leaseKey, from, to } of moves) {
          expect(given.workers.map(({ workerIdentifier }) => workerIdentifier)).toContain(to);
          const moved = rows.get(leaseKey);
          expect(moved?.leaseOwner).toBe(from);
          expect(moved !== undefined && isEnded(moved)).toBe(false);
          expect(to).not.toBe(from);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('leaves no worker above the target when it balances and owners report, and none above the limit it was not above', () => {
    fc.assert(
      fc.property(fleet, ({ leases, ...given }) => {
        const workers = given.workers.map(({ workerIdentifier }) => workerIdentifier);
        const moves = planLeaseCountBased({ ...given, leases });
        const before = countsAfter(leases, workers, []);
        const after = countsAfter(leases, workers, moves);
        const { maxLeasesForWorker } = given.options;
        for (const [index, count] of after.entries())
          expect(count).toBeLessThanOrEqual(Math.max(before[index] ?? 0, maxLeasesForWorker));
        const load = leases.filter((observed) => !isEnded(observed.lease));
        const isSteady = load.every(
          ({ lease: { leaseOwner }, unchangedSinceMillis }) =>
            leaseOwner === undefined || (leaseOwner !== 'gone' && given.nowMillis - unchangedSinceMillis === 0),
        );
        const target = Math.max(1, Math.ceil(load.length / workers.length));
        const isAmong = load.every(
          ({ lease: { leaseOwner } }) => leaseOwner === undefined || workers.includes(leaseOwner),
        );
        if (!given.balance || !isSteady || !isAmong || target > maxLeasesForWorker) return;
        expect(Math.max(0, ...after)).toBeLessThanOrEqual(target);
      }),
      { numRuns: 2_000 },
    );
  });

  it('plans nothing more once its moves were made, and the same in any order of rows', () => {
    fc.assert(
      fc.property(fleet, (given) => {
        const moves = planLeaseCountBased(given);
        const turned = { ...given, leases: given.leases.toReversed(), workers: given.workers.toReversed() };
        expect(planLeaseCountBased(turned)).toEqual(moves);
        const workers = new Set(given.workers.map(({ workerIdentifier }) => workerIdentifier));
        // A lease that a live worker let expire goes to another whatever the loads are; that may have to be evened out.
        const isRenewed = given.leases.every(
          ({ lease: { leaseOwner = 'gone' }, unchangedSinceMillis }) =>
            !workers.has(leaseOwner) || unchangedSinceMillis === given.nowMillis,
        );
        if (!isRenewed) return;
        const targets = new Map(moves.map(({ leaseKey, to }) => [leaseKey, to]));
        const leases = given.leases.map((observed) => {
          const to = targets.get(observed.lease.leaseKey);
          if (to === undefined) return observed;
          return { lease: { ...observed.lease, leaseOwner: to }, unchangedSinceMillis: given.nowMillis };
        });
        expect(planLeaseCountBased({ ...given, leases })).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});
