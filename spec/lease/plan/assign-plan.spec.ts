import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON } from '../../../lib/base/position.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { planByLeaseCount } from '../../../lib/lease/plan/assign-plan.ts';
import { planRelease } from '../../../lib/lease/plan/release-plan.ts';
import {
  type AssignmentOptions,
  type Move,
  type ObservedLease,
  defaultAssignmentOptions as options,
} from '../../../lib/lease/plan/utilization-types.ts';
import { seededRandom } from '../../../lib/base/random.ts';

const now = 100_000;
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

/** What both plans are asked with. */
function inputOf(leases: readonly ObservedLease[], workers: readonly string[], parts: Partial<AssignmentOptions> = {}) {
  return {
    leases,
    workers: workers.map((workerIdentifier) => ({ workerIdentifier })),
    options: { ...options, ...parts },
    nowMillis: now,
    random: seededRandom(1),
  };
}

/** The plan of a run that balances. */
function plan(
  leases: readonly ObservedLease[],
  workers: readonly string[],
  parts: Partial<AssignmentOptions> = {},
): readonly Move[] {
  return planByLeaseCount({ ...inputOf(leases, workers, parts), balance: true });
}

function brief(moves: readonly Move[]): readonly string[] {
  return moves.map(({ leaseKey, from, to, reason }) => `${leaseKey} ${from ?? '-'}>${to} ${reason}`);
}

describe('planByLeaseCount', () => {
  it('gives unowned leases to the worker with the fewest, ties by name', () => {
    const leases = [observed('1'), observed('2'), observed('3'), observed('4', 'b')];
    expect(brief(plan(leases, ['b', 'a']))).toEqual(['1 ->a unowned', '2 ->a unowned', '3 ->b unowned']);
  });

  it('gives expired leases after the unowned, the longest silent first', () => {
    const leases = [observed('1', 'x', stale), observed('2', 'x', stale - 500), observed('3')];
    expect(brief(plan(leases, ['a', 'b']))).toEqual(['3 ->a unowned', '2 x>b expired', '1 x>a expired']);
  });

  it('leaves a lease to its owner until its counter has stood still for more than F', () => {
    const at = (since: number) => brief(plan([observed('1', 'x', since)], ['a']));
    expect(at(now - 10_000)).toEqual([]);
    expect(at(now - 10_001)).toEqual(['1 x>a expired']);
  });

  it('leaves a lease alone that moves although its owner has no row', () => {
    expect(plan([observed('1', 'java')], ['a', 'b'])).toEqual([]);
  });

  it('moves surplus from the fullest to the emptiest, and no more than evens them', () => {
    const leases = ['1', '2', '3', '4', '5'].map((key) => observed(key, 'a'));
    expect(brief(plan(leases, ['a', 'b']))).toEqual(['5 a>b balance', '4 a>b balance']);
    expect(plan([observed('1', 'a'), observed('2', 'a'), observed('3', 'b')], ['a', 'b'])).toEqual([]);
  });

  it('does not count or move leases at SHARD_END', () => {
    const ended = ['1', '2', '3', '4'].map((key) => observed(key, 'a', fresh, { checkpoint: SHARD_END }));
    const free = [
      observed('5', undefined, fresh, { checkpoint: SHARD_END }),
      observed('6', 'x', stale, { checkpoint: SHARD_END }),
    ];
    expect(brief(plan([...ended, ...free, observed('7')], ['a', 'b']))).toEqual(['7 ->a unowned']);
  });

  it('counts a pending handoff for its next owner and does not move it again', () => {
    const handed = (key: string) => observed(key, 'b', fresh, { checkpointOwner: 'a' });
    expect(plan([observed('1', 'a'), handed('2')], ['a', 'b'])).toEqual([]);
    expect(plan([handed('1'), handed('2'), handed('3')], ['a', 'b'])).toEqual([]);
  });

  it('gives a lease away whose handoff has used up its time', () => {
    const stuck = { ...observed('1', 'b', fresh, { checkpointOwner: 'a' }), handoffTimedOut: true };
    expect(brief(plan([stuck, observed('2', 'b')], ['b', 'c']))).toEqual(['1 b>c expired']);
  });

  it('leaves loads as they are in a run that does not balance, and gives out what is free', () => {
    const leases = ['1', '2', '3'].map((key) => observed(key, 'a'));
    const input = inputOf([...leases, observed('4')], ['a', 'b']);
    expect(brief(planByLeaseCount({ ...input, balance: false }))).toEqual(['4 ->b unowned']);
  });

  it('goes by the age after which each lease counts as expired, where that is known', () => {
    const slow = { ...observed('1', 'java', stale), expiresAfterMillis: 30_000 };
    expect(plan([slow], ['a'])).toEqual([]);
    expect(brief(plan([{ ...slow, unchangedSinceMillis: now - 30_001 }], ['a']))).toEqual(['1 java>a expired']);
  });

  it('gives nobody more than maxLeasesForWorker', () => {
    const leases = ['1', '2', '3', '4', '5'].map((key) => observed(key));
    const moves = plan(leases, ['a', 'b'], { maxLeasesForWorker: 2 });
    expect(brief(moves)).toEqual(['1 ->a unowned', '2 ->b unowned', '3 ->a unowned', '4 ->b unowned']);
  });

  it('plans nothing without workers', () => {
    expect(plan([observed('1')], [])).toEqual([]);
  });
});

const workerNames = ['a', 'b', 'c', 'd', 'e'];
const anyLease = fc.record({
  owner: fc.option(fc.constantFrom(...workerNames, 'dead', 'java'), { nil: undefined }),
  age: fc.constantFrom(0, 5_000, 10_000, 10_001, 30_000),
  ended: fc.boolean(),
  handedBy: fc.option(fc.constantFrom('a', 'dead'), { nil: undefined, freq: 8 }),
  timedOut: fc.boolean(),
});
const anyFleet = fc.record({
  leases: fc.array(anyLease, { maxLength: 25 }).map((leases) =>
    leases.map(({ owner, age, ended, handedBy, timedOut }, index): ObservedLease => {
      const isHanded = handedBy !== undefined && owner !== undefined;
      const one = observed(`shard-${String(index).padStart(2, '0')}`, owner, now - age, {
        ...(ended && index % 3 === 0 ? { checkpoint: SHARD_END } : {}),
        ...(isHanded ? { checkpointOwner: handedBy } : {}),
      });
      return isHanded && timedOut ? { ...one, handoffTimedOut: true } : one;
    }),
  ),
  workers: fc.subarray(workerNames, { minLength: 1 }),
  maxLeasesForWorker: fc.constantFrom(1, 3, Number.MAX_SAFE_INTEGER),
});

/** Nobody renews it, or its handoff has used up its time. */
function isExpired({ unchangedSinceMillis, handoffTimedOut = false }: ObservedLease): boolean {
  return handoffTimedOut || now - unchangedSinceMillis > options.failoverTimeMillis;
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

interface ModelRow {
  readonly owner: string | undefined;
  /** The old owner while a handoff is pending. */
  readonly from: string | undefined;
  readonly counter: number;
}

/** The rows that a leader writes, with the conditions of its two writes, and what they were before. */
class ModelTable {
  rows: readonly ModelRow[];
  readonly #history: (readonly ModelRow[])[];

  constructor(owners: readonly (string | undefined)[]) {
    this.rows = owners.map((owner) => ({ owner, from: undefined, counter: 0 }));
    this.#history = [this.rows];
  }

  /** The rows as they were some changes ago. */
  viewOf(age: number): readonly ModelRow[] {
    return this.#history.at(-1 - age) ?? this.rows;
  }

  /** One run of a leader, which performs the first moves of its plan; answers how many there were. */
  lead(workers: readonly string[], view: readonly ModelRow[], performed: number, balance: boolean): number {
    const leases = view.map(({ owner, from, counter }, index) =>
      observed(keyOf(index), owner, fresh, {
        leaseCounter: counter,
        ...(from === undefined ? {} : { checkpointOwner: from }),
      }),
    );
    const moves = planByLeaseCount({ ...inputOf(leases, workers), balance }).slice(0, performed);
    for (const { leaseKey, to, reason } of moves) {
      const index = Number(leaseKey.slice(-2));
      const [row, seen] = [this.rows[index]!, view[index]!];
      if (row.owner !== seen.owner || row.from !== seen.from) continue;
      if (reason === 'balance') this.#set(index, { ...row, owner: to, from: row.owner });
      else if (row.counter === seen.counter) this.#set(index, { owner: to, from: undefined, counter: row.counter + 1 });
    }
    return moves.length;
  }

  /** Old owners complete the first handoffs that are pending. */
  complete(atMost: number): void {
    for (const [index, row] of this.rows.entries()) {
      if (row.from === undefined || atMost <= 0) continue;
      atMost -= 1;
      this.#set(index, { ...row, from: undefined, counter: row.counter + 1 });
    }
  }

  #set(index: number, row: ModelRow): void {
    this.rows = this.rows.with(index, row);
    this.#history.push(this.rows);
  }
}

function keyOf(index: number): string {
  return `shard-${String(index).padStart(2, '0')}`;
}

describe('planByLeaseCount, whatever the fleet', () => {
  it('moves only what it may, once, to a worker that is there, for the reason it gives', () => {
    fc.assert(
      fc.property(anyFleet, ({ leases, workers, maxLeasesForWorker }) => {
        const moves = plan(leases, workers, { maxLeasesForWorker });
        expect(new Set(moves.map((move) => move.leaseKey)).size).toBe(moves.length);
        for (const move of moves) {
          const one = leases.find(({ lease }) => lease.leaseKey === move.leaseKey)!;
          expect(workers).toContain(move.to);
          expect(move.from).toBe(one.lease.leaseOwner);
          expect(one.lease.checkpoint.kind).not.toBe('SHARD_END');
          if (move.reason === 'unowned') expect(one.lease.leaseOwner).toBeUndefined();
          else if (move.reason === 'expired') expect(isExpired(one)).toBe(true);
          else {
            // A live lease is only ever handed over, from a live worker.
            expect(move.reason).toBe('balance');
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
        const moves = plan(leases, workers, { maxLeasesForWorker });
        const before = loads(leases, workers, []);
        const after = loads(leases, workers, moves);
        for (const worker of workers) {
          expect(after.get(worker)!).toBeLessThanOrEqual(Math.max(maxLeasesForWorker, before.get(worker)!));
        }
        const free = leases.filter(
          (one) => one.lease.checkpoint.kind !== 'SHARD_END' && (one.lease.leaseOwner === undefined || isExpired(one)),
        );
        const taken = moves.filter((move) => move.reason !== 'balance').length;
        if ([...after.values()].some((load) => load < maxLeasesForWorker)) expect(taken).toBe(free.length);
        const stuck = leases.some((one) => one.lease.checkpointOwner !== undefined && !isExpired(one));
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
        const moves = plan(leases, workers);
        const before = loads(leases, workers, []);
        const after = loads(leases, workers, moves);
        const low = Math.min(...after.values());
        const needed = [...before.values()].reduce((sum, load) => sum + Math.max(0, load - low), 0);
        expect(moves.filter((move) => move.reason === 'balance').length).toBeLessThanOrEqual(needed);
        for (const worker of workers) {
          const gives = moves.some((move) => move.reason === 'balance' && move.from === worker);
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
        const limits = { maxLeasesForWorker };
        expect(plan(rotated, workers.toReversed(), limits)).toEqual(plan(leases, workers, limits));
      }),
      { numRuns: 200 },
    );
  });

  it('comes to rest in an even state when leaders come and go, write in part, and plan on views that may be old', () => {
    const anyRound = fc.record({
      viewAge: fc.nat({ max: 4 }),
      performed: fc.nat({ max: 6 }),
      completed: fc.nat({ max: 3 }),
      balance: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.option(fc.nat({ max: 3 }), { nil: undefined }), { minLength: 1, maxLength: 20 }),
        fc.array(anyRound, { maxLength: 30 }),
        (workerCount, owners, rounds) => {
          const workers = workerNames.slice(0, workerCount);
          const table = new ModelTable(
            owners.map((owner) => (owner === undefined ? owner : workers[owner % workerCount])),
          );
          for (const { viewAge, performed, completed, balance } of rounds) {
            table.lead(workers, table.viewOf(viewAge), performed, balance);
            table.complete(completed);
          }
          let moved = Number.POSITIVE_INFINITY;
          for (let round = 0; moved > 0; round += 1) {
            expect(round).toBeLessThan(10);
            table.complete(Number.POSITIVE_INFINITY);
            moved = table.lead(workers, table.viewOf(0), Number.POSITIVE_INFINITY, true);
          }
          const held = workers.map((worker) => table.rows.filter((row) => row.owner === worker).length);
          expect(table.rows.every(({ owner, from }) => owner !== undefined && from === undefined)).toBe(true);
          expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(1);
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
    const after = loads(leases, workers, plan(leases, workers));
    expect(new Set(after.values())).toEqual(new Set([20]));
  });
});

describe('planRelease', () => {
  it('gives each lease of the leaver to the emptiest of the others', () => {
    const leases = [observed('1', 'me'), observed('2', 'me'), observed('3', 'me'), observed('4', 'a')];
    const releases = planRelease(planByLeaseCount, inputOf(leases, ['a', 'b']), 'me');
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
        inputOf([observed('1', 'me'), observed('2', 'me'), ended], workers, { maxLeasesForWorker }),
        'me',
      ).map((release) => release.to);
    expect(to([], 10)).toEqual([undefined, undefined, undefined]);
    expect(to(['a'], 1)).toEqual(['a', undefined, undefined]);
  });

  it('names every lease of the leaver once, only its own, and only workers that stay', () => {
    fc.assert(
      fc.property(anyFleet, ({ leases, workers }) => {
        const others = workers.filter((worker) => worker !== 'a');
        const releases = planRelease(planByLeaseCount, inputOf(leases, others), 'a');
        // While it hands a lease over it is the one that may write it; one that is handed to it is not its own yet.
        const isMine = ({ lease }: ObservedLease) => (lease.checkpointOwner ?? lease.leaseOwner) === 'a';
        expect(releases.map(({ lease }) => lease.leaseKey)).toEqual(
          leases.filter(isMine).map(({ lease }) => lease.leaseKey),
        );
        for (const { to } of releases) if (to !== undefined) expect(others).toContain(to);
      }),
      { numRuns: 300 },
    );
  });
});
