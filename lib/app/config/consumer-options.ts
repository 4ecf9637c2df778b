import type { Logger } from '../../base/logger.ts';
import type { EventListener } from '../../event/bus.ts';
import type { LeaseAssignmentStrategy } from '../../lease/plan/utilization-types.ts';
import type { AlertThresholds } from '../../monitor/alerts.ts';
import type { DeadLetter } from '../../receiver/dead-letter.ts';
import type { UiOptions } from './ui-options.ts';

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
  /** Split failing records in halves at once, to find the bad one; that is no attempt. Default false. */
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
  /**
   * What the leader shares leases out by: the load of the workers (default, KCL 3's way), or the number of leases alone.
   * All workers should agree.
   */
  readonly leaseAssignmentStrategy?: LeaseAssignmentStrategy | undefined;
  /** No worker is given more leases than this; default 2,147,483,647. Too low strands shards. */
  readonly maxLeasesForWorker?: number | undefined;
  /** A worker whose shards bring more than this is given no further one, KB/s; default: no limit. */
  readonly maxThroughputPerHostKBps?: number | undefined;
  /** Which part of its surplus a worker gives up in one balancing, percent; default 60. */
  readonly dampeningPercentage?: number | undefined;
  /** How far from the average a worker is before leases move, percent of the average; default 10. */
  readonly reBalanceThresholdPercentage?: number | undefined;
  /** Whether a surplus smaller than every lease still moves the smallest one; default true. */
  readonly allowThroughputOvershoot?: boolean | undefined;
  /** The leader balances in every so many of its looks, its first one included; default 3. */
  readonly varianceBalancingFrequency?: number | undefined;
  /** Weight of the newer value in the moving average of a worker's load, above 0 and at most 1; default 0.5. */
  readonly workerMetricsEMAAlpha?: number | undefined;
  /** Whether the old owner finishes a lease that moves; if not, it is cut off and its tail is repeated; default true. */
  readonly isGracefulLeaseHandoffEnabled?: boolean | undefined;
  /** How long the old owner has to finish a lease that moves, milliseconds; default 30,000. */
  readonly gracefulLeaseHandoffTimeoutMillis?: number | undefined;
  /** Measures no CPU: the worker is judged by the throughput of its shards; default false. */
  readonly disableWorkerMetrics?: boolean | undefined;
  /** How many averages of its load a worker's row keeps; default 10, most 1,000. */
  readonly noOfPersistedMetricsPerWorkerMetrics?: number | undefined;
  /** Whether the leases of shards that were read to their end are deleted; default true. */
  readonly cleanupLeasesUponShardCompletion?: boolean | undefined;
  /** How often the leader compares leases and shards, milliseconds; default 60,000, at least 1,000. */
  readonly shardSyncIntervalMillis?: number | undefined;
  /**
   * Where the rows are that are no leases: in the lease table (`'single'`, as KCL from 3.5 on has them), or in two tables
   * of their own (`'legacy'`, as KCL 3.0 to 3.4 has them). Default `'auto'`: legacy where those tables exist and their
   * move to the lease table is not complete.
   */
  readonly coordinationTables?: 'auto' | 'single' | 'legacy' | undefined;
  /** The table of the leader's lock in the legacy layout; default: the application name and `-CoordinatorState`. */
  readonly coordinatorStateTableName?: string | undefined;
  /** The table of the workers' metrics in the legacy layout; default: the application name and `-WorkerMetricStats`. */
  readonly workerMetricsTableName?: string | undefined;
  /**
   * How shards are read: by GetRecords (default), or by SubscribeToShard, enhanced fan-out, where each application has 2 MB
   * a second and shard of its own. AWS bills it by itself.
   */
  readonly retrievalMode?: 'POLLING' | 'FAN_OUT' | undefined;
  /** The stream consumer of `FAN_OUT` by its name; it is registered when it is missing. Default: the application's name. */
  readonly consumerName?: string | undefined;
  /** A registered stream consumer of `FAN_OUT` by its ARN; this or `consumerName`. */
  readonly consumerArn?: string | undefined;
  /** What `FAN_OUT` does when the stream takes no further consumer; default `'FAIL'`, with `MR_CONSUMER_LIMIT`. */
  readonly onConsumerLimit?: 'FAIL' | 'POLLING' | undefined;
  /**
   * Whether `FAN_OUT` deregisters its stream consumer at the end of the run; default false. Other workers of the application
   * that still run lose their subscriptions, and register it anew.
   */
  readonly deregisterConsumer?: boolean | undefined;
  /**
   * How records are decoded: by Millrace's decoder of JSON (default) or of CBOR, which is faster and what the Java client
   * speaks but AWS does not document, or by the SDK's own.
   */
  readonly codec?: 'json' | 'cbor' | 'sdk' | undefined;
  /**
   * When V8 collects the garbage that reading makes. Early (default): after every 2 MiB of records, and less often where that
   * takes more than a tenth of the time; finished records then leave memory soon, and V8 goes over its whole heap less often. A
   * collection of young objects is one of the whole process, and moves whatever has lived through two of them out of their
   * way. `'v8'` leaves it to V8, as do runtimes that cannot be asked for it.
   */
  readonly bufferCollection?: 'early' | 'v8' | undefined;
  /**
   * Where heartbeats run: in a thread of their own (default), so that code that blocks the main thread loses no lease, or in
   * the main one (`'inline'`). Where a thread cannot be, they run inline, and an event (`heartbeats.inlined`) says why.
   */
  readonly heartbeatIsolation?: 'thread' | 'inline' | undefined;
  /**
   * What is done about a shard whose handler has not returned, whose block was not acked, whose engine has not settled, or
   * about a main thread that has not answered, for `stalledAfterMillis`: its leases are given up (default), or it is only
   * told by an event.
   */
  readonly onStall?: 'RELEASE' | 'WARN' | undefined;
  /** How long work on records or the main thread may not come back before it counts as stalled, milliseconds; default 300,000. */
  readonly stalledAfterMillis?: number | undefined;
  /** Most records of one read; default and most 10,000. */
  readonly maxRecords?: number | undefined;
  /** Pause between reads of a shard that is caught up, milliseconds; default 1,000, at least 200. */
  readonly idleTimeBetweenReadsInMillis?: number | undefined;
  /**
   * A shard that is less far behind its tip than this is polled only once in that time, milliseconds, which leaves more reads
   * to others; default 0, no such rule.
   */
  readonly millisBehindLatestThresholdForReducedTps?: number | undefined;
  /**
   * What to do when records after a checkpoint may have been trimmed, because nobody read the shard for longer than the
   * stream keeps records: fail with `MR_POSITION_TRIMMED` (default), or go on with the oldest record that is left.
   */
  readonly onTrimmedPosition?: 'FAIL' | 'TRIM_HORIZON' | undefined;
  /** Most reads a second of one shard; default 4 of the 5 that all readers of a shard share. */
  readonly maxReadsPerSecondPerShard?: number | undefined;
  /**
   * Most memory of records read and not yet finished, for the process, bytes; default 32 MiB. What counts is what they keep:
   * the memory that they are views of, keys and numbers included, and 256 bytes for each record.
   */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * A block is sealed after this time, milliseconds; default 200. While it is not set, a block that holds 256 KiB at the end of a
   * page does not wait: more records would make it no cheaper, only later.
   */
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
  /** Wait before a receiver that failed is started again, milliseconds; default 2,000, doubles up to 60,000. */
  readonly receiverRestartDelayMillis?: number | undefined;
  /**
   * How often the receiver is started again without a minute of reading in between, before the run ends with its fault;
   * default 5, 0 for never.
   */
  readonly maxReceiverRestarts?: number | undefined;
  /** Where to log; default: JSON lines to stderr, from level warn. */
  readonly logger?: Logger | undefined;
  /** Hears every event. */
  readonly listener?: EventListener | undefined;
  /** Which metrics CloudWatch gets; default `'SUMMARY'`. */
  readonly metricsLevel?: 'NONE' | 'SUMMARY' | 'DETAILED' | undefined;
  /**
   * Which of KCL's dimensions figures in CloudWatch keep, `Operation` always; default all. Each shard, and each worker
   * without a stable name, makes metrics of its own, which AWS bills: `['StreamIdentifier']` is one for all.
   */
  readonly metricsEnabledDimensions?:
    | readonly ('Operation' | 'ShardIdentifier' | 'StreamIdentifier' | 'WorkerIdentifier')[]
    | undefined;
  /** Whether metrics go to CloudWatch, under the names of KCL; default false. Needs the package `@aws-sdk/client-cloudwatch`. */
  readonly cloudWatch?: boolean | undefined;
  /** URL of CloudWatch, for emulators and private endpoints. */
  readonly cloudWatchEndpoint?: string | undefined;
  /** From where on something is an alert; 0 switches one off. */
  readonly alerts?: AlertThresholds | undefined;
  /** Serves the page of the run, on this machine alone unless it says otherwise; default: none is served. */
  readonly ui?: UiOptions | undefined;
}
