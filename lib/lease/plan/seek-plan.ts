import { AT_TIMESTAMP, LATEST, type Position, TRIM_HORIZON } from '../../base/position.ts';
import { type Shard, isOpen } from '../../kinesis/shard.ts';
import { type Lease, isEnded } from '../lease.ts';

/** Where a seek goes: a place of all shards, or in one shard behind a record that counts as finished. */
export type SeekTarget =
  | { readonly type: 'TRIM_HORIZON' }
  /** The service's time now: what is put from then on. */
  | { readonly type: 'LATEST'; readonly timestampMillis: number }
  /** `caughtUpAtMillis` where the stream still has that time; see `keptTime`. */
  | { readonly type: 'AT_TIMESTAMP'; readonly timestampMillis: number; readonly caughtUpAtMillis?: number }
  | { readonly type: 'AFTER_SEQUENCE_NUMBER'; readonly position: Position & { readonly kind: 'SEQUENCE' } };

/** What is to be done about one shard: move its lease, or make one there. */
export type SeekStep =
  | { readonly action: 'move'; readonly lease: Lease }
  | { readonly action: 'create'; readonly shard: Shard };

/** What is known of the stream and of its leases. */
export interface SeekInput {
  readonly leases: readonly Lease[];
  /** All that the stream still has. */
  readonly shards: readonly Shard[];
  readonly target: SeekTarget;
  /** The shards to move; absent for all. */
  readonly only?: ReadonlySet<string>;
}

/**
 * Which leases a seek moves, parents before children: a child whose parent was not moved yet could begin before it. So each
 * prefix of the steps is a state to go on from: a shard that was moved is read from the new place, and one that was not from
 * its own, behind parents that are read again; the end of a parent leaves the row of a child where it is, and makes a missing
 * one at the oldest record. Shards
 * that were read to their end, and whose leases are cleaned up already, get one again where the seek goes back; where it goes
 * to the newest records they stay ended. Leases of shards that the stream has no more are left alone.
 */
export function planSeek({ leases, shards, target, only }: SeekInput): readonly SeekStep[] {
  const byKey = new Map(leases.map((lease) => [lease.leaseKey, lease]));
  const isForward = target.type === 'LATEST';
  return parentsFirst(shards)
    .filter((shard) => only === undefined || only.has(shard.shardId))
    .flatMap((shard): SeekStep[] => {
      const lease = byKey.get(shard.shardId);
      if (lease === undefined) return isForward && !isOpen(shard) ? [] : [{ action: 'create', shard }];
      return isForward && isEnded(lease) ? [] : [{ action: 'move', lease }];
    });
}

/** What a seek writes into a row: the checkpoint, and the time that AT_TIMESTAMP and LATEST mean. */
export interface PlaceOfSeek {
  readonly checkpoint: Position;
  readonly initialTimestampMillis?: number;
}

/** What a seek to a target writes into a row. */
export function placeOf(target: SeekTarget): PlaceOfSeek {
  switch (target.type) {
    case 'TRIM_HORIZON':
      return { checkpoint: TRIM_HORIZON };
    case 'LATEST':
      return { checkpoint: LATEST, initialTimestampMillis: target.timestampMillis };
    case 'AT_TIMESTAMP':
      return { checkpoint: AT_TIMESTAMP, initialTimestampMillis: target.timestampMillis };
    case 'AFTER_SEQUENCE_NUMBER':
      return { checkpoint: target.position };
  }
}

function parentsFirst(shards: readonly Shard[]): readonly Shard[] {
  const byId = new Map(shards.map((shard) => [shard.shardId, shard]));
  const ordered = new Set<Shard>();
  const visit = (shard: Shard): void => {
    if (ordered.has(shard)) return;
    for (const parent of shard.parentShardIds) {
      const known = byId.get(parent);
      if (known !== undefined) visit(known);
    }
    ordered.add(shard);
  };
  for (const shard of shards) visit(shard);
  return [...ordered];
}
