import type { LeaderLock, Lease, WorkerRow } from '../lease/lease.ts';
import type { TableSnapshot } from '../lease/lease-table.ts';
import type { FakeLeaseTable, RowChange } from './fake-lease-table.ts';

/** How far back the table can be shown: 30 s. */
const keptMillis = 30_000;

interface PastChange {
  readonly atMillis: number;
  readonly change: RowChange;
}

/**
 * Remembers the last changes of a fake lease table, so that it can be shown as it was: a lagging index and an eventually
 * consistent scan see the past.
 */
export class TableHistory {
  readonly #table: FakeLeaseTable;
  readonly #nowMillis: () => number;
  #changes: PastChange[] = [];

  constructor(table: FakeLeaseTable, nowMillis: () => number) {
    this.#table = table;
    this.#nowMillis = nowMillis;
  }

  /** Notes a change that is being made. */
  note(change: RowChange): void {
    this.#changes.push({ atMillis: this.#nowMillis(), change });
    const first = this.#changes[0] as PastChange;
    // Cutting now and then keeps noting O(1).
    if (this.#changes.length > 256 && first.atMillis < this.#nowMillis() - 2 * keptMillis) {
      this.#changes = this.#changes.filter(({ atMillis }) => atMillis >= this.#nowMillis() - keptMillis);
    }
  }

  /** The rows as they were so many milliseconds ago. */
  asOf(agoMillis: number): TableSnapshot {
    const fromMillis = this.#nowMillis() - agoMillis;
    const leases = new Map(this.#table.rows.map((row) => [row.leaseKey, row]));
    const workers = new Map(this.#table.workerRows.map((row) => [row.workerIdentifier, row]));
    for (let index = this.#changes.length - 1; index >= 0; index -= 1) {
      const { atMillis, change } = this.#changes[index] as PastChange;
      if (atMillis <= fromMillis) break;
      if (change.kind === 'lease') undo(leases, change, (row) => row.leaseKey);
      else if (change.kind === 'worker') undo(workers, change, (row) => row.workerIdentifier);
    }
    return { leases: [...leases.values()], workers: [...workers.values()] };
  }

  /** The leader's lock as it was so many milliseconds ago. */
  lockAsOf(agoMillis: number): LeaderLock | undefined {
    const fromMillis = this.#nowMillis() - agoMillis;
    let lock = this.#table.lock;
    for (let index = this.#changes.length - 1; index >= 0; index -= 1) {
      const { atMillis, change } = this.#changes[index] as PastChange;
      if (atMillis <= fromMillis) break;
      if (change.kind === 'lock') lock = change.before;
    }
    return lock;
  }
}

function undo<Row extends Lease | WorkerRow>(
  rows: Map<string, Row>,
  change: { readonly before: Row | undefined; readonly after: Row | undefined },
  keyOf: (row: Row) => string,
): void {
  if (change.before !== undefined) rows.set(keyOf(change.before), change.before);
  else if (change.after !== undefined) rows.delete(keyOf(change.after));
}
