import type { Logger } from '../../base/logger.ts';
import type { EventListener } from '../../event/bus.ts';
import type { DeadLetter } from '../../receiver/dead-letter.ts';

/** Keys for AWS, as its SDK takes them. */
export interface CredentialIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Keys, or a function that fetches them and is asked again when they expire. */
export type Credentials = CredentialIdentity | (() => Promise<CredentialIdentity>);

/** What to do when the handler fails; the names and rules of Lambda's event source mapping. */
export interface FailureOptions {
  /** Further attempts with the same records after the first failed; -1 (default) means without end. */
  readonly maximumRetryAttempts?: number | undefined;
  /** Give records up when the oldest is older than this, by the service's clock; -1 (default) means never. */
  readonly maximumRecordAgeInSeconds?: number | undefined;
  /** Split failing records in halves, to find the bad one, before giving up; default false. */
  readonly bisectBatchOnFunctionError?: boolean | undefined;
  /** When giving up: end the consumer (default), leave the records out, or write them to a dead letter. */
  readonly then?: 'STOP' | 'SKIP' | DeadLetter | undefined;
}

/**
 * Options of `createConsumer`. Exactly one of `streamName` and `streamArn` is needed; the rest has defaults. A key
 * that is `undefined` counts as not given.
 */
export interface ConsumerOptions {
  /** The name that all workers of the group share. */
  readonly applicationName: string;
  /** The DynamoDB table of the leases; default: the application name. */
  readonly tableName?: string | undefined;
  /** The stream to read; this or `streamArn`. */
  readonly streamName?: string | undefined;
  /** The stream to read, by its ARN; this or `streamName`. */
  readonly streamArn?: string | undefined;
  /** Where shards are begun that nobody has a lease for yet; default `'TRIM_HORIZON'`, the oldest record. */
  readonly initialPosition?: 'TRIM_HORIZON' | 'LATEST' | Date | undefined;
  /** Makes the run a bounded one: it ends when caught up, at the tip seen at the start, or at that arrival time. */
  readonly until?: 'CAUGHT_UP' | 'LATEST' | Date | undefined;
  /** Names this worker, and must differ from every other worker's name; default host:pid:8 hex digits. */
  readonly workerIdentifier?: string | undefined;
  /** The AWS region; default: from the ARN, else the SDK's own chain. */
  readonly region?: string | undefined;
  /** Keys for both services; default: the SDK's own chain. */
  readonly credentials?: Credentials | undefined;
  /** URL of Kinesis, for emulators and private endpoints. */
  readonly kinesisEndpoint?: string | undefined;
  /** URL of DynamoDB, for emulators and private endpoints. */
  readonly dynamoDBEndpoint?: string | undefined;
  /** How long a lease lives without renewal, milliseconds; default 10,000, at least 1,000. */
  readonly failoverTimeMillis?: number | undefined;
  /** How often new leases are looked for, milliseconds; default 1,000. */
  readonly leaseDiscoveryIntervalMillis?: number | undefined;
  /** Only `'POLLING'` in this version. */
  readonly retrievalMode?: 'POLLING' | undefined;
  /** Only `'sdk'` in this version. */
  readonly codec?: 'sdk' | undefined;
  /** Only `'inline'` in this version. */
  readonly heartbeatIsolation?: 'inline' | undefined;
  /** Only `'single'` in this version. */
  readonly coordinationTables?: 'single' | undefined;
  /** Most records of one read; default and most 10,000. */
  readonly maxRecords?: number | undefined;
  /** Pause between reads of a shard that is caught up, milliseconds; default 1,000, at least 200. */
  readonly idleTimeBetweenReadsInMillis?: number | undefined;
  /** Most reads a second of one shard; default 4 of the 5 that all readers of a shard share. */
  readonly maxReadsPerSecondPerShard?: number | undefined;
  /** Most bytes read and not yet finished, for the process; default 128 MiB. */
  readonly maxBufferedBytes?: number | undefined;
  /** A block is sealed after this time, milliseconds; default 200. */
  readonly blockIntervalMillis?: number | undefined;
  /** A block is sealed at this size; default 4 MiB. */
  readonly blockMaxBytes?: number | undefined;
  /** A block is sealed at this number of records; default 10,000. */
  readonly blockMaxRecords?: number | undefined;
  /** Blocks of one shard handed out and not acked, at which its reading stops; default 64. */
  readonly maxUnackedBlocks?: number | undefined;
  /** How often finished positions are stored, milliseconds; default a third of `failoverTimeMillis`. */
  readonly checkpointIntervalMillis?: number | undefined;
  /** What to do when the handler fails; default: try again without end. */
  readonly onFailure?: FailureOptions | undefined;
  /** How long a drain may take before it becomes an abort, milliseconds; default 25,000. */
  readonly shutdownGraceMillis?: number | undefined;
  /** Where to log; default: JSON lines to stderr, from level warn. */
  readonly logger?: Logger | undefined;
  /** Hears every event. */
  readonly listener?: EventListener | undefined;
}
