/** One attribute as DynamoDB's low-level API writes it; numbers are decimal text. */
export type DynamoValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }
  | { readonly SS: readonly string[] }
  | { readonly BOOL: boolean }
  | { readonly L: readonly DynamoValue[] }
  | { readonly M: Readonly<Record<string, DynamoValue>> }
  | { readonly NULL: true };

/** One item: attribute names to typed values. */
export type DynamoItem = Readonly<Record<string, DynamoValue>>;

/** The text of a string attribute; `undefined` when it is absent or of another type. */
export function stringOf(item: DynamoItem, name: string): string | undefined {
  const value = item[name];
  return value !== undefined && 'S' in value ? value.S : undefined;
}

/** The number of a number attribute; `undefined` when it is absent or of another type. */
export function numberOf(item: DynamoItem, name: string): number | undefined {
  const value = item[name];
  return value !== undefined && 'N' in value ? Number(value.N) : undefined;
}

/** A request as it goes over the wire: its items are in that form already, but for bytes, which are base64 there. */
export function wireForm(input: object): Uint8Array {
  return Buffer.from(
    JSON.stringify(input, function encode(this: object, name, value: unknown) {
      const given: unknown = Reflect.get(this, name);
      return given instanceof Uint8Array ? Buffer.from(given).toString('base64') : value;
    }),
    'utf8',
  );
}
