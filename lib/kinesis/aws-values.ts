import { MillraceError } from '../base/error.ts';
import { toKinesisFault } from './fault.ts';
import type { ChildShard, RawRecord } from './kinesis-api.ts';

/** What the SDK makes of a record. */
interface AwsRecord {
  readonly Data?: Uint8Array | undefined;
  readonly PartitionKey?: string | undefined;
  readonly SequenceNumber?: string | undefined;
  readonly ApproximateArrivalTimestamp?: Date | undefined;
}

/** What the SDK makes of a child of a closed shard. */
interface AwsChildShard {
  readonly ShardId?: string | undefined;
  readonly ParentShards?: readonly string[] | undefined;
  readonly HashKeyRange?:
    | { readonly StartingHashKey?: string | undefined; readonly EndingHashKey?: string | undefined }
    | undefined;
}

/** Makes one call about a stream; what it throws becomes a `KinesisFault` that names the call. */
export type Attempt = <T>(
  operation: string,
  signal: AbortSignal,
  send: () => Promise<T>,
  shardId?: string,
) => Promise<T>;

/** How the calls about a stream, which is told by its name or ARN, are made. */
export function attemptsOn(stream: string): Attempt {
  return async (operation, signal, send, shardId) => {
    try {
      return await send();
    } catch (thrown) {
      // An answer that breaks off because its caller has gone looks like a fault of the network.
      const error = signal.aborted ? new DOMException('the caller has gone', 'AbortError') : thrown;
      throw toKinesisFault(error, { operation, stream, ...(shardId === undefined ? {} : { shardId }) });
    }
  };
}

/** A record as the SDK has decoded it. */
export function toRawRecord(record: AwsRecord): RawRecord {
  return {
    data: required(record.Data, 'Data'),
    partitionKey: required(record.PartitionKey, 'PartitionKey'),
    sequenceNumber: required(record.SequenceNumber, 'SequenceNumber'),
    arrivalTimeMillis: required(record.ApproximateArrivalTimestamp, 'ApproximateArrivalTimestamp').getTime(),
  };
}

/** A child of a closed shard as the SDK has decoded it. */
export function toChildShard(child: AwsChildShard): ChildShard {
  return {
    shardId: required(child.ShardId, 'ShardId'),
    parentShardIds: child.ParentShards ?? [],
    startingHashKey: required(child.HashKeyRange?.StartingHashKey, 'StartingHashKey'),
    endingHashKey: required(child.HashKeyRange?.EndingHashKey, 'EndingHashKey'),
  };
}

/** A field that Kinesis always fills. Its absence means that something else than Kinesis answered. */
export function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) {
    throw new MillraceError('MR_INTERNAL', `the answer has no ${field}; is the endpoint really Kinesis?`);
  }
  return value;
}
