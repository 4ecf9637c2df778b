import { awsError } from '../../aws-error.ts';
import { type Decimal, addDecimals, compareDecimals, formatDecimal, parseDecimal } from './decimal.ts';

/** One attribute value as the wire has it, checked: numbers in plain digits, bytes in base64. */
export type Attribute =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly Attribute[] }
  | { readonly M: Readonly<Record<string, Attribute>> };

/** The descriptor of a type. */
export type AttributeType = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'SS' | 'NS' | 'BS' | 'L' | 'M';

/** One item. Items are never changed in place. */
export type Item = Readonly<Record<string, Attribute>>;

/** DynamoDB's greatest depth of lists and maps. */
const maxDepth = 32;

/** A refusal of a request that is wrong. */
export function validationError(message: string): Error {
  return awsError('ValidationException', message);
}

/** The type of a value. */
export function typeOf(value: Attribute): AttributeType {
  for (const type in value) return type as AttributeType;
  throw new TypeError('an attribute without a type');
}

/** The content of a value, whatever its type. */
export function contentOf(value: Attribute): unknown {
  return (value as Record<string, unknown>)[typeOf(value)];
}

/** Checks an item of a request. */
export function readItem(raw: unknown): Item {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw awsError('SerializationException', 'an item is no structure');
  }
  const item: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries(raw)) item[name] = readAttribute(value);
  return item;
}

/** Checks a value of a request and writes its numbers in the one way that they are answered. */
export function readAttribute(raw: unknown, depth = 0): Attribute {
  if (depth > maxDepth) throw validationError('Nesting Levels have exceeded supported limits');
  const members = typeof raw === 'object' && raw !== null ? Object.entries(raw) : [];
  const [member] = members;
  if (member === undefined) {
    throw validationError('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  }
  if (members.length > 1) {
    throw validationError(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  return readTyped(member[0], member[1], depth);
}

function readTyped(type: string, content: unknown, depth: number): Attribute {
  const value = Object.hasOwn(readers, type) ? readers[type as AttributeType](content, depth) : undefined;
  if (value !== undefined) return value;
  throw awsError('SerializationException', `a value of type ${type} is ${JSON.stringify(content)?.slice(0, 100)}`);
}

/** For each type what makes a value of its content; `undefined` when it is none. */
const readers: Readonly<Record<AttributeType, (content: unknown, depth: number) => Attribute | undefined>> = {
  S: (content) => (typeof content === 'string' ? { S: content } : undefined),
  N: (content) => (typeof content === 'string' ? { N: readNumber(content) } : undefined),
  B: (content) => (typeof content === 'string' ? { B: content } : undefined),
  BOOL: (content) => (typeof content === 'boolean' ? { BOOL: content } : undefined),
  NULL(content) {
    if (content === true) return { NULL: true };
    throw validationError(
      'One or more parameter values were invalid: Null attribute value types must have the value of true',
    );
  },
  SS: (content) => readSet('SS', content),
  NS: (content) => readSet('NS', content),
  BS: (content) => readSet('BS', content),
  L: (content, depth) =>
    Array.isArray(content) ? { L: content.map((value) => readAttribute(value, depth + 1)) } : undefined,
  M(content, depth) {
    if (typeof content !== 'object' || content === null || Array.isArray(content)) return undefined;
    const members = Object.entries(content).map(([name, value]) => [name, readAttribute(value, depth + 1)]);
    return { M: Object.fromEntries(members) as Item };
  },
};

function readSet(type: 'SS' | 'NS' | 'BS', content: unknown): Attribute {
  if (!Array.isArray(content) || !content.every((value) => typeof value === 'string')) {
    throw awsError('SerializationException', `a ${type} is no list of texts`);
  }
  if (content.length === 0) {
    throw validationError('One or more parameter values were invalid: An string set  may not be empty');
  }
  const values = type === 'NS' ? content.map(readNumber) : content;
  if (new Set(values).size !== values.length) {
    throw validationError(
      `One or more parameter values were invalid: Input collection [${values.join(', ')}] contains duplicates.`,
    );
  }
  return setOf(type, values);
}

/** A set of one of the three types. */
export function setOf(type: AttributeType, values: readonly string[]): Attribute {
  if (type === 'SS') return { SS: values };
  return type === 'NS' ? { NS: values } : { BS: values };
}

/** Short whole numbers are written already as they are answered. */
const plainNumber = /^(?:0|-?[1-9]\d{0,14})$/;

function readNumber(text: string): string {
  return plainNumber.test(text) ? text : formatDecimal(decimalOf(text));
}

/** The number of a text; refuses what is none. */
export function decimalOf(text: string): Decimal {
  return numberOrRefusal(parseDecimal(text));
}

/** The sum of two numbers as text. */
export function addNumbers(one: string, other: string): string {
  if (plainNumber.test(one) && plainNumber.test(other)) return String(Number(one) + Number(other));
  return formatDecimal(numberOrRefusal(addDecimals(decimalOf(one), decimalOf(other))));
}

function numberOrRefusal(number: Decimal | string): Decimal {
  if (typeof number === 'string') throw validationError(number);
  return number;
}

/** Whether two values are the same; the order of a set says nothing. */
export function equalAttributes(one: Attribute, other: Attribute): boolean {
  const type = typeOf(one);
  if (type !== typeOf(other)) return false;
  const a = contentOf(one);
  const b = contentOf(other);
  switch (type) {
    case 'SS':
    case 'NS':
    case 'BS':
      return [...(a as string[])].sort().join('\0') === [...(b as string[])].sort().join('\0');
    case 'L':
      return equalLists(a as readonly Attribute[], b as readonly Attribute[]);
    case 'M':
      return equalItems(a as Item, b as Item);
    default:
      return a === b;
  }
}

function equalLists(one: readonly Attribute[], other: readonly Attribute[]): boolean {
  return one.length === other.length && one.every((value, index) => equalAttributes(value, other[index] as Attribute));
}

/** Whether two items, or maps, are the same. */
export function equalItems(one: Item, other: Item): boolean {
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  return names.every((name) => {
    const value = other[name];
    return value !== undefined && equalAttributes(one[name] as Attribute, value);
  });
}

/** The order of two texts (by UTF-8), numbers or byte strings; `undefined` when they are not of one such type. */
export function compareAttributes(one: Attribute, other: Attribute): number | undefined {
  if ('S' in one && 'S' in other) return Buffer.compare(Buffer.from(one.S), Buffer.from(other.S));
  if ('N' in one && 'N' in other) return compareDecimals(decimalOf(one.N), decimalOf(other.N));
  if ('B' in one && 'B' in other) return Buffer.compare(Buffer.from(one.B, 'base64'), Buffer.from(other.B, 'base64'));
  return undefined;
}
