import { createHash } from 'node:crypto';
import { type Attribute, type Item, compareAttributes, contentOf, typeOf } from './attribute.ts';
import { type KeySchema, namesOf } from './schema.ts';

/** Where a row stands: by the hash of its hash key, as in DynamoDB in no order that means anything, then by its range key. */
export interface Place {
  /** 32 hexadecimal digits. */
  readonly bucket: string;
  readonly range: Attribute | undefined;
  /** Tells rows of an index with the same key apart. */
  readonly id: string;
}

/** An item where it stands. */
export interface Row {
  readonly place: Place;
  readonly item: Item;
  /** Its size as DynamoDB counts it. */
  readonly bytes: number;
}

/** The key of an item as text, the same for equal keys only. */
export function idOf(key: Item, keys: KeySchema): string {
  const parts = namesOf(keys).map((name) => textOf(key[name] as Attribute));
  return parts.length === 1 ? (parts[0] as string) : `${(parts[0] as string).length}:${parts.join('')}`;
}

/** Where an item with this key stands in a table or index. */
export function placeOf(key: Item, keys: KeySchema, id: string): Place {
  const range = keys.range === undefined ? undefined : key[keys.range];
  return { bucket: bucketOf(key[keys.hash] as Attribute), range, id };
}

/** The bucket of a hash key. */
export function bucketOf(hash: Attribute): string {
  return createHash('md5').update(textOf(hash)).digest('hex');
}

/** The order of rows. */
export function comparePlaces(one: Place, other: Place): number {
  if (one.bucket !== other.bucket) return one.bucket < other.bucket ? -1 : 1;
  const byRange = one.range !== undefined && other.range !== undefined ? compareAttributes(one.range, other.range) : 0;
  if (byRange !== undefined && byRange !== 0) return byRange;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}

/** Rows by id and in order. */
export class Rows {
  readonly #byId = new Map<string, Row>();
  readonly #sorted: Row[] = [];
  #bytes = 0;

  get all(): readonly Row[] {
    return this.#sorted;
  }

  /** Size of all items. */
  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): Row | undefined {
    return this.#byId.get(id);
  }

  put(row: Row): void {
    const { id } = row.place;
    const before = this.#byId.get(id);
    if (before !== undefined && comparePlaces(before.place, row.place) === 0) {
      this.#sorted[this.indexOf(row.place)] = row;
      this.#bytes += row.bytes - before.bytes;
    } else {
      this.delete(id);
      this.#sorted.splice(this.indexOf(row.place), 0, row);
      this.#bytes += row.bytes;
    }
    this.#byId.set(id, row);
  }

  delete(id: string): void {
    const before = this.#byId.get(id);
    if (before === undefined) return;
    this.#byId.delete(id);
    this.#sorted.splice(this.indexOf(before.place), 1);
    this.#bytes -= before.bytes;
  }

  /** The index of the first row at or behind a place. */
  indexOf(place: Place): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces((this.#sorted[middle] as Row).place, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** All rows of one hash key, in the order of their range keys. */
  ofHash(hash: Attribute): readonly Row[] {
    const bucket = bucketOf(hash);
    const first = this.indexOf({ bucket, range: undefined, id: '' });
    let end = first;
    while (this.#sorted[end]?.place.bucket === bucket) end += 1;
    return this.#sorted.slice(first, end);
  }
}

function textOf(value: Attribute): string {
  return typeOf(value) + String(contentOf(value));
}
