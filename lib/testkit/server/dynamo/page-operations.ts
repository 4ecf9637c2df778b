import type { RequestReader } from '../request.ts';
import type { WireRequest } from '../wire-format.ts';
import { type Attribute, type Item, readItem, validationError } from './attribute.ts';
import { holds } from './condition.ts';
import { type Expressions, projected, readExpressions } from './expressions.ts';
import { readKeyCondition } from './key-condition.ts';
import { type DynamoOperation, consumed } from './operation.ts';
import { type Row, type Rows, comparePlaces, idOf, placeOf } from './rows.ts';
import { type KeySchema, namesOf } from './schema.ts';
import type { TableStore } from './table-store.ts';
import type { DynamoTable } from './table.ts';

/** DynamoDB reads at most so much for one page. */
const maxPageBytes = 1_048_576;

/** Scan and Query, of a table or an index. */
export const pageOperations: Readonly<Record<string, DynamoOperation>> = {
  Scan(store, request) {
    const source = sourceOf(store, request);
    const total = request.optionalInteger('TotalSegments', 1, 1_000_000) ?? 1;
    const segment = request.optionalInteger('Segment', 0, total - 1) ?? 0;
    const rows = source.rows.all.filter((row) => total === 1 || segmentOf(row, total) === segment);
    return page(request, source, rows, false);
  },

  Query(store, request) {
    const source = sourceOf(store, request);
    const { keyCondition, bindings } = source.expressions;
    if (keyCondition === undefined) {
      throw validationError(
        'Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.',
      );
    }
    const { hash, accepts } = readKeyCondition(keyCondition, source.keys, bindings);
    const backward = request.members['ScanIndexForward'] === false;
    const rows = source.rows.ofHash(hash).filter((row) => accepts(row.place.range));
    return page(request, source, backward ? rows.toReversed() : rows, backward);
  },
};

/** What is read: a table or an index of it. */
interface Source {
  readonly table: DynamoTable;
  readonly rows: Rows;
  readonly keys: KeySchema;
  readonly expressions: Expressions;
}

function sourceOf(store: TableStore, request: RequestReader): Source {
  const expressions = readExpressions(request.members);
  const table = store.usable(request.text('TableName'));
  const indexName = request.optionalText('IndexName');
  if (indexName === undefined) return { table, rows: table.rows, keys: table.schema.keys, expressions };
  const index = table.indexes.get(indexName);
  if (index === undefined) {
    throw validationError(`The table does not have the specified index: ${indexName}`);
  }
  if (index.status !== 'ACTIVE') {
    throw validationError(`Cannot read from backfilling global secondary index: ${indexName}`);
  }
  if (request.members['ConsistentRead'] === true) {
    throw validationError('Consistent reads are not supported on global secondary indexes');
  }
  return { table, rows: index.rows, keys: index.schema.keys, expressions };
}

function page(request: RequestReader, source: Source, rows: readonly Row[], backward: boolean): WireRequest {
  const { table, expressions } = source;
  const limit = request.optionalInteger('Limit', 1) ?? Infinity;
  const { read, bytes, isCut } = readRows(rowsBehindStart(request, source, rows, backward), limit);
  const { filter, bindings } = expressions;
  const found = filter === undefined ? read : read.filter((row) => holds(filter, row.item, bindings));
  const isCount = request.optionalText('Select') === 'COUNT';
  const last = read.at(-1);
  const units = table.countRead(bytes, request.members['ConsistentRead'] === true);
  return {
    ...(isCount ? {} : { Items: found.map((row) => projected(row.item, expressions)) }),
    Count: found.length,
    ScannedCount: read.length,
    ...(isCut && last !== undefined ? { LastEvaluatedKey: keyOfRow(last, source) } : {}),
    ...consumed(request, table.schema.name, units),
  };
}

/** The rows of a page. As in DynamoDB a page that is full by the limit has a key to go on, though nothing may follow. */
function readRows(rows: readonly Row[], limit: number) {
  let bytes = 0;
  let count = 0;
  for (const row of rows) {
    if (count >= limit || (count > 0 && bytes + row.bytes > maxPageBytes)) break;
    bytes += row.bytes;
    count += 1;
  }
  return { read: rows.slice(0, count), bytes, isCut: count < rows.length || count >= limit };
}

function rowsBehindStart(
  request: RequestReader,
  { table, keys }: Source,
  rows: readonly Row[],
  backward: boolean,
): readonly Row[] {
  if (!request.has('ExclusiveStartKey')) return rows;
  const start = readItem(request.members['ExclusiveStartKey']);
  const names = new Set([...namesOf(keys), ...namesOf(table.schema.keys)]);
  if (Object.keys(start).length !== names.size || ![...names].every((name) => start[name] !== undefined)) {
    throw validationError('The provided starting key is invalid');
  }
  const place = placeOf(start, keys, idOf(start, table.schema.keys));
  return rows.filter((row) => {
    const order = comparePlaces(row.place, place);
    return backward ? order < 0 : order > 0;
  });
}

function keyOfRow({ item }: Row, { table, keys }: Source): Item {
  const names = new Set([...namesOf(table.schema.keys), ...namesOf(keys)]);
  return Object.fromEntries([...names].map((name) => [name, item[name] as Attribute]));
}

function segmentOf({ place }: Row, total: number): number {
  return Math.floor((Number.parseInt(place.bucket.slice(0, 8), 16) / 2 ** 32) * total);
}
