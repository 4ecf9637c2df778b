import { MillraceError } from '../../base/error.ts';
import { type Position, positionFromRow } from '../../base/position.ts';
import type { HashKeyRange } from '../lease.ts';
import { type DynamoItem, type DynamoValue, numberOf, stringOf } from './item.ts';

/** How much of a damaged value an error quotes. */
const quotedLength = 60;

/**
 * Reads the attributes of KCL from one lease row. An attribute that is there and is not what kcl.md 1.1 says is an error
 * that names the table, the row and the attribute. Taken for absent, it would do harm without a word: with an owner of
 * another type every assign would be refused for ever; with a parent that is no set a child would be read too early.
 */
export class RowReader {
  readonly #item: DynamoItem;
  readonly #tableName: string;

  constructor(item: DynamoItem, tableName: string) {
    this.#item = item;
    this.#tableName = tableName;
  }

  /** A text that is not empty. */
  text(name: string): string | undefined {
    const value = this.#item[name];
    if (value === undefined) return undefined;
    if ('S' in value && value.S !== '') return value.S;
    throw this.damaged(name, 'a text that is not empty');
  }

  /** A number that counts something: whole, from 0 to the largest that can be compared exactly. */
  count(name: string): number | undefined {
    const value = this.#item[name];
    if (value === undefined) return undefined;
    const count = numberOf(this.#item, name);
    if (count !== undefined && Number.isSafeInteger(count) && count >= 0) return count;
    throw this.damaged(name, `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }

  /** A set of texts; empty when it is absent, since DynamoDB has no empty sets. */
  texts(name: string): readonly string[] {
    const value = this.#item[name];
    if (value === undefined) return [];
    if ('SS' in value) return value.SS;
    throw this.damaged(name, 'a set of texts');
  }

  /** The attributes `name` and `nameSubSequenceNumber`. */
  position(name: string): Position | undefined {
    const subSequenceNumber = this.count(`${name}SubSequenceNumber`) ?? 0;
    const value = this.#item[name];
    if (value === undefined) return undefined;
    try {
      return positionFromRow(stringOf(this.#item, name) ?? '', subSequenceNumber);
    } catch (thrown) {
      throw this.damaged(name, 'a sequence number or a name of a position', thrown);
    }
  }

  /** Both hash keys; `undefined` when one of them is missing, which a shard sync fills in. */
  hashKeyRange(): HashKeyRange | undefined {
    const startingHashKey = this.#hashKey('startingHashKey');
    const endingHashKey = this.#hashKey('endingHashKey');
    if (startingHashKey === undefined || endingHashKey === undefined) return undefined;
    if (BigInt(startingHashKey) > BigInt(endingHashKey)) throw this.damaged('startingHashKey', 'below endingHashKey');
    return { startingHashKey, endingHashKey };
  }

  #hashKey(name: string): string | undefined {
    const value = this.#item[name];
    if (value === undefined) return undefined;
    if ('S' in value && /^\d+$/.test(value.S)) return value.S;
    throw this.damaged(name, 'a whole number as text');
  }

  /** What must be there. */
  required<T>(name: string, value: T | undefined, wanted: string): T {
    if (value === undefined) throw this.damaged(name, wanted);
    return value;
  }

  /** The error for an attribute that is not what was wanted. */
  damaged(name: string, wanted: string, cause?: unknown): MillraceError {
    const leaseKey = stringOf(this.#item, 'leaseKey');
    return new MillraceError(
      'MR_TABLE_FOREIGN',
      `table ${this.#tableName} has a row ${JSON.stringify(leaseKey)} whose ${name} is ${quoted(this.#item[name])}, not ${wanted}; ` +
        'name another table with tableName, or mend or remove the row',
      {
        subject: { table: this.#tableName, ...(leaseKey === undefined ? {} : { lease: leaseKey }) },
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }
}

function quoted(value: DynamoValue | undefined): string {
  if (value === undefined) return 'absent';
  if ('S' in value) return JSON.stringify(value.S.slice(0, quotedLength));
  if ('N' in value) return `the number ${value.N}`;
  return `of type ${Object.keys(value).join()}`;
}
