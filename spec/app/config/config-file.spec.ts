import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfigFile, readConfigFile } from '../../../lib/app/config/config-file.ts';
import { leftOutKclNames } from '../../../lib/app/config/kcl-properties.ts';
import { parseProperties } from '../../../lib/app/config/properties.ts';
import { resolveConsumerSettings } from '../../../lib/app/config/resolve.ts';
import { seededRandom } from '../../../lib/base/random.ts';

function settings(properties: string) {
  const file = parseConfigFile('kcl.properties', properties);
  return resolveConsumerSettings({ file, random: seededRandom(1), hostname: 'mill', pid: 1 });
}

const names = 'applicationName = counts\nstreamName = orders\n';

describe('a KCL properties file', () => {
  it('maps one to one and keeps the initial position of KCL where it says nothing', () => {
    const given = settings(`${names}
      # comment
      workerId: w-1
      regionName eu-west-1
      failoverTimeMillis=20000
      maxRecords = 500
      idleTimeBetweenReadsInMillis = 250
      kinesisEndpoint = http\\://127.0.0.1\\:4567
      dynamoDBEndpoint = http://127.0.0.1:8000
    `);
    expect(given).toMatchObject({
      applicationName: 'counts',
      streamName: 'orders',
      workerIdentifier: 'w-1',
      region: 'eu-west-1',
      failoverTimeMillis: 20_000,
      maxRecords: 500,
      idleTimeBetweenReadsInMillis: 250,
      kinesisEndpoint: 'http://127.0.0.1:4567',
      dynamoDBEndpoint: 'http://127.0.0.1:8000',
      initialPosition: { type: 'LATEST' },
    });
  });

  it('gives the options of KCL 3 for assignment, handoff and tables', () => {
    const given = settings(`${names}
      leaseAssignmentStrategy = LEASE_COUNT_BASED
      maxLeasesForWorker = 12
      maxThroughputPerHostKBps = 2048
      dampeningPercentage = 40
      reBalanceThresholdPercentage = 20
      allowThroughputOvershoot = false
      varianceBalancingFrequency = 2
      workerMetricsEMAAlpha = 0.3
      isGracefulLeaseHandoffEnabled = false
      gracefulLeaseHandoffTimeoutMillis = 15000
      disableWorkerMetrics = true
      noOfPersistedMetricsPerWorkerMetrics = 5
      cleanupLeasesUponShardCompletion = false
      shardSyncIntervalMillis = 30000
      coordinatorStateTableName = locks
      workerMetricsTableName = loads
    `);
    expect(given).toMatchObject({
      leaseAssignmentStrategy: 'LEASE_COUNT_BASED',
      maxLeasesForWorker: 12,
      maxThroughputPerHostKBps: 2048,
      dampeningPercentage: 40,
      reBalanceThresholdPercentage: 20,
      allowThroughputOvershoot: false,
      varianceBalancingFrequency: 2,
      workerMetricsEMAAlpha: 0.3,
      isGracefulLeaseHandoffEnabled: false,
      gracefulLeaseHandoffTimeoutMillis: 15_000,
      disableWorkerMetrics: true,
      noOfPersistedMetricsPerWorkerMetrics: 5,
      cleanupLeasesUponShardCompletion: false,
      shardSyncIntervalMillis: 30_000,
      coordinationTables: 'auto',
      coordinatorStateTableName: 'locks',
      workerMetricsTableName: 'loads',
    });
  });

  it('says where to begin in each of the ways of KCL', () => {
    expect(settings(`${names}initialPositionInStream = TRIM_HORIZON`).initialPosition).toEqual({
      type: 'TRIM_HORIZON',
    });
    const at = { type: 'AT_TIMESTAMP', timestampMillis: 1_767_225_600_000 };
    expect(settings(`${names}initialPositionInStreamExtended = 1767225600`).initialPosition).toEqual(at);
    expect(() => settings(`${names}initialPositionInStream = AT_TIMESTAMP`)).toThrow(
      'initialPositionInStreamExtended in kcl.properties is missing',
    );
    expect(() => settings(`${names}initialPositionInStream = EARLIEST`)).toThrow('is "EARLIEST": give LATEST');
  });

  it('is refused for a name that nobody has and for one that only KCL has', () => {
    expect(() => settings(`${names}maxRecord = 5`)).toThrow(
      'MR_CONFIG_UNKNOWN: unknown option "maxRecord in kcl.properties": did you mean maxRecords?',
    );
    expect(() => settings(`${names}leaseTableScanTotalSegments = 4`)).toThrow(
      'MR_CONFIG_INVALID: leaseTableScanTotalSegments in kcl.properties is an option of KCL that Millrace does not have',
    );
    expect(() => settings(`${names}AwsCredentialsProvider = ProfileCredentialsProvider|x`)).toThrow(
      'AwsCredentialsProvider in kcl.properties is "ProfileCredentialsProvider|x": Millrace takes the AWS SDK\'s own chain',
    );
  });

  it("leaves out what is about KCL's daemon, which every file of aws-kcl has", () => {
    const daemon =
      'executableName = node app.js\nprocessingLanguage = nodejs\nAWSCredentialsProvider = DefaultCredentialsProvider\n';
    expect(settings(names + daemon)).toMatchObject(settings(names));
    const file = parseConfigFile('kcl.properties', `${names}${daemon}metricsLevel = NONE\n`);
    expect(leftOutKclNames(file)).toEqual(['executableName', 'processingLanguage', 'AWSCredentialsProvider']);
    expect(settings(`${names}metricsLevel = NONE`)).toMatchObject({ metricsLevel: 'NONE' });
  });

  it.each([
    ['FANOUT', 'FAN_OUT'],
    ['DEFAULT', 'FAN_OUT'],
    ['POLLING', 'POLLING'],
  ])("may have KCL's word %s for how shards are read", (word, retrievalMode) => {
    expect(settings(`${names}retrievalMode = ${word}`)).toMatchObject({ retrievalMode });
  });

  it('names the key of the file when the value is wrong', () => {
    expect(() => settings(`${names}workerId = two words`)).toThrow('workerIdentifier (workerId in kcl.properties)');
  });
});

describe('the properties format', () => {
  it('has comments, three separators, continued lines and escapes', () => {
    const text = '! no\n a=1\r\nb : 2\nc 3\nd\ne=x\\\n   y\nf\\ g=\\u00e9\\t.\nh=a=b\n';
    expect(parseProperties(text)).toEqual({ a: '1', b: '2', c: '3', d: '', e: 'xy', 'f g': '\u00e9\t.', h: 'a=b' });
  });

  it('gives back any pair of words that is written in it', () => {
    const anyWord = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/);
    fc.assert(
      fc.property(fc.dictionary(anyWord, anyWord, { noNullPrototype: true }), (values) => {
        const text = Object.entries(values).map(([key, value]) => `${key} = ${value}`);
        expect(parseProperties(text.join('\n'))).toEqual(values);
      }),
    );
  });
});

describe('a JSON file', () => {
  it('is refused by name when it is not there, not JSON, or not an object', async () => {
    await expect(readConfigFile('/nowhere/millrace.json')).rejects.toMatchObject({ code: 'MR_CONFIG_INVALID' });
    await expect(readConfigFile('/nowhere/millrace.json')).rejects.toThrow('"/nowhere/millrace.json" cannot be read');
    expect(() => parseConfigFile('a.json', '{')).toThrow('"a.json" is not JSON');
    expect(() => parseConfigFile('a.json', '[]')).toThrow('"a.json" holds no JSON object');
  });
});
