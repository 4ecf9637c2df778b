import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import type { FakeKinesis } from '../fake-kinesis.ts';
import { Counters } from './counters.ts';
import { Dispatcher } from './dispatcher.ts';
import { createDynamoService } from './dynamo/dynamo-service.ts';
import { TableStore } from './dynamo/table-store.ts';
import type { FakeAws, FakeAwsStats } from './fake-aws.ts';
import { FaultBook } from './faults.ts';
import { KinesisAccount } from './kinesis/account.ts';
import { BulkStream } from './kinesis/bulk-stream.ts';
import { createKinesisService } from './kinesis/kinesis-service.ts';
import { startListener } from './listener.ts';
import { type FakeAwsSettings, withDefaults } from './options.ts';

/** Options of {@link startFakeAws}. */
export interface FakeAwsOptions extends FakeAwsSettings {
  /** The time of the services: iterators, limits, subscriptions and retention go by it. The system's. */
  readonly clock?: Clock;
  /** TCP port of the plain endpoint: a free one. Rejects with the system's error when it is in use. */
  readonly port?: number;
}

/** A {@link FakeAws} in the caller's own process, whose streams a test can reach into. */
export interface LocalFakeAws extends FakeAws {
  /** The model of a stream, made by CreateStream: to put, split, trim and look, past all limits. */
  stream(streamName: string): FakeKinesis;
  /** Makes a stream as CreateStream does, and answers with its model. */
  createStream(streamName: string, shardCount?: number): FakeKinesis;
}

/**
 * Starts a fake AWS in this process on free ports of 127.0.0.1. Its work counts as this process' own: a benchmark takes
 * `startFakeAwsChild`.
 */
export async function startFakeAws(options: FakeAwsOptions = {}): Promise<LocalFakeAws> {
  const { clock = systemClock, port = 0, ...given } = options;
  const settings = withDefaults(given);
  // The services' clock does not jump when the machine's does.
  const epochMillis = clock.wallMillis() - clock.monotonicMillis();
  const nowMillis = () => epochMillis + clock.monotonicMillis();
  const account = new KinesisAccount({ ...settings, clock });
  const store = new TableStore({ ...settings, clock, nowMillis });
  const faults = new FaultBook(seededRandom(settings.seed));
  const counters = new Counters();
  const services = [createKinesisService(account), createDynamoService(store)];
  const { latencyMillis } = settings;
  const dispatcher = new Dispatcher({ services, clock, faults, counters, latencyMillis, nowMillis });
  const listener = await startListener(dispatcher.handle, port);
  const stop = () => listener.stop();
  return {
    endpoint: listener.endpoint,
    tlsEndpoint: listener.tlsEndpoint,
    ca: listener.ca,
    stream: (streamName) => account.named(streamName).fake,
    createStream: (streamName, shardCount = 1) => account.create(streamName, shardCount).fake,
    inject: async (fault) => faults.add(fault),
    clearFaults: async () => faults.clear(),
    createBulkStream: async (bulkOptions) => {
      const bulk = new BulkStream(bulkOptions, clock, nowMillis());
      account.create(bulkOptions.streamName, bulkOptions.shardCount ?? 1, bulk);
      return bulk.figures;
    },
    stats: async () => statsOf(counters, listener.connections, store),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function statsOf(counters: Counters, connections: FakeAwsStats['connections'], store: TableStore): FakeAwsStats {
  const { user, system } = process.cpuUsage();
  return {
    ...counters.counts,
    connections: { ...connections },
    tables: Object.fromEntries(store.names.map((name) => [name, { ...store.described(name).units }])),
    process: { pid: process.pid, cpuMicros: user + system, residentBytes: process.memoryUsage.rss() },
  };
}
