import type { ShardFilter } from '../kinesis/kinesis-api.ts';
import { awsError } from './aws-error.ts';

/** What an iterator of the fake says; to its user it is opaque. */
export interface FakeIterator {
  /** A server of several streams finds the stream by it. */
  readonly streamName: string;
  /** Tells a re-created stream's iterators apart. */
  readonly streamCreatedAtMillis: number;
  readonly shardId: string;
  /** The first sequence number that it may return. */
  readonly fromSequence: string;
  readonly issuedAtMillis: number;
}

/** What a paging token of ListShards says. */
export interface FakePageToken {
  readonly streamName: string;
  /** The last shard of the page before; shards are listed in the order of their names. */
  readonly after: string | undefined;
  readonly filter: ShardFilter | undefined;
  readonly issuedAtMillis: number;
}

/** The iterator as opaque text. */
export function encodeIterator(iterator: FakeIterator): string {
  return encode('iterator', iterator);
}

/** Reads an iterator; `undefined` for anything else. */
export function decodeIterator(text: string): FakeIterator | undefined {
  return decode('iterator', text) as FakeIterator | undefined;
}

/** The paging token as opaque text. */
export function encodePageToken(token: FakePageToken): string {
  return encode('page', token);
}

/** Reads a paging token; throws what the service throws for anything else. */
export function decodePageToken(text: string): FakePageToken {
  const token = decode('page', text) as FakePageToken | undefined;
  if (token === undefined) throw awsError('InvalidArgumentException', 'NextToken is improperly formatted');
  return token;
}

function encode(kind: string, value: object): string {
  return Buffer.from(JSON.stringify({ kind, value })).toString('base64url');
}

function decode(kind: string, text: string): unknown {
  try {
    const parsed = JSON.parse(Buffer.from(text, 'base64url').toString()) as { kind?: unknown; value?: unknown };
    return parsed.kind === kind ? parsed.value : undefined;
  } catch {
    return undefined;
  }
}
