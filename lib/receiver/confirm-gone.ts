import { MillraceError } from '../base/error.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { StreamDescription } from '../kinesis/kinesis-api.ts';
import type { StreamIdentity } from '../lease/plan/shard-sync-plan.ts';
import { checkStream } from '../lease/stream-check.ts';

/** What {@link confirmGone} looks at. */
export interface ConfirmGoneOptions {
  readonly stream: StreamIdentity;
  readonly describe: (signal: AbortSignal) => Promise<StreamDescription>;
  readonly listShards: (at: undefined, signal: AbortSignal) => Promise<readonly Shard[]>;
}

/**
 * Whether a shard that a read called missing is past the stream's retention. A stream that is being deleted, or was
 * created anew, answers reads the same way, and SHARD_END in its leases would be a lie: so the stream is asked first.
 * `false` when the shard is listed after all.
 * @throws MillraceError `MR_STREAM_NOT_FOUND`, `MR_STREAM_NOT_ACTIVE`, `MR_STREAM_CHANGED`
 */
export async function confirmGone(shardId: string, options: ConfirmGoneOptions, signal: AbortSignal): Promise<boolean> {
  const { stream, describe, listShards } = options;
  const { streamArn, streamName, createdAtMillis } = await describe(signal);
  checkStream([{ leaseKey: shardId, ...stream }], { streamArn, streamCreatedAtMillis: createdAtMillis });
  const shards = await listShards(undefined, signal);
  if (shards.length === 0) {
    throw new MillraceError(
      'MR_STREAM_NOT_ACTIVE',
      `stream ${streamName} lists no shards any more, as one does that is being deleted; start again once it is ACTIVE`,
      { subject: { stream: streamName, shard: shardId } },
    );
  }
  return !shards.some((shard) => shard.shardId === shardId);
}
