import type { AssignmentInput, LeaseAssignmentStrategy, Move } from '../lease/plan/utilization-types.ts';
import type { ReceiverSettings } from '../receiver/receiver-options.ts';
import type { FakeKinesisOptions } from './fake-kinesis.ts';
import type { FinishingOptions, FleetConsumer } from './fleet-consumer.ts';
import type { FleetWorkerOptions, ViewFault } from './fleet-worker.ts';

/** The settings of a fleet's workers; those of a consumer with their defaults. */
export type FleetSettings = Partial<Omit<ReceiverSettings, 'workerIdentifier' | 'until'>>;

/** Options of {@link createFleet}. */
export interface FleetOptions extends FinishingOptions {
  /** Everything that is drawn is drawn from it: 1. */
  readonly seed?: number;
  /** Shards of the stream: 1. */
  readonly shards?: number;
  /** Workers that are started at once: 0. */
  readonly workers?: number;
  /** What the workers do with the records; nothing unless told otherwise. */
  readonly consumer?: FleetConsumer;
  readonly settings?: FleetSettings;
  /** How leases are shared out: WORKER_UTILIZATION_AWARE. */
  readonly leaseAssignmentStrategy?: LeaseAssignmentStrategy;
  readonly stream?: Omit<FakeKinesisOptions, 'clock' | 'shardCount' | 'latencyMillis'>;
  /** The calls of a worker take from 1 ms up to this each way: 5 ms. */
  readonly maxLatencyMillis?: number;
  /** How long a slow request or answer takes at most: 20,000 ms. */
  readonly maxSlowMillis?: number;
  /** See {@link VirtualClock}. */
  readonly turnsToSettle?: number;
  /** Lines of the trace that are kept: 400. */
  readonly keepLines?: number;
  readonly onLine?: (line: string) => void;
  /** Told of each fault that a worker's view had. */
  readonly onFault?: (fault: ViewFault) => void;
  /** Told of each event of a worker, by its type, and of each change of a shard's state. */
  readonly onEdge?: (from: string, to: string) => void;
}

/** How one worker of a fleet differs from the others. */
export interface StartOptions extends Pick<
  FleetWorkerOptions,
  'startMillis' | 'wallSkewMillis' | 'rate' | 'measurements' | 'idleTimeBetweenReadsInMillis'
> {
  readonly settings?: FleetSettings;
  readonly consumer?: FleetConsumer;
}

/** One time at which a leader balanced. */
export interface Balancing {
  /** World time. */
  readonly atMillis: number;
  readonly input: AssignmentInput;
  readonly moves: readonly Move[];
}

/** The settings of a worker where nothing is said: those of a consumer. */
export const defaultSettings: Omit<ReceiverSettings, 'workerIdentifier'> = {
  applicationName: 'app',
  tableName: 'app',
  initialPosition: { type: 'TRIM_HORIZON' },
  until: undefined,
  failoverTimeMillis: 10_000,
  leaseDiscoveryIntervalMillis: 1_000,
  checkpointIntervalMillis: 3_333,
  maxBufferedBytes: 128 * 1024 * 1024,
  blockIntervalMillis: 200,
  blockMaxBytes: 4 * 1024 * 1024,
  blockMaxRecords: 10_000,
  maxUnackedBlocks: 64,
};
