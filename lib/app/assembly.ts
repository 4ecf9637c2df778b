import { hostname } from 'node:os';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { youngCollector } from '../base/young-garbage.ts';
import type { EventBus } from '../event/bus.ts';
import { createAwsKinesis } from '../kinesis/aws-kinesis.ts';
import { chooseAssignmentPlan } from '../lease/plan/assignment-plan.ts';
import type { AssignmentOptions } from '../lease/plan/utilization-types.ts';
import { logEvents } from '../monitor/log-events.ts';
import { openStream } from '../receiver/open-stream.ts';
import type { ReceiverOptions } from '../receiver/receiver-options.ts';
import { Receiver } from '../receiver/receiver.ts';
import { type Clients, createClients } from './clients.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { processEnvironment } from './config/environment.ts';
import { resolveConsumerSettings } from './config/resolve.ts';
import { defaultLogger } from './default-logger.ts';
import { EarlyCollection } from './early-collection.ts';
import { KeeperThread } from './keeper-thread.ts';
import { createReading } from './reading.ts';
import { createLeaseTable } from './lease-table.ts';
import { measureWorker } from './worker-measuring.ts';

/** The parts of one worker, wired together: the only place where they meet. */
export interface Assembly extends AsyncDisposable {
  readonly settings: ConsumerSettings;
  readonly receiver: Receiver;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly random: Random;
  readonly serviceTimeMillis: () => number;
  /** How long the stream keeps records; `undefined` while that is not known. */
  readonly retentionMillis: () => number | undefined;
  /** The ARN of the stream, asked of Kinesis where the options do not say. */
  readonly streamArn: (signal: AbortSignal) => Promise<string>;
}

/**
 * Checks the options of a program. What it does not say comes from the environment (`MILLRACE_...`), else it has a default.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming every option at fault
 */
export function settingsOfProgram(options: ConsumerOptions): ConsumerSettings {
  const env = processEnvironment();
  return resolveConsumerSettings({ options, env, random: systemRandom, hostname: hostname(), pid: process.pid });
}

/** What whoever runs a receiver asks of it. */
export type EngineNeeds = Pick<
  ReceiverOptions,
  'exclusive' | 'companions' | 'startAt' | 'open' | 'takesOver' | 'onDrainRequested'
>;

/** Wires a receiver to AWS. Nothing is sent before it runs. Dispose it when the run has ended. */
export function assemble(settings: ConsumerSettings, events: EventBus, engine: EngineNeeds = {}): Assembly {
  const clock = systemClock;
  const random = systemRandom;
  const unlog = logEvents(events, settings.logger ?? defaultLogger());
  const unlisten = settings.listener === undefined ? undefined : events.subscribe(settings.listener);
  const uncollect = collectEarly(settings, clock, events);
  const clients = clientsOf(settings);
  const stream =
    settings.streamArn === undefined ? { streamName: settings.streamName } : { streamArn: settings.streamArn };
  const { codec } = settings;
  const api = createAwsKinesis({ client: clients.kinesis, stream, clock, events, codec });
  const reading = createReading({ clients, api, settings, clock, random, events });
  const table = createLeaseTable(clients, settings, clock);
  const keeperThread = new KeeperThread({ settings, clients, clock, events });
  const measuring = measureWorker({ settings, environment: processEnvironment(), clock, events });
  const receiver = new Receiver({
    api,
    reader: reading.reader,
    rereader: reading.rereader,
    table,
    createKeeper: (options) => keeperThread.createKeeper(options),
    plan: chooseAssignmentPlan(settings.leaseAssignmentStrategy),
    assignment: assignmentOf(settings),
    measurements: measuring.measurements,
    clock,
    random,
    events,
    settings,
    ...engine,
  });
  return {
    settings,
    receiver,
    events,
    clock,
    random,
    serviceTimeMillis: () => api.serviceTimeMillis(),
    retentionMillis: () => receiver.retentionMillis,
    streamArn: async (signal) =>
      settings.streamArn ?? (await openStream(api, { clock, random, events }, signal)).streamArn,
    [Symbol.asyncDispose]: async () => {
      measuring.stop();
      keeperThread[Symbol.dispose]();
      await reading.end();
      clients.destroy();
      uncollect();
      unlisten?.();
      unlog();
    },
  };
}

/** Collects young objects as records are read, where the settings say so; the returned function ends it. */
function collectEarly({ bufferCollection }: ConsumerSettings, clock: Clock, events: EventBus): () => void {
  const collect = bufferCollection === 'early' ? youngCollector() : undefined;
  if (collect === undefined) return () => {};
  const collection = new EarlyCollection({ collect, clock });
  const unsubscribe = events.subscribe(collection.hear);
  return () => {
    unsubscribe();
    collection.stop();
  };
}

/** The limits of the assignment plan, each under the name of its option. */
function assignmentOf(settings: ConsumerSettings): Omit<AssignmentOptions, 'failoverTimeMillis'> {
  const { maxLeasesForWorker, maxThroughputPerHostKBps, dampeningPercentage, reBalanceThresholdPercentage } = settings;
  const { allowThroughputOvershoot, workerMetricsEMAAlpha, varianceBalancingFrequency } = settings;
  const { isGracefulLeaseHandoffEnabled, gracefulLeaseHandoffTimeoutMillis } = settings;
  return {
    maxLeasesForWorker,
    maxThroughputPerHostKBps,
    dampeningPercentage,
    reBalanceThresholdPercentage,
    allowThroughputOvershoot,
    workerMetricsEMAAlpha,
    varianceBalancingFrequency,
    isGracefulLeaseHandoffEnabled,
    gracefulLeaseHandoffTimeoutMillis,
  };
}

/** The clients of the services, as the settings say. */
/** The clients of an application; destroy them at the end. */
export function clientsOf(settings: ConsumerSettings): Clients {
  const { region, credentials, kinesisEndpoint, dynamoDBEndpoint } = settings;
  return createClients({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(kinesisEndpoint === undefined ? {} : { kinesisEndpoint }),
    ...(dynamoDBEndpoint === undefined ? {} : { dynamoDBEndpoint }),
  });
}
