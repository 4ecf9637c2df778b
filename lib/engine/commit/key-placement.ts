import { MillraceError } from '../../base/error.ts';
import type { KinesisRecord } from '../../block/record.ts';
import type { ShardHashRange } from '../../block/shard-opening.ts';
import type { EventSink } from '../../event/bus.ts';
import { partitionHash } from '../state/partition-hash.ts';

/**
 * What becomes of a record whose partition key belongs to another shard, because its producer gave an explicit hash key:
 * `FAIL` ends the run before the record counts, `WARN` counts it where it came and tells of it, `OFF` does not look.
 */
export type OnKeyNotPlaced = 'FAIL' | 'WARN' | 'OFF';

/** The shard whose records are looked at. */
interface PlacedShard {
  readonly shardId: string;
  readonly streamName: string;
  readonly hashKeyRange?: ShardHashRange | undefined;
}

/** How many keys of a shard are remembered as looked at: most records are of few keys, and a digest costs a microsecond. */
const keysRemembered = 20_000;

/**
 * Holds records to the rule on which state by partition key in `shard` scope rests: the MD5 of the key is in the hash range
 * of the record's shard, so that all records of a key are in one shard, and state goes with its key at a reshard.
 */
export class KeyPlacement {
  readonly #policy: Exclude<OnKeyNotPlaced, 'OFF'>;
  readonly #events: EventSink;
  #seen = new Set<string>();
  #hasTold = false;

  constructor(policy: Exclude<OnKeyNotPlaced, 'OFF'>, events: EventSink) {
    this.#policy = policy;
    this.#events = events;
  }

  /**
   * Looks at records that are about to be taken.
   * @throws MillraceError `MR_KEY_NOT_PLACED` for the first of another shard, unless the policy is `WARN`
   */
  check(records: readonly KinesisRecord[], shard: PlacedShard): void {
    const { hashKeyRange } = shard;
    if (hashKeyRange === undefined) return;
    const [start, end] = [BigInt(hashKeyRange.startingHashKey), BigInt(hashKeyRange.endingHashKey)];
    for (const { partitionKey, sequenceNumber } of records) {
      if (this.#seen.has(partitionKey)) continue;
      const hash = partitionHash(partitionKey);
      if (hash < start || hash > end) this.#refuse(sequenceNumber, shard);
      if (this.#seen.size >= keysRemembered) this.#seen = new Set();
      this.#seen.add(partitionKey);
    }
  }

  #refuse(sequenceNumber: string, { shardId, streamName }: PlacedShard): void {
    const subject = { shard: shardId, stream: streamName };
    const message =
      `record ${sequenceNumber} of shard ${shardId} has a partition key whose hash is of another shard, since its producer gave an explicit hash key: ` +
      'state by partition key would be of several shards. Put it without one; or key by something else (mapToPair), which computes all shards in one process; or allow it with onKeyNotPlaced';
    if (this.#policy === 'FAIL') throw new MillraceError('MR_KEY_NOT_PLACED', message, { subject });
    // Once a holding: a producer does it with every record.
    if (this.#hasTold) return;
    this.#hasTold = true;
    this.#events.publish({ type: 'fault.seen', code: 'MR_KEY_NOT_PLACED', message, subject });
  }
}
