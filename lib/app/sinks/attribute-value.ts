import { MillraceError } from '../../base/error.ts';
import type { DynamoItem, DynamoValue } from '../../lease/dynamo/item.ts';

/** DynamoDB keeps 38 digits of a number. */
const mostDigits = 38;

/**
 * A plain object as an item of DynamoDB: texts, finite numbers, bigints, booleans, null, bytes, arrays, plain objects and
 * sets of texts; attributes that are `undefined` are left out.
 * @throws MillraceError `MR_CONFIG_INVALID` for anything else, naming the attribute
 */
export function toItem(value: unknown, where: string): DynamoItem {
  if (isPlain(value)) return attributesOf(value, where);
  throw invalid(`${where} gave ${describe(value)}: give a plain object whose fields are the attributes, or undefined`);
}

function attributesOf(value: Readonly<Record<string, unknown>>, where: string): DynamoItem {
  const item: Record<string, DynamoValue> = {};
  for (const [name, attribute] of Object.entries(value)) {
    if (attribute !== undefined) item[name] = valueOf(attribute, `${where}, attribute ${JSON.stringify(name)}:`);
  }
  return item;
}

function valueOf(value: unknown, where: string): DynamoValue {
  switch (typeof value) {
    case 'string':
      return { S: value };
    case 'number':
      if (Number.isFinite(value)) return { N: String(value) };
      throw invalid(`${where} ${value} is no number that DynamoDB keeps`);
    case 'bigint':
      if (value.toString().replace('-', '').length <= mostDigits) return { N: value.toString() };
      throw invalid(`${where} a number of more than ${mostDigits} digits; give it as a text`);
    case 'boolean':
      return { BOOL: value };
    case 'object':
      return objectOf(value, where);
    default:
      throw invalid(`${where} ${describe(value)} has no form in DynamoDB`);
  }
}

function objectOf(value: object | null, where: string): DynamoValue {
  if (value === null) return { NULL: true };
  if (value instanceof Uint8Array) return { B: value };
  if (Array.isArray(value)) return { L: value.map((one: unknown) => valueOf(one, where)) };
  if (value instanceof Set) {
    const texts = [...(value as Set<unknown>)];
    if (texts.length > 0 && texts.every((one) => typeof one === 'string')) return { SS: texts };
    throw invalid(`${where} a set that is empty or holds more than texts; DynamoDB keeps sets of texts`);
  }
  if (isPlain(value)) return { M: attributesOf(value, where) };
  throw invalid(`${where} ${describe(value)} has no form in DynamoDB; give a time as a number or a text`);
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(typeof value === 'object' ? null : typeof value);
  return value.constructor?.name ?? 'an object';
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message);
}

/** About how many bytes DynamoDB counts for an item: names and values; never much less. */
export function itemBytes(item: DynamoItem): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0);
}

function valueBytes(value: DynamoValue): number {
  if ('S' in value) return Buffer.byteLength(value.S);
  if ('N' in value) return value.N.length + 1;
  if ('B' in value) return value.B.byteLength;
  if ('SS' in value) return value.SS.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if ('L' in value) return 3 + value.L.reduce((sum, one) => sum + 1 + valueBytes(one), 0);
  if ('M' in value) return 3 + Object.keys(value.M).length + itemBytes(value.M);
  return 1;
}
