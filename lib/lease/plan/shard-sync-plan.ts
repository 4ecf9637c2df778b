import { AT_TIMESTAMP, LATEST, TRIM_HORIZON } from '../../base/position.ts';
import type { Shard } from '../../kinesis/shard.ts';
import type { StartPosition } from '../../kinesis/start-position.ts';
import { type Lease, isEnded } from '../lease.ts';
import { keptTime } from './kept-time.ts';

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
  /** The shards that need a lease: those that hold the initial position for a first sync, else all. */
  readonly shards: readonly Shard[];
  /** All shards, where that is more: they tell who descends from whom when a first sync goes on after a reshard. */
  readonly lineage?: readonly Shard[];
  readonly leases: readonly Lease[];
  readonly initialPosition: InitialPosition;
  /** The service's time now: what LATEST means if this is the first sync. */
  readonly serviceTimeMillis: number;
  /** How long the stream keeps records; without it no time counts as one that the stream still had. */
  readonly retentionMillis?: number;
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
 * Both kinds of sync create a lease for a shard that has none and that nothing unfinished comes before: a child
 * whose leased parents are all at SHARD_END, and a shard none of whose relatives is leased (a hole, or a shard made while
 * no worker ran). A shard with a leased descendant has been read or was before the initial position; a shard that
 * descends from a lease still being read, or from one that this plan creates, is created when that lease ends.
 *
 * First sync: at the initial position, parents first; the last one carries the mark that the sync is over. A sync
 * that was cut off goes on at the timestamp that its leases already carry, so that no two shards of one start begin at
 * different times; one that lacks nothing but the mark gets it.
 *
 * Later syncs create at TRIM_HORIZON, never at LATEST (design 5.8).
 */
export function planShardSync(input: ShardSyncInput): ShardSyncPlan {
  const missing = missingLeases(input);
  if (!isFirstSyncOver(input.leases)) return planFirstSync(input, missing);
  // All of a shard is promised that comes after one which was read to its end; a hole is as old as it is.
  const ended = new Set(input.leases.filter(isEnded).map((lease) => lease.leaseKey));
  const { streamCreatedAtMillis } = input.stream;
  const emptyAt = (shard: Shard) =>
    shard.parentShardIds.some((id) => ended.has(id)) ? streamCreatedAtMillis : undefined;
  return { create: missing.map((shard) => childLease(shard, input.stream, emptyAt(shard))) };
}

function planFirstSync(input: ShardSyncInput, missing: readonly Shard[]): ShardSyncPlan {
  const earlier = input.leases
    .map((lease) => lease.initialTimestampMillis)
    .filter((millis): millis is number => millis !== undefined);
  const latestMillis = Math.min(input.serviceTimeMillis, ...earlier);
  const last = missing.at(-1);
  if (last === undefined) {
    const [marked] = input.leases.map((lease) => lease.leaseKey).sort();
    return marked === undefined ? { create: [] } : { create: [], markFirstSyncEnded: marked };
  }
  const create = missing.map((shard) => ({
    ...newLease(shard, input.stream),
    ...initialParts(input, latestMillis),
    ...(shard === last ? { firstSyncEnded: true as const } : {}),
  }));
  return { create };
}

/** The shards to lease now, parents first. */
function missingLeases(input: ShardSyncInput): readonly Shard[] {
  const leases = new Map(input.leases.map((lease) => [lease.leaseKey, lease]));
  const wanted = new Set(input.shards.map((shard) => shard.shardId));
  const shards = new Map([...input.shards, ...(input.lineage ?? [])].map((shard) => [shard.shardId, shard]));
  const withLeasedDescendant = ancestorsOf(
    [...leases.values()].flatMap((lease) => parentsOf(lease, shards)),
    shards,
  );
  const missing: Shard[] = [];
  /** The shards that have a lease that is not read to its end, or get one now, and those that come after such a shard. */
  const unfinished = new Set(input.leases.filter((lease) => !isEnded(lease)).map((lease) => lease.leaseKey));
  // Parents come first, so each shard finds its parents decided.
  for (const shard of [...shards.values()].sort(byStart)) {
    const { shardId, parentShardIds } = shard;
    if (leases.has(shardId)) continue;
    const waits = parentShardIds.some((parent) => unfinished.has(parent));
    const isMissing = !waits && wanted.has(shardId) && !withLeasedDescendant.has(shardId);
    if (isMissing) missing.push(shard);
    if (waits || isMissing) unfinished.add(shardId);
  }
  return missing;
}

/**
 * A lease of a shard that appeared after the first sync: at TRIM_HORIZON, whatever the initial position was. Where all of the
 * shard is promised, `emptyAtMillis` is a service time at which it had no records yet; without it TRIM_HORIZON means whatever
 * record is the oldest.
 */
export function childLease(
  shard: Pick<Shard, 'shardId' | 'parentShardIds' | 'startingHashKey' | 'endingHashKey'>,
  stream: StreamIdentity,
  emptyAtMillis?: number,
): Lease {
  const promised = emptyAtMillis === undefined ? {} : { caughtUpAtMillis: Math.floor(emptyAtMillis) };
  return { ...newLease(shard, stream), checkpoint: TRIM_HORIZON, firstSyncEnded: true, ...promised };
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
  { initialPosition, stream, serviceTimeMillis, retentionMillis }: ShardSyncInput,
  latestMillis: number,
): Pick<Lease, 'checkpoint' | 'initialTimestampMillis' | 'caughtUpAtMillis'> {
  switch (initialPosition.type) {
    case 'TRIM_HORIZON':
      return { checkpoint: TRIM_HORIZON };
    case 'LATEST':
      return { checkpoint: LATEST, initialTimestampMillis: Math.floor(latestMillis) };
    case 'AT_TIMESTAMP': {
      const { timestampMillis } = initialPosition;
      const kept = keptTime(timestampMillis, { serviceTimeMillis, retentionMillis, ...stream });
      return { checkpoint: AT_TIMESTAMP, initialTimestampMillis: timestampMillis, ...kept };
    }
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
