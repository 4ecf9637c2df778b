import type { DimensionName } from '../../monitor/cloudwatch/datum.ts';
import type { Logger } from '../../base/logger.ts';
import type { EventListener } from '../../event/bus.ts';
import type { LeaseAssignmentStrategy } from '../../lease/plan/utilization-types.ts';
import type { AlertThresholds } from '../../monitor/alerts.ts';
import type { FailurePolicy } from '../../receiver/failure-policy.ts';
import type { Credentials } from './consumer-options.ts';
import type { UiOptions } from './ui-options.ts';

/** Where new leases start. Assignable to the start position of a read. */
export type InitialPositionSetting =
  | { readonly type: 'TRIM_HORIZON' }
  | { readonly type: 'LATEST' }
  | { readonly type: 'AT_TIMESTAMP'; readonly timestampMillis: number };

/** Where a bounded run ends: when caught up, at the tip seen at its start, or at an arrival time. */
export type UntilSetting =
  | { readonly type: 'CAUGHT_UP' }
  | { readonly type: 'LATEST' }
  | { readonly type: 'AT_TIMESTAMP'; readonly timestampMillis: number };

/** The options of a consumer, checked and with every default filled in. Units and meanings are those of `ConsumerOptions`. */
export interface ConsumerSettings {
  readonly applicationName: string;
  readonly tableName: string;
  /** Also set when only the ARN was given. */
  readonly streamName: string;
  /** Set only when the ARN was given. */
  readonly streamArn: string | undefined;
  readonly initialPosition: InitialPositionSetting;
  /** Not set: the run has no end of its own. */
  readonly until: UntilSetting | undefined;
  readonly workerIdentifier: string;
  /** Not set: the SDK's own chain decides. */
  readonly region: string | undefined;
  /** Not set: the SDK's own chain decides. */
  readonly credentials: Credentials | undefined;
  readonly kinesisEndpoint: string | undefined;
  readonly dynamoDBEndpoint: string | undefined;
  readonly failoverTimeMillis: number;
  readonly leaseDiscoveryIntervalMillis: number;
  readonly retrievalMode: 'POLLING' | 'FAN_OUT';
  /** Not set when the ARN was given. */
  readonly consumerName: string | undefined;
  readonly consumerArn: string | undefined;
  readonly onConsumerLimit: 'FAIL' | 'POLLING';
  readonly deregisterConsumer: boolean;
  readonly codec: 'json' | 'cbor' | 'sdk';
  readonly bufferCollection: 'early' | 'v8';
  readonly heartbeatIsolation: 'thread' | 'inline';
  readonly onStall: 'RELEASE' | 'WARN';
  readonly stalledAfterMillis: number;
  readonly leaseAssignmentStrategy: LeaseAssignmentStrategy;
  readonly maxLeasesForWorker: number;
  readonly maxThroughputPerHostKBps: number;
  readonly dampeningPercentage: number;
  readonly reBalanceThresholdPercentage: number;
  readonly allowThroughputOvershoot: boolean;
  readonly varianceBalancingFrequency: number;
  readonly workerMetricsEMAAlpha: number;
  readonly isGracefulLeaseHandoffEnabled: boolean;
  readonly gracefulLeaseHandoffTimeoutMillis: number;
  readonly disableWorkerMetrics: boolean;
  readonly noOfPersistedMetricsPerWorkerMetrics: number;
  readonly cleanupLeasesUponShardCompletion: boolean;
  readonly shardSyncIntervalMillis: number;
  readonly coordinationTables: 'auto' | 'single' | 'legacy';
  readonly coordinatorStateTableName: string;
  readonly workerMetricsTableName: string;
  readonly maxRecords: number;
  readonly idleTimeBetweenReadsInMillis: number;
  readonly millisBehindLatestThresholdForReducedTps: number;
  readonly maxReadsPerSecondPerShard: number;
  readonly onTrimmedPosition: 'FAIL' | 'TRIM_HORIZON';
  readonly maxBufferedBytes: number;
  readonly blockIntervalMillis: number;
  /** Not set: somebody set `blockIntervalMillis`, by whatever source, and every block waits for it. */
  readonly sealAtOnceBytes: number | undefined;
  readonly blockMaxBytes: number;
  readonly blockMaxRecords: number;
  readonly maxUnackedBlocks: number;
  /** Whether somebody set `maxUnackedBlocks`, by whatever source, the value of the default included: it is kept then. */
  readonly isUnackedLimitGiven: boolean;
  readonly checkpointIntervalMillis: number;
  readonly onFailure: FailurePolicy;
  /** The options of `onFailure` that somebody set, by whatever source, under their names. */
  readonly givenOnFailure: readonly string[];
  readonly shutdownGraceMillis: number;
  readonly receiverRestartDelayMillis: number;
  readonly maxReceiverRestarts: number;
  /** Not set: the default logger. */
  readonly logger: Logger | undefined;
  readonly listener: EventListener | undefined;
  readonly metricsLevel: 'NONE' | 'SUMMARY' | 'DETAILED';
  readonly metricsEnabledDimensions: readonly DimensionName[] | undefined;
  readonly cloudWatch: boolean;
  readonly cloudWatchEndpoint: string | undefined;
  readonly alerts: AlertThresholds | undefined;
  /** Not set: no page is served. */
  readonly ui: UiOptions | undefined;
}
