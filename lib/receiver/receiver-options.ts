import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import type { KinesisApi } from '../kinesis/kinesis-api.ts';
import type { ShardReader } from '../kinesis/reader.ts';
import type { Keeper } from '../lease/keeper.ts';
import type { LeaseKeeperOptions } from '../lease/keeper-options.ts';
import type { LeaseTable } from '../lease/lease-table.ts';
import type { AssignmentOptions, AssignmentPlan } from '../lease/plan/utilization-types.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';
import type { Measurements } from '../lease/worker-reporter.ts';
import type { OpenShard } from './open-shard.ts';
import type { RestartSettings } from './restart-plan.ts';
import type { StartAt } from './feed/engine-positions.ts';
import type { Until } from './until.ts';

/** The settings of a receiver; units and meanings are those of the options of the same names. */
export interface ReceiverSettings extends RestartSettings {
  readonly applicationName: string;
  readonly tableName: string;
  readonly workerIdentifier: string;
  readonly initialPosition: InitialPosition;
  readonly until: Until | undefined;
  readonly failoverTimeMillis: number;
  readonly leaseDiscoveryIntervalMillis: number;
  /** 60,000 by default. */
  readonly shardSyncIntervalMillis?: number;
  /** True by default. */
  readonly cleanupLeasesUponShardCompletion?: boolean;
  readonly checkpointIntervalMillis: number;
  readonly maxBufferedBytes: number;
  readonly blockIntervalMillis: number;
  /** At the end of a page a block that keeps so much in memory is sealed at once; not set: none is. */
  readonly sealAtOnceBytes?: number | undefined;
  readonly blockMaxBytes: number;
  readonly blockMaxRecords: number;
  readonly maxUnackedBlocks: number;
  /** What to do when records after a checkpoint may have been trimmed: FAIL. */
  readonly onTrimmedPosition?: 'FAIL' | 'TRIM_HORIZON';
}

/** What a receiver works with: its ports and settings. */
export interface ReceiverOptions {
  readonly api: KinesisApi;
  readonly reader: ShardReader;
  /**
   * Reads again what was dropped from memory, while `reader` has the same shard open: only one that polls can. Default: `reader`.
   */
  readonly rereader?: ShardReader;
  readonly table: LeaseTable;
  /** Makes what holds the leases; by default they are held in this thread. */
  readonly createKeeper?: (options: LeaseKeeperOptions) => Promise<Keeper>;
  /** How the leader assigns. */
  readonly plan: AssignmentPlan;
  /** Limits of the plan; KCL's defaults where nothing is said. */
  readonly assignment?: Partial<Omit<AssignmentOptions, 'failoverTimeMillis'>>;
  /** This worker's load, for its reports; without it, it is judged by the throughput of its leases. */
  readonly measurements?: () => Measurements;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  readonly settings: ReceiverSettings;
  /** Whether this worker must be the only one of its application; see `ensureAlone`. Default false. */
  readonly exclusive?: boolean;
  /** The names of the other receivers of the same process, which do not count as other workers. Default none. */
  readonly companions?: ReadonlySet<string>;
  /** Where a shard is begun when its lease row does not decide; see `startOfEngine`. */
  readonly startAt?: StartAt;
  /**
   * Somebody asked by the table for the drain of this worker. Default: the receiver drains itself, without a deadline; an
   * engine that has to finish what it was handed, or a deadline, is for whoever runs the receiver.
   */
  readonly onDrainRequested?: () => void;
  /** An engine that keeps state of each shard, told of every tenure before anything is read in it; wins over `startAt`. */
  readonly open?: OpenShard;
  /**
   * Whether this worker takes every lease at once, whoever has it: it holds the epoch of the application, which is the fence,
   * and no other worker may read. Default false.
   */
  readonly takesOver?: boolean;
}
