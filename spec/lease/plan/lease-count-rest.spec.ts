import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planLeaseCountBased } from '../../../lib/lease/plan/lease-count-plan.ts';
import { inputOf, row as rowOf } from './utilization-rows.ts';

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
      rowOf(keyOf(index), {
        leaseCounter: counter,
        ...(owner === undefined ? {} : { leaseOwner: owner }),
        ...(from === undefined ? {} : { checkpointOwner: from }),
      }),
    );
    const views = workers.map((workerIdentifier) => ({ workerIdentifier }));
    const moves = planLeaseCountBased({ ...inputOf(leases, views), balance }).slice(0, performed);
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
    let left = atMost;
    for (const [index, row] of this.rows.entries()) {
      if (row.from === undefined || left <= 0) continue;
      left -= 1;
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

describe('LEASE_COUNT_BASED, in the hands of many leaders,', () => {
  const workerNames = ['a', 'b', 'c', 'd'];

  it('comes to rest with nobody above the target when leaders come and go, write in part, and plan on views that may be old', () => {
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
          expect(Math.max(...held)).toBeLessThanOrEqual(Math.ceil(owners.length / workerCount));
        },
      ),
      { numRuns: 300 },
    );
  });
});
