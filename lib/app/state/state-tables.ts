import type { EpochOutcome, EpochRow } from '../../engine/commit/epoch-table.ts';
import type { AwsDynamo } from '../../lease/dynamo/aws-dynamo.ts';
import type { Lease } from '../../lease/lease.ts';
import type { LeaseTable, WriteOutcome } from '../../lease/lease-table.ts';
import type { LeaseWrite } from '../../lease/lease-write.ts';
import type { DynamoEpochTable } from '../epoch-table.ts';

/**
 * The rows in which an application has the pointers to its state: one for each lease in `shard` scope, the one of the table
 * `<applicationName>-Engine` in `application` scope. A table that is not there has no rows.
 */
export interface StateTables {
  epochRow(signal: AbortSignal): Promise<EpochRow | undefined>;
  leases(signal: AbortSignal): Promise<readonly Lease[]>;
  lease(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined>;
  /** See `EpochTable.write`; makes the table where it is missing. */
  writeEpoch(row: EpochRow, seen: EpochRow | undefined, signal: AbortSignal): Promise<EpochOutcome>;
  writeLease(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome>;
  /** Creates a lease unless it is there; `false` when it was. */
  createLease(lease: Lease, signal: AbortSignal): Promise<boolean>;
  /** Makes the table of a scope unless it is there. */
  open(scope: 'shard' | 'application', signal: AbortSignal): Promise<void>;
  /** What tells the table of a scope from every other; `undefined` while it is not there. */
  identityOf(scope: 'shard' | 'application', signal: AbortSignal): Promise<string | undefined>;
}

/** What {@link DynamoStateTables} reads and writes. */
export interface DynamoStateTablesOptions {
  readonly leaseDynamo: AwsDynamo;
  readonly leaseTable: LeaseTable;
  readonly epochDynamo: AwsDynamo;
  readonly epochTable: DynamoEpochTable;
}

/** The rows in DynamoDB. */
export class DynamoStateTables implements StateTables {
  readonly #options: DynamoStateTablesOptions;

  constructor(options: DynamoStateTablesOptions) {
    this.#options = options;
  }

  async epochRow(signal: AbortSignal): Promise<EpochRow | undefined> {
    const { epochDynamo, epochTable } = this.#options;
    return (await epochDynamo.describeTable(signal)) === undefined ? undefined : epochTable.read(signal);
  }

  async leases(signal: AbortSignal): Promise<readonly Lease[]> {
    const { leaseDynamo, leaseTable } = this.#options;
    if ((await leaseDynamo.describeTable(signal)) === undefined) return [];
    return (await leaseTable.scan(signal, 'consistent')).leases;
  }

  async lease(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined> {
    return this.#options.leaseTable.get(leaseKey, signal);
  }

  async writeEpoch(row: EpochRow, seen: EpochRow | undefined, signal: AbortSignal): Promise<EpochOutcome> {
    const { epochTable } = this.#options;
    if (seen === undefined) await epochTable.open(signal);
    return epochTable.write(row, seen, signal);
  }

  async writeLease(write: LeaseWrite, signal: AbortSignal): Promise<WriteOutcome> {
    return this.#options.leaseTable.write(write, signal);
  }

  async createLease(lease: Lease, signal: AbortSignal): Promise<boolean> {
    return this.#options.leaseTable.createIfAbsent(lease, signal);
  }

  async open(scope: 'shard' | 'application', signal: AbortSignal): Promise<void> {
    const { leaseTable, epochTable } = this.#options;
    await (scope === 'shard' ? leaseTable : epochTable).open(signal);
  }

  async identityOf(scope: 'shard' | 'application', signal: AbortSignal): Promise<string | undefined> {
    const { leaseDynamo, epochDynamo } = this.#options;
    return (await (scope === 'shard' ? leaseDynamo : epochDynamo).describeTable(signal))?.identity;
  }
}
