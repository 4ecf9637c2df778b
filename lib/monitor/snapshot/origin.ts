/** Which receiver an event is from: events name shards, and two streams may have shards of one name. */
export interface Origin {
  /** From 0, in the order of the streams' declaration. */
  readonly receiverId: number;
  readonly streamName: string;
  readonly workerIdentifier: string;
}

/** An event's circumstances. */
export interface Seen {
  readonly atMillis: number;
  readonly origin: Origin;
}

/** The key of a shard or lease among all streams of the process. */
export function shardKey(origin: Pick<Origin, 'streamName'>, shardId: string): string {
  return `${origin.streamName}:${shardId}`;
}
