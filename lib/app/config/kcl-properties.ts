import type { ConfigFile } from './config-file.ts';
import { type GivenValue, type GivenValues, unknownName } from './given-value.ts';
import { type Problem, showValue } from './problem.ts';

/** KCL's names for options that Millrace has (kcl.md 3, the MultiLang properties file). */
const kclNames: Readonly<Record<string, string>> = {
  applicationName: 'applicationName',
  streamName: 'streamName',
  streamArn: 'streamArn',
  tableName: 'tableName',
  workerId: 'workerIdentifier',
  workerIdentifier: 'workerIdentifier',
  regionName: 'region',
  kinesisEndpoint: 'kinesisEndpoint',
  dynamoDBEndpoint: 'dynamoDBEndpoint',
  retrievalMode: 'retrievalMode',
  consumerName: 'consumerName',
  consumerArn: 'consumerArn',
  failoverTimeMillis: 'failoverTimeMillis',
  maxRecords: 'maxRecords',
  idleTimeBetweenReadsInMillis: 'idleTimeBetweenReadsInMillis',
  millisBehindLatestThresholdForReducedTps: 'millisBehindLatestThresholdForReducedTps',
  shutdownGraceMillis: 'shutdownGraceMillis',
  leaseAssignmentStrategy: 'leaseAssignmentStrategy',
  maxLeasesForWorker: 'maxLeasesForWorker',
  maxThroughputPerHostKBps: 'maxThroughputPerHostKBps',
  dampeningPercentage: 'dampeningPercentage',
  reBalanceThresholdPercentage: 'reBalanceThresholdPercentage',
  allowThroughputOvershoot: 'allowThroughputOvershoot',
  varianceBalancingFrequency: 'varianceBalancingFrequency',
  workerMetricsEMAAlpha: 'workerMetricsEMAAlpha',
  isGracefulLeaseHandoffEnabled: 'isGracefulLeaseHandoffEnabled',
  gracefulLeaseHandoffTimeoutMillis: 'gracefulLeaseHandoffTimeoutMillis',
  disableWorkerMetrics: 'disableWorkerMetrics',
  noOfPersistedMetricsPerWorkerMetrics: 'noOfPersistedMetricsPerWorkerMetrics',
  cleanupLeasesUponShardCompletion: 'cleanupLeasesUponShardCompletion',
  shardSyncIntervalMillis: 'shardSyncIntervalMillis',
  coordinatorStateTableName: 'coordinatorStateTableName',
  workerMetricsTableName: 'workerMetricsTableName',
  metricsLevel: 'metricsLevel',
  metricsEnabledDimensions: 'metricsEnabledDimensions',
};

const positionName = 'initialPositionInStream';
const positionTimeName = 'initialPositionInStreamExtended';

/**
 * Names that are about KCL's daemon and its child processes, which Millrace does without: every file of aws-kcl has some of
 * them, and none of them says what is read or how far it has come.
 */
const daemonNames: readonly string[] = [
  'executableName',
  'processingLanguage',
  'maxActiveThreads',
  'timeoutInSeconds',
  'validateSequenceNumberBeforeCheckpointing',
  'callProcessRecordsEvenForEmptyRecordList',
];

/** Names under which KCL is told where credentials come from. */
const credentialNames: readonly string[] = [
  'AwsCredentialsProvider',
  'AWSCredentialsProvider',
  'AwsCredentialsProviderDynamoDB',
  'AWSCredentialsProviderDynamoDB',
  'AwsCredentialsProviderCloudWatch',
  'AWSCredentialsProviderCloudWatch',
];

/** Names that KCL has and Millrace has no use for; told apart from slips of the keyboard. */
const kclOnlyNames: readonly string[] = [
  'parentShardPollIntervalMillis',
  'taskBackoffTimeMillis',
  'metricsBufferTimeMillis',
  'metricsMaxQueueSize',
  'maxLeasesToStealAtOneTime',
  'initialLeaseTableReadCapacity',
  'initialLeaseTableWriteCapacity',
  'billingMode',
  'leaseAssignmentIntervalMillis',
  'leaseTableScanTotalSegments',
  'maxLeaseRenewalThreads',
  'ignoreUnexpectedChildShards',
  'skipShardSyncAtWorkerInitializationIfLeasesExist',
  'inMemoryWorkerMetricsCaptureFrequencyMillis',
  'workerMetricsReporterFreqInMillis',
  'staleWorkerMetricsEntryCleanupDuration',
  'clientVersionConfig',
  'migrateAllEntitiesToLeaseTable',
  'tableMigrationCompleteBakeTimeSeconds',
];

/** The names of a KCL `.properties` file that {@link kclGivenValues} leaves out, for a person to be told. */
export function leftOutKclNames(file: ConfigFile): readonly string[] {
  return Object.entries(file.values)
    .filter(([name, value]) => isLeftOut(name, value))
    .map(([name]) => name);
}

/** The chain of the SDK looks in the same places as KCL's default provider. */
function isLeftOut(name: string, value: unknown): boolean {
  return daemonNames.includes(name) || (credentialNames.includes(name) && /^Default\w*$/.test(String(value)));
}

/**
 * Maps a KCL `.properties` file one to one. KCL's initial position stays KCL's: LATEST where the file does not say.
 * Names of KCL's daemon alone are left out. Unlike KCL, which warns, an unknown name is an error.
 */
export function kclGivenValues(file: ConfigFile): GivenValues {
  const values: GivenValue[] = [];
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(file.values)) {
    const from = `${name} in ${file.path}`;
    const option = Object.hasOwn(kclNames, name) ? kclNames[name] : undefined;
    if (option !== undefined) values.push({ option, value: valueOf(option, value), from, form: 'text' });
    else if (isLeftOut(name, value)) continue;
    else if (credentialNames.includes(name)) problems.push(otherProvider(name, value, from));
    else if (kclOnlyNames.includes(name)) problems.push(kclOnly(name, from));
    else if (name !== positionName && name !== positionTimeName) {
      problems.push(unknownName(from, [...Object.keys(kclNames), positionName, positionTimeName]));
    }
  }
  const position = initialPosition(file);
  if ('message' in position) problems.push(position);
  else values.push(position);
  return { values, problems };
}

/** KCL's word for enhanced fan-out, which is also its default. */
function valueOf(option: string, value: GivenValue['value']): GivenValue['value'] {
  return option === 'retrievalMode' && (value === 'FANOUT' || value === 'DEFAULT') ? 'FAN_OUT' : value;
}

function kclOnly(name: string, from: string): Problem {
  const message = `${from} is an option of KCL that Millrace does not have in this version: remove the line`;
  return { code: 'MR_CONFIG_INVALID', option: name, message };
}

function otherProvider(name: string, value: unknown, from: string): Problem {
  const remedy =
    "Millrace takes the AWS SDK's own chain: set AWS_PROFILE, AWS_ACCESS_KEY_ID or a role, and remove the line";
  return { code: 'MR_CONFIG_INVALID', option: name, message: `${from} is ${showValue(value)}: ${remedy}` };
}

/** KCL: LATEST, TRIM_HORIZON, or AT_TIMESTAMP with the time in seconds since 1970 on a line of its own. */
function initialPosition(file: ConfigFile): GivenValue | Problem {
  const option = 'initialPosition';
  const from = `${positionName} in ${file.path}`;
  const seconds = file.values[positionTimeName];
  const word = file.values[positionName] ?? (seconds === undefined ? 'LATEST' : 'AT_TIMESTAMP');
  if (word === 'AT_TIMESTAMP') {
    if (typeof seconds === 'string' && /^\d{1,12}$/.test(seconds)) {
      return { option, value: new Date(Number(seconds) * 1000), from, form: 'program' };
    }
    const shown = seconds === undefined ? 'missing' : showValue(seconds);
    return invalidPosition(`${positionTimeName} in ${file.path} is ${shown}: give the time in seconds since 1970`);
  }
  if (word === 'LATEST' || word === 'TRIM_HORIZON') return { option, value: word, from, form: 'text' };
  return invalidPosition(`${from} is ${showValue(word)}: give LATEST, TRIM_HORIZON or AT_TIMESTAMP`);
}

function invalidPosition(message: string): Problem {
  return { code: 'MR_CONFIG_INVALID', option: 'initialPosition', message };
}
