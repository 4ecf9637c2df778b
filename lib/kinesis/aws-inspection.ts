import {
  DescribeLimitsCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListStreamConsumersCommand,
} from '@aws-sdk/client-kinesis';
import type { StreamReference } from './aws-kinesis.ts';
import { attemptsOn, required } from './aws-values.ts';

/** What Kinesis says of a stream beside what reading it needs. */
export interface StreamFacts {
  readonly streamArn: string;
  /** `PROVISIONED` or `ON_DEMAND`; absent from a service that does not know the difference. */
  readonly mode: string | undefined;
  readonly openShards: number;
  readonly retentionPeriodHours: number;
  /** `NONE` or `KMS`. */
  readonly encryption: string;
}

/** How much of the account's limits in this region is used. */
export interface AccountLimits {
  readonly shardLimit: number;
  readonly openShards: number;
  readonly onDemandStreams: number | undefined;
  readonly onDemandStreamLimit: number | undefined;
}

/** Calls that look at a stream and its account, for a person who wants to know. Each is one attempt. */
export interface KinesisInspection {
  facts(signal: AbortSignal): Promise<StreamFacts>;
  limits(signal: AbortSignal): Promise<AccountLimits>;
  /** Names of the registered stream consumers. */
  streamConsumers(streamArn: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** Makes the calls over the AWS SDK. They reject with a `KinesisFault`. */
export function createKinesisInspection(client: KinesisClient, stream: StreamReference): KinesisInspection {
  const name = 'streamArn' in stream ? stream.streamArn : stream.streamName;
  const attempt = attemptsOn(name);
  return {
    facts: (signal) =>
      attempt('DescribeStreamSummary', signal, async () => {
        const target = 'streamArn' in stream ? { StreamARN: name } : { StreamName: name };
        const output = await client.send(new DescribeStreamSummaryCommand(target), { abortSignal: signal });
        const summary = required(output.StreamDescriptionSummary, 'StreamDescriptionSummary');
        return {
          streamArn: required(summary.StreamARN, 'StreamARN'),
          mode: summary.StreamModeDetails?.StreamMode,
          openShards: required(summary.OpenShardCount, 'OpenShardCount'),
          retentionPeriodHours: required(summary.RetentionPeriodHours, 'RetentionPeriodHours'),
          encryption: summary.EncryptionType ?? 'NONE',
        };
      }),

    limits: (signal) =>
      attempt('DescribeLimits', signal, async () => {
        const output = await client.send(new DescribeLimitsCommand({}), { abortSignal: signal });
        return {
          shardLimit: required(output.ShardLimit, 'ShardLimit'),
          openShards: required(output.OpenShardCount, 'OpenShardCount'),
          onDemandStreams: output.OnDemandStreamCount,
          onDemandStreamLimit: output.OnDemandStreamCountLimit,
        };
      }),

    streamConsumers: (streamArn, signal) =>
      attempt('ListStreamConsumers', signal, async () => {
        // One page holds more than a stream may have.
        const command = new ListStreamConsumersCommand({ StreamARN: streamArn, MaxResults: 100 });
        const output = await client.send(command, { abortSignal: signal });
        return (output.Consumers ?? []).map((consumer) => required(consumer.ConsumerName, 'ConsumerName'));
      }),
  };
}
