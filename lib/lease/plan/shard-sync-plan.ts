import { AT_TIMESTAMP, LATEST, type Position, TRIM_HORIZON } from '../../base/position.ts';
import type { Shard } from '../../kinesis/shard.ts';
import type { StartPosition } from '../../kinesis/start-position.ts';
import { type Lease, isEnded } from '../lease.ts';

/** Where new leases of a stream's first sync begin. */
export type InitialPosition = Extract<StartPosition, { type: 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP' }>;

/** What a sync needs to know of the stream beside its shards. */
export interface StreamIdentity {
  readonly streamArn: string;
  readonly streamCreatedAtMillis: number;
}

/** A shard sync as a question. */
export interface ShardSyncInput {
  readonly stream: StreamIdentity;
  readonly shards: readonly Shard[];
  readonly leases: readonly Lease[];
  readonly initialPosition: InitialPosition;
  /** The service's time now: what LATEST means if this is the first sync. */
  readonly serviceTimeMillis: number;
}

/**
 * Whether a first sync has come to its end. Leases made by Millrace name their stream, and the last one of a first sync
 * is marked; so rows that name no stream were made by Java, which syncs before it leases, and rows that do without any
 * mark are those of a first sync that was cut off in the middle.
 */
export function isFirstSyncOver(leases: readonly Lease[]): boolean {
  return leases.some((lease) => lease.firstSyncEnded === true || lease.streamArn === undefined);
}

/** What a shard sync intends: leases to create, in this order, and a lease to mark as the end of a first sync. */
export interface ShardSyncPlan {
  readonly create: readonly Lease[];
  readonly markFirstSyncEnded?: string;
}

/**
 * Which leases to create.
 *
 * First sync: one lease per listed shard at the initial position, parents first; the last one carries the mark that
 * the sync is over. A sync that was cut off goes on at the timestamp that its leases already carry, so that no two
 * shards of one start begin at different times; one that lacks nothing but the mark gets it.
 *
 * Later syncs create at TRIM_HORIZON, never at LATEST (design 5.8): a child whose leased parents are all at SHARD_END,
 * and a shard none of whose relatives is leased (a hole, or a shard made while no worker ran). A shard with a leased
 * descendant has been read or was before the initial position; a shard that descends from a lease still being read is
 * created when that lease ends.
 */
export function planShardSync(input: ShardSyncInput): ShardSyncPlan {
  return isFirstSyncOver(input.leases) ? { create: planLaterSync(input) } : planFirstSync(input);
}

function planFirstSync(input: ShardSyncInput): ShardSyncPlan {
  const known = new Map(input.leases.map((lease) => [lease.leaseKey, lease]));
  const earlier = input.leases
    .map((lease) => lease.initialTimestampMillis)
    .filter((millis): millis is number => millis !== undefined);
  const latestMillis = Math.min(input.serviceTimeMillis, ...earlier);
  const missing = [...input.shards].sort(byStart).filter((shard) => !known.has(shard.shardId));
  const last = missing.at(-1);
  if (last === undefined) {
    const [marked] = [...known.keys()].sort();
    return marked === undefined ? { create: [] } : { create: [], markFirstSyncEnded: marked };
  }
  const create = missing.map((shard) => ({
    ...newLease(shard, input.stream),
    ...initialParts(input.initialPosition, latestMillis),
    ...(shard === last ? { firstSyncEnded: true as const } : {}),
  }));
  return { create };
}

function planLaterSync(input: ShardSyncInput): readonly Lease[] {
  const leases = new Map(input.leases.map((lease) => [lease.leaseKey, lease]));
  const shards = new Map(input.shards.map((shard) => [shard.shardId, shard]));
  const withLeasedDescendant = ancestorsOf(
    [...leases.values()].flatMap((lease) => parentsOf(lease, shards)),
    shards,
  );
  const waiting = new Map<string, boolean>();
  /** Whether the shard descends from a lease that is not read to its end yet. */
  const waits = (shardId: string): boolean => {
    const lease = leases.get(shardId);
    if (lease !== undefined) return !isEnded(lease);
    const cached = waiting.get(shardId);
    if (cached !== undefined) return cached;
    waiting.set(shardId, false);
    const answer = (shards.get(shardId)?.parentShardIds ?? []).some(waits);
    waiting.set(shardId, answer);
    return answer;
  };
  return [...input.shards]
    .sort(byStart)
    .filter(
      (shard) =>
        !leases.has(shard.shardId) && !withLeasedDescendant.has(shard.shardId) && !shard.parentShardIds.some(waits),
    )
    .map((shard) => childLease(shard, input.stream));
}

/** A lease of a shard that appeared after the first sync: at TRIM_HORIZON, whatever the initial position was. */
export function childLease(
  shard: Pick<Shard, 'shardId' | 'parentShardIds' | 'startingHashKey' | 'endingHashKey'>,
  stream: StreamIdentity,
): Lease {
  return { ...newLease(shard, stream), checkpoint: TRIM_HORIZON, firstSyncEnded: true };
}

function newLease(
  shard: Pick<Shard, 'shardId' | 'parentShardIds' | 'startingHashKey' | 'endingHashKey'>,
  stream: StreamIdentity,
): Omit<Lease, 'checkpoint'> {
  return {
    leaseKey: shard.shardId,
    leaseCounter: 0,
    ownerSwitchesSinceCheckpoint: 0,
    parentShardIds: shard.parentShardIds,
    childShardIds: [],
    hashKeyRange: { startingHashKey: shard.startingHashKey, endingHashKey: shard.endingHashKey },
    streamArn: stream.streamArn,
    streamCreatedAtMillis: stream.streamCreatedAtMillis,
  };
}

function initialParts(
  initialPosition: InitialPosition,
  latestMillis: number,
): { checkpoint: Position; initialTimestampMillis?: number } {
  switch (initialPosition.type) {
    case 'TRIM_HORIZON':
      return { checkpoint: TRIM_HORIZON };
    case 'LATEST':
      return { checkpoint: LATEST, initialTimestampMillis: Math.floor(latestMillis) };
    case 'AT_TIMESTAMP':
      return { checkpoint: AT_TIMESTAMP, initialTimestampMillis: initialPosition.timestampMillis };
  }
}

function parentsOf(lease: Lease, shards: ReadonlyMap<string, Shard>): readonly string[] {
  return [...lease.parentShardIds, ...(shards.get(lease.leaseKey)?.parentShardIds ?? [])];
}

function ancestorsOf(start: readonly string[], shards: ReadonlyMap<string, Shard>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...start];
  for (let shardId = open.pop(); shardId !== undefined; shardId = open.pop()) {
    if (found.has(shardId)) continue;
    found.add(shardId);
    open.push(...(shards.get(shardId)?.parentShardIds ?? []));
  }
  return found;
}

/** Ascending by starting sequence number, which puts parents before their children. */
function byStart(a: Shard, b: Shard): number {
  const [first, second] = [BigInt(a.startingSequenceNumber), BigInt(b.startingSequenceNumber)];
  if (first !== second) return first < second ? -1 : 1;
  return a.shardId < b.shardId ? -1 : 1;
}
