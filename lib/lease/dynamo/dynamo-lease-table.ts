import { type Clock, sleep } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import type { Lease, WorkerRow } from '../lease.ts';
import { type LeaseTable, type TableSnapshot, type WriteOutcome, ownerIndexName } from '../lease-table.ts';
import type { LeaseWrite } from '../lease-write.ts';
import type { AwsDynamo, ItemPage, TableDescription } from './aws-dynamo.ts';
import { type DynamoItem, stringOf } from './item.ts';
import { itemFromLease, itemFromWorker, leaseFromItem, rowFromItem } from './lease-item.ts';
import { updateExpression } from './update-expression.ts';

/** How often a new table is asked whether it is active, and for how long at most (KCL waits 600 s). */
const activePollMillis = 500;
const activeTimeoutMillis = 600_000;
/** A scan or query of more pages than this is not a lease table. */
const maximumPages = 10_000;

/** The lease table in DynamoDB, with KCL's attribute names and conditions. */
export class DynamoLeaseTable implements LeaseTable {
  readonly #dynamo: AwsDynamo;
  readonly #clock: Clock;

  constructor(dynamo: AwsDynamo, clock: Clock) {
    this.#dynamo = dynamo;
    this.#clock = clock;
  }

  async open(signal: AbortSignal): Promise<{ created: boolean }> {
    let description = await this.#dynamo.describeTable(signal);
    let created = false;
    if (description === undefined) {
      created = await this.#dynamo.createTable(ownerIndexName, signal);
      description = await this.#dynamo.describeTable(signal);
    }
    // A foreign table is refused before it is active: nothing may be written to it.
    if (description !== undefined) this.#checkKey(description);
    const deadline = this.#clock.monotonicMillis() + activeTimeoutMillis;
    while (description?.status !== 'ACTIVE' && description?.status !== 'UPDATING') {
      if (this.#clock.monotonicMillis() > deadline) {
        throw new MillraceError(
          'MR_ENDPOINT_UNREACHABLE',
          `table ${this.#dynamo.tableName} is still ${description?.status ?? 'missing'} after ${activeTimeoutMillis / 1000} s`,
          { subject: { table: this.#dynamo.tableName } },
        );
      }
      await sleep(this.#clock, activePollMillis, signal);
      description = await this.#dynamo.describeTable(signal);
    }
    this.#checkKey(description);
    return { created };
  }

  #checkKey(description: TableDescription): void {
    if (description.keySchema.join() === 'leaseKey:HASH') return;
    throw new MillraceError(
      'MR_TABLE_FOREIGN',
      `table ${this.#dynamo.tableName} is no lease table: its key is ${description.keySchema.join(', ')} instead of leaseKey:HASH; ` +
        'name another table with tableName',
      { subject: { table: this.#dynamo.tableName } },
    );
  }

  async scan(signal: AbortSignal): Promise<TableSnapshot> {
    const leases: Lease[] = [];
    const workers: WorkerRow[] = [];
    for await (const item of this.#items((next) => this.#dynamo.scanPage(next, signal))) {
      const row = rowFromItem(item, this.#dynamo.tableName);
      if (row.kind === 'lease') leases.push(row.lease);
      else if (row.kind === 'worker') workers.push(row.worker);
    }
    return { leases, workers };
  }

  async listKeysOwnedBy(workerIdentifier: string, signal: AbortSignal): Promise<readonly string[]> {
    const keys: string[] = [];
    const page = (next: DynamoItem | undefined) =>
      this.#dynamo.queryOwnerPage(ownerIndexName, workerIdentifier, next, signal);
    for await (const item of this.#items(page)) {
      const leaseKey = stringOf(item, 'leaseKey');
      if (leaseKey !== undefined) keys.push(leaseKey);
    }
    return keys;
  }

  async *#items(readPage: (next: DynamoItem | undefined) => Promise<ItemPage>): AsyncGenerator<DynamoItem> {
    let next: DynamoItem | undefined;
    for (let pages = 0; pages < maximumPages; pages += 1) {
      const page = await readPage(next);
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
    const item = await this.#dynamo.getItem(leaseKey, signal);
    return item === undefined ? undefined : leaseFromItem(item, this.#dynamo.tableName);
  }

  async createIfAbsent(lease: Lease, signal: AbortSignal): Promise<boolean> {
    const outcome = await this.#dynamo.putItem(itemFromLease(lease), true, signal);
    return outcome.done;
  }

  async write(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome> {
    const outcome = await this.#dynamo.updateItem(write.leaseKey, updateExpression(write), signal);
    if (outcome.done && outcome.item !== undefined) {
      return { outcome: 'applied', lease: leaseFromItem(outcome.item, this.#dynamo.tableName) };
    }
    // Not every service that speaks DynamoDB tells the old item of a refused condition: read it then.
    const item = outcome.item ?? (await this.#dynamo.getItem(write.leaseKey, signal));
    const lease = item === undefined ? undefined : leaseFromItem(item, this.#dynamo.tableName);
    if (outcome.done && lease !== undefined) return { outcome: 'applied', lease };
    return { outcome: 'refused', lease };
  }

  async putWorker(row: WorkerRow, signal: AbortSignal): Promise<void> {
    await this.#dynamo.putItem(itemFromWorker(row), false, signal);
  }

  async deleteWorker(workerIdentifier: string, signal: AbortSignal): Promise<void> {
    await this.#dynamo.deleteItem(workerIdentifier, signal);
  }
}
