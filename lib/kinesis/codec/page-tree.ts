import type { ChildShard, RawRecord } from '../kinesis-api.ts';
import { decodedLength } from './base64.ts';
import type { DecodedPage } from './page.ts';

/** How a codec writes what JSON has no form for. */
export interface TreeDialect {
  /** Makes milliseconds since 1970 of a time; `undefined` when it is none. */
  readonly timeMillis: (value: unknown) => number | undefined;
}

/** JSON: seconds since 1970, with decimals. */
export const jsonDialect: TreeDialect = {
  timeMillis: (value) => (isFiniteNumber(value) ? Math.round(value * 1_000) : undefined),
};

/** Kinesis' CBOR: milliseconds since 1970, whatever tag they carry. */
export const cborDialect: TreeDialect = {
  timeMillis: (value) => (isFiniteNumber(value) ? Math.round(value) : undefined),
};

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
  const parts = recordsOf(tree['Records'], dialect);
  if (parts === undefined) return undefined;
  return { ...parts, nextIterator, continuationSequenceNumber, millisBehindLatest, childShards };
}

/** One record before its data have their place. */
interface RecordParts {
  readonly data: string | Uint8Array;
  readonly byteLength: number;
  readonly partitionKey: string;
  readonly sequenceNumber: string;
  readonly arrivalTimeMillis: number;
}

function recordsOf(value: unknown, dialect: TreeDialect): Pick<DecodedPage, 'records' | 'heldBytes'> | undefined {
  if (!Array.isArray(value)) return undefined;
  const parts: RecordParts[] = [];
  let bytes = 0;
  for (const tree of value) {
    const part = isTree(tree) ? recordOf(tree, dialect) : undefined;
    if (part === undefined) return undefined;
    parts.push(part);
    bytes += part.byteLength;
  }
  const records = placeInOneBuffer(parts, bytes);
  return records === undefined ? undefined : { records, heldBytes: bytes };
}

function recordOf(tree: Tree, dialect: TreeDialect): RecordParts | undefined {
  const { Data: data, PartitionKey: partitionKey, SequenceNumber: sequenceNumber } = tree;
  const arrivalTimeMillis = dialect.timeMillis(tree['ApproximateArrivalTimestamp']);
  if (typeof partitionKey !== 'string' || arrivalTimeMillis === undefined) return undefined;
  if (typeof sequenceNumber !== 'string' || !/^\d+$/.test(sequenceNumber)) return undefined;
  const byteLength = data instanceof Uint8Array ? data.length : base64Length(data);
  if (byteLength === undefined) return undefined;
  return { data: data as string | Uint8Array, byteLength, partitionKey, sequenceNumber, arrivalTimeMillis };
}

const base64Alphabet = /^[A-Za-z0-9+/]*={0,2}$/;

function base64Length(text: unknown): number | undefined {
  if (typeof text !== 'string' || !base64Alphabet.test(text)) return undefined;
  const tail = Buffer.from(text.slice(-4), 'latin1');
  const tailLength = decodedLength(tail, 0, tail.length);
  return text.length % 4 === 0 && tailLength !== undefined
    ? ((text.length - tail.length) / 4) * 3 + tailLength
    : undefined;
}

function placeInOneBuffer(parts: readonly RecordParts[], bytes: number): RawRecord[] | undefined {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  const records: RawRecord[] = [];
  for (const { data, byteLength, ...fields } of parts) {
    if (typeof data === 'string') {
      if (buffer.write(data, at, byteLength, 'base64') !== byteLength) return undefined;
    } else buffer.set(data, at);
    records.push({ ...fields, byteLength, data: new Uint8Array(buffer.buffer, at, byteLength) });
    at += byteLength;
  }
  return records;
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
