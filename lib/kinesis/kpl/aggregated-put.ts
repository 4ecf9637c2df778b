import { MillraceError } from '../../base/error.ts';
import type { PutEntry } from '../kinesis-api.ts';
import { AggregateBuilder, type AggregateLimits } from './aggregate-builder.ts';
import { hashKeyOf, parseHashKey } from './hash-range.ts';
import type { ShardMap } from './shard-map.ts';

/** Where a record was put. */
export interface PutReceipt {
  readonly shardId: string;
  readonly sequenceNumber: string;
  /** Its place inside an aggregate; 0 for a plain record. */
  readonly subSequenceNumber: number;
}

/** One entry of a put, with its place in it. */
export interface PlacedEntry {
  readonly index: number;
  readonly entry: PutEntry;
  readonly hashKey: bigint;
}

/** Entries that go into one record of Kinesis together. */
export interface Bundle {
  readonly members: readonly PlacedEntry[];
  /** The shard for which the members were gathered; absent when nobody knew it, and then there is one member. */
  readonly shardId: string | undefined;
  /** The record to put. */
  readonly put: PutEntry;
}

/**
 * Notes the hash key of every entry.
 * @throws MillraceError `MR_CONFIG_INVALID` for an explicit hash key that is none
 */
export function placed(entries: readonly PutEntry[]): readonly PlacedEntry[] {
  return entries.map((entry, index) => {
    const { partitionKey, explicitHashKey } = entry;
    const hashKey = explicitHashKey === undefined ? hashKeyOf(partitionKey) : parseHashKey(explicitHashKey);
    if (hashKey !== undefined) return { index, entry, hashKey };
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `explicit hash key ${JSON.stringify(explicitHashKey?.slice(0, 50))} is none; give decimal digits, up to 2^128 - 1`,
    );
  });
}

/**
 * Gathers entries into aggregates. An aggregate goes to one shard as a whole, so each holds entries of one shard only, in
 * their order; consumers leave out what does not belong to the shard they find it in. An entry that passes the byte limit
 * alone is put alone.
 */
export function bundlesOf(entries: readonly PlacedEntry[], map: ShardMap, limits: AggregateLimits): readonly Bundle[] {
  const bundles: Bundle[] = [];
  const open = new Map<string, { builder: AggregateBuilder; members: PlacedEntry[] }>();
  const close = (shardId: string): void => {
    const gathered = open.get(shardId);
    if (gathered !== undefined) bundles.push({ shardId, members: gathered.members, put: gathered.builder.build() });
    open.delete(shardId);
  };
  for (const item of entries) {
    const shardId = map.shardOf(item.hashKey);
    if (shardId === undefined) {
      bundles.push({ shardId, members: [item], put: item.entry });
      continue;
    }
    const gathered = open.get(shardId);
    if (gathered?.builder.add(item.entry) === true) {
      gathered.members.push(item);
      continue;
    }
    close(shardId);
    const builder = new AggregateBuilder(limits);
    builder.add(item.entry);
    open.set(shardId, { builder, members: [item] });
  }
  for (const shardId of open.keys()) close(shardId);
  return bundles;
}

/**
 * Whether all that a bundle holds has arrived: it went to the shard it was gathered for, or to another that takes all of
 * it, or it is a plain record. Otherwise all of it is to be put again: consumers leave out the members that do not belong
 * there, and KCL the whole aggregate. `map` is newer than the put.
 */
export function hasArrived(
  { members, shardId }: Bundle,
  receipt: { readonly shardId: string },
  map: ShardMap,
): boolean {
  if (members.length === 1 || receipt.shardId === shardId) return true;
  return members.every(({ hashKey }) => map.holds(receipt.shardId, hashKey) === true);
}
