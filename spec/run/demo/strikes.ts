import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { ListShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { type Clock, sleep } from '../../../lib/base/clock.ts';
import { testKinesisClient } from '../../support/local-stack.ts';

/** What happens on the way of the demo with `--chaos`. */
export interface Strikes {
  /** kill -9 of a worker; answers what was done. */
  killWorker(): Promise<string>;
  /** Starts one more worker. */
  addWorker(): Promise<string>;
  /** Splits a shard. */
  splitShard(): Promise<string>;
}

/** At which part of the producing time each strike comes: time for a takeover is left after the first. */
const schedule: readonly { readonly part: number; readonly strike: keyof Strikes }[] = [
  { part: 0.25, strike: 'killWorker' },
  { part: 0.5, strike: 'addWorker' },
  { part: 0.7, strike: 'splitShard' },
];

/**
 * Strikes at the times of the schedule, in the time during which records are produced.
 * @throws what a strike throws; the signal's reason when it aborts
 */
export async function strikeAll(
  strikes: Strikes,
  { clock, seconds, onStruck }: { clock: Clock; seconds: number; onStruck: (what: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const sinceMillis = clock.monotonicMillis();
  for (const { part, strike } of schedule) {
    await sleep(clock, sinceMillis + part * seconds * 1_000 - clock.monotonicMillis(), signal);
    onStruck(await strikes[strike]());
  }
}

/** Splits the first open shard of a stream in the middle; answers its name. */
export async function splitFirstShard(endpoint: string, streamName: string): Promise<string> {
  const client = testKinesisClient(endpoint);
  try {
    return await split(client, streamName);
  } finally {
    client.destroy();
  }
}

async function split(client: KinesisClient, streamName: string): Promise<string> {
  const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: streamName }));
  const open = Shards.find((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined);
  if (open === undefined) throw new Error(`the stream ${streamName} has no open shard`);
  const { ShardId, HashKeyRange } = open;
  const middle = (BigInt(HashKeyRange?.StartingHashKey ?? 0) + BigInt(HashKeyRange?.EndingHashKey ?? 0) + 1n) / 2n;
  const request = { StreamName: streamName, ShardToSplit: ShardId, NewStartingHashKey: middle.toString() };
  await client.send(new SplitShardCommand(request));
  return ShardId ?? '';
}
