import type { Clock } from '../../../base/clock.ts';
import { awsError } from '../../aws-error.ts';
import { type IndexSchema, type KeyTypes, type TableSchema, tableNotFound } from './schema.ts';
import { DynamoTable } from './table.ts';

/** Options of {@link TableStore}. */
export interface TableStoreOptions {
  readonly clock: Clock;
  /** The service's time, milliseconds since 1970. */
  readonly nowMillis: () => number;
  /** How long a table stays CREATING, UPDATING or DELETING. */
  readonly transitionMillis: number;
  /** How long an index that is added to a table is backfilled. */
  readonly backfillMillis: number;
  /** How long an index is behind its table. */
  readonly indexLagMillis: number;
}

/** Tables of one account, as DynamoDB limits them. */
const maxTables = 2_500;

/** The tables behind the server, by name. */
export class TableStore {
  readonly #options: TableStoreOptions;
  readonly #tables = new Map<string, DynamoTable>();

  constructor(options: TableStoreOptions) {
    this.#options = options;
  }

  /** Names in order. */
  get names(): readonly string[] {
    return [...this.#tables.keys()].toSorted();
  }

  /** The table in any state. */
  described(name: string): DynamoTable {
    const table = this.#tables.get(tableNameOf(name));
    if (table === undefined)
      throw awsError('ResourceNotFoundException', `Requested resource not found: Table: ${name} not found`);
    return table;
  }

  /** The table for reading and writing items: neither new nor leaving. */
  usable(name: string): DynamoTable {
    const table = this.#tables.get(tableNameOf(name));
    if (table === undefined || table.status === 'CREATING' || table.status === 'DELETING') throw tableNotFound();
    return table;
  }

  /** CreateTable. */
  create(schema: TableSchema): DynamoTable {
    if (this.#tables.has(schema.name)) {
      throw awsError('ResourceInUseException', `Table already exists: ${schema.name}`);
    }
    if (this.#tables.size >= maxTables) throw awsError('LimitExceededException', `${maxTables} tables exist`);
    const { clock, nowMillis, transitionMillis, indexLagMillis } = this.#options;
    const table = new DynamoTable(schema, clock, nowMillis(), indexLagMillis);
    this.#tables.set(schema.name, table);
    this.#later(transitionMillis, () => {
      if (table.status === 'CREATING') table.status = 'ACTIVE';
      for (const index of table.indexes.values()) index.status = 'ACTIVE';
    });
    return table;
  }

  /** DeleteTable. */
  delete(table: DynamoTable): void {
    if (table.status !== 'ACTIVE') throw tableInUse(table);
    if (table.deletionProtected) {
      throw awsError(
        'ValidationException',
        `Resource cannot be deleted as it is currently protected against deletion.`,
      );
    }
    table.status = 'DELETING';
    this.#later(this.#options.transitionMillis, () => this.#tables.delete(table.schema.name));
  }

  /** UpdateTable with a new index: it is filled while the table is UPDATING, and answers nothing until then. */
  addIndex(table: DynamoTable, schema: IndexSchema, types: KeyTypes): void {
    this.#beginUpdate(table);
    if (table.indexes.has(schema.name)) {
      table.status = 'ACTIVE';
      throw awsError('ValidationException', `Attempting to create an index which already exists`);
    }
    const index = table.addIndex(schema, types);
    this.#later(this.#options.transitionMillis, () => this.#endUpdate(table));
    this.#later(this.#options.backfillMillis, () => {
      index.status = 'ACTIVE';
    });
  }

  /** UpdateTable that removes an index. */
  removeIndex(table: DynamoTable, name: string): void {
    const index = table.indexes.get(name);
    if (index === undefined) throw awsError('ResourceNotFoundException', 'Requested resource not found');
    this.#beginUpdate(table);
    index.status = 'DELETING';
    this.#later(this.#options.transitionMillis, () => {
      table.indexes.delete(name);
      this.#endUpdate(table);
    });
  }

  #beginUpdate(table: DynamoTable): void {
    if (table.status !== 'ACTIVE') throw tableInUse(table);
    if ([...table.indexes.values()].some((index) => index.status !== 'ACTIVE')) {
      throw awsError(
        'LimitExceededException',
        'Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table',
      );
    }
    table.status = 'UPDATING';
  }

  #endUpdate(table: DynamoTable): void {
    if (table.status === 'UPDATING') table.status = 'ACTIVE';
  }

  #later(delayMillis: number, change: () => void): void {
    if (delayMillis > 0) this.#options.clock.timer(delayMillis, change, { keepAlive: false });
    else change();
  }
}

/** A name, also out of an ARN. */
function tableNameOf(name: string): string {
  return name.startsWith('arn:') ? (name.split('/')[1] ?? name) : name;
}

function tableInUse(table: DynamoTable): Error {
  return awsError(
    'ResourceInUseException',
    `Attempt to change a resource which is still in use: Table is being ${table.status === 'DELETING' ? 'deleted' : 'updated'}: ${table.schema.name}`,
  );
}
