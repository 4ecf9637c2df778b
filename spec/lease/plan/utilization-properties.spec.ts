import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { isEnded } from '../../../lib/lease/lease.ts';
import { readFleet } from '../../../lib/lease/plan/utilization-fleet.ts';
import { movingAverage } from '../../../lib/lease/plan/utilization-metrics.ts';
import { planByUtilization } from '../../../lib/lease/plan/utilization-plan.ts';
import {
  type AssignmentInput,
  type ObservedLease,
  type WorkerView,
  defaultAssignmentOptions,
} from '../../../lib/lease/plan/utilization-types.ts';
import { ended, inputOf, nowMillis, row, silent } from './utilization-rows.ts';

const name = fc.constantFrom('w0', 'w1', 'w2', 'w3', 'w4', 'gone');
/** Values that a damaged or foreign row could hold, among sensible ones. */
const wild = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 120 }) },
  fc.constantFrom(-1, 0, 1e-300, 5e-324, 1e308, Number.NaN, Infinity, -Infinity, -7),
);

const lease = fc
  .record({
    leaseOwner: fc.option(name, { nil: undefined }),
    checkpointOwner: fc.option(name, { nil: undefined, freq: 8 }),
    throughputKBps: fc.option(wild, { nil: undefined }),
    silentMillis: fc.constantFrom(0, 0, 0, 5_000, 10_001, 60_000),
    isAtEnd: fc.boolean().chain((maybe) => (maybe ? fc.boolean() : fc.constant(false))),
    handoffTimedOut: fc.boolean(),
  })
  .map(({ silentMillis, isAtEnd, handoffTimedOut, ...fields }) => {
    const defined = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    const observed = { ...silent(silentMillis, row('', defined)), handoffTimedOut };
    return isAtEnd ? ended(observed) : observed;
  });

const worker: fc.Arbitrary<Omit<WorkerView, 'workerIdentifier'>> = fc
  .record({
    cpu: fc.array(wild, { maxLength: 4 }),
    memory: fc.option(fc.array(wild, { maxLength: 2 })),
    range: fc.oneof({ weight: 6, arbitrary: fc.constant(100) }, wild),
    measures: fc.integer({ min: 0, max: 4 }),
    reportsSinceMove: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 3 }),
    unreported: fc.option(fc.record({ leases: fc.integer({ min: -3, max: 3 }), throughputKBps: wild }), {
      nil: undefined,
    }),
  })
  .map(({ cpu, memory, range, measures, reportsSinceMove, unreported }) => ({
    ...(measures === 0
      ? {}
      : {
          metrics: {
            sts: { C: cpu, ...(memory === null ? {} : { M: memory }) },
            opr: { C: [range], M: [100] },
          },
        }),
    ...(reportsSinceMove === undefined ? {} : { reportsSinceMove }),
    ...(unreported === undefined ? {} : { unreported }),
  }));

const input: fc.Arbitrary<AssignmentInput> = fc
  .record({
    leases: fc.array(lease, { maxLength: 40 }),
    workers: fc.array(worker, { maxLength: 5 }),
    maxLeasesForWorker: fc.constantFrom(1, 3, 8, defaultAssignmentOptions.maxLeasesForWorker),
    maxThroughputPerHostKBps: fc.constantFrom(100, defaultAssignmentOptions.maxThroughputPerHostKBps),
    balance: fc.boolean(),
    seed: fc.integer(),
  })
  .map(({ leases, workers, maxLeasesForWorker, maxThroughputPerHostKBps, balance, seed }) =>
    inputOf(
      leases.map((observed, index) => ({
        ...observed,
        lease: { ...observed.lease, leaseKey: `s${String(index).padStart(2, '0')}` },
      })),
      workers.map((view, index) => ({ ...view, workerIdentifier: `w${index}` })),
      { maxLeasesForWorker, maxThroughputPerHostKBps },
      { balance, random: seededRandom(seed) },
    ),
  );

function isFree({ lease: { leaseOwner, checkpointOwner }, ...observed }: ObservedLease): boolean {
  if (leaseOwner === undefined || nowMillis - observed.unchangedSinceMillis > 10_000) return true;
  return checkpointOwner !== undefined && observed.handoffTimedOut === true;
}

/** How many leases count for each worker before and after the moves. */
function countLoads({ leases, workers }: AssignmentInput, moves: ReadonlyMap<string, string>) {
  const loads = new Map(workers.map(({ workerIdentifier }) => [workerIdentifier, { before: 0, after: 0 }]));
  for (const { lease: one } of leases.filter((observed) => !isEnded(observed.lease))) {
    const before = loads.get(one.leaseOwner ?? '');
    const after = loads.get(moves.get(one.leaseKey) ?? one.leaseOwner ?? '');
    if (before !== undefined) before.before += 1;
    if (after !== undefined) after.after += 1;
  }
  return loads;
}

describe('planByUtilization, whatever the rows hold,', () => {
  const check = (property: (given: AssignmentInput) => void) =>
    fc.assert(fc.property(input, property), { numRuns: 1_000 });

  it('names each lease once, a reporting worker, and an owner that agrees with the row', () => {
    check((given) => {
      const moves = planByUtilization(given);
      const rows = new Map(given.leases.map((observed) => [observed.lease.leaseKey, observed]));
      expect(new Set(moves.map((move) => move.leaseKey)).size).toBe(moves.length);
      for (const move of moves) {
        const observed = rows.get(move.leaseKey);
        expect(given.workers.map((view) => view.workerIdentifier)).toContain(move.to);
        expect(observed?.lease.leaseOwner).toBe(move.from);
        expect(move.reason === 'unowned').toBe(move.from === undefined);
        expect(isEnded(observed!.lease)).toBe(false);
        expect(move.reason !== 'balance').toBe(isFree(observed!));
        if (move.reason === 'balance') expect(given.balance).toBe(true);
        if (move.from === move.to) expect(observed?.lease.checkpointOwner).toBeDefined();
      }
    });
  });

  it('computes with finite numbers only', () => {
    check((given) => {
      const fleet = readFleet(given);
      const loads = [...fleet.workers.values()];
      const numbers = [
        fleet.targetThroughputKBps,
        fleet.targetLeases,
        ...fleet.averages.values(),
        ...fleet.free.map((counted) => counted.throughputKBps),
        ...loads.map((load) => load.throughputKBps),
        ...loads.flatMap((load) => [...load.metrics.values()].map((metric) => metric.value)),
      ];
      expect(numbers.filter((value) => !Number.isFinite(value) || value < 0)).toEqual([]);
    });
  });

  it('brings no worker above maxLeasesForWorker', () => {
    check((given) => {
      const moves = new Map(planByUtilization(given).map((move) => [move.leaseKey, move.to]));
      for (const { before, after } of countLoads(given, moves).values())
        expect(after).toBeLessThanOrEqual(Math.max(before, given.options.maxLeasesForWorker));
    });
  });

  it('gives out every unowned and expired lease while a worker that is not the silent one has room', () => {
    check((given) => {
      const roomy = { ...given, options: defaultAssignmentOptions };
      const moves = new Set(planByUtilization(roomy).map((move) => move.leaseKey));
      const [first] = readable(given.workers);
      for (const observed of given.leases.filter((one) => !isEnded(one.lease) && isFree(one))) {
        const { leaseKey, leaseOwner, checkpointOwner } = observed.lease;
        const isOnlyItsOwn =
          readable(given.workers).length === 1 && leaseOwner === first && checkpointOwner === undefined;
        expect(moves.has(leaseKey)).toBe(given.workers.length > 0 && !isOnlyItsOwn);
      }
    });
  });

  it('gives the same moves for the same rows and seed in any order of rows, and leaves them as they were', () => {
    check((given) => {
      const seed = Math.floor(given.random.next() * 1_000_000);
      const before = JSON.stringify(given.leases);
      const planned = () => planByUtilization({ ...given, random: seededRandom(seed) });
      const turned = planByUtilization({
        ...given,
        leases: given.leases.toReversed(),
        workers: given.workers.toReversed(),
        random: seededRandom(seed),
      });
      expect(planned()).toEqual(planned());
      expect(turned).toEqual(planned());
      expect(JSON.stringify(given.leases)).toBe(before);
    });
  });

  it('balances no lease onto a worker above the average, nor between workers that have just moved', () => {
    check((given) => {
      const leases = given.leases.filter((one) => one.lease.checkpointOwner === undefined && !isFree(one));
      const settled = { ...given, leases, balance: true };
      const cpu = new Map(
        settled.workers.map((view) => [
          view.workerIdentifier,
          movingAverage(view.metrics?.sts['C']?.slice(-(view.reportsSinceMove || 10)) ?? [], 0.5),
        ]),
      );
      const measured = settled.workers.every((view) => view.metrics !== undefined && isReadable(view));
      const average = [...cpu.values()].reduce((sum, value) => sum + value, 0) / cpu.size;
      for (const move of planByUtilization(settled)) {
        const views = settled.workers.filter((view) => [move.from, move.to].includes(view.workerIdentifier));
        const judged = views.filter((view) => isReadable(view) && Object.keys(view.metrics?.sts ?? {}).length > 0);
        expect(judged.every((view) => view.reportsSinceMove !== 0)).toBe(true);
        if (!measured) continue;
        expect(cpu.get(move.to)).toBeLessThanOrEqual(average + 1e-6);
      }
    });
  });
});

function readable(workers: readonly WorkerView[]): string[] {
  const usable = workers.filter(isReadable);
  return (usable.length > 0 ? usable : workers).map((view) => view.workerIdentifier);
}

/** The rule for usable rows once more, in other words than the plan's. */
function isReadable({ metrics }: WorkerView): boolean {
  const hasRange = (metric: string) => {
    const [range = 0] = metrics?.opr[metric] ?? [];
    return range > 0 && range !== Infinity;
  };
  return (
    Object.keys(metrics?.opr ?? {}).every(hasRange) &&
    Object.entries(metrics?.sts ?? {}).every(([metric, values]) => {
      const newest = values.at(-1) ?? 0;
      return hasRange(metric) && newest >= 0 && newest !== Infinity;
    })
  );
}
