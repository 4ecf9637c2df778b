import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { type Shard, isOpen } from '../kinesis/shard.ts';
import { listAllShards } from '../kinesis/shard-lister.ts';
import { openStream } from '../receiver/open-stream.ts';
import { type StreamOnlyOptions, openWithoutLeases } from './without-leases.ts';

/** One shard of a stream, as an operator wants to see it. */
export interface ShardView {
  readonly shardId: string;
  /** The parent, and for a merge the second one; a parent that is past retention is named too. */
  readonly parentShardIds: readonly string[];
  /** Whether it takes records; a closed one keeps them until they are past retention. */
  readonly isOpen: boolean;
  /** Decimal, both inclusive. */
  readonly startingHashKey: string;
  readonly endingHashKey: string;
  /** The part of all hash keys that it takes, from 0 to 1. */
  readonly share: number;
  readonly startingSequenceNumber: string;
  /** Of a closed shard. */
  readonly endingSequenceNumber?: string;
}

/**
 * All shards that a stream still has, in the order of their hash keys, closed ones after the open ones.
 * @throws MillraceError `MR_CONFIG_UNKNOWN`, `MR_CONFIG_INVALID`, `MR_STREAM_NOT_FOUND`, and what the calls throw
 */
export async function listShards(options: StreamOnlyOptions, signal: AbortSignal): Promise<readonly ShardView[]> {
  const { api, clients, events } = openWithoutLeases('millrace-shards', options);
  const ports = { clock: systemClock, random: systemRandom, events };
  try {
    await openStream(api, ports, signal);
    const shards = await listAllShards({ api, ...ports, signal });
    return shards.toSorted(byState).map(viewOf);
  } finally {
    clients.destroy();
  }
}

const allHashKeys = 2n ** 128n;

function byState(a: Shard, b: Shard): number {
  if (isOpen(a) !== isOpen(b)) return isOpen(a) ? -1 : 1;
  return BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1;
}

function viewOf(shard: Shard): ShardView {
  const { shardId, parentShardIds, startingHashKey, endingHashKey, startingSequenceNumber } = shard;
  const keys = BigInt(endingHashKey) - BigInt(startingHashKey) + 1n;
  return {
    shardId,
    parentShardIds,
    isOpen: isOpen(shard),
    startingHashKey,
    endingHashKey,
    share: Number((keys * 1_000_000n) / allHashKeys) / 1_000_000,
    startingSequenceNumber,
    ...(shard.endingSequenceNumber === undefined ? {} : { endingSequenceNumber: shard.endingSequenceNumber }),
  };
}
