import { join, resolve } from 'node:path';
import { type WorkerProcess, startWorkerProcess } from './worker-process.ts';

/** The versions of KCL under test: the single table, and the three tables of 3.0 to 3.4. */
export type KclVersion = '3.5.1' | '3.1.3';

/** What every worker of an application has in common. */
export interface ApplicationSettings {
  readonly applicationName: string;
  readonly streamName: string;
  readonly kinesisEndpoint: string;
  readonly dynamoEndpoint: string;
  /** F; the same for the whole fleet. */
  readonly failoverTimeMillis: number;
}

/** What a Java worker may be told beside that. */
export interface JavaWorkerOptions {
  readonly version: KclVersion;
  readonly workerId: string;
  /** `none`: no metric; `proc`: the machine's CPU utilisation; a number: always that many percent. */
  readonly cpuMetric?: 'none' | 'proc' | `${number}`;
  /** If given, every checkpoint is prepared with this application state first, and stored a second later. */
  readonly preparedState?: string;
  /** If given, the record of these data is checkpointed, and nothing after it processed. */
  readonly stopAtData?: string;
  /** Of its log: `info` shows what its leader decides. Default `warn`. */
  readonly logLevel?: 'info' | 'warn';
}

/** Where setup.sh puts what it builds. */
const cache = resolve('node_modules/.cache/millrace-interop');

/** Starts a Java worker whose loops run as often as KCL lets them. */
export function startJavaWorker(application: ApplicationSettings, options: JavaWorkerOptions): WorkerProcess {
  const folder = join(cache, options.version);
  const settings = {
    ...application,
    workerId: options.workerId,
    cpuMetric: options.cpuMetric ?? 'none',
    preparedState: options.preparedState ?? '',
    stopAtData: options.stopAtData ?? '',
    leaseAssignmentIntervalMillis: 2_000,
    shardSyncIntervalMillis: 1_000,
    auditorIntervalMillis: 5_000,
    handoffTimeoutMillis: 10_000,
    // A worker counts as live for two of these: a Millrace worker reports every 5 s.
    workerMetricsIntervalMillis: 5_000,
    leaderDurationMillis: application.failoverTimeMillis,
    leaderHeartbeatMillis: Math.floor(application.failoverTimeMillis / 3),
    parentShardPollIntervalMillis: 500,
    dispatchIntervalMillis: 250,
    idleTimeBetweenReadsInMillis: 250,
  };
  return startWorkerProcess({
    workerId: options.workerId,
    command: 'java',
    args: [
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-XX:-UsePerfData',
      `-Dorg.slf4j.simpleLogger.defaultLogLevel=${options.logLevel ?? 'warn'}`,
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      '-cp',
      `${join(folder, 'classes')}:${join(folder, 'lib', '*')}`,
      'millrace.interop.Worker',
      JSON.stringify(settings),
    ],
  });
}

/** What a Java worker complains of in its log: faults, and rows that it could not read. */
export function complaints(worker: WorkerProcess): string[] {
  return worker
    .log()
    .split('\n')
    .filter((line) => / ERROR |failed deserialization|invalid entries/.test(line));
}
