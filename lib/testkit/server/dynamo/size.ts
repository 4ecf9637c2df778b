import { type Attribute, type Item, contentOf, typeOf } from './attribute.ts';

/** What lists, maps and each of their elements cost beside their content. */
const containerBytes = 3;
const elementBytes = 1;

/** The size of an item as DynamoDB counts it: names and values, in bytes. */
export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + attributeBytes(value);
  return bytes;
}

function attributeBytes(value: Attribute): number {
  const content = contentOf(value);
  switch (typeOf(value)) {
    case 'S':
      return Buffer.byteLength(content as string);
    case 'N':
      return numberBytes(content as string);
    case 'B':
      return base64Bytes(content as string);
    case 'BOOL':
    case 'NULL':
      return 1;
    case 'SS':
      return sum(content as string[], (text) => Buffer.byteLength(text));
    case 'NS':
      return sum(content as string[], numberBytes);
    case 'BS':
      return sum(content as string[], base64Bytes);
    case 'L':
      return containerBytes + sum(content as Attribute[], (element) => elementBytes + attributeBytes(element));
    case 'M':
      return containerBytes + itemBytes(content as Item) + elementBytes * Object.keys(content as Item).length;
  }
}

/** About a byte for two digits, and one more. */
function numberBytes(text: string): number {
  return 1 + Math.ceil(text.replace(/^-|\.|0+$/g, '').length / 2);
}

function base64Bytes(text: string): number {
  return Buffer.byteLength(text, 'base64');
}

function sum<T>(values: readonly T[], bytesOf: (value: T) => number): number {
  return values.reduce((bytes, value) => bytes + bytesOf(value), 0);
}
