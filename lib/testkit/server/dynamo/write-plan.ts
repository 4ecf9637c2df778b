import { awsError } from '../../aws-error.ts';
import type { WireRequest } from '../wire-format.ts';
import { type Item, readItem, validationError } from './attribute.ts';
import { type Expressions, conditionHolds, readExpressions } from './expressions.ts';
import type { Row } from './rows.ts';
import { checkKey, keyOfItem, namesOf } from './schema.ts';
import type { TableStore } from './table-store.ts';
import type { DynamoTable } from './table.ts';
import { checkUpdate } from './update-check.ts';
import { updated } from './update.ts';

/** The kinds of writes. */
export type WriteKind = 'put' | 'update' | 'delete' | 'check';

/** What a write would do, decided and not yet done. */
export interface WritePlan {
  readonly table: DynamoTable;
  readonly key: Item;
  readonly before: Row | undefined;
  /** `undefined` deletes. */
  readonly after: Item | undefined;
  /** Whether its condition holds. */
  readonly allowed: boolean;
  /** Names of the attributes that an update names. */
  readonly named: readonly string[];
}

/** Decides about one write. Throws what DynamoDB refuses as invalid; a condition that does not hold is told. */
export function planWrite(store: TableStore, kind: WriteKind, request: WireRequest): WritePlan {
  const tableName = request['TableName'];
  if (typeof tableName !== 'string') throw validationError("Value null at 'tableName' failed to satisfy constraint");
  const expressions = readExpressions(request);
  const table = store.usable(tableName);
  const keySchema = { keys: table.schema.keys, types: table.types };
  const item = readItem(request[kind === 'put' ? 'Item' : 'Key']);
  const key = kind === 'put' ? keyOfItem(item, keySchema) : checkKey(item, keySchema);
  const before = table.rowOf(key);
  const { update, bindings } = expressions;
  const named = update === undefined ? [] : checkUpdate(update, bindings, namesOf(table.schema.keys));
  const plan = { table, key, before, named };
  if (kind === 'put') table.check(item);
  if (!conditionHolds(expressions, before?.item)) return { ...plan, after: before?.item, allowed: false };
  switch (kind) {
    case 'put':
      return { ...plan, after: item, allowed: true };
    case 'delete':
      return { ...plan, after: undefined, allowed: true };
    case 'check':
      return { ...plan, after: before?.item, allowed: true };
    case 'update':
      return { ...plan, after: planUpdate(plan, expressions), allowed: true };
  }
}

function planUpdate(
  { table, key, before }: Pick<WritePlan, 'table' | 'key' | 'before'>,
  expressions: Expressions,
): Item {
  const { update, bindings } = expressions;
  const start = before?.item ?? key;
  const after = update === undefined ? start : updated(start, update, bindings);
  table.check(after);
  return after;
}

/** Refuses a write whose condition did not hold; tells the item when the request asks for it. */
export function conditionFailed(before: Row | undefined, request: WireRequest): Error {
  const error = awsError('ConditionalCheckFailedException', 'The conditional request failed');
  const wanted = request['ReturnValuesOnConditionCheckFailure'] === 'ALL_OLD';
  return wanted && before !== undefined ? Object.assign(error, { Item: before.item }) : error;
}
