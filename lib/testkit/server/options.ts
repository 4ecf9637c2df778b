/** Options of a fake AWS that can be handed to another process. */
export interface FakeAwsSettings {
  /** Whether Kinesis' limits apply: 5 reads and 2 MB, 1,000 records and 1 MiB a second and shard, 1 subscription. True. */
  readonly limits?: boolean;
  /** How long every call takes at least: 0 ms. */
  readonly latencyMillis?: number;
  /** How long streams, consumers and tables stay CREATING, UPDATING and DELETING: 0 ms, so that they never show it. */
  readonly transitionMillis?: number;
  /** When Kinesis ends a subscription of fan-out: after 300,000 ms. */
  readonly subscriptionMillis?: number;
  /** How often a subscription without records gets an event: every 5,000 ms. */
  readonly heartbeatMillis?: number;
  /** Shards of one page of ListShards: 1,000. */
  readonly listShardsPageSize?: number;
  /** The greatest record: 1 MiB; Kinesis allows up to 10 MiB. */
  readonly maxRecordBytes?: number;
  /** How long an index that is added to a table cannot be read: 0 ms. */
  readonly backfillMillis?: number;
  /** How long an index of a table is behind it: 0 ms. */
  readonly indexLagMillis?: number;
  /** Draws which calls a fault with a probability befalls: 1. */
  readonly seed?: number;
}

/** All settings, with their defaults. */
export function withDefaults(settings: FakeAwsSettings): Required<FakeAwsSettings> {
  return {
    limits: true,
    latencyMillis: 0,
    transitionMillis: 0,
    subscriptionMillis: 300_000,
    heartbeatMillis: 5_000,
    listShardsPageSize: 1_000,
    maxRecordBytes: 1024 * 1024,
    backfillMillis: 0,
    indexLagMillis: 0,
    seed: 1,
    ...settings,
  };
}
