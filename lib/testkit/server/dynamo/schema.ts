import { awsError } from '../../aws-error.ts';
import type { RequestReader } from '../request.ts';
import { type Attribute, type Item, typeOf, validationError } from './attribute.ts';

/** The key of a table or index: attribute names with their types. */
export interface KeySchema {
  readonly hash: string;
  readonly range?: string;
}

/** The types of all key attributes of a table and its indexes. */
export type KeyTypes = ReadonlyMap<string, 'S' | 'N' | 'B'>;

/** What an index copies from its table. */
export interface Projection {
  readonly type: 'ALL' | 'KEYS_ONLY' | 'INCLUDE';
  readonly nonKey: readonly string[];
}

/** A global secondary index, as it is asked for. */
export interface IndexSchema {
  readonly name: string;
  readonly keys: KeySchema;
  readonly projection: Projection;
}

/** A table, as it is asked for. */
export interface TableSchema {
  readonly name: string;
  readonly keys: KeySchema;
  readonly types: KeyTypes;
  readonly indexes: readonly IndexSchema[];
  readonly billingMode: string;
  readonly deletionProtected: boolean;
}

/** DynamoDB's greatest keys. */
const maxHashBytes = 2_048;
const maxRangeBytes = 1_024;

/** Reads CreateTable. */
export function readTableSchema(request: RequestReader): TableSchema {
  const name = request.text('TableName');
  if (!/^[\w.-]{3,255}$/.test(name)) {
    throw validationError(
      `TableName ${JSON.stringify(name)} must have 3 to 255 characters out of a-z, A-Z, 0-9, _, - and .`,
    );
  }
  if (request.has('LocalSecondaryIndexes')) throw validationError('this fake AWS has no local secondary indexes');
  const types = readKeyTypes(request);
  const keys = readKeySchema(request);
  const indexes = request.has('GlobalSecondaryIndexes')
    ? request.parts('GlobalSecondaryIndexes').map(readIndexSchema)
    : [];
  const used = new Set([keys, ...indexes.map((index) => index.keys)].flatMap(namesOf));
  for (const attribute of used) {
    if (!types.has(attribute)) {
      throw validationError(
        `One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [${[...used].join(', ')}], AttributeDefinitions: [${[...types.keys()].join(', ')}]`,
      );
    }
  }
  if (used.size !== types.size) {
    throw validationError(
      'One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions',
    );
  }
  return {
    name,
    keys,
    types,
    indexes,
    billingMode: request.optionalText('BillingMode') ?? 'PROVISIONED',
    deletionProtected: request.members['DeletionProtectionEnabled'] === true,
  };
}

/** Reads AttributeDefinitions; an absent list is empty. */
export function readKeyTypes(request: RequestReader): KeyTypes {
  const types = new Map<string, 'S' | 'N' | 'B'>();
  if (!request.has('AttributeDefinitions')) return types;
  for (const definition of request.parts('AttributeDefinitions')) {
    const type = definition.text('AttributeType');
    if (type !== 'S' && type !== 'N' && type !== 'B') {
      throw validationError(`Value '${type}' at 'attributeType' must be one of [B, N, S]`);
    }
    types.set(definition.text('AttributeName'), type);
  }
  return types;
}

/** Reads one entry of GlobalSecondaryIndexes, or the Create of an update. */
export function readIndexSchema(request: RequestReader): IndexSchema {
  const projection = request.optionalPart('Projection');
  const type = projection?.optionalText('ProjectionType') ?? '';
  if (type !== 'ALL' && type !== 'KEYS_ONLY' && type !== 'INCLUDE') {
    throw validationError(`One or more parameter values were invalid: Unknown ProjectionType: ${type}`);
  }
  const nonKey = (projection?.members['NonKeyAttributes'] ?? []) as readonly string[];
  return { name: request.text('IndexName'), keys: readKeySchema(request), projection: { type, nonKey } };
}

function readKeySchema(request: RequestReader): KeySchema {
  const [hash, range, ...more] = request.parts('KeySchema');
  const rangeType = range?.text('KeyType') ?? 'RANGE';
  if (hash?.text('KeyType') !== 'HASH' || rangeType !== 'RANGE' || more.length > 0) {
    throw validationError('Invalid KeySchema: it is a HASH key, or a HASH key and a RANGE key');
  }
  const name = hash.text('AttributeName');
  return range === undefined ? { hash: name } : { hash: name, range: range.text('AttributeName') };
}

/** The names of a key's attributes. */
export function namesOf({ hash, range }: KeySchema): readonly string[] {
  return range === undefined ? [hash] : [hash, range];
}

/** The key of an item; refuses an item without it, or with another type. */
export function keyOfItem(item: Item, { keys, types }: Pick<TableSchema, 'keys' | 'types'>): Item {
  const key: Record<string, Attribute> = {};
  for (const name of namesOf(keys)) {
    const value = item[name];
    if (value === undefined) {
      throw validationError(`One or more parameter values were invalid: Missing the key ${name} in the item`);
    }
    checkKeyValue(name, value, types, name === keys.hash ? maxHashBytes : maxRangeBytes);
    key[name] = value;
  }
  return key;
}

/** Checks the Key of a request: exactly the attributes of the key. */
export function checkKey(key: Item, schema: Pick<TableSchema, 'keys' | 'types'>): Item {
  const names = namesOf(schema.keys);
  const fits = Object.keys(key).length === names.length && names.every((name) => key[name] !== undefined);
  const typed = fits && names.every((name) => typeOf(key[name] as Attribute) === schema.types.get(name));
  if (!typed) throw validationError('The provided key element does not match the schema');
  return keyOfItem(key, schema);
}

/** Refuses an item whose attribute cannot be a key of an index. */
export function checkIndexKeys(item: Item, indexes: readonly IndexSchema[], types: KeyTypes): void {
  for (const index of indexes) {
    for (const name of namesOf(index.keys)) {
      const value = item[name];
      if (value === undefined) continue;
      const type = typeOf(value);
      if (type !== types.get(name)) {
        throw validationError(
          `One or more parameter values were invalid: Type mismatch for Index Key ${name} Expected: ${types.get(name)} Actual: ${type} IndexName: ${index.name}`,
        );
      }
      if (isEmpty(value)) {
        throw validationError(
          `One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: ${index.name}, IndexKey: ${name}`,
        );
      }
    }
  }
}

function checkKeyValue(name: string, value: Attribute, types: KeyTypes, maxBytes: number): void {
  const type = typeOf(value);
  if (type !== types.get(name)) {
    throw validationError(
      `One or more parameter values were invalid: Type mismatch for key ${name} expected: ${types.get(name)} actual: ${type}`,
    );
  }
  if (isEmpty(value)) {
    throw validationError(
      `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: ${name}`,
    );
  }
  const bytes = 'S' in value ? Buffer.byteLength(value.S) : 'B' in value ? Buffer.byteLength(value.B, 'base64') : 0;
  if (bytes > maxBytes) {
    throw validationError(
      `One or more parameter values were invalid: Size of ${maxBytes === maxHashBytes ? 'hash' : 'range'}key has exceeded the maximum size limit of ${maxBytes} bytes`,
    );
  }
}

function isEmpty(value: Attribute): boolean {
  return ('S' in value && value.S === '') || ('B' in value && value.B === '');
}

/** A refusal for a table that is not there, or not ACTIVE yet. */
export function tableNotFound(): Error {
  return awsError('ResourceNotFoundException', 'Requested resource not found');
}
