import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { planByUtilization } from '../../../lib/lease/plan/utilization-plan.ts';
import { type ObservedLease, isBalanceRun } from '../../../lib/lease/plan/utilization-types.ts';
import { busy, countMoves, ended, heldBy, inputOf, planned, row, silent, times } from './utilization-rows.ts';

describe('isBalanceRun', () => {
  it('is every third run from the first on', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7].filter((run) => isBalanceRun(run, 3))).toEqual([0, 3, 6]);
    expect([0, 1, 2].filter((run) => isBalanceRun(run, 1))).toEqual([0, 1, 2]);
  });
});

describe('giving out leases', () => {
  const options = { balance: false };

  it('gives the unowned first, then the longest silent, each to the worker with the most room', () => {
    const leases = [
      row('young', { leaseOwner: 'x' }),
      silent(10_000, row('edge', { leaseOwner: 'x' })),
      silent(10_001, row('gone', { leaseOwner: 'x' })),
      silent(99_999, row('longGone', { leaseOwner: 'x' })),
      row('new'),
    ];
    // Five leases over two workers: 2 each, so that each lease is expected to add half of the average of 40.
    expect(planned(leases, [busy('a', 60), busy('b', 20)], {}, options)).toEqual([
      'new: nobody -> b (unowned)',
      'longGone: x -> b (expired)',
      'gone: x -> a (expired)',
    ]);
  });

  it('takes a longer time for a lease that is given one', () => {
    const patient = { ...silent(29_000, row('s', { leaseOwner: 'x' })), expiresAfterMillis: 30_000 };
    expect(planned([patient], [busy('a', 1)], {}, options)).toEqual([]);
    expect(planned([silent(29_000, patient)], [busy('a', 1)], { failoverTimeMillis: 1 }, options)).toEqual([]);
    expect(planned([silent(30_001, patient)], [busy('a', 1)], {}, options)).toEqual(['s: x -> a (expired)']);
  });

  it('adds what a lease will do to a metric by its throughput', () => {
    // a has 800, b 200, two more are free with the average of 250: target 750, average 30. The heavy one adds 20 to b.
    const leases = [
      ...heldBy('a', [400, 400]),
      ...heldBy('b', [100, 100]),
      row('c1', { throughputKBps: 500 }),
      row('c2', { throughputKBps: 0 }),
    ];
    expect(planned(leases, [busy('a', 35), busy('b', 25)], {}, options)).toEqual([
      'c1: nobody -> b (unowned)',
      'c2: nobody -> a (unowned)',
    ]);
  });

  it('takes the average for a lease whose throughput nobody knows', () => {
    // The unknown one counts as 200 of 800 in all: target 400, average 30. It adds 15 to b: 35, where a has 40.
    const leases = [...heldBy('a', [200, 200]), ...heldBy('b', [200]), row('u1'), row('u2', { throughputKBps: 200 })];
    expect(planned(leases, [busy('a', 40), busy('b', 20)], {}, options)).toEqual([
      'u1: nobody -> b (unowned)',
      'u2: nobody -> b (unowned)',
    ]);
    expect(planned(leases, [busy('a', 31), busy('b', 29)], {}, options)).toEqual([
      'u1: nobody -> b (unowned)',
      'u2: nobody -> a (unowned)',
    ]);
  });

  it('judges a worker by its metric with the least room', () => {
    const metrics = (cpu: number, memory: number) => ({
      sts: { C: [cpu], M: [memory] },
      opr: { C: [100], M: [100] },
    });
    const workers = [
      { workerIdentifier: 'a', metrics: metrics(10, 90) },
      { workerIdentifier: 'b', metrics: metrics(50, 50) },
      { workerIdentifier: 'c', metrics: metrics(60, 40) },
    ];
    expect(planned([row('s')], workers, {}, options)).toEqual(['s: nobody -> b (unowned)']);
  });

  it('counts a metric at 0 as room for as much again, as KCL does', () => {
    // Averages 30: a could take 2 times its load, b is at 0 and counts as 1, c is full.
    expect(planned([row('s')], [busy('a', 10), busy('b', 0), busy('c', 80)], {}, options)).toEqual([
      's: nobody -> a (unowned)',
    ]);
    expect(planned([row('s')], [busy('a', 25), busy('b', 0), busy('c', 65)], {}, options)).toEqual([
      's: nobody -> b (unowned)',
    ]);
  });

  it('spreads leases evenly, then by name, while nobody has any load', () => {
    const leases = ['1', '2', '3', '4', '5'].map((key) => row(key));
    expect(planned(leases, [busy('b', 0), busy('a', 0)], {}, options)).toEqual([
      '1: nobody -> a (unowned)',
      '2: nobody -> b (unowned)',
      '3: nobody -> a (unowned)',
      '4: nobody -> b (unowned)',
      '5: nobody -> a (unowned)',
    ]);
  });

  it('gives no worker more than maxLeasesForWorker', () => {
    const leases = [...heldBy('a', times(2, 1)), ...['1', '2', '3', '4'].map((key) => row(key))];
    const moves = planByUtilization(
      inputOf(leases, [busy('a', 1), busy('b', 50)], { maxLeasesForWorker: 3 }, { balance: false }),
    );
    expect(moves).toHaveLength(4);
    expect(countMoves(moves, undefined, 'a')).toBe(1);
    const fewer = planned(leases, [busy('a', 1), busy('b', 50)], { maxLeasesForWorker: 2 }, options);
    expect(fewer).toEqual(['1: nobody -> b (unowned)', '2: nobody -> b (unowned)']);
  });

  it('gives nothing more to a worker whose leases carry more than maxThroughputPerHostKBps', () => {
    const leases = [
      ...heldBy('a', [101]),
      ...heldBy('b', [100]),
      row('c', { throughputKBps: 1 }),
      row('d', { throughputKBps: 1 }),
    ];
    const workers = [busy('a', 1), busy('b', 99)];
    expect(planned(leases, workers, { maxThroughputPerHostKBps: 100 }, options)).toEqual(['c: nobody -> b (unowned)']);
  });

  it('leaves out a worker whose newest capture failed, and one without an operating range', () => {
    const failing = { workerIdentifier: 'f', metrics: { sts: { C: [1, -1] }, opr: { C: [100] } } };
    const damaged = { workerIdentifier: 'g', metrics: { sts: { C: [1] }, opr: {} } };
    expect(planned([row('s')], [failing, damaged, busy('z', 99)], {}, options)).toEqual(['s: nobody -> z (unowned)']);
  });

  it('judges all by throughput when nobody can be judged by metrics', () => {
    const failing = (workerIdentifier: string) => busy(workerIdentifier, -1);
    const leases = [...heldBy('f', [10]), row('s')];
    expect(planned(leases, [failing('f'), failing('g')], {}, options)).toEqual(['s: nobody -> g (unowned)']);
  });

  it('mixes workers without metrics, judged by throughput, with others', () => {
    // t carries 150 of a target of 100, u 50: 150 and 50 percent, average 100. c is at the average of CPU.
    const leases = [
      ...heldBy('t', [150]),
      ...heldBy('u', [50]),
      ...heldBy('c', [100]),
      row('s', { throughputKBps: 0 }),
    ];
    const workers = [
      { workerIdentifier: 't' },
      busy('c', 50),
      { workerIdentifier: 'u', metrics: { sts: {}, opr: {} } },
    ];
    expect(planned(leases, workers, {}, options)).toEqual(['s: nobody -> u (unowned)']);
  });

  it('keeps a lease from the worker that let it expire, unless there is no other', () => {
    const gone = silent(20_000, row('s', { leaseOwner: 'a' }));
    expect(planned([gone], [busy('a', 1), busy('b', 99)], {}, options)).toEqual(['s: a -> b (expired)']);
    expect(planned([gone], [busy('a', 1)], {}, options)).toEqual([]);
  });

  it('makes room on the worker that let a lease expire', () => {
    const leases = [
      silent(30_000, row('x1', { leaseOwner: 'x' })),
      row('x2', { leaseOwner: 'x' }),
      row('y1', { leaseOwner: 'y' }),
      silent(20_000, row('g1', { leaseOwner: 'gone' })),
      silent(19_000, row('g2', { leaseOwner: 'gone' })),
    ];
    expect(planned(leases, [busy('x', 1), busy('y', 99)], { maxLeasesForWorker: 3 }, options)).toEqual([
      'x1: x -> y (expired)',
      'g1: gone -> x (expired)',
      'g2: gone -> x (expired)',
    ]);
  });

  it('gives nothing when nobody reports', () => {
    expect(planned([row('s')], [], {}, options)).toEqual([]);
  });

  it('counts moves that a metric cannot show yet', () => {
    const leases = [...heldBy('a', times(4, 100)), ...heldBy('b', times(4, 100)), row('s', { throughputKBps: 100 })];
    const workers = (leasesGained: number) => [
      busy('a', 30, { reportsSinceMove: 0, unreported: { leases: leasesGained, throughputKBps: 100 * leasesGained } }),
      busy('b', 40),
    ];
    expect(planned(leases, workers(0), {}, options)).toEqual(['s: nobody -> a (unowned)']);
    expect(planned(leases, workers(3), {}, options)).toEqual(['s: nobody -> b (unowned)']);
    expect(planned(leases, [workers(3)[0]!, busy('b', 70)], {}, options)).toEqual(['s: nobody -> a (unowned)']);
  });

  it('does not count them for a worker without metrics, whose leases tell already', () => {
    const leases = [...heldBy('a', times(3, 100)), ...heldBy('b', times(4, 100)), row('s', { throughputKBps: 100 })];
    const unreported = { leases: 3, throughputKBps: 300 };
    const workers = [{ workerIdentifier: 'a', unreported }, { workerIdentifier: 'b' }];
    expect(planned(leases, workers, {}, options)).toEqual(['s: nobody -> a (unowned)']);
  });
});

describe('balancing', () => {
  it('does it only when told', () => {
    const leases = heldBy('a', times(20, 100));
    expect(planned(leases, [busy('a', 90), busy('b', 10)], {}, { balance: false })).toEqual([]);
    expect(planned(leases, [busy('a', 90), busy('b', 10)])).not.toEqual([]);
  });

  it('follows the worked example: at 70 and 40 percent only the first is a source, for 60 percent of its surplus', () => {
    // (70 - 55) / 70 of 1,400 KB/s is 300; 60 percent of it is 180: one lease of 100, for the next would use it up.
    const leases = [...heldBy('a', times(14, 100)), ...heldBy('b', times(8, 100))];
    const moves = planByUtilization(inputOf(leases, [busy('a', 70), busy('b', 40)]));
    expect(moves).toEqual([{ leaseKey: expect.stringMatching(/^a-/), from: 'a', to: 'b', reason: 'balance' }]);
  });

  it.each([
    // The average is 55, the limits are 60.5 and 49.5.
    { a: 60.5, b: 49.5, moves: 0 },
    { a: 60.6, b: 49.4, moves: 1 },
  ])('starts when a worker passes a limit: $a and $b percent', ({ a, b, moves }) => {
    const leases = [...heldBy('a', times(100, 1)), ...heldBy('b', times(100, 1))];
    expect(planned(leases, [busy('a', a), busy('b', b)], { dampeningPercentage: 20 })).toHaveLength(moves);
  });

  it('takes from the most loaded worker when only a lower limit is passed', () => {
    // Average 50, limits 45 and 55.
    const leases = ['a', 'b', 'c', 'd'].flatMap((owner) => heldBy(owner, times(50, 10)));
    const workers = [busy('a', 53), busy('b', 54), busy('c', 53), busy('d', 40)];
    const moves = planByUtilization(inputOf(leases, workers));
    expect(moves.length).toBeGreaterThan(0);
    expect(countMoves(moves, 'b', 'd')).toBe(moves.length);
  });

  it.each([
    { dampeningPercentage: 60, moves: 11 },
    { dampeningPercentage: 100, moves: 19 },
    { dampeningPercentage: 10, moves: 1 },
  ])('takes $dampeningPercentage percent of the surplus', ({ dampeningPercentage, moves }) => {
    // (80 - 60) / 80 of 80 leases of 10 is 20 leases; what would use up the whole is not taken.
    const leases = [...heldBy('a', times(80, 10)), ...heldBy('b', times(40, 10))];
    expect(planned(leases, [busy('a', 80), busy('b', 40)], { dampeningPercentage })).toHaveLength(moves);
  });

  it.each([
    { reBalanceThresholdPercentage: 10, isSource: true },
    { reBalanceThresholdPercentage: 50, isSource: false },
  ])('lets loads differ by $reBalanceThresholdPercentage percent', ({ reBalanceThresholdPercentage, isSource }) => {
    const leases = [...heldBy('a', times(80, 10)), ...heldBy('b', times(40, 10))];
    const moves = planned(leases, [busy('a', 80), busy('b', 40)], { reBalanceThresholdPercentage });
    expect(moves.length > 0).toBe(isSource);
  });

  it('overshoots by the smallest lease when every lease is too large, if it may', () => {
    // The surplus is (60 - 45) / 60 * 60 percent of 400: 60.
    const leases = [...heldBy('a', [110, 100, 190]), ...heldBy('b', [200])];
    const workers = [busy('a', 60), busy('b', 30)];
    expect(planned(leases, workers)).toEqual(['a-001: a -> b (balance)']);
    expect(planned(leases, workers, { allowThroughputOvershoot: false })).toEqual([]);
  });

  it('moves exactly one lease of a worker without any throughput', () => {
    const leases = [...heldBy('a', times(10, 0)), ...heldBy('b', times(2, 0))];
    expect(planned(leases, [busy('a', 90), busy('b', 10)])).toHaveLength(1);
    expect(planned(heldBy('a', Array(10).fill(undefined)), [busy('a', 90), busy('b', 10)])).toHaveLength(1);
  });

  it('balances an idle fleet without metrics by number of leases', () => {
    const idle = [{ workerIdentifier: 'a' }, { workerIdentifier: 'b' }];
    expect(planned([...heldBy('a', times(6, 0)), ...heldBy('b', times(4, 0))], idle)).toHaveLength(1);
    expect(planned([...heldBy('a', times(3, 0)), ...heldBy('b', times(2, 0))], idle)).toEqual([]);
  });

  it('leaves the one lease of an idle fleet where it is: on another worker it would weigh as much', () => {
    const workers = [{ workerIdentifier: 'a' }, { workerIdentifier: 'b' }];
    for (const throughput of [0, 10, undefined]) {
      expect(planned(heldBy('a', [throughput]), workers)).toEqual([]);
      expect(planned(heldBy('b', [throughput]), [...workers, { workerIdentifier: 'c' }])).toEqual([]);
    }
  });

  it('stops when the target would pass the average', () => {
    // Average 50. One lease adds 100 * 50 / 150 = 33 to b: 60, or to 10: 43.
    const leases = [...heldBy('a', [100, 100]), ...heldBy('b', [100])];
    expect(planned(leases, [busy('a', 73), busy('b', 27)])).toEqual([]);
    expect(planned(leases, [busy('a', 90), busy('b', 10)])).toHaveLength(1);
  });

  it('stops when the target would pass its operating range', () => {
    const leases = [...heldBy('a', times(20, 10)), ...heldBy('b', times(2, 10))];
    const b = (range: number) => ({ workerIdentifier: 'b', metrics: { sts: { C: [10] }, opr: { C: [range] } } });
    // Average 50 and target 110: each lease adds 4.5 percent.
    expect(planned(leases, [busy('a', 90), b(100)])).toHaveLength(5);
    expect(planned(leases, [busy('a', 90), b(20)])).toHaveLength(2);
    expect(planned(leases, [busy('a', 90), b(12)])).toHaveLength(0);
  });

  it('relieves a worker above its operating range even when it is not above the average', () => {
    const leases = ['a', 'b', 'c'].flatMap((owner) => heldBy(owner, times(50, 10)));
    const a = (range: number) => ({ workerIdentifier: 'a', metrics: { sts: { C: [50] }, opr: { C: [range] } } });
    const others = [busy('b', 52), busy('c', 48)];
    expect(planned(leases, [a(50), ...others])).toEqual([]);
    expect(planned(leases, [a(49), ...others])).toEqual([expect.stringContaining('a -> c (balance)')]);
  });

  it('starts when only the upper limit is passed', () => {
    // Average 52, limits 46.8 and 57.2.
    const owners = ['a', 'b', 'c', 'd', 'e'];
    const leases = owners.flatMap((owner) => heldBy(owner, times(50, 10)));
    const moves = planned(
      leases,
      owners.map((owner) => busy(owner, owner === 'a' ? 60 : 50)),
    );
    expect(moves).not.toEqual([]);
    expect(moves.every((line) => line.includes(': a -> '))).toBe(true);
  });

  it('goes by the name of the metric when two ask for the same', () => {
    const leases = ['a', 'b', 'c'].flatMap((owner) => heldBy(owner, times(50, 10)));
    const view = (workerIdentifier: string, ...values: readonly (readonly [string, number])[]) => ({
      workerIdentifier,
      metrics: {
        sts: Object.fromEntries(values.map(([metric, value]) => [metric, [value]])),
        opr: { C: [100], M: [100] },
      },
    });
    const inOrder = [view('a', ['C', 60], ['M', 30]), view('b', ['C', 30], ['M', 60]), view('c', ['C', 20], ['M', 20])];
    const turned = [view('a', ['M', 30], ['C', 60]), view('b', ['M', 60], ['C', 30]), view('c', ['M', 20], ['C', 20])];
    expect(planned(leases, inOrder).every((line) => line.includes(': a -> '))).toBe(true);
    expect(planned(leases, inOrder)).not.toEqual([]);
    expect(planned(leases, turned)).toEqual(planned(leases, inOrder));
  });

  it('follows the metric that asks for the most throughput', () => {
    const leases = [...heldBy('a', times(40, 10)), ...heldBy('b', times(40, 10)), ...heldBy('c', times(10, 10))];
    const view = (workerIdentifier: string, cpu: number, memory: number) => ({
      workerIdentifier,
      metrics: { sts: { C: [cpu], M: [memory] }, opr: { C: [100], M: [100] } },
    });
    const moves = (aMemory: number) =>
      planByUtilization(inputOf(leases, [view('a', 40, aMemory), view('b', 60, 31), view('c', 20, 28)]));
    expect(moves(31).every((move) => move.from === 'b')).toBe(true);
    expect(moves(95).every((move) => move.from === 'a')).toBe(true);
    expect(moves(31).length * moves(95).length).toBeGreaterThan(0);
  });

  it('serves the source with the greatest surplus first', () => {
    const leases = [...heldBy('a', times(30, 10)), ...heldBy('b', times(60, 10)), ...heldBy('c', times(3, 10))];
    const moves = planByUtilization(inputOf(leases, [busy('a', 60), busy('b', 80), busy('c', 40)]));
    expect(moves[0]).toMatchObject({ from: 'b', to: 'c' });
  });

  it('forgets a target that was full for the sources that follow, as KCL does', () => {
    // b's lease is too heavy for d, which has the most room; a's light ones then go to the next, c.
    const leases = [
      ...heldBy('a', times(30, 10)),
      ...heldBy('b', [900]),
      ...heldBy('c', times(10, 10)),
      ...heldBy('d', times(10, 10)),
    ];
    const moves = planByUtilization(inputOf(leases, [busy('a', 70), busy('b', 90), busy('c', 30), busy('d', 20)]));
    expect(moves.length).toBeGreaterThan(0);
    expect(new Set(moves.map(({ from, to }) => `${from} -> ${to}`))).toEqual(new Set(['a -> c']));
  });

  it('chooses the leases by the seed', () => {
    const leases = [...heldBy('a', times(80, 10)), ...heldBy('b', times(40, 10))];
    const moves = (seed: number) => planned(leases, [busy('a', 80), busy('b', 40)], {}, { random: seededRandom(seed) });
    expect(moves(1)).toEqual(moves(1));
    expect(moves(1)).not.toEqual(moves(2));
    const turned = planned(leases.toReversed(), [busy('b', 40), busy('a', 80)], {}, { random: seededRandom(1) });
    expect(turned).toEqual(moves(1));
  });

  it('balances a fleet in which some measure and some do not: each by its own average', () => {
    // CPU: a and b, average 50. Throughput: t and u, target 100; t has 170 of it and u 30, average 100.
    const leases = [
      ...heldBy('a', times(10, 10)),
      ...heldBy('b', times(10, 10)),
      ...heldBy('t', times(17, 10)),
      ...heldBy('u', times(3, 10)),
    ];
    const workers = (a: number, b: number) => [
      busy('a', a),
      busy('b', b),
      { workerIdentifier: 't' },
      { workerIdentifier: 'u', metrics: { sts: {}, opr: {} } },
    ];
    const arrows = (a: number, b: number) => planned(leases, workers(a, b)).map((line) => line.slice(7));
    // 60 percent of (170 - 100) / 170 of 170 KB/s is 42: four leases. u has the most room, 70 to its average.
    expect(arrows(50, 50)).toEqual(Array.from({ length: 4 }, () => 't -> u (balance)'));
    // b is at 25 percent of CPU: it and u take turns.
    expect([...new Set(arrows(75, 25))].sort()).toEqual(['t -> b (balance)', 't -> u (balance)']);
  });

  it('looks at a metric only where it is reported, as while a new one is being deployed', () => {
    const leases = [...heldBy('a', times(30, 10)), ...heldBy('b', times(30, 10)), ...heldBy('c', times(30, 10))];
    const withMemory = (workerIdentifier: string, cpu: number, memory: number) => ({
      workerIdentifier,
      metrics: { sts: { C: [cpu], M: [memory] }, opr: { C: [100], M: [100] } },
    });
    // CPU is in balance; only memory, 60 on average where it is known, makes a a source. A lease adds 1.7 percent of CPU.
    const arrows = (b: number, c: number) =>
      planned(leases, [withMemory('a', 52, 90), withMemory('b', b, 30), busy('c', c)]).map((line) => line.slice(7));
    expect(arrows(46, 52)).toEqual(['a -> b (balance)', 'a -> b (balance)']);
    expect(arrows(52, 46)).toEqual(['a -> c (balance)', 'a -> c (balance)']);
    // Nobody is below the average of CPU, so that nobody may take anything.
    expect(arrows(52, 52)).toEqual([]);
  });

  it('leaves the leases of a worker whose newest capture failed where they are, and counts them', () => {
    // Average 50. a may give up its smallest lease. With f's 400 KB/s the target is 300 for each of a and b, so
    // that the lease adds 3 percent to b; without it the target is 100, it adds 10, and b at 45 would pass the average.
    const own = [...heldBy('a', times(8, 20)), ...heldBy('b', times(2, 20))];
    const moves = (leases: readonly ObservedLease[]) =>
      planned(leases, [busy('f', -1), busy('a', 55), busy('b', 45)], { reBalanceThresholdPercentage: 5 });
    expect(moves([...heldBy('f', times(4, 100)), ...own])).toEqual([expect.stringContaining(': a -> b (balance)')]);
    expect(moves(own)).toEqual([]);
  });

  it('moves nothing onto a worker whose leases carry more than maxThroughputPerHostKBps', () => {
    const leases = [...heldBy('a', times(20, 10)), ...heldBy('b', times(3, 10))];
    const workers = [busy('a', 90), busy('b', 10)];
    expect(planned(leases, workers).length).toBeGreaterThan(2);
    // b has 30 KB/s: one lease more brings it to the limit, which it may then pass by one, as in KCL.
    expect(planned(leases, workers, { maxThroughputPerHostKBps: 40 })).toHaveLength(2);
    expect(planned(leases, workers, { maxThroughputPerHostKBps: 29 })).toEqual([]);
  });

  it('moves nothing onto a worker that has all the leases it may have', () => {
    const leases = [...heldBy('a', times(20, 10)), ...heldBy('b', times(3, 10))];
    expect(planned(leases, [busy('a', 90), busy('b', 10)], { maxLeasesForWorker: 5 })).toHaveLength(2);
  });
});

describe('what design 5.7 adds', () => {
  it('leaves leases at SHARD_END where they are and out of every count', () => {
    const done = [
      row('e1', { throughputKBps: 900 }),
      row('e2', { leaseOwner: 'gone' }),
      row('e3', { leaseOwner: 'a' }),
    ];
    const dead = done.map((observed) => ended(silent(99_000, observed)));
    const leases = [...heldBy('a', times(14, 100)), ...heldBy('b', times(8, 100))];
    const workers = [busy('a', 70), busy('b', 40)];
    expect(planned([...leases, ...dead], workers)).toEqual(planned(leases, workers));
    const full = [...heldBy('a', [1]), ended(row('old', { leaseOwner: 'a' })), row('new')];
    expect(planned(full, [busy('a', 1)], { maxLeasesForWorker: 2 })).toEqual(['new: nobody -> a (unowned)']);
  });

  it('counts a lease that is being handed over for its next owner', () => {
    const pending = row('p', { leaseOwner: 'b', checkpointOwner: 'a', throughputKBps: 50 });
    const leases = [...heldBy('a', [50]), ...heldBy('b', [50]), pending, row('new')];
    const workers = [{ workerIdentifier: 'a' }, { workerIdentifier: 'b' }];
    expect(planned(leases, workers)).toEqual(['new: nobody -> a (unowned)']);
    expect(planned([pending, row('x')], workers, { maxLeasesForWorker: 1 })).toEqual(['x: nobody -> a (unowned)']);
  });

  it('does not touch a pending handoff before its time is up', () => {
    const handoff = row('p', { leaseOwner: 'b', checkpointOwner: 'a', throughputKBps: 5 });
    const workers = [busy('a', 5), busy('b', 90), busy('c', 1)];
    expect(planned([handoff], workers)).toEqual([]);
    expect(planned([{ ...handoff, handoffTimedOut: true }], workers)).toEqual(['p: b -> b (expired)']);
    expect(planned([silent(10_001, handoff)], workers)).toEqual(['p: b -> b (expired)']);
  });

  it('gives a lease whose handoff did not end to another when the next owner is gone or full', () => {
    const handoff = { ...row('p', { leaseOwner: 'b', checkpointOwner: 'a' }), handoffTimedOut: true };
    expect(planned([handoff], [busy('a', 5), busy('c', 90)])).toEqual(['p: b -> c (expired)']);
    expect(planned([handoff], [busy('a', 5)])).toEqual(['p: b -> a (expired)']);
    const full = [handoff, ...heldBy('b', [1, 1])];
    expect(planned(full, [busy('b', 5), busy('c', 90)], { maxLeasesForWorker: 2 })).toEqual(['p: b -> c (expired)']);
  });

  it('ignores handoffTimedOut where no handoff is pending', () => {
    const held = { ...row('s', { leaseOwner: 'a' }), handoffTimedOut: true };
    expect(planned([held], [busy('a', 50), busy('b', 50)])).toEqual([]);
  });

  it('balances no worker whose metrics are not newer than its last move, on either side', () => {
    const leases = [...heldBy('a', times(50, 10)), ...heldBy('b', times(5, 10)), ...heldBy('c', times(5, 10))];
    const workers = (a: number | undefined, b: number | undefined) => [
      busy('a', 90, a === undefined ? {} : { reportsSinceMove: a }),
      busy('b', 5, b === undefined ? {} : { reportsSinceMove: b }),
      busy('c', 10),
    ];
    const targets = (a: number | undefined, b: number | undefined) =>
      [...new Set(planByUtilization(inputOf(leases, workers(a, b))).map((move) => move.to))].sort();
    expect(targets(undefined, undefined)).toEqual(['b', 'c']);
    expect(targets(1, 1)).toEqual(['b', 'c']);
    expect(targets(0, 1)).toEqual([]);
    expect(targets(1, 0)).toEqual(['c']);
  });

  it('asks for a greater distance from the average while the metrics since a move are young', () => {
    // Average 52, limits 46.8 and 57.2; after 5 s half as far again: 44.2 and 59.8.
    const owners = ['a', 'b', 'c', 'd', 'e'];
    const leases = owners.flatMap((owner) => heldBy(owner, times(50, 10)));
    const young = { reportIntervalMillis: 5_000, reportsSinceMove: 1 };
    const moves = (a: number, fields: object) =>
      planned(
        leases,
        owners.map((owner) => busy(owner, owner === 'a' ? a : (260 - a) / 4, fields)),
      );
    expect(moves(59, {})).not.toEqual([]);
    expect(moves(59, young)).toEqual([]);
    expect(moves(59, { ...young, reportsSinceMove: 6 })).not.toEqual([]);
    expect(moves(61, young)).not.toEqual([]);
  });

  it('balances no worker with moves that its metrics do not show, whatever the estimate says of it', () => {
    // Average 52. a reports 55 and was relieved of half of that, so that the estimate for it is below the average.
    const leases = [...heldBy('a', times(5, 10)), ...heldBy('b', times(5, 10)), ...heldBy('c', times(5, 10))];
    const relieved = (lost: number) => ({ unreported: { leases: -lost, throughputKBps: -10 * lost } });
    const targets = (lost: number) => [
      ...new Set(
        planByUtilization(inputOf(leases, [busy('a', 55, relieved(lost)), busy('b', 91), busy('c', 10)])).map(
          ({ from, to }) => `${from} -> ${to}`,
        ),
      ),
    ];
    expect(targets(0)).toEqual(['b -> c']);
    expect(targets(4)).toEqual(['b -> c']);
    expect(planned(leases, [busy('a', 55, relieved(4)), busy('b', 91)])).toEqual([]);
  });

  it('balances neither worker of a handoff that goes on', () => {
    const handoff = row('p', { leaseOwner: 'c', checkpointOwner: 'b' });
    const leases = [...heldBy('a', times(50, 10)), ...heldBy('b', times(5, 10)), ...heldBy('c', times(5, 10))];
    const workers = [busy('a', 90), busy('b', 5), busy('c', 10), busy('d', 20)];
    expect(planned([...leases, handoff], workers).every((line) => line.includes('a -> d'))).toBe(true);
    expect(planned([...leases, handoff], workers)).not.toEqual([]);
  });

  it('takes nothing from a worker below the average because the loaded one cannot be judged', () => {
    // a was just relieved; b and c are below the average, and the heavier of them must not feed the other.
    const leases = [...heldBy('a', times(50, 10)), ...heldBy('b', times(5, 10)), ...heldBy('c', times(5, 10))];
    expect(planned(leases, [busy('a', 90, { reportsSinceMove: 0 }), busy('b', 20), busy('c', 25)])).toEqual([]);
  });

  it('does not balance a worker in the run that took a lease from it', () => {
    const gone = silent(20_000, row('old', { leaseOwner: 'a', throughputKBps: 1 }));
    const leases = [...heldBy('a', times(50, 10)), ...heldBy('b', times(5, 10)), ...heldBy('c', times(5, 10)), gone];
    const workers = [busy('a', 90), busy('b', 10), busy('c', 20)];
    expect(planned(leases, workers)).toEqual(['old: a -> b (expired)']);
    expect(planned(leases.slice(0, -1), workers)).not.toEqual([]);
  });

  it('does not balance a worker in the run that gave it a lease', () => {
    const leases = [...heldBy('a', times(20, 10)), ...heldBy('b', times(2, 10)), row('new', { throughputKBps: 1 })];
    expect(planned(leases, [busy('a', 90), busy('b', 10)])).toEqual(['new: nobody -> b (unowned)']);
  });
});
