import { MillraceError } from '../../base/error.ts';
import { type Position, formatPosition } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import type { EventOf } from '../../event/event.ts';

/** A shard by its names. */
export interface ShardName {
  readonly shardId: string;
  readonly streamName: string;
}

/** A shard that no commit knows, and whose lease is past its beginning. */
export function positionHole({ shardId, streamName }: ShardName, position: Position): MillraceError {
  return new MillraceError(
    'MR_POSITION_HOLE',
    `the lease of shard ${shardId} is at ${formatPosition(position)}, and the last commit of the application does not know the shard: ` +
      'what was read up to there is not in its state. Seek the shard to TRIM_HORIZON, or give the state up',
    { subject: { shard: shardId, stream: streamName } },
  );
}

/** A range that begins after what was accepted ends. */
export function holeError(block: Block, mark: Position): MillraceError {
  return new MillraceError(
    'MR_RANGE_HOLE',
    `shard ${block.shardId} was accepted through ${formatPosition(mark)}, and the next range begins after ${formatPosition(block.range.after)}: ` +
      'what lies between was not offered, so reading begins anew at the accepted position',
    { subject: { shard: block.shardId, stream: block.streamName } },
  );
}

/** What is told of a lease that somebody else has moved; reading goes on from the commit. */
export function leaseMoved(shard: ShardName, lease: Position, committed: Position): EventOf<'fault.seen'> {
  const { shardId, streamName } = shard;
  const message = `the lease of shard ${shardId} is at ${formatPosition(lease)}, and ${formatPosition(committed)} is committed: a client that is not of this engine has moved it. Reading goes on from the commit; give that client another applicationName`;
  return { type: 'fault.seen', code: 'MR_FOREIGN_WORKER', message, subject: { shard: shardId, stream: streamName } };
}
