import type { Clock } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import type { Coordination, LockCondition, ScanConsistency } from '../lease-table.ts';
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
import { checkKey, openTable } from './open-table.ts';
import type { ConditionParameters, UpdateParameters } from './update-expression.ts';

/** KCL's row that says how far a fleet has moved from three tables to one (kcl.md 2.9). */
const tableMigrationKey = 'TableMigration3.5';
const migrationComplete = 'TABLE_MIGRATION_STATUS_COMPLETE';
const migrationInit = 'TABLE_MIGRATION_STATUS_INIT';

/** One kind of coordination row: the table it lives in and the name of that table's key. */
interface Home<K extends string> {
  readonly dynamo: AwsDynamo;
  readonly key: K;
}

/**
 * Where the coordination rows are to be: by what exists (`auto`), or as the configuration says whatever exists. A first
 * worker of Millrace has to be told `legacy` when workers of KCL 3.0 to 3.4 are to join it.
 */
export type CoordinationLayout = 'auto' | 'single' | 'legacy';

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
  readonly #layout: CoordinationLayout;
  #state: Coordination;

  constructor(tables: CoordinationTables, layout: CoordinationLayout = 'auto') {
    this.#tables = tables;
    this.#layout = layout;
    this.#state = { tables: layout === 'legacy' ? 'legacy' : 'single', mayLead: layout !== 'legacy' };
  }

  /** The layout as last found. */
  get state(): Coordination {
    return this.#state;
  }

  /**
   * Makes the legacy tables where they must exist and do not, as KCL 3.0 to 3.4 does, and finds out which layout there is.
   * @throws MillraceError as {@link find}; `MR_TABLE_FOREIGN` when a table of their names has another key
   */
  async open(clock: Clock, signal: AbortSignal): Promise<Coordination> {
    if (this.#layout === 'legacy') {
      const { coordinatorState, workerMetrics } = this.#tables;
      await Promise.all([
        openKeyed({ dynamo: coordinatorState, key: 'key', option: 'coordinatorStateTableName' }, clock, signal),
        openKeyed({ dynamo: workerMetrics, key: 'wid', option: 'workerMetricsTableName' }, clock, signal),
      ]);
    }
    return this.find(signal);
  }

  /**
   * Finds out which layout the application has now.
   * @throws MillraceError `MR_CONFIG_INVALID` when the configuration says legacy and a Java fleet has moved its rows away;
   * `MR_ENDPOINT_UNREACHABLE` while a Java worker is still making the tables
   */
  async find(signal: AbortSignal): Promise<Coordination> {
    this.#state = await this.#look(signal);
    return this.#state;
  }

  async #look(signal: AbortSignal): Promise<Coordination> {
    const { coordinatorState, workerMetrics } = this.#tables;
    if (this.#layout === 'single') return { tables: 'single', mayLead: true };
    if (this.#layout === 'auto') {
      // As KCL 3.5 has it: without this table there is nothing to move, and the fleet has one table.
      if (!(await isUsable(coordinatorState, signal))) return { tables: 'single', mayLead: true };
      const status = await this.#migrationStatus(signal);
      if (status === migrationComplete) return { tables: 'single', mayLead: true };
      if (!(await isUsable(workerMetrics, signal))) throw notMadeYet(workerMetrics);
      return legacyLayout(status);
    }
    const status = await this.#migrationStatus(signal);
    if (status === migrationComplete) throw movedAway(coordinatorState);
    return legacyLayout(status);
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

  /** The lock row. */
  async readLock(signal: AbortSignal, consistency: ScanConsistency): Promise<LeaderLock | undefined> {
    const { dynamo, key } = this.#lockHome;
    const item = await dynamo.getItem({ [key]: { S: leaderLockKey } }, signal, consistency);
    return item === undefined ? undefined : lockFromItem(item, dynamo.tableName);
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
   * Writes a worker's own row; answers with the one that it replaced.
   * @throws MillraceError `MR_CONFIG_INVALID` when its name is the key of another row
   */
  async putWorker(row: WorkerRow, signal: AbortSignal): Promise<WorkerRow | undefined> {
    const { dynamo, key } = this.#workerHome;
    const outcome = await dynamo.replaceItem(itemFromWorker(row, key), ifAbsentOrWorker(key), signal);
    if (!outcome.done) throw workerKeyTaken(row.workerIdentifier);
    return outcome.item === undefined ? undefined : workerFromItem(outcome.item, key);
  }

  /** Changes a worker's row that is there, on condition. */
  async updateWorker(workerIdentifier: string, update: UpdateParameters, signal: AbortSignal): Promise<boolean> {
    const { dynamo, key } = this.#workerHome;
    return (await dynamo.updateItem(workerIdentifier, update, signal, key)).done;
  }

  /** Deletes a worker's row, if it was not reported anew since. */
  async deleteWorker(row: WorkerRow, signal: AbortSignal): Promise<void> {
    const { dynamo, key } = this.#workerHome;
    await dynamo.deleteItem({ [key]: { S: row.workerIdentifier } }, ifNotReportedSince(row), signal);
  }
}

/** DEPLOYED and PENDING: a Java leader moves the rows; a leader of ours in the middle of it would write to one side only. */
function legacyLayout(status: string): Coordination {
  return { tables: 'legacy', mayLead: status === migrationInit };
}

/** Whether a table is there. One that is being deleted is as good as gone; one that is being made must be waited for. */
async function isUsable(dynamo: AwsDynamo, signal: AbortSignal): Promise<boolean> {
  const description = await dynamo.describeTable(signal);
  if (description?.status === 'CREATING') throw notMadeYet(dynamo);
  return description !== undefined && description.status !== 'DELETING';
}

async function openKeyed(
  table: { readonly dynamo: AwsDynamo; readonly key: string; readonly option: string },
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { dynamo, key, option } = table;
  await openTable({
    dynamo,
    clock,
    create: () => dynamo.createKeyedTable(key, signal),
    check: (found) => checkKey(dynamo, found, { key, kind: 'coordination table of KCL 3.0 to 3.4', option }),
    signal,
  });
}

function notMadeYet({ tableName }: AwsDynamo): MillraceError {
  return new MillraceError(
    'MR_ENDPOINT_UNREACHABLE',
    `table ${tableName} of KCL 3.0 to 3.4 is not there yet, although the application has others of that layout; ` +
      'it is looked for again. If no such worker runs any more, give coordinationTables: single or legacy',
    { subject: { table: tableName } },
  );
}

function movedAway({ tableName }: AwsDynamo): MillraceError {
  return new MillraceError(
    'MR_CONFIG_INVALID',
    `coordinationTables is legacy, but the rows of ${tableName} have been moved to the lease table (${tableMigrationKey} is COMPLETE): give auto`,
    { subject: { table: tableName, option: 'coordinationTables' } },
  );
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
