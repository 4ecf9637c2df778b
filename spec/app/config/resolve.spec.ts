import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfigFile } from '../../../lib/app/config/config-file.ts';
import type { ConsumerOptions } from '../../../lib/app/config/consumer-options.ts';
import { environmentName, flagName } from '../../../lib/app/config/option.ts';
import { consumerOptionList } from '../../../lib/app/config/option-list.ts';
import {
  type OptionSources,
  resolveConsumerOptions,
  resolveConsumerSettings,
} from '../../../lib/app/config/resolve.ts';
import { type MillraceError, isMillraceError } from '../../../lib/base/error.ts';
import { seededRandom } from '../../../lib/base/random.ts';

const needed = { 'application-name': 'counts', 'stream-name': 'orders' };

function settings(sources: OptionSources) {
  return resolveConsumerSettings({ ...sources, random: seededRandom(7), hostname: 'mill', pid: 42 });
}

function refusal(sources: OptionSources): MillraceError {
  try {
    settings(sources);
  } catch (thrown) {
    if (isMillraceError(thrown)) return thrown;
    throw thrown;
  }
  throw new Error('nothing was refused');
}

function json(values: object) {
  return parseConfigFile('millrace.json', JSON.stringify(values));
}

describe('the settings of a consumer', () => {
  it('have the defaults of the design when only the names are given', () => {
    expect(settings({ options: { applicationName: 'counts', streamName: 'orders' } })).toEqual({
      applicationName: 'counts',
      tableName: 'counts',
      streamName: 'orders',
      streamArn: undefined,
      initialPosition: { type: 'TRIM_HORIZON' },
      until: undefined,
      workerIdentifier: `mill:42:${seededRandom(7).hex(8)}`,
      region: undefined,
      credentials: undefined,
      kinesisEndpoint: undefined,
      dynamoDBEndpoint: undefined,
      failoverTimeMillis: 10_000,
      leaseDiscoveryIntervalMillis: 1_000,
      checkpointIntervalMillis: 3_333,
      bufferCollection: 'early',
      heartbeatIsolation: 'thread',
      onStall: 'RELEASE',
      stalledAfterMillis: 300_000,
      leaseAssignmentStrategy: 'WORKER_UTILIZATION_AWARE',
      maxLeasesForWorker: 2_147_483_647,
      maxThroughputPerHostKBps: Number.MAX_VALUE,
      dampeningPercentage: 60,
      reBalanceThresholdPercentage: 10,
      allowThroughputOvershoot: true,
      varianceBalancingFrequency: 3,
      workerMetricsEMAAlpha: 0.5,
      isGracefulLeaseHandoffEnabled: true,
      gracefulLeaseHandoffTimeoutMillis: 30_000,
      disableWorkerMetrics: false,
      noOfPersistedMetricsPerWorkerMetrics: 10,
      cleanupLeasesUponShardCompletion: true,
      shardSyncIntervalMillis: 60_000,
      coordinationTables: 'auto',
      coordinatorStateTableName: 'counts-CoordinatorState',
      workerMetricsTableName: 'counts-WorkerMetricStats',
      retrievalMode: 'POLLING',
      consumerName: 'counts',
      consumerArn: undefined,
      onConsumerLimit: 'FAIL',
      deregisterConsumer: false,
      codec: 'json',
      maxRecords: 10_000,
      idleTimeBetweenReadsInMillis: 1_000,
      millisBehindLatestThresholdForReducedTps: 0,
      maxReadsPerSecondPerShard: 4,
      onTrimmedPosition: 'FAIL',
      maxBufferedBytes: 33_554_432,
      blockIntervalMillis: 200,
      sealAtOnceBytes: 262_144,
      blockMaxBytes: 4_194_304,
      blockMaxRecords: 10_000,
      maxUnackedBlocks: 64,
      isUnackedLimitGiven: false,
      onFailure: {
        maximumRetryAttempts: -1,
        maximumRecordAgeInSeconds: -1,
        bisectBatchOnFunctionError: false,
        // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
        then: 'STOP',
      },
      givenOnFailure: [],
      shutdownGraceMillis: 25_000,
      receiverRestartDelayMillis: 2_000,
      maxReceiverRestarts: 5,
      logger: undefined,
      listener: undefined,
      metricsLevel: 'SUMMARY',
      cloudWatch: false,
      metricsEnabledDimensions: undefined,
      cloudWatchEndpoint: undefined,
      alerts: undefined,
    });
  });

  it('prefer the flag to the program, the program to the environment, that to the file, and the file to the default', () => {
    const sources = {
      flags: { ...needed, 'max-records': '1' },
      options: { maxRecords: 2 } as ConsumerOptions,
      env: { MILLRACE_MAX_RECORDS: '3' },
      file: json({ maxRecords: 4 }),
    };
    expect(settings(sources).maxRecords).toBe(1);
    expect(settings({ ...sources, flags: needed }).maxRecords).toBe(2);
    expect(settings({ ...sources, flags: needed, options: undefined }).maxRecords).toBe(3);
    expect(settings({ flags: needed, file: sources.file }).maxRecords).toBe(4);
    expect(settings({ flags: needed }).maxRecords).toBe(10_000);
  });

  it('take every textual option from a flag and from the environment under regular names', () => {
    expect(flagName('dynamoDBEndpoint')).toBe('dynamodb-endpoint');
    expect(environmentName('dynamoDBEndpoint')).toBe('MILLRACE_DYNAMODB_ENDPOINT');
    expect(flagName('maxThroughputPerHostKBps')).toBe('max-throughput-per-host-kbps');
    expect(environmentName('workerMetricsEMAAlpha')).toBe('MILLRACE_WORKER_METRICS_EMA_ALPHA');
    expect(flagName('onFailure.maximumRetryAttempts')).toBe('on-failure-maximum-retry-attempts');
    const flags = Object.keys(consumerOptionList).map(flagName);
    expect(new Set(flags).size).toBe(flags.length);
    const environment = {
      MILLRACE_APPLICATION_NAME: 'counts',
      MILLRACE_STREAM_NAME: 'orders',
      MILLRACE_DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000',
      MILLRACE_ON_FAILURE_THEN: 'SKIP',
      MILLRACE_ON_FAILURE_BISECT_BATCH_ON_FUNCTION_ERROR: 'true',
      HOME: '/root',
    };
    expect(settings({ env: environment })).toMatchObject({
      dynamoDBEndpoint: 'http://127.0.0.1:8000',
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      onFailure: { then: 'SKIP', bisectBatchOnFunctionError: true },
    });
  });

  it('take a time with a zone from a text, and a Date from a program', () => {
    const at = { type: 'AT_TIMESTAMP', timestampMillis: Date.UTC(2026, 0, 31, 11) };
    for (const text of ['2026-01-31T11:00:00Z', '2026-01-31T12:00:00+01:00', '2026-01-31T12:00+0100']) {
      expect(settings({ flags: { ...needed, 'initial-position': text } }).initialPosition).toEqual(at);
      expect(settings({ flags: needed, file: json({ until: text }) }).until).toEqual(at);
    }
    const options: ConsumerOptions = {
      applicationName: 'counts',
      streamName: 'orders',
      until: new Date(at.timestampMillis),
    };
    expect(settings({ options }).until).toEqual(at);
  });

  it('read a stream by its ARN, and take the region from it', () => {
    const streamArn = 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders';
    const options: ConsumerOptions = { applicationName: 'counts', streamArn };
    expect(settings({ options })).toMatchObject({ streamName: 'orders', streamArn, region: 'eu-west-1' });
    expect(refusal({ options: { ...options, region: 'eu-west-2' } }).message).toContain(
      'region (region) is "eu-west-2", but streamArn is in eu-west-1',
    );
    expect(refusal({ options: { ...options, streamName: 'orders' } }).message).toContain('are both given');
    expect(settings({ flags: needed, env: { MILLRACE_STREAM_ARN: streamArn } })).toMatchObject({
      streamArn: undefined,
    });
  });

  it('take the options of assignment from every source, under the names of KCL', () => {
    const texts = {
      leaseAssignmentStrategy: 'LEASE_COUNT_BASED',
      maxLeasesForWorker: '7',
      maxThroughputPerHostKBps: '1024.5',
      dampeningPercentage: '80',
      reBalanceThresholdPercentage: '0',
      allowThroughputOvershoot: 'false',
      varianceBalancingFrequency: '1',
      workerMetricsEMAAlpha: '0.25',
      isGracefulLeaseHandoffEnabled: 'false',
      gracefulLeaseHandoffTimeoutMillis: '5000',
      disableWorkerMetrics: 'true',
      noOfPersistedMetricsPerWorkerMetrics: '20',
      cleanupLeasesUponShardCompletion: 'false',
      shardSyncIntervalMillis: '30000',
      coordinationTables: 'legacy',
      coordinatorStateTableName: 'locks',
      workerMetricsTableName: 'loads',
    };
    const texted = Object.entries(texts);
    const expected = Object.fromEntries(texted.map(([name, text]) => [name, parsed(text)]));
    const flags = Object.fromEntries(texted.map(([name, text]) => [flagName(name), text]));
    const env = Object.fromEntries(texted.map(([name, text]) => [environmentName(name), text]));
    const options = { applicationName: 'counts', streamName: 'orders', ...expected } as ConsumerOptions;
    expect(settings({ flags: { ...needed, ...flags } })).toMatchObject(expected);
    expect(settings({ flags: needed, env })).toMatchObject(expected);
    expect(settings({ flags: needed, file: json(expected) })).toMatchObject(expected);
    expect(settings({ options })).toMatchObject(expected);
  });

  it('can be handed on as options that resolve to the same settings', () => {
    const sources = { flags: { ...needed, until: 'LATEST', 'on-failure-then': 'SKIP' }, file: json({ maxRecords: 5 }) };
    const options = resolveConsumerOptions(sources);
    expect(options).not.toHaveProperty('blockIntervalMillis');
    expect(settings({ options })).toEqual(settings(sources));
  });
});

/** A number or a boolean as a program would give it; any other word stays what it is. */
function parsed(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[\d.]+$/.test(text) ? Number(text) : text;
}

describe('a configuration that is refused', () => {
  const cases: readonly { title: string; sources: OptionSources; code: string; says: readonly string[] }[] = [
    {
      title: 'an unknown flag, with the nearest one',
      sources: { flags: { ...needed, 'max-recrods': '5' } },
      code: 'MR_CONFIG_UNKNOWN',
      says: ['"--max-recrods"', 'did you mean --max-records?'],
    },
    {
      title: 'an unknown variable, with the nearest one',
      sources: { flags: needed, env: { MILLRACE_MAX_RECORD: '5' } },
      code: 'MR_CONFIG_UNKNOWN',
      says: ['"MILLRACE_MAX_RECORD"', 'did you mean MILLRACE_MAX_RECORDS?'],
    },
    {
      title: 'an unknown key of a file, with the nearest one',
      sources: { flags: needed, file: json({ blockInterval: 5, blockIntervalMilis: 4 }) },
      code: 'MR_CONFIG_UNKNOWN',
      says: ['2 problems', '"blockIntervalMilis in millrace.json": did you mean blockIntervalMillis?'],
    },
    {
      title: 'an unknown key of a program inside onFailure',
      sources: { flags: needed, options: { onFailure: { maximumRetries: 3 } } as unknown as ConsumerOptions },
      code: 'MR_CONFIG_UNKNOWN',
      says: ['"onFailure.maximumRetries"'],
    },
    {
      title: 'a number with a unit',
      sources: { flags: { ...needed, 'failover-time-millis': '10s' } },
      code: 'MR_CONFIG_INVALID',
      says: ['failoverTimeMillis (--failover-time-millis) is "10s"', 'a whole number of milliseconds from 1000'],
    },
    {
      title: 'a number as text in a JSON file',
      sources: { flags: needed, file: json({ maxRecords: '10' }) },
      code: 'MR_CONFIG_INVALID',
      says: ['maxRecords in millrace.json is "10"', 'from 1 to 10000'],
    },
    {
      title: 'a number beyond its range',
      sources: { flags: { ...needed, 'max-records': '10001' } },
      code: 'MR_CONFIG_INVALID',
      says: ['is "10001"'],
    },
    {
      title: 'a pause below what Kinesis allows',
      sources: { flags: { ...needed, 'idle-time-between-reads-in-millis': '199' } },
      code: 'MR_CONFIG_INVALID',
      says: ['from 200'],
    },
    {
      title: 'a time without a zone',
      sources: { flags: { ...needed, 'initial-position': '2026-01-31T12:00:00' } },
      code: 'MR_CONFIG_INVALID',
      says: ['initialPosition (--initial-position) is "2026-01-31T12:00:00", a time without a zone', 'Z or '],
    },
    {
      title: 'a day without time and zone in a file',
      sources: { flags: needed, file: json({ until: '2026-01-31' }) },
      code: 'MR_CONFIG_INVALID',
      says: ['until in millrace.json is "2026-01-31", a time without a zone'],
    },
    {
      title: 'a day that does not exist',
      sources: { flags: { ...needed, until: '2026-02-30T00:00:00Z' } },
      code: 'MR_CONFIG_INVALID',
      says: ['give CAUGHT_UP, LATEST or a time with a zone'],
    },
    {
      title: 'a text where a program must give a Date',
      sources: {
        options: { applicationName: 'app', streamName: 's', until: '2026-01-31T12:00:00Z' as unknown as Date },
      },
      code: 'MR_CONFIG_INVALID',
      says: ['until is "2026-01-31T12:00:00Z"', 'a Date in a program'],
    },
    {
      title: 'a feature of a later version',
      sources: { flags: { ...needed, streams: 'a' } },
      code: 'MR_CONFIG_INVALID',
      says: ['--streams is not in this version yet: '],
    },
    {
      title: 'a feature of a later version, asked for by the environment',
      sources: { flags: needed, env: { MILLRACE_STREAMS: 'a' } },
      code: 'MR_CONFIG_INVALID',
      says: ['MILLRACE_STREAMS is not in this version yet: '],
    },
    {
      title: 'options of fan-out without it',
      sources: { flags: { ...needed, 'consumer-name': 'reader' }, env: { MILLRACE_ON_CONSUMER_LIMIT: 'POLLING' } },
      code: 'MR_CONFIG_INVALID',
      says: [
        'consumerName (--consumer-name) is for enhanced fan-out alone: set retrievalMode to FAN_OUT',
        'onConsumerLimit (MILLRACE_ON_CONSUMER_LIMIT) is for enhanced fan-out alone',
      ],
    },
    {
      title: 'an endpoint of CloudWatch, to which nothing goes',
      sources: { flags: needed, env: { MILLRACE_CLOUD_WATCH_ENDPOINT: 'http://127.0.0.1:5000' } },
      code: 'MR_CONFIG_INVALID',
      says: ['cloudWatchEndpoint (MILLRACE_CLOUD_WATCH_ENDPOINT) has no effect', 'set cloudWatch to true'],
    },
    {
      title: 'two names of one stream consumer',
      sources: {
        flags: {
          ...needed,
          'retrieval-mode': 'FAN_OUT',
          'consumer-name': 'reader',
          'consumer-arn': 'arn:aws:kinesis:eu-west-1:123456789012:stream/lines/consumer/reader:1700000000',
        },
      },
      code: 'MR_CONFIG_INVALID',
      says: ['consumerName (--consumer-name) and consumerArn (--consumer-arn) are both given: give one of them'],
    },
    {
      title: 'keys for AWS outside a program, without repeating them',
      sources: { flags: needed, file: json({ credentials: { accessKeyId: 'AKIASECRET' } }) },
      code: 'MR_CONFIG_INVALID',
      says: ['credentials in millrace.json can be given by a program only'],
    },
    {
      title: 'names that are missing, all at once',
      sources: { flags: {} },
      code: 'MR_CONFIG_INVALID',
      says: ['2 problems', 'applicationName is missing', '--stream-name', 'MILLRACE_STREAM_NAME'],
    },
    {
      title: 'an application name that no table can have',
      sources: { flags: { ...needed, 'application-name': 'my app' } },
      code: 'MR_CONFIG_INVALID',
      says: ['applicationName (--application-name) is "my app"'],
    },
    {
      title: 'an endpoint that is no URL',
      sources: { flags: { ...needed, 'kinesis-endpoint': 'localhost:4567' } },
      code: 'MR_CONFIG_INVALID',
      says: ['kinesisEndpoint (--kinesis-endpoint) is "localhost:4567"', 'http://'],
    },
    {
      title: 'a strategy that does not exist',
      sources: { flags: { ...needed, 'lease-assignment-strategy': 'RANDOM' } },
      code: 'MR_CONFIG_INVALID',
      says: ['is "RANDOM": give WORKER_UTILIZATION_AWARE or LEASE_COUNT_BASED'],
    },
    {
      title: 'a weight of nothing in the average of loads',
      sources: { flags: { ...needed, 'worker-metrics-ema-alpha': '0' } },
      code: 'MR_CONFIG_INVALID',
      says: ['workerMetricsEMAAlpha (--worker-metrics-ema-alpha) is "0": give a number above 0 and at most 1'],
    },
    {
      title: 'one table for two kinds of rows',
      sources: { flags: { ...needed, 'table-name': 'rows', 'worker-metrics-table-name': 'rows' } },
      code: 'MR_CONFIG_INVALID',
      says: ['workerMetricsTableName is "rows", the name of another table of the application'],
    },
    {
      title: 'tables of KCL 3.0 to 3.4 whose names no table can have',
      sources: {
        options: { applicationName: 'a'.repeat(250), streamName: 's', coordinationTables: 'legacy' },
      },
      code: 'MR_CONFIG_INVALID',
      says: ['coordinatorStateTableName is "aaa', 'workerMetricsTableName is "aaa', 'too long for a table'],
    },
    {
      title: 'an onFailure that is no object',
      sources: { flags: needed, file: json({ onFailure: 'SKIP' }) },
      code: 'MR_CONFIG_INVALID',
      says: ['onFailure in millrace.json is "SKIP": give an object'],
    },
  ];

  it.each(cases)('is $title', ({ sources, code, says }) => {
    const error = refusal(sources);
    expect(error.code).toBe(code);
    for (const part of says) expect(error.message).toContain(part);
    expect(error.message).not.toContain('AKIASECRET');
    expect(error.message).not.toContain('\n');
  });

  const dangerous = fc.constantFrom('\u001b', '\u009b', '\u007f', '\u2028', '\u202e', '\n', 'a', '"', '\\');
  it('never lets a value forge a line of a log or move a cursor', () => {
    fc.assert(
      fc.property(fc.string({ unit: dangerous }), fc.constantFrom('max-records', 'until', 'codec'), (value, flag) => {
        const { message } = refusal({ flags: { ...needed, [flag]: `!${value}` } });
        // oxlint-disable-next-line no-control-regex -- what must not be there
        expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });

  it('names every limit on both of its sides', () => {
    const limited = ['failoverTimeMillis', 'blockMaxRecords', 'maxUnackedBlocks', 'shutdownGraceMillis'];
    const assignment = ['maxLeasesForWorker', 'dampeningPercentage', 'reBalanceThresholdPercentage'];
    const more = ['varianceBalancingFrequency', 'gracefulLeaseHandoffTimeoutMillis', 'shardSyncIntervalMillis'];
    const counted = 'noOfPersistedMetricsPerWorkerMetrics';
    for (const option of [...limited, ...assignment, ...more, counted]) {
      const flag = flagName(option);
      expect(refusal({ flags: { ...needed, [flag]: '-1' } }).message).toContain('is "-1"');
      expect(refusal({ flags: { ...needed, [flag]: '1.5' } }).message).toContain('is "1.5"');
      expect(refusal({ flags: { ...needed, [flag]: '99999999999999999' } }).code).toBe('MR_CONFIG_INVALID');
    }
  });
});
