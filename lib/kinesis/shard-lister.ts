import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { isKinesisFault } from './fault.ts';
import type { ChildShard, KinesisApi, ListShardsPage, ShardFilter } from './kinesis-api.ts';
import { maxThrottles, patiently } from './patience.ts';
import type { Shard } from './shard.ts';

/** What {@link listAllShards} needs. */
export interface ListAllShardsOptions {
  readonly api: KinesisApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Which shards; without it all that the stream still has, closed ones too. */
  readonly filter?: ShardFilter;
  readonly unreachableTimeoutMillis?: number;
}

/** A page holds up to 1,000 shards, so this is far above what a stream can have. */
const maxPages = 1_000;
/** Tokens live for 300 s; a listing that outlives them so often will not end. */
const maxRestarts = 3;

/**
 * Lists the shards, all pages of them, in the order in which Kinesis gives them and each once. Waits out throttling
 * and passing faults; starts again when the paging token expires.
 * @throws MillraceError `MR_INTERNAL` when the paging does not end; else what the calls throw
 */
export async function listAllShards(options: ListAllShardsOptions): Promise<readonly Shard[]> {
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await listOnce(options);
    } catch (thrown) {
      if (!isKinesisFault(thrown, 'tokenExpired') || restarts >= maxRestarts) throw thrown;
    }
  }
}

async function listOnce(options: ListAllShardsOptions): Promise<readonly Shard[]> {
  const { api, signal, filter } = options;
  const shards = new Map<string, Shard>();
  let request: Parameters<KinesisApi['listShards']>[0] = filter === undefined ? {} : { filter };
  for (let pages = 0; pages < maxPages; pages += 1) {
    const page: ListShardsPage = await patiently(() => api.listShards(request, signal), { ...options, maxThrottles });
    for (const shard of page.shards) shards.set(shard.shardId, shard);
    if (page.nextToken === undefined) return [...shards.values()];
    request = { nextToken: page.nextToken };
  }
  throw new MillraceError('MR_INTERNAL', `the listing of shards has not ended after ${maxPages} pages`);
}

/** What the listing says about the end of one shard: closed or not, and its children. */
export interface ListedEnd {
  readonly closed: boolean;
  readonly childShards: readonly ChildShard[];
}

/** Looks up in a listing what an answer of GetRecords should have said at the end of a shard. */
export function listedEnd(shards: readonly Shard[], shardId: string): ListedEnd {
  const shard = shards.find((candidate) => candidate.shardId === shardId);
  return {
    closed: shard?.endingSequenceNumber !== undefined,
    childShards: shards
      .filter((candidate) => candidate.parentShardIds.includes(shardId))
      .map((child) => ({
        shardId: child.shardId,
        parentShardIds: child.parentShardIds,
        startingHashKey: child.startingHashKey,
        endingHashKey: child.endingHashKey,
      })),
  };
}

/**
 * The children of a shard whose last answer has no way on; `undefined` when the shard is not at its end after all. Some
 * emulators name no children there, and a shard that is listed as open cannot have ended.
 */
export async function childrenAtEnd(
  told: readonly ChildShard[],
  options: ListAllShardsOptions & { readonly shardId: string },
): Promise<readonly ChildShard[] | undefined> {
  if (told.length > 0) return told;
  const { closed, childShards } = listedEnd(await listAllShards(options), options.shardId);
  return closed || childShards.length > 0 ? childShards : undefined;
}
