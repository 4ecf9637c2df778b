import type { ChildShard, RawRecord } from '../kinesis-api.ts';
import type { DecodedPage } from './page.ts';

const base64Alphabet = /^[A-Za-z0-9+/]*={0,2}$/;

/** How a codec writes what JSON has no form for. */
export interface TreeDialect {
  /** Makes milliseconds since 1970 of a time; `undefined` when it is none. */
  readonly timeMillis: (value: unknown) => number | undefined;
}

/** JSON: seconds since 1970, with decimals. */
export const jsonDialect: TreeDialect = {
  timeMillis: (value) => (isFiniteNumber(value) ? dateMillis(value * 1_000) : undefined),
};

/** Kinesis' CBOR: milliseconds since 1970, whatever tag they carry. */
export const cborDialect: TreeDialect = {
  timeMillis: (value) => (isFiniteNumber(value) ? dateMillis(value) : undefined),
};

/** A Date reaches no further, in milliseconds from 1970. */
const maxTimeMillis = 8.64e15;

function dateMillis(value: number): number | undefined {
  const millis = Math.round(value);
  // Not -0, which is no other time than 0.
  return Math.abs(millis) <= maxTimeMillis ? millis + 0 : undefined;
}

type Tree = Readonly<Record<string, unknown>>;

/**
 * Makes a page of a parsed answer. `undefined` when it has not the shape that Kinesis describes: something is missing that
 * is always there, or is of another type. What Kinesis does not describe is passed over.
 */
export function pageOfTree(tree: unknown, dialect: TreeDialect): DecodedPage | undefined {
  if (!isTree(tree)) return undefined;
  const nextIterator = textOrNone(tree['NextShardIterator']);
  const continuationSequenceNumber = textOrNone(tree['ContinuationSequenceNumber']);
  const millisBehindLatest = tree['MillisBehindLatest'] ?? undefined;
  const childShards = childrenOf(tree['ChildShards']);
  if (nextIterator === wrong || continuationSequenceNumber === wrong || childShards === undefined) return undefined;
  if (millisBehindLatest !== undefined && !isFiniteNumber(millisBehindLatest)) return undefined;
  const records = recordsOf(tree['Records'], dialect);
  if (records === undefined) return undefined;
  return { records, nextIterator, continuationSequenceNumber, millisBehindLatest, childShards };
}

function recordsOf(value: unknown, dialect: TreeDialect): RawRecord[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const records: RawRecord[] = [];
  for (const tree of value) {
    const record = isTree(tree) ? recordOf(tree, dialect) : undefined;
    if (record === undefined) return undefined;
    records.push(record);
  }
  return records;
}

function recordOf(tree: Tree, dialect: TreeDialect): RawRecord | undefined {
  const { PartitionKey: partitionKey, SequenceNumber: sequenceNumber } = tree;
  const arrivalTimeMillis = dialect.timeMillis(tree['ApproximateArrivalTimestamp']);
  if (typeof partitionKey !== 'string' || arrivalTimeMillis === undefined) return undefined;
  if (typeof sequenceNumber !== 'string' || !/^\d+$/.test(sequenceNumber)) return undefined;
  const data = bytesOf(tree['Data']);
  return data === undefined ? undefined : { data, partitionKey, sequenceNumber, arrivalTimeMillis };
}

/** Bytes of their own, so that a record that is kept keeps nothing else. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value !== 'string' || value.length % 4 !== 0 || !base64Alphabet.test(value)) return undefined;
  return new Uint8Array(Buffer.from(value, 'base64'));
}

function childrenOf(value: unknown): ChildShard[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const children: ChildShard[] = [];
  for (const child of value) {
    const range: unknown = isTree(child) ? child['HashKeyRange'] : undefined;
    if (!isTree(child) || !isTree(range)) return undefined;
    const { ShardId: shardId, ParentShards: parents = [] } = child;
    const { StartingHashKey: startingHashKey, EndingHashKey: endingHashKey } = range;
    const texts = [shardId, startingHashKey, endingHashKey];
    if (!texts.every(isText) || !Array.isArray(parents) || !parents.every(isText)) return undefined;
    const [id, start, end] = texts as [string, string, string];
    children.push({ shardId: id, parentShardIds: parents, startingHashKey: start, endingHashKey: end });
  }
  return children;
}

/** Stands for a value that is there and is not what it should be. */
const wrong = Symbol('wrong');

function textOrNone(value: unknown): string | undefined | typeof wrong {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : wrong;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
