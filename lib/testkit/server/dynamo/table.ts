import type { Clock } from '../../../base/clock.ts';
import { type Item, validationError } from './attribute.ts';
import { type Row, Rows, idOf, placeOf } from './rows.ts';
import { type IndexSchema, type KeyTypes, type TableSchema, checkIndexKeys } from './schema.ts';
import { SecondaryIndex } from './secondary-index.ts';
import { itemBytes } from './size.ts';

/** DynamoDB's greatest item. */
const maxItemBytes = 400 * 1_024;

/** One table: its rows, its indexes, and what was consumed. */
export class DynamoTable {
  readonly schema: TableSchema;
  readonly createdAtMillis: number;
  status: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' = 'CREATING';
  deletionProtected: boolean;
  types: KeyTypes;
  /** Capacity units that calls have consumed, as DynamoDB would bill them on demand. */
  readonly units = { read: 0, write: 0 };
  readonly rows = new Rows();
  readonly indexes = new Map<string, SecondaryIndex>();
  readonly #clock: Clock;
  readonly #indexLagMillis: number;

  constructor(schema: TableSchema, clock: Clock, createdAtMillis: number, indexLagMillis: number) {
    this.schema = schema;
    this.types = schema.types;
    this.createdAtMillis = createdAtMillis;
    this.deletionProtected = schema.deletionProtected;
    this.#clock = clock;
    this.#indexLagMillis = indexLagMillis;
    for (const index of schema.indexes) this.addIndex(index, schema.types);
  }

  /** The row of a key. */
  rowOf(key: Item): Row | undefined {
    return this.rows.get(idOf(key, this.schema.keys));
  }

  /** Refuses an item that DynamoDB would not keep. */
  check(item: Item): void {
    checkIndexKeys(
      item,
      [...this.indexes.values()].map((index) => index.schema),
      this.types,
    );
    if (itemBytes(item) > maxItemBytes) {
      throw validationError('Item size has exceeded the maximum allowed size');
    }
  }

  /** Puts an item, or with `undefined` deletes it. Answers the write units. */
  write(key: Item, after: Item | undefined): number {
    const id = idOf(key, this.schema.keys);
    const before = this.rows.get(id);
    const bytes = after === undefined ? 0 : itemBytes(after);
    if (after === undefined) this.rows.delete(id);
    else this.rows.put({ place: before?.place ?? placeOf(key, this.schema.keys, id), item: after, bytes });
    let units = writeUnits(Math.max(bytes, before?.bytes ?? 0));
    for (const index of this.indexes.values()) units += index.follow(id, before?.item, after);
    this.units.write += units;
    return units;
  }

  /** Counts a write that was refused: it costs as much as one that was done. */
  countRefusedWrite(before: Row | undefined): void {
    this.units.write += writeUnits(before?.bytes ?? 0);
  }

  /** Counts a read of so many bytes. Answers the read units. */
  countRead(bytes: number, isConsistent: boolean): number {
    const units = Math.max(1, Math.ceil(bytes / 4_096)) * (isConsistent ? 1 : 0.5);
    this.units.read += units;
    return units;
  }

  /** Adds an index and fills it with what is there. */
  addIndex(schema: IndexSchema, types: KeyTypes): SecondaryIndex {
    this.types = new Map([...this.types, ...types]);
    const index = new SecondaryIndex(schema, this.schema.keys, this.#clock, this.#indexLagMillis);
    this.indexes.set(schema.name, index);
    for (const row of this.rows.all) index.follow(row.place.id, undefined, row.item);
    return index;
  }
}

function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / 1_024));
}
