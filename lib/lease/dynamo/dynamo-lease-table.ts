import { linkedController } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import type { LeaderLock, Lease, WorkerRow } from '../lease.ts';
import {
  type Coordination,
  type LeaseTable,
  type LockCondition,
  type ScanConsistency,
  type TableSnapshot,
  type WriteOutcome,
  ownerIndexName,
} from '../lease-table.ts';
import type { LeaseWrite } from '../lease-write.ts';
import type { AwsDynamo, ItemPage } from './aws-dynamo.ts';
import { type DynamoItem, stringOf } from './item.ts';
import {
  drainRequest,
  ifAbsent,
  ifEndedAsSeen,
  itemFromLease,
  leaseFromItem,
  noDrainRequest,
  rowFromItem,
} from './lease-item.ts';
import type { CoordinationRows } from './coordination-tables.ts';
import { checkKey, openTable } from './open-table.ts';
import { scanSegments } from './scan-segments.ts';
import { updateExpression } from './update-expression.ts';

/** A scan or query of more pages than this is not a lease table. */
const maximumPages = 10_000;
/** For how long the size of the table is believed, as in KCL: it says how many scans run side by side. */
const sizeLifeMillis = 2 * 3_600_000;

/** The lease table in DynamoDB, with KCL's attribute names and conditions. */
export class DynamoLeaseTable implements LeaseTable {
  readonly #dynamo: AwsDynamo;
  readonly #rows: CoordinationRows;
  readonly #clock: Clock;
  #size: { readonly bytes: number | undefined; readonly asOfMillis: number };

  /** `rows` says where the rows live that are no leases. */
  constructor(dynamo: AwsDynamo, rows: CoordinationRows, clock: Clock) {
    this.#dynamo = dynamo;
    this.#rows = rows;
    this.#clock = clock;
    this.#size = { bytes: 0, asOfMillis: clock.monotonicMillis() };
  }

  async open(signal: AbortSignal): Promise<{ created: boolean; coordination: Coordination }> {
    const created = await this.#openLeaseTable(signal);
    return { created, coordination: await this.#rows.open(this.#clock, signal) };
  }

  coordination(signal: AbortSignal): Promise<Coordination> {
    return this.#rows.find(signal);
  }

  async #openLeaseTable(signal: AbortSignal): Promise<boolean> {
    const dynamo = this.#dynamo;
    const { created, description } = await openTable({
      dynamo,
      clock: this.#clock,
      create: () => dynamo.createTable(ownerIndexName, signal),
      check: (found) => checkKey(dynamo, found, { key: 'leaseKey', kind: 'lease table', option: 'tableName' }),
      signal,
    });
    this.#size = { bytes: description.sizeBytes, asOfMillis: this.#clock.monotonicMillis() };
    if (!description.indexStatus.has(ownerIndexName)) {
      await dynamo.addIndex(ownerIndexName, description.provisioned, signal);
    }
    return created;
  }

  async scan(signal: AbortSignal, consistency: ScanConsistency = 'consistent'): Promise<TableSnapshot> {
    const leases: Lease[] = [];
    const workers: WorkerRow[] = [];
    await this.#scanSideBySide(consistency === 'consistent', signal, (item) => {
      const row = rowFromItem(item, this.#dynamo.tableName);
      if (row.kind === 'lease') leases.push(row.lease);
      else if (row.kind === 'worker') workers.push(row.worker);
    });
    const legacy = this.#rows.state.tables === 'legacy' ? await this.#rows.scanLegacyWorkers(signal) : [];
    return { leases, workers: [...workers, ...legacy] };
  }

  /** All items of a parallel scan. The first fault ends all its parts: half a snapshot is none. */
  async #scanSideBySide(isConsistent: boolean, signal: AbortSignal, take: (item: DynamoItem) => void): Promise<void> {
    const segments = scanSegments(await this.#sizeBytes(signal));
    using parts = linkedController(signal);
    const scanned = segments.map(async (segment) => {
      try {
        const readPage = (next: DynamoItem | undefined) =>
          this.#dynamo.scanPage(next, isConsistent, parts.signal, segment);
        for await (const item of this.#items(readPage)) take(item);
      } catch (thrown) {
        parts.abort(thrown);
      }
    });
    await Promise.all(scanned);
    parts.signal.throwIfAborted();
  }

  async #sizeBytes(signal: AbortSignal): Promise<number | undefined> {
    const asOfMillis = this.#clock.monotonicMillis();
    if (asOfMillis - this.#size.asOfMillis > sizeLifeMillis) {
      this.#size = { bytes: (await this.#dynamo.describeTable(signal))?.sizeBytes, asOfMillis };
    }
    return this.#size.bytes;
  }

  async listKeysOwnedBy(workerIdentifier: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    const keys: string[] = [];
    let hasIndex = true;
    const page = async (next: DynamoItem | undefined) => {
      const answer = await this.#dynamo.queryOwnerPage(ownerIndexName, workerIdentifier, next, signal);
      hasIndex = answer !== undefined;
      return answer;
    };
    for await (const item of this.#items(page)) {
      const leaseKey = stringOf(item, 'leaseKey');
      if (leaseKey !== undefined) keys.push(leaseKey);
    }
    return hasIndex ? keys : undefined;
  }

  async *#items(readPage: (next: DynamoItem | undefined) => Promise<ItemPage | undefined>): AsyncGenerator<DynamoItem> {
    let next: DynamoItem | undefined;
    for (let pages = 0; pages < maximumPages; pages += 1) {
      const page = await readPage(next);
      if (page === undefined) return;
      yield* page.items;
      next = page.next;
      if (next === undefined) return;
    }
    throw new MillraceError(
      'MR_TABLE_FOREIGN',
      `table ${this.#dynamo.tableName} has more than ${maximumPages} pages; that is no lease table`,
      { subject: { table: this.#dynamo.tableName } },
    );
  }

  async get(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined> {
    const item = await this.#dynamo.getItem({ leaseKey: { S: leaseKey } }, signal);
    if (item === undefined) return undefined;
    const row = rowFromItem(item, this.#dynamo.tableName);
    return row.kind === 'lease' ? row.lease : undefined;
  }

  async createIfAbsent(lease: Lease, signal: AbortSignal): Promise<boolean> {
    const outcome = await this.#dynamo.putItem(itemFromLease(lease), ifAbsent, signal);
    return outcome.done;
  }

  async write(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome> {
    const outcome = await this.#dynamo.updateItem(write.leaseKey, updateExpression(write), signal);
    if (outcome.done && outcome.item !== undefined) {
      return { outcome: 'applied', lease: leaseFromItem(outcome.item, this.#dynamo.tableName) };
    }
    // Not every service that speaks DynamoDB tells the old item of a refused condition: read it then.
    const item = outcome.item ?? (await this.#dynamo.getItem({ leaseKey: { S: write.leaseKey } }, signal));
    const lease = item === undefined ? undefined : leaseFromItem(item, this.#dynamo.tableName);
    if (outcome.done && lease !== undefined) return { outcome: 'applied', lease };
    return { outcome: 'refused', lease };
  }

  async deleteEnded(lease: Lease, signal: AbortSignal): Promise<boolean> {
    const key = { leaseKey: { S: lease.leaseKey } };
    const outcome = await this.#dynamo.deleteItem(key, ifEndedAsSeen(lease.leaseCounter), signal);
    return outcome.done;
  }

  readLock(signal: AbortSignal, consistency: ScanConsistency = 'consistent'): Promise<LeaderLock | undefined> {
    return this.#rows.readLock(signal, consistency);
  }

  writeLock(lock: LeaderLock, condition: LockCondition, signal: AbortSignal): Promise<boolean> {
    return this.#rows.writeLock(lock, condition, signal);
  }

  deleteLock(lock: LeaderLock, signal: AbortSignal): Promise<boolean> {
    return this.#rows.deleteLock(lock, signal);
  }

  putWorker(row: WorkerRow, signal: AbortSignal): Promise<WorkerRow | undefined> {
    return this.#rows.putWorker(row, signal);
  }

  requestDrain(workerIdentifier: string, request: string, signal: AbortSignal): Promise<boolean> {
    return this.#rows.updateWorker(workerIdentifier, drainRequest(request), signal);
  }

  cancelDrain(workerIdentifier: string, request: string, signal: AbortSignal): Promise<boolean> {
    return this.#rows.updateWorker(workerIdentifier, noDrainRequest(request), signal);
  }

  deleteWorker(row: WorkerRow, signal: AbortSignal): Promise<void> {
    return this.#rows.deleteWorker(row, signal);
  }
}
