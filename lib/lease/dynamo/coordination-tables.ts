import type { Coordination, LockCondition } from '../lease-table.ts';
import type { LeaderLock, WorkerRow } from '../lease.ts';
import { workerKeyTaken } from '../lease-table.ts';
import type { AwsDynamo } from './aws-dynamo.ts';
import { type DynamoItem, stringOf } from './item.ts';
import {
  ifAbsentOrWorker,
  ifNotReportedSince,
  itemFromLock,
  itemFromWorker,
  leaderLockKey,
  lockFromItem,
  workerFromItem,
} from './lease-item.ts';
import type { ConditionParameters } from './update-expression.ts';

/** KCL's row that says how far a fleet has moved from three tables to one (kcl.md 2.9). */
const tableMigrationKey = 'TableMigration3.5';
const migrationComplete = 'TABLE_MIGRATION_STATUS_COMPLETE';
const migrationInit = 'TABLE_MIGRATION_STATUS_INIT';

/** One kind of coordination row: the table it lives in and the name of that table's key. */
interface Home<K extends string> {
  readonly dynamo: AwsDynamo;
  readonly key: K;
}

/** The tables that may hold coordination rows: the lease table itself, and those of KCL 3.0 to 3.4. */
export interface CoordinationTables {
  readonly single: AwsDynamo;
  readonly coordinatorState: AwsDynamo;
  readonly workerMetrics: AwsDynamo;
}

/**
 * The rows that are no leases, in either layout of KCL (kcl.md 1.3). KCL 3.0 to 3.4 keep them in two more tables and cannot
 * bear them in the lease table, so where those tables exist and their migration is not complete, Millrace uses them too.
 */
export class CoordinationRows {
  readonly #tables: CoordinationTables;
  #state: Coordination = { tables: 'single', mayLead: true };

  constructor(tables: CoordinationTables) {
    this.#tables = tables;
  }

  /** The layout as last found. */
  get state(): Coordination {
    return this.#state;
  }

  /** Uses the single table whatever else exists; for `coordinationTables: 'single'`. */
  useSingle(): Coordination {
    this.#state = { tables: 'single', mayLead: true };
    return this.#state;
  }

  /** Finds out which layout the application has now. */
  async find(signal: AbortSignal): Promise<Coordination> {
    const [coordinator, metrics] = await Promise.all([
      this.#tables.coordinatorState.describeTable(signal),
      this.#tables.workerMetrics.describeTable(signal),
    ]);
    this.#state =
      coordinator === undefined || metrics === undefined
        ? { tables: 'single', mayLead: true }
        : layoutOf(await this.#migrationStatus(signal));
    return this.#state;
  }

  async #migrationStatus(signal: AbortSignal): Promise<string> {
    const { coordinatorState, single } = this.#tables;
    const legacy = await coordinatorState.getItem({ key: { S: tableMigrationKey } }, signal);
    const moved = legacy === undefined ? await single.getItem({ leaseKey: { S: tableMigrationKey } }, signal) : legacy;
    return (moved && stringOf(moved, 'tm')) ?? migrationInit;
  }

  get #lockHome(): Home<'leaseKey' | 'key'> {
    return this.#state.tables === 'single'
      ? { dynamo: this.#tables.single, key: 'leaseKey' }
      : { dynamo: this.#tables.coordinatorState, key: 'key' };
  }

  get #workerHome(): Home<'leaseKey' | 'wid'> {
    return this.#state.tables === 'single'
      ? { dynamo: this.#tables.single, key: 'leaseKey' }
      : { dynamo: this.#tables.workerMetrics, key: 'wid' };
  }

  /** The lock row, consistently read. */
  async readLock(signal: AbortSignal): Promise<LeaderLock | undefined> {
    const { dynamo, key } = this.#lockHome;
    const item = await dynamo.getItem({ [key]: { S: leaderLockKey } }, signal);
    return item === undefined ? undefined : lockFromItem(item);
  }

  /** Writes the lock on a condition (kcl.md 1.3). */
  async writeLock(lock: LeaderLock, condition: LockCondition, signal: AbortSignal): Promise<boolean> {
    const { dynamo, key } = this.#lockHome;
    const outcome = await dynamo.putItem(itemFromLock(lock, key), lockCondition(condition, key), signal);
    return outcome.done;
  }

  /** Deletes the lock if it still is this one. */
  async deleteLock(lock: LeaderLock, signal: AbortSignal): Promise<boolean> {
    const { dynamo, key } = this.#lockHome;
    const { recordVersionNumber, ownerName } = lock;
    const condition = lockCondition({ type: 'mine', recordVersionNumber, ownerName }, key);
    const outcome = await dynamo.deleteItem({ [key]: { S: leaderLockKey } }, condition, signal);
    return outcome.done;
  }

  /** The worker rows of the legacy layout; in the single table a scan of the leases brings them. */
  async scanLegacyWorkers(signal: AbortSignal): Promise<readonly WorkerRow[]> {
    const { dynamo, key } = this.#workerHome;
    const workers: WorkerRow[] = [];
    let next: DynamoItem | undefined;
    do {
      const page = await dynamo.scanPage(next, false, signal);
      workers.push(...page.items.map((item) => workerFromItem(item, key)));
      next = page.next;
    } while (next !== undefined);
    return workers;
  }

  /**
   * Writes a worker's own row.
   * @throws MillraceError `MR_CONFIG_INVALID` when its name is the key of another row
   */
  async putWorker(row: WorkerRow, signal: AbortSignal): Promise<void> {
    const { dynamo, key } = this.#workerHome;
    const outcome = await dynamo.putItem(itemFromWorker(row, key), ifAbsentOrWorker(key), signal);
    if (!outcome.done) throw workerKeyTaken(row.workerIdentifier);
  }

  /** Deletes a worker's row, if it was not reported anew since. */
  async deleteWorker(row: WorkerRow, signal: AbortSignal): Promise<void> {
    const { dynamo, key } = this.#workerHome;
    await dynamo.deleteItem({ [key]: { S: row.workerIdentifier } }, ifNotReportedSince(row), signal);
  }
}

function layoutOf(status: string): Coordination {
  if (status === migrationComplete) return { tables: 'single', mayLead: true };
  // DEPLOYED and PENDING: a Java leader moves the rows; a leader of ours in the middle of it would write to one side only.
  return { tables: 'legacy', mayLead: status === migrationInit };
}

function lockCondition(condition: LockCondition, key: 'leaseKey' | 'key'): ConditionParameters {
  const names: Record<string, string> = { '#key': key };
  switch (condition.type) {
    case 'absent':
      return { conditionExpression: 'attribute_not_exists(#key)', names, values: {} };
    case 'released':
      return {
        conditionExpression: 'attribute_exists(#key) AND #isReleased = :one',
        names: { ...names, '#isReleased': 'isReleased' },
        values: { ':one': { S: '1' } },
      };
    case 'unchanged':
      return {
        conditionExpression: 'attribute_exists(#key) AND #rvn = :rvn',
        names: { ...names, '#rvn': 'recordVersionNumber' },
        values: { ':rvn': { S: condition.recordVersionNumber } },
      };
    case 'mine':
      return {
        conditionExpression: 'attribute_exists(#key) AND #rvn = :rvn AND #owner = :owner',
        names: { ...names, '#rvn': 'recordVersionNumber', '#owner': 'ownerName' },
        values: { ':rvn': { S: condition.recordVersionNumber }, ':owner': { S: condition.ownerName } },
      };
  }
}
