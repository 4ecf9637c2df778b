import { MillraceError } from '../../base/error.ts';
import { KinesisRecord } from '../../block/record.ts';

/** The property that marks what JSON cannot hold by itself; an object of the program that has it is marked too. */
const mark = '$';

/** How a value of one kind is written down and read back. `kind` is what is stored, and never changes its meaning. */
interface Kind {
  readonly kind: string;
  readonly store: (value: never) => unknown;
  readonly restore: (stored: never) => unknown;
}

const kinds: Readonly<Record<string, Kind>> = Object.fromEntries(
  [
    { kind: 'undefined', store: () => 0, restore: () => undefined },
    {
      kind: 'number',
      store: (value: number) => (value === 0 ? '-0' : String(value)),
      restore: (text: string) => Number(text),
    },
    { kind: 'bigint', store: (value: bigint) => value.toString(), restore: (digits: string) => BigInt(digits) },
    {
      kind: 'date',
      store: (value: Date) => value.getTime(),
      restore: (millis: number | null) => new Date(millis ?? NaN),
    },
    { kind: 'bytes', store: (value: Uint8Array) => Buffer.from(value).toString('base64'), restore: bytesOf },
    {
      kind: 'map',
      store: (value: Map<unknown, unknown>) => pairsOf(value),
      restore: (pairs: Pairs) => new Map(restorePairs(pairs)),
    },
    {
      kind: 'set',
      store: (value: Set<unknown>) => Array.from(value, storeValue),
      restore: (items: unknown[]) => new Set(items.map(restoreValue)),
    },
    {
      kind: 'object',
      store: (value: object) => pairsOf(Object.entries(value)),
      restore: (pairs: Pairs) => objectOf(restorePairs(pairs)),
    },
    { kind: 'record', store: storeRecord, restore: restoreRecord },
  ].map((kind) => [kind.kind, kind as Kind]),
);

type Pairs = readonly (readonly [unknown, unknown])[];

/**
 * A value of the program as JSON data that gives the same value back: JSON's own, and beside them `undefined`, all numbers,
 * bigints, dates, bytes, maps, sets and records of Kinesis, at any depth. What JSON can hold is given as it is.
 * @throws MillraceError `MR_STATE_INVALID` for a function, a symbol or an instance of another class, which would come back as
 * something else
 */
export function storeValue(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : marked('number', value);
    case 'undefined':
      return marked('undefined', value);
    case 'bigint':
      return marked('bigint', value);
    case 'object':
      return value === null ? null : storeObject(value);
    default:
      throw notStorable(`a ${typeof value}`);
  }
}

/**
 * The value that {@link storeValue} stored.
 * @throws MillraceError `MR_STATE_DAMAGED` for a mark that it never makes
 */
export function restoreValue(stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null) return stored;
  if (Array.isArray(stored)) {
    for (const [index, item] of stored.entries()) stored[index] = restoreValue(item);
    return stored;
  }
  if (Object.hasOwn(stored, mark)) return restoreMarked(stored as Record<string, unknown>);
  for (const [name, part] of Object.entries(stored)) {
    if (typeof part === 'object' && part !== null) define(stored, name, restoreValue(part));
  }
  return stored;
}

function storeObject(value: object): unknown {
  if (Array.isArray(value)) return storeArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return storePlain(value);
  if (value instanceof Date) return marked('date', value);
  if (value instanceof Map) return marked('map', value);
  if (value instanceof Set) return marked('set', value);
  if (value instanceof Uint8Array) return marked('bytes', value);
  if (value instanceof KinesisRecord) return marked('record', value);
  throw notStorable(`an instance of ${value.constructor.name === '' ? 'a class' : value.constructor.name}`);
}

function storeArray(value: readonly unknown[]): readonly unknown[] {
  // Also where the array has holes, which JSON would make null.
  const stored = Array.from(value, storeValue);
  return stored.every((item, index) => item === value[index]) ? value : stored;
}

function storePlain(value: object): unknown {
  if (Object.hasOwn(value, mark)) return marked('object', value);
  let changed: Record<string, unknown> | undefined;
  for (const [name, part] of Object.entries(value)) {
    const stored = storeValue(part);
    if (stored === part) continue;
    changed ??= { ...value };
    define(changed, name, stored);
  }
  return changed ?? value;
}

function marked(kind: string, value: unknown): Record<string, unknown> {
  return { [mark]: kind, value: kinds[kind]?.store(value as never) };
}

function restoreMarked(stored: Record<string, unknown>): unknown {
  const name = stored[mark];
  const kind = typeof name === 'string' && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind === undefined) {
    throw new MillraceError('MR_STATE_DAMAGED', 'stored state holds a value of a kind that Millrace does not write');
  }
  return kind.restore(stored['value'] as never);
}

function pairsOf(entries: Iterable<readonly [unknown, unknown]>): Pairs {
  return Array.from(entries, ([key, value]) => [storeValue(key), storeValue(value)] as const);
}

function restorePairs(pairs: Pairs): [unknown, unknown][] {
  return pairs.map(([key, value]) => [restoreValue(key), restoreValue(value)]);
}

function objectOf(pairs: readonly [unknown, unknown][]): object {
  const object = {};
  for (const [name, value] of pairs) define(object, name as string, value);
  return object;
}

/** Sets a property under any name: assigning to `__proto__` would set none. */
function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function storeRecord(record: KinesisRecord): unknown {
  const { shardId, streamName, subSequenceNumber, partitionKey, sequenceNumber, arrivalTimeMillis } = record;
  const data = Buffer.from(record.data).toString('base64');
  return { shardId, streamName, subSequenceNumber, partitionKey, sequenceNumber, arrivalTimeMillis, data };
}

function restoreRecord(stored: { readonly data: string }): KinesisRecord {
  return new KinesisRecord({ ...stored, data: bytesOf(stored.data) } as never);
}

function notStorable(what: string): MillraceError {
  return new MillraceError(
    'MR_STATE_INVALID',
    `state holds ${what}, which cannot be written down: keep plain objects, arrays, numbers, texts, bigints, dates, maps, sets and bytes`,
  );
}
