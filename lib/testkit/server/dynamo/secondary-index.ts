import type { Clock } from '../../../base/clock.ts';
import { type Item, equalItems } from './attribute.ts';
import { Rows, placeOf } from './rows.ts';
import { type IndexSchema, type KeySchema, namesOf } from './schema.ts';
import { itemBytes } from './size.ts';

/** The state of an index that is being built, is there, or is being removed. */
export type IndexStatus = 'CREATING' | 'ACTIVE' | 'DELETING';

/** A global secondary index: a copy of its table that follows it after a while. */
export class SecondaryIndex {
  readonly schema: IndexSchema;
  status: IndexStatus = 'CREATING';
  readonly #tableKeys: KeySchema;
  readonly #clock: Clock;
  readonly #lagMillis: number;
  readonly #rows = new Rows();
  /** Changes that do not show yet, in their order. */
  #coming: { readonly dueMillis: number; readonly id: string; readonly item: Item | undefined }[] = [];

  constructor(schema: IndexSchema, tableKeys: KeySchema, clock: Clock, lagMillis: number) {
    this.schema = schema;
    this.#tableKeys = tableKeys;
    this.#clock = clock;
    this.#lagMillis = lagMillis;
  }

  /** The rows as they show now. */
  get rows(): Rows {
    const nowMillis = this.#clock.monotonicMillis();
    const due = this.#coming.findIndex((change) => change.dueMillis > nowMillis);
    for (const { id, item } of this.#coming.splice(0, due < 0 ? this.#coming.length : due)) this.#show(id, item);
    return this.#rows;
  }

  /** Follows a change of the table. Answers the write units that it costs. */
  follow(id: string, before: Item | undefined, after: Item | undefined): number {
    const old = before === undefined ? undefined : this.#copyOf(before);
    const now = after === undefined ? undefined : this.#copyOf(after);
    if (old === undefined && now === undefined) return 0;
    if (old !== undefined && now !== undefined && equalItems(old, now)) return 0;
    if (this.#lagMillis === 0) this.#show(id, now);
    else this.#coming.push({ dueMillis: this.#clock.monotonicMillis() + this.#lagMillis, id, item: now });
    // A changed key is a delete and a put.
    return units(old) + units(now) - (this.#sameKey(old, now) ? Math.min(units(old), units(now)) : 0);
  }

  #show(id: string, item: Item | undefined): void {
    if (item === undefined) this.#rows.delete(id);
    else this.#rows.put({ place: placeOf(item, this.schema.keys, id), item, bytes: itemBytes(item) });
  }

  /** What the index has of an item: nothing when it lacks the key of the index. */
  #copyOf(item: Item): Item | undefined {
    const { keys, projection } = this.schema;
    const keyNames = namesOf(keys);
    if (!keyNames.every((name) => item[name] !== undefined)) return undefined;
    if (projection.type === 'ALL') return item;
    const names = new Set([...keyNames, ...namesOf(this.#tableKeys), ...projection.nonKey]);
    return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name)));
  }

  #sameKey(one: Item | undefined, other: Item | undefined): boolean {
    if (one === undefined || other === undefined) return false;
    const keyOf = (item: Item) => Object.fromEntries(namesOf(this.schema.keys).map((name) => [name, item[name]]));
    return equalItems(keyOf(one) as Item, keyOf(other) as Item);
  }
}

function units(item: Item | undefined): number {
  return item === undefined ? 0 : Math.max(1, Math.ceil(itemBytes(item) / 1_024));
}
