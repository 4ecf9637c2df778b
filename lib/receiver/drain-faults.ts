import { MillraceError, isMillraceError } from '../base/error.ts';

/** The error of a drain whose last checkpoint is not in the lease table. */
export function unwritten(shardId: string): MillraceError {
  return new MillraceError(
    'MR_DRAIN_TIMEOUT',
    `the last checkpoint of shard ${shardId} is not in the lease table (it was out of reach, or the lease was lost); the next owner repeats what was finished since the one before`,
    { subject: { shard: shardId } },
  );
}

/** The error of a drain that its deadline cut off; a deadline may bring its own. */
export function drainTimeout(reason: unknown): MillraceError {
  if (isMillraceError(reason)) return reason;
  return new MillraceError(
    'MR_DRAIN_TIMEOUT',
    'not all blocks were finished before the deadline; the next owner repeats them. Raise shutdownGraceMillis, or finish blocks sooner',
    { cause: reason },
  );
}
