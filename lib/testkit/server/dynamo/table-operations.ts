import type { WireRequest } from '../wire-format.ts';
import { validationError } from './attribute.ts';
import type { DynamoOperation } from './operation.ts';
import { type KeySchema, type KeyTypes, readIndexSchema, readKeyTypes, readTableSchema } from './schema.ts';
import type { SecondaryIndex } from './secondary-index.ts';
import type { DynamoTable } from './table.ts';

/** Names of one page of ListTables. */
const listPageSize = 100;

/** The operations on tables. */
export const tableOperations: Readonly<Record<string, DynamoOperation>> = {
  CreateTable(store, request) {
    return { TableDescription: describe(store.create(readTableSchema(request))) };
  },

  DescribeTable(store, request) {
    return { Table: describe(store.described(request.text('TableName'))) };
  },

  DeleteTable(store, request) {
    const table = store.described(request.text('TableName'));
    store.delete(table);
    return { TableDescription: describe(table) };
  },

  ListTables(store, request) {
    const after = request.optionalText('ExclusiveStartTableName') ?? '';
    const limit = request.optionalInteger('Limit', 1, listPageSize) ?? listPageSize;
    const rest = store.names.filter((name) => name > after);
    const TableNames = rest.slice(0, limit);
    return rest.length > limit ? { TableNames, LastEvaluatedTableName: TableNames.at(-1) } : { TableNames };
  },

  UpdateTable(store, request) {
    const table = store.described(request.text('TableName'));
    const changes = request.has('GlobalSecondaryIndexUpdates') ? request.parts('GlobalSecondaryIndexUpdates') : [];
    for (const change of changes) {
      const create = change.optionalPart('Create');
      const remove = change.optionalPart('Delete');
      if (create !== undefined) store.addIndex(table, readIndexSchema(create), readKeyTypes(request));
      else if (remove !== undefined) store.removeIndex(table, remove.text('IndexName'));
      else if (!change.has('Update')) throw validationError('One of Create, Update and Delete must be given');
    }
    const protection = request.members['DeletionProtectionEnabled'];
    if (typeof protection === 'boolean') table.deletionProtected = protection;
    return { TableDescription: describe(table) };
  },
};

/** Tables on demand are told with these. */
const noThroughput = { NumberOfDecreasesToday: 0, ReadCapacityUnits: 0, WriteCapacityUnits: 0 };

function describe(table: DynamoTable): WireRequest {
  const { schema, rows, types, status } = table;
  const arn = `arn:aws:dynamodb:us-east-1:000000000000:table/${schema.name}`;
  const indexes = [...table.indexes.values()].map((index) => describeIndex(index, `${arn}/index/${index.schema.name}`));
  return {
    TableName: schema.name,
    TableArn: arn,
    TableStatus: status,
    CreationDateTime: table.createdAtMillis / 1_000,
    AttributeDefinitions: attributeDefinitions(types),
    KeySchema: keySchema(schema.keys),
    ItemCount: rows.all.length,
    TableSizeBytes: rows.bytes,
    BillingModeSummary: { BillingMode: schema.billingMode },
    ProvisionedThroughput: noThroughput,
    DeletionProtectionEnabled: table.deletionProtected,
    ...(indexes.length === 0 ? {} : { GlobalSecondaryIndexes: indexes }),
  };
}

function describeIndex(index: SecondaryIndex, arn: string): WireRequest {
  const { name, keys, projection } = index.schema;
  return {
    IndexName: name,
    IndexArn: arn,
    IndexStatus: index.status,
    ...(index.status === 'CREATING' ? { Backfilling: true } : {}),
    KeySchema: keySchema(keys),
    Projection: {
      ProjectionType: projection.type,
      ...(projection.type === 'INCLUDE' ? { NonKeyAttributes: projection.nonKey } : {}),
    },
    ItemCount: index.rows.all.length,
    IndexSizeBytes: index.rows.bytes,
    ProvisionedThroughput: noThroughput,
  };
}

function keySchema({ hash, range }: KeySchema): readonly WireRequest[] {
  const schema = [{ AttributeName: hash, KeyType: 'HASH' }];
  return range === undefined ? schema : [...schema, { AttributeName: range, KeyType: 'RANGE' }];
}

function attributeDefinitions(types: KeyTypes): readonly WireRequest[] {
  return [...types].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType }));
}
