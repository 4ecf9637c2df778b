import { awsError } from '../../aws-error.ts';
import type { RequestReader } from '../request.ts';
import type { WireRequest } from '../wire-format.ts';
import { type Item, readItem, validationError } from './attribute.ts';
import { projected, readExpressions } from './expressions.ts';
import { type DynamoOperation, consumed } from './operation.ts';
import { checkKey } from './schema.ts';
import type { TableStore } from './table-store.ts';
import { type WriteKind, type WritePlan, conditionFailed, planWrite } from './write-plan.ts';

/** DynamoDB's greatest batches and transactions. */
const maxBatchWrites = 25;
const maxBatchReads = 100;
const maxTransactionWrites = 100;

/** The operations on single items, and on several at once. */
export const itemOperations: Readonly<Record<string, DynamoOperation>> = {
  GetItem(store, request) {
    const { item, units, tableName } = getItem(store, request);
    return { ...(item === undefined ? {} : { Item: item }), ...consumed(request, tableName, units) };
  },

  PutItem: (store, request) => write(store, 'put', request),
  UpdateItem: (store, request) => write(store, 'update', request),
  DeleteItem: (store, request) => write(store, 'delete', request),

  BatchGetItem(store, request) {
    const Responses: Record<string, Item[]> = {};
    let count = 0;
    for (const [TableName, part] of tablesOf(request)) {
      const { Keys, ...rest } = part as { readonly Keys?: readonly unknown[] };
      Responses[TableName] = [];
      for (const Key of Keys ?? []) {
        count += 1;
        if (count > maxBatchReads) throw validationError('Too many items requested for the BatchGetItem call');
        const { item } = getItem(store, request.with({ ...rest, TableName, Key }));
        if (item !== undefined) Responses[TableName].push(item);
      }
    }
    return { Responses, UnprocessedKeys: {} };
  },

  BatchWriteItem(store, request) {
    const plans = tablesOf(request).flatMap(([TableName, part]) =>
      (part as readonly WireRequest[]).map((one) => planBatchWrite(store, TableName, one)),
    );
    if (plans.length === 0 || plans.length > maxBatchWrites) {
      throw validationError(`Too many items requested for the BatchWriteItem call: ${plans.length}`);
    }
    refuseSameItem(plans, 'Provided list of item keys contains duplicates');
    for (const { table, key, after } of plans) table.write(key, after);
    return { UnprocessedItems: {} };
  },

  TransactWriteItems(store, request) {
    const parts = request.parts('TransactItems');
    if (parts.length > maxTransactionWrites) throw validationError(`more than ${maxTransactionWrites} TransactItems`);
    const writes = parts.map((part) => transactionPart(part));
    const plans = writes.map(({ kind, members }) => planWrite(store, kind, members));
    refuseSameItem(plans, 'Transaction request cannot include multiple operations on one item');
    if (plans.some((plan) => !plan.allowed)) throw transactionCancelled(plans, writes);
    for (const [index, { table, key, after }] of plans.entries()) {
      if (writes[index]?.kind !== 'check') table.write(key, after);
    }
    return {};
  },
};

function getItem(store: TableStore, request: RequestReader) {
  const expressions = readExpressions(request.members);
  const tableName = request.text('TableName');
  const table = store.usable(tableName);
  const row = table.rowOf(checkKey(readItem(request.members['Key']), { keys: table.schema.keys, types: table.types }));
  const units = table.countRead(row?.bytes ?? 0, request.members['ConsistentRead'] === true);
  return { item: row === undefined ? undefined : projected(row.item, expressions), units, tableName };
}

function write(store: TableStore, kind: WriteKind, request: RequestReader): WireRequest {
  const plan = planWrite(store, kind, request.members);
  const { table, key, before, after } = plan;
  const attributes = returnedAttributes(kind, plan, request.optionalText('ReturnValues') ?? 'NONE');
  if (!plan.allowed) {
    table.countRefusedWrite(before);
    throw conditionFailed(before, request.members);
  }
  const units = table.write(key, after);
  const told = attributes === undefined || Object.keys(attributes).length === 0 ? {} : { Attributes: attributes };
  return { ...told, ...consumed(request, table.schema.name, units) };
}

function returnedAttributes(kind: WriteKind, plan: WritePlan, wanted: string): Item | undefined {
  const { before, after, named } = plan;
  const only = (item: Item | undefined) =>
    Object.fromEntries(Object.entries(item ?? {}).filter(([name]) => named.includes(name)));
  switch (wanted) {
    case 'NONE':
      return undefined;
    case 'ALL_OLD':
      return before?.item;
    case 'ALL_NEW':
      if (kind === 'update') return after;
      break;
    case 'UPDATED_OLD':
      if (kind === 'update') return only(before?.item);
      break;
    case 'UPDATED_NEW':
      if (kind === 'update') return only(after);
      break;
  }
  throw validationError(`ReturnValues ${wanted} cannot be asked of this operation`);
}

function tablesOf(request: RequestReader): readonly [string, unknown][] {
  const tables = request.members['RequestItems'];
  if (typeof tables === 'object' && tables !== null) return Object.entries(tables);
  throw validationError("Value null at 'requestItems' failed to satisfy constraint: Member must not be null");
}

function planBatchWrite(store: TableStore, TableName: string, one: WireRequest): WritePlan {
  if (one['PutRequest'] !== undefined)
    return planWrite(store, 'put', { TableName, ...(one['PutRequest'] as WireRequest) });
  return planWrite(store, 'delete', { TableName, ...(one['DeleteRequest'] as WireRequest) });
}

const transactionKinds: Readonly<Record<string, WriteKind>> = {
  Put: 'put',
  Update: 'update',
  Delete: 'delete',
  ConditionCheck: 'check',
};

function transactionPart(part: RequestReader): { readonly kind: WriteKind; readonly members: WireRequest } {
  const [name = '', members] = Object.entries(part.members)[0] ?? [];
  const kind = transactionKinds[name];
  if (kind === undefined) throw validationError(`a TransactItem that is none of Put, Update, Delete, ConditionCheck`);
  return { kind, members: members as WireRequest };
}

function refuseSameItem(plans: readonly WritePlan[], message: string): void {
  const keys = plans.map(({ table, key }) => `${table.schema.name} ${JSON.stringify(key)}`);
  if (new Set(keys).size !== keys.length) throw validationError(message);
}

function transactionCancelled(
  plans: readonly WritePlan[],
  writes: readonly { readonly members: WireRequest }[],
): Error {
  const reasons = plans.map((plan, index) => {
    if (plan.allowed) return { Code: 'None' };
    const told =
      writes[index]?.members['ReturnValuesOnConditionCheckFailure'] === 'ALL_OLD' && plan.before !== undefined;
    const reason = { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' };
    return told ? { ...reason, Item: plan.before?.item } : reason;
  });
  const codes = reasons.map((reason) => reason.Code).join(', ');
  const error = awsError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
  );
  return Object.assign(error, { CancellationReasons: reasons });
}
