import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON } from '../../../lib/base/position.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { type Move, type ObservedLease, planByLeaseCount } from '../../../lib/lease/plan/assign-plan.ts';
import { planRelease } from '../../../lib/lease/plan/release-plan.ts';

const now = 100_000;
const options = { failoverTimeMillis: 10_000, maxLeasesForWorker: Number.MAX_SAFE_INTEGER };
const fresh = now - 1_000;
const stale = now - 10_001;

function observed(leaseKey: string, owner?: string, unchangedSinceMillis = fresh, parts: Partial<Lease> = {}) {
  const lease: Lease = {
    leaseKey,
    leaseCounter: 1,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint: TRIM_HORIZON,
    parentShardIds: [],
    childShardIds: [],
    ...(owner === undefined ? {} : { leaseOwner: owner }),
    ...parts,
  };
  return { lease, unchangedSinceMillis } satisfies ObservedLease;
}

function brief(moves: readonly Move[]): readonly string[] {
  return moves.map(({ leaseKey, from, to, reason }) => `${leaseKey} ${from ?? '-'}>${to} ${reason}`);
}

describe('planByLeaseCount', () => {
  it('gives unowned leases to the worker with the fewest, ties by name', () => {
    const leases = [observed('1'), observed('2'), observed('3'), observed('4', 'b')];
    expect(brief(planByLeaseCount(leases, ['b', 'a'], options, now))).toEqual([
      '1 ->a unowned',
      '2 ->a unowned',
      '3 ->b unowned',
    ]);
  });

  it('gives expired leases after the unowned, the longest silent first', () => {
    const leases = [observed('1', 'x', stale), observed('2', 'x', stale - 500), observed('3')];
    expect(brief(planByLeaseCount(leases, ['a', 'b'], options, now))).toEqual([
      '3 ->a unowned',
      '2 x>b expired',
      '1 x>a expired',
    ]);
  });

  it('leaves a lease to its owner until its counter has stood still for more than F', () => {
    const at = (since: number) => brief(planByLeaseCount([observed('1', 'x', since)], ['a'], options, now));
    expect(at(now - 10_000)).toEqual([]);
    expect(at(now - 10_001)).toEqual(['1 x>a expired']);
  });

  it('leaves a lease alone that moves although its owner has no row', () => {
    expect(planByLeaseCount([observed('1', 'java')], ['a', 'b'], options, now)).toEqual([]);
  });

  it('moves surplus from the fullest to the emptiest, and no more than evens them', () => {
    const leases = ['1', '2', '3', '4', '5'].map((key) => observed(key, 'a'));
    expect(brief(planByLeaseCount(leases, ['a', 'b'], options, now))).toEqual(['5 a>b surplus', '4 a>b surplus']);
    expect(
      planByLeaseCount([observed('1', 'a'), observed('2', 'a'), observed('3', 'b')], ['a', 'b'], options, now),
    ).toEqual([]);
  });

  it('does not count or move leases at SHARD_END', () => {
    const ended = ['1', '2', '3', '4'].map((key) => observed(key, 'a', fresh, { checkpoint: SHARD_END }));
    const free = [
      observed('5', undefined, fresh, { checkpoint: SHARD_END }),
      observed('6', 'x', stale, { checkpoint: SHARD_END }),
    ];
    expect(brief(planByLeaseCount([...ended, ...free, observed('7')], ['a', 'b'], options, now))).toEqual([
      '7 ->a unowned',
    ]);
  });

  it('counts a pending handoff for its next owner and does not move it again', () => {
    const handed = (key: string) => observed(key, 'b', fresh, { checkpointOwner: 'a' });
    expect(planByLeaseCount([observed('1', 'a'), handed('2')], ['a', 'b'], options, now)).toEqual([]);
    expect(planByLeaseCount([handed('1'), handed('2'), handed('3')], ['a', 'b'], options, now)).toEqual([]);
  });

  it('gives nobody more than maxLeasesForWorker', () => {
    const leases = ['1', '2', '3', '4', '5'].map((key) => observed(key));
    const moves = planByLeaseCount(leases, ['a', 'b'], { ...options, maxLeasesForWorker: 2 }, now);
    expect(brief(moves)).toEqual(['1 ->a unowned', '2 ->b unowned', '3 ->a unowned', '4 ->b unowned']);
  });

  it('plans nothing without workers', () => {
    expect(planByLeaseCount([observed('1')], [], options, now)).toEqual([]);
  });
});

const workerNames = ['a', 'b', 'c', 'd', 'e'];
const anyLease = fc.record({
  owner: fc.option(fc.constantFrom(...workerNames, 'dead', 'java'), { nil: undefined }),
  age: fc.constantFrom(0, 5_000, 10_000, 10_001, 30_000),
  ended: fc.boolean(),
  handedBy: fc.option(fc.constantFrom('a', 'dead'), { nil: undefined, freq: 8 }),
});
const anyFleet = fc.record({
  leases: fc.array(anyLease, { maxLength: 25 }).map((leases) =>
    leases.map(({ owner, age, ended, handedBy }, index) =>
      observed(`shard-${String(index).padStart(2, '0')}`, owner, now - age, {
        ...(ended && index % 3 === 0 ? { checkpoint: SHARD_END } : {}),
        ...(handedBy === undefined || owner === undefined ? {} : { checkpointOwner: handedBy }),
      }),
    ),
  ),
  workers: fc.subarray(workerNames, { minLength: 1 }),
  maxLeasesForWorker: fc.constantFrom(1, 3, Number.MAX_SAFE_INTEGER),
});

function isExpired({ unchangedSinceMillis }: ObservedLease): boolean {
  return now - unchangedSinceMillis > options.failoverTimeMillis;
}

/** How many leases each worker has after the moves, SHARD_END apart. */
function loads(leases: readonly ObservedLease[], workers: readonly string[], moves: readonly Move[]) {
  const owners = new Map(moves.map((move) => [move.leaseKey, move.to]));
  const load = new Map(workers.map((worker) => [worker, 0]));
  for (const one of leases) {
    if (one.lease.checkpoint.kind === 'SHARD_END') continue;
    const owner = owners.get(one.lease.leaseKey) ?? (isExpired(one) ? undefined : one.lease.leaseOwner);
    if (owner !== undefined && load.has(owner)) load.set(owner, load.get(owner)! + 1);
  }
  return load;
}

describe('planByLeaseCount, whatever the fleet', () => {
  it('moves only what it may, once, to a worker that is there, for the reason it gives', () => {
    fc.assert(
      fc.property(anyFleet, ({ leases, workers, maxLeasesForWorker }) => {
        const moves = planByLeaseCount(leases, workers, { ...options, maxLeasesForWorker }, now);
        expect(new Set(moves.map((move) => move.leaseKey)).size).toBe(moves.length);
        for (const move of moves) {
          const one = leases.find(({ lease }) => lease.leaseKey === move.leaseKey)!;
          expect(workers).toContain(move.to);
          expect(move.from).toBe(one.lease.leaseOwner);
          expect(one.lease.checkpoint.kind).not.toBe('SHARD_END');
          if (move.reason === 'unowned') expect(one.lease.leaseOwner).toBeUndefined();
          else if (move.reason === 'expired') expect(isExpired(one)).toBe(true);
          else {
            // A live lease is only ever given away by its owner.
            expect(move.reason).toBe('surplus');
            expect(isExpired(one)).toBe(false);
            expect(workers).toContain(move.from);
            expect(move.to).not.toBe(move.from);
            expect(one.lease.checkpointOwner).toBeUndefined();
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('leaves no lease behind, gives nobody more than the limit, and evens all loads to within one', () => {
    fc.assert(
      fc.property(anyFleet, ({ leases, workers, maxLeasesForWorker }) => {
        const moves = planByLeaseCount(leases, workers, { ...options, maxLeasesForWorker }, now);
        const before = loads(leases, workers, []);
        const after = loads(leases, workers, moves);
        for (const worker of workers) {
          expect(after.get(worker)!).toBeLessThanOrEqual(Math.max(maxLeasesForWorker, before.get(worker)!));
        }
        const free = leases.filter(
          (one) => one.lease.checkpoint.kind !== 'SHARD_END' && (one.lease.leaseOwner === undefined || isExpired(one)),
        );
        const taken = moves.filter((move) => move.reason !== 'surplus').length;
        if ([...after.values()].some((load) => load < maxLeasesForWorker)) expect(taken).toBe(free.length);
        const stuck = leases.some(({ lease }) => lease.checkpointOwner !== undefined);
        if (maxLeasesForWorker < leases.length || stuck) return;
        const counts = [...after.values()];
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });

  it('moves no more live leases than the surplus over the even share', () => {
    fc.assert(
      fc.property(anyFleet, ({ leases, workers }) => {
        const moves = planByLeaseCount(leases, workers, options, now);
        const before = loads(leases, workers, []);
        const after = loads(leases, workers, moves);
        const low = Math.min(...after.values());
        const needed = [...before.values()].reduce((sum, load) => sum + Math.max(0, load - low), 0);
        expect(moves.filter((move) => move.reason === 'surplus').length).toBeLessThanOrEqual(needed);
        for (const worker of workers) {
          const gives = moves.some((move) => move.reason === 'surplus' && move.from === worker);
          const gets = moves.some((move) => move.to === worker);
          expect(gives && gets, `${worker} gives and gets`).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('does not depend on the order of its arguments', () => {
    fc.assert(
      fc.property(anyFleet, fc.nat(), ({ leases, workers, maxLeasesForWorker }, turn) => {
        const rotated = [...leases.slice(turn % 7), ...leases.slice(0, turn % 7)];
        const limits = { ...options, maxLeasesForWorker };
        expect(planByLeaseCount(rotated, workers.toReversed(), limits, now)).toEqual(
          planByLeaseCount(leases, workers, limits, now),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('comes to rest in an even state when each worker performs its own part on a view that may be old', () => {
    const anyRound = fc.record({
      worker: fc.nat({ max: 3 }),
      viewAge: fc.nat({ max: 4 }),
      performed: fc.nat({ max: 6 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.option(fc.nat({ max: 3 }), { nil: undefined }), { minLength: 1, maxLength: 20 }),
        fc.array(anyRound, { maxLength: 30 }),
        (workerCount, owners, rounds) => {
          const workers = workerNames.slice(0, workerCount);
          type State = readonly { readonly owner: string | undefined; readonly counter: number }[];
          let state: State = owners.map((owner) => ({
            owner: owner === undefined ? undefined : workers[owner % workerCount],
            counter: 0,
          }));
          const history: State[] = [state];
          const keyOf = (index: number) => `shard-${String(index).padStart(2, '0')}`;
          const step = (worker: string, view: State, atMost: number): number => {
            const leases = view.map(({ owner, counter }, index) =>
              observed(keyOf(index), owner, fresh, { leaseCounter: counter }),
            );
            const mine = planByLeaseCount(leases, workers, options, now)
              .filter((move) => (move.reason === 'surplus' ? move.from === worker : move.to === worker))
              .slice(0, atMost);
            for (const move of mine) {
              const index = Number(move.leaseKey.slice(-2));
              // Conditional on what was seen, as the table is.
              if (state[index]?.counter !== view[index]?.counter) continue;
              state = state.with(index, { owner: move.to, counter: state[index]!.counter + 1 });
            }
            history.push(state);
            return mine.length;
          };
          for (const { worker, viewAge, performed } of rounds) {
            step(workers[worker % workerCount]!, history.at(-1 - viewAge) ?? history[0]!, performed);
          }
          let moved = Number.POSITIVE_INFINITY;
          for (let round = 0; moved > 0; round += 1) {
            expect(round).toBeLessThan(10);
            moved = 0;
            for (const worker of workers) moved += step(worker, state, Number.POSITIVE_INFINITY);
          }
          const counts = workers.map((worker) => state.filter(({ owner }) => owner === worker).length);
          expect(state.every(({ owner }) => owner !== undefined)).toBe(true);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('plans 10,000 leases of 500 workers without trouble', () => {
    const leases = Array.from({ length: 10_000 }, (_, index) =>
      observed(`shard-${index}`, index % 3 === 0 ? undefined : `worker-${index % 100}`),
    );
    const workers = Array.from({ length: 500 }, (_, index) => `worker-${index}`);
    const after = loads(leases, workers, planByLeaseCount(leases, workers, options, now));
    expect(new Set(after.values())).toEqual(new Set([20]));
  });
});

describe('planRelease', () => {
  it('gives each lease of the leaver to the emptiest of the others', () => {
    const leases = [observed('1', 'me'), observed('2', 'me'), observed('3', 'me'), observed('4', 'a')];
    const releases = planRelease(planByLeaseCount, leases, ['a', 'b'], 'me', options, now);
    expect(releases.map(({ lease, to }) => [lease.leaseKey, to])).toEqual([
      ['1', 'b'],
      ['2', 'a'],
      ['3', 'b'],
    ]);
  });

  it('gives to nobody where there is nobody, or all are full, or the shard has ended', () => {
    const ended = observed('3', 'me', fresh, { checkpoint: SHARD_END });
    const to = (workers: readonly string[], maxLeasesForWorker: number) =>
      planRelease(
        planByLeaseCount,
        [observed('1', 'me'), observed('2', 'me'), ended],
        workers,
        'me',
        { ...options, maxLeasesForWorker },
        now,
      ).map((release) => release.to);
    expect(to([], 10)).toEqual([undefined, undefined, undefined]);
    expect(to(['a'], 1)).toEqual(['a', undefined, undefined]);
  });

  it('names every lease of the leaver once, only its own, and only workers that stay', () => {
    fc.assert(
      fc.property(anyFleet, ({ leases, workers }) => {
        const others = workers.filter((worker) => worker !== 'a');
        const releases = planRelease(planByLeaseCount, leases, others, 'a', options, now);
        expect(releases.map(({ lease }) => lease.leaseKey)).toEqual(
          leases.filter(({ lease }) => lease.leaseOwner === 'a').map(({ lease }) => lease.leaseKey),
        );
        for (const { lease, to } of releases) {
          expect(lease.leaseOwner).toBe('a');
          if (to !== undefined) expect(others).toContain(to);
        }
      }),
      { numRuns: 300 },
    );
  });
});
