import type { Random } from '../../base/random.ts';
import { defaultShutdownGraceMillis } from '../shutdown.ts';
import { assignmentSettings } from './assignment-settings.ts';
import { checkValues } from './check.ts';
import type { ConfigFile } from './config-file.ts';
import type { ConsumerOptions } from './consumer-options.ts';
import type { ConsumerSettings, InitialPositionSetting, UntilSetting } from './consumer-settings.ts';
import { contradictions } from './contradictions.ts';
import type { Environment } from './environment.ts';
import { defaultConsumerName } from './fan-out-options.ts';
import type { GivenValue, GivenValues } from './given-value.ts';
import { fromEnvironment, fromFile, fromFlags, fromProgram } from './given.ts';
import { partsOfStreamArn } from './identity-options.ts';
import { environmentName, flagName } from './option.ts';
import type { ConsumerValues } from './option-list.ts';
import { type Problem, configurationError } from './problem.ts';
import { checkedUiOptions } from './ui-options.ts';

/** Where options come from; a source that is missing says nothing. */
export interface OptionSources {
  /** Flags by their name without dashes. */
  readonly flags?: Readonly<Record<string, string | undefined>> | undefined;
  readonly options?: ConsumerOptions | undefined;
  readonly env?: Environment | undefined;
  readonly file?: ConfigFile | undefined;
  /** What counts where no other source says anything. */
  readonly fallback?: Partial<ConsumerOptions> | undefined;
}

/** The facts of the machine that defaults are made of. */
export interface MachineFacts {
  readonly random: Random;
  readonly hostname: string;
  readonly pid: number;
}

/**
 * Makes the settings of a consumer: flags before the program's options, before the environment, before the file,
 * before the defaults. All problems are collected into one error.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` when a name is not known, else `MR_CONFIG_INVALID`
 */
export function resolveConsumerSettings(sources: OptionSources & MachineFacts): ConsumerSettings {
  return settingsOf(resolveValues(sources), sources);
}

/**
 * Merges and checks the sources like {@link resolveConsumerSettings}, but leaves out what nobody gave: the options
 * that a command hands to `createConsumer`.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` when a name is not known, else `MR_CONFIG_INVALID`
 */
export function resolveConsumerOptions(sources: OptionSources): ConsumerOptions {
  const options: Record<string, unknown> = {};
  const onFailure: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(resolveValues(sources))) {
    const [outer, inner] = name.split('.');
    if (inner === undefined) options[name] = value;
    else if (outer === 'onFailure') onFailure[inner] = value;
  }
  // The values have passed the schemas that these two types are written from.
  return { ...options, onFailure } as unknown as ConsumerOptions;
}

/**
 * The checked values of all sources, without defaults.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` when a name is not known, else `MR_CONFIG_INVALID`
 */
export function resolveValues(sources: OptionSources): ConsumerValues {
  const ranked = rankedSources(sources);
  const given = winners(ranked);
  const checked = checkValues(given.values());
  const problems = [
    ...ranked.flatMap((source) => source.problems),
    ...checked.problems,
    ...missing(given),
    ...contradictions(given, checked),
  ];
  if (problems.length > 0) throw configurationError(problems);
  return checked.values;
}

/** The values of every source, the one that wins first. */
export function rankedSources(sources: OptionSources): GivenValues[] {
  return [
    fromFlags(sources.flags ?? {}),
    fromProgram(sources.options ?? {}),
    fromEnvironment(sources.env ?? {}),
    ...(sources.file === undefined ? [] : [fromFile(sources.file)]),
    fromProgram(sources.fallback ?? {}),
  ];
}

/**
 * For each option the value of the first source that has it. `streamName` and `streamArn` are two names of one thing:
 * a source that gives one of them hides both in the sources after it.
 */
export function winners(ranked: readonly GivenValues[]): Map<string, GivenValue> {
  const given = new Map<string, GivenValue>();
  for (const { values } of ranked) {
    const hasStream = given.has('streamName') || given.has('streamArn');
    for (const value of values) {
      if (hasStream && (value.option === 'streamName' || value.option === 'streamArn')) continue;
      if (!given.has(value.option)) given.set(value.option, value);
    }
  }
  return given;
}

function missing(given: ReadonlyMap<string, GivenValue>): Problem[] {
  const problems: Problem[] = [];
  if (!given.has('applicationName')) problems.push(missingOption('applicationName', 'the name that its workers share'));
  if (!given.has('streamName') && !given.has('streamArn')) {
    problems.push(missingOption('streamName', 'the stream to read (or streamArn)'));
  }
  return problems;
}

function missingOption(option: string, what: string): Problem {
  const message = `${option} is missing: give ${what}, as an option, as --${flagName(option)} or as ${environmentName(option)}`;
  return { code: 'MR_CONFIG_INVALID', option, message };
}

/** Fills in every default. */
export function settingsOf(values: ConsumerValues, machine: MachineFacts): ConsumerSettings {
  const applicationName = values.applicationName ?? '';
  const arn = values.streamArn === undefined ? undefined : partsOfStreamArn(values.streamArn);
  const failoverTimeMillis = values.failoverTimeMillis ?? 10_000;
  return {
    applicationName,
    tableName: values.tableName ?? applicationName,
    streamName: values.streamName ?? arn?.streamName ?? '',
    streamArn: values.streamArn,
    initialPosition: initialPositionOf(values.initialPosition ?? 'TRIM_HORIZON'),
    until: values.until === undefined ? undefined : untilOf(values.until),
    workerIdentifier: values.workerIdentifier ?? `${machine.hostname}:${machine.pid}:${machine.random.hex(8)}`,
    region: values.region ?? arn?.region,
    credentials: values.credentials,
    kinesisEndpoint: values.kinesisEndpoint,
    dynamoDBEndpoint: values.dynamoDBEndpoint,
    failoverTimeMillis,
    leaseDiscoveryIntervalMillis: values.leaseDiscoveryIntervalMillis ?? 1_000,
    checkpointIntervalMillis: values.checkpointIntervalMillis ?? Math.floor(failoverTimeMillis / 3),
    heartbeatIsolation: values.heartbeatIsolation ?? 'thread',
    onStall: values.onStall ?? 'RELEASE',
    stalledAfterMillis: values.stalledAfterMillis ?? 300_000,
    ...assignmentSettings(values, applicationName),
    ...readingSettings(values),
    ...fanOutSettings(values, applicationName),
    ...runningSettings(values),
  };
}

/** A block that keeps so much in memory is worth the work around it: of records of some KB a shard gives at most eight a second. */
const sealAtOnceBytes = 256 * 1024;

function readingSettings(values: ConsumerValues) {
  return {
    retrievalMode: values.retrievalMode ?? 'POLLING',
    codec: values.codec ?? 'json',
    bufferCollection: values.bufferCollection ?? 'early',
    maxRecords: values.maxRecords ?? 10_000,
    idleTimeBetweenReadsInMillis: values.idleTimeBetweenReadsInMillis ?? 1_000,
    millisBehindLatestThresholdForReducedTps: values.millisBehindLatestThresholdForReducedTps ?? 0,
    onTrimmedPosition: values.onTrimmedPosition ?? 'FAIL',
    maxReadsPerSecondPerShard: values.maxReadsPerSecondPerShard ?? 4,
    maxBufferedBytes: values.maxBufferedBytes ?? 32 * 1024 * 1024,
    blockIntervalMillis: values.blockIntervalMillis ?? 200,
    sealAtOnceBytes: values.blockIntervalMillis === undefined ? sealAtOnceBytes : undefined,
    blockMaxBytes: values.blockMaxBytes ?? 4 * 1024 * 1024,
    blockMaxRecords: values.blockMaxRecords ?? 10_000,
    maxUnackedBlocks: values.maxUnackedBlocks ?? 64,
    isUnackedLimitGiven: values.maxUnackedBlocks !== undefined,
  } as const;
}

function fanOutSettings(values: ConsumerValues, applicationName: string) {
  const { consumerArn } = values;
  const byName = values.consumerName ?? defaultConsumerName(applicationName);
  return {
    consumerName: consumerArn === undefined ? byName : undefined,
    consumerArn,
    onConsumerLimit: values.onConsumerLimit ?? 'FAIL',
    deregisterConsumer: values.deregisterConsumer ?? false,
  } as const;
}

function runningSettings(values: ConsumerValues) {
  return {
    onFailure: {
      maximumRetryAttempts: values['onFailure.maximumRetryAttempts'] ?? -1,
      maximumRecordAgeInSeconds: values['onFailure.maximumRecordAgeInSeconds'] ?? -1,
      bisectBatchOnFunctionError: values['onFailure.bisectBatchOnFunctionError'] ?? false,
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option; its value is never a function
      then: values['onFailure.then'] ?? 'STOP',
    },
    givenOnFailure: Object.keys(values).filter((name) => name.startsWith('onFailure.')),
    shutdownGraceMillis: values.shutdownGraceMillis ?? defaultShutdownGraceMillis,
    receiverRestartDelayMillis: values.receiverRestartDelayMillis ?? 2_000,
    maxReceiverRestarts: values.maxReceiverRestarts ?? 5,
    logger: values.logger,
    listener: values.listener,
    metricsLevel: values.metricsLevel ?? 'SUMMARY',
    metricsEnabledDimensions: values.metricsEnabledDimensions,
    cloudWatch: values.cloudWatch ?? false,
    cloudWatchEndpoint: values.cloudWatchEndpoint,
    alerts: values.alerts,
    ui: values.ui === undefined ? undefined : checkedUiOptions(values.ui),
  } as const;
}

function initialPositionOf(value: 'TRIM_HORIZON' | 'LATEST' | Date): InitialPositionSetting {
  return value instanceof Date ? { type: 'AT_TIMESTAMP', timestampMillis: value.getTime() } : { type: value };
}

function untilOf(value: 'CAUGHT_UP' | 'LATEST' | Date): UntilSetting {
  return value instanceof Date ? { type: 'AT_TIMESTAMP', timestampMillis: value.getTime() } : { type: value };
}
