import type { Random } from '../base/random.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';
import type { LeaseAssignmentStrategy } from '../lease/plan/utilization-types.ts';
import type { ReceiverSettings } from '../receiver/receiver-options.ts';
import type { FleetSettings } from './fleet-options.ts';
import { between, chance, forkRandom, pick, wholeBetween } from './fork-random.ts';
import type { PageOdds } from './kinesis-view.ts';
import type { ReadOdds } from './table-view.ts';
import type { WireOdds } from './wire.ts';
import type { LoadModel } from './worker-load.ts';

const earlyActs = [
  'kill',
  'killLeader',
  'pauseLeader',
  'cutLeader',
  'deafLeader',
  'fadeLeader',
  'drain',
  'stop',
  'join',
  'pause',
  'suspend',
  'block',
  'wallJump',
  'twin',
  'cutTable',
  'cutKinesis',
  'deafTable',
  'fadeTable',
  'deafKinesis',
  'denyTable',
  'denyKinesis',
  'denyMidway',
  'split',
  'merge',
  'trim',
  'forget',
  'loseLease',
] as const;

/** Drawn by themselves, so that what the others do in a seed stays as it was before there were these. */
const lateActs = ['unreadable', 'drainNext'] as const;

/** What is done to a fleet as a whole, beside the faults of single calls. */
export const nemesisActs = [...earlyActs, ...lateActs] as const;

/** One of {@link nemesisActs}. */
export type NemesisAct = (typeof nemesisActs)[number];

/** What is done to a fleet that has come through its faults; then it must recover quickly and without repeats. */
export const quietActs = ['joinQuietly', 'killWorkerQuietly', 'killLeaderQuietly', 'loseLeaseQuietly'] as const;

/** One of {@link quietActs}. */
export type QuietAct = (typeof quietActs)[number];

/** How a handler fails. */
export interface HandlerFaults {
  /** The longest time that one block takes. */
  readonly maxMillis: number;
  /** How likely it throws: 0 to 1. */
  readonly failing: number;
  /** How likely one block takes very long: 0 to 1. */
  readonly stuck: number;
}

/** Everything that is drawn from a seed before the simulation begins. */
export interface SimulationSetup {
  readonly seed: number;
  readonly shards: number;
  readonly workers: number;
  /** How many may be alive at the same time. */
  readonly maxWorkers: number;
  /** How long the stream keeps its records. */
  readonly retentionMillis: number;
  /** Shards of one page of ListShards. */
  readonly listShardsPageSize: number;
  /** How leaders assign. */
  readonly strategy: LeaseAssignmentStrategy;
  /** The CPU of the workers, in the order of their starts, over and over; one without is judged by its throughput. */
  readonly loads: readonly (LoadModel | null)[];
  readonly settings: FleetSettings & {
    readonly failoverTimeMillis: number;
    readonly initialPosition: InitialPosition;
  };
  readonly commits: boolean;
  readonly blocksAtOnce: number;
  readonly handler: HandlerFaults;
  /** How long records are put and shards split before the first worker starts. */
  readonly historyMillis: number;
  /** How long faults happen. */
  readonly faultyMillis: number;
  readonly keys: number;
  readonly putEveryMillis: number;
  readonly maxPut: number;
  readonly recordBytes: number;
  readonly maxLatencyMillis: number;
  readonly maxSlowMillis: number;
  /** Off by at most this, either way. */
  readonly maxWallSkewMillis: number;
  /** Parts per million by which a monotonic clock is fast or slow at most. */
  readonly maxDriftPpm: number;
  readonly tableOdds: WireOdds;
  readonly kinesisOdds: WireOdds;
  readonly reads: ReadOdds;
  readonly pages: PageOdds;
  /** Time between two acts, on average. */
  readonly actEveryMillis: number;
  readonly acts: Readonly<Record<NemesisAct, number>>;
  readonly quietActs: readonly QuietAct[];
}

/** Where the wall clock of a simulated world starts. */
export const worldStartMillis = Date.UTC(2026, 0, 1);

/**
 * Draws the setup of a simulation. Each fault is off in some seeds and wild in others, so that over many seeds all
 * mixtures occur: faults that are always on together hide what only one of them can show.
 */
export function drawSetup(seed: number): SimulationSetup {
  const random = forkRandom(seed, 'setup');
  const late = forkRandom(seed, 'late acts');
  const failoverTimeMillis = pick(random, [2_000, 4_000, 10_000, 10_000]);
  const shards = wholeBetween(random, 1, pick(random, [2, 4, 8]));
  const maxWorkers = wholeBetween(random, 1, 5);
  const historyMillis = pick(random, [0, 0, 5_000, 20_000]);
  const commits = chance(random, 0.25);
  const settings = drawSettings(random, failoverTimeMillis, historyMillis);
  const faultyMillis = Math.round(between(random, 4, 8) * failoverTimeMillis + between(random, 5_000, 20_000));
  const putEveryMillis = pick(random, [200, 500, 2_000]);
  const puts = (historyMillis + faultyMillis) / putEveryMillis;
  const recordBytes = pick(random, [0, 10, 10, 2_000]);
  // What has piled up must be worked off in the calm, block by block and perhaps commit by commit.
  const recordsOfBlock = Math.min(
    settings.blockMaxRecords,
    Math.ceil(settings.blockMaxBytes / Math.max(1, recordBytes)),
  );
  const maxRecords = Math.min(3_000, recordsOfBlock * (commits ? 150 : 600));
  return {
    seed,
    shards,
    workers: wholeBetween(random, 1, maxWorkers),
    maxWorkers,
    retentionMillis: pick(random, [86_400_000, 86_400_000, 86_400_000, 60_000]),
    listShardsPageSize: pick(random, [2, 1_000]),
    strategy: pick(random, ['WORKER_UTILIZATION_AWARE', 'WORKER_UTILIZATION_AWARE', 'LEASE_COUNT_BASED']),
    loads: drawLoads(random),
    settings,
    commits,
    // Commits must come in order.
    blocksAtOnce: commits ? 1 : pick(random, [1, 1, 4]),
    handler: {
      maxMillis: pick(random, [0, 0, 50, 500, 3_000]),
      failing: pick(random, [0, 0, 0.05, 0.3]),
      stuck: pick(random, [0, 0, 0, 0.01]),
    },
    historyMillis,
    faultyMillis,
    keys: pick(random, [1, 5, 50]),
    putEveryMillis,
    maxPut: Math.min(pick(random, [1, 5, 30]), Math.ceil((2 * maxRecords) / puts)),
    recordBytes,
    maxLatencyMillis: pick(random, [2, 5, 50, 200]),
    maxSlowMillis: pick(random, [1_000, failoverTimeMillis, 3 * failoverTimeMillis]),
    maxWallSkewMillis: pick(random, [0, 2_000, 3_600_000, 86_400_000]),
    maxDriftPpm: pick(random, [0, 20, 50]),
    tableOdds: drawWire(random),
    kinesisOdds: drawWire(random),
    reads: drawReads(random),
    pages: {
      shortPage: drawOdds(random, 0.3),
      emptyPage: drawOdds(random, 0.3),
      expiredIterator: drawOdds(random, 0.1),
      falselyGone: drawOdds(random, 0.05),
    },
    actEveryMillis: pick(random, [500, 2_000, 5_000]),
    acts: Object.fromEntries([
      ...earlyActs.map((act) => [act, drawWeight(random)] as const),
      ...lateActs.map((act) => [act, drawWeight(late)] as const),
    ]) as Record<NemesisAct, number>,
    quietActs: Array.from({ length: wholeBetween(random, 1, 2) }, () => pick(random, quietActs)),
  };
}

type DrawnSettings = SimulationSetup['settings'] & Pick<ReceiverSettings, 'blockMaxBytes' | 'blockMaxRecords'>;

function drawSettings(random: Random, failoverTimeMillis: number, historyMillis: number): DrawnSettings {
  return {
    failoverTimeMillis,
    initialPosition: drawInitialPosition(random, historyMillis),
    leaseDiscoveryIntervalMillis: pick(random, [500, 1_000, 1_000]),
    checkpointIntervalMillis: pick(random, [200, Math.floor(failoverTimeMillis / 3), failoverTimeMillis]),
    maxBufferedBytes: pick(random, [1_000, 100_000, 128 * 1024 * 1024]),
    blockIntervalMillis: pick(random, [50, 200, 1_000]),
    blockMaxBytes: pick(random, [1, 5_000, 4 * 1024 * 1024]),
    blockMaxRecords: pick(random, [1, 3, 10_000]),
    maxUnackedBlocks: pick(random, [1, 3, 64]),
  };
}

function drawInitialPosition(random: Random, historyMillis: number): InitialPosition {
  const type = pick(random, ['TRIM_HORIZON', 'TRIM_HORIZON', 'LATEST', 'LATEST', 'AT_TIMESTAMP'] as const);
  if (type !== 'AT_TIMESTAMP') return { type };
  // In the history, at its end, or in the future.
  const offsetMillis = Math.round(between(random, 0, historyMillis + 10_000));
  return { type, timestampMillis: worldStartMillis + offsetMillis };
}

/** All workers alike, each one different, or some that measure nothing or fail to. */
function drawLoads(random: Random): readonly (LoadModel | null)[] {
  const base = pick(random, [0, 5, 30]);
  const perLease = pick(random, [1, 5, 10]);
  const even: LoadModel = { base, perLease, failing: 0 };
  switch (pick(random, ['none', 'even', 'even', 'uneven', 'mixed'] as const)) {
    case 'none':
      return [null];
    case 'even':
      return [even];
    case 'uneven':
      return [0, 10, 20].map((more) => ({ ...even, base: base + pick(random, [0, more]) }));
    case 'mixed':
      return [
        even,
        pick(random, [null, even]),
        pick(random, [{ ...even, failing: 1 }, null]),
        { ...even, failing: 0.2 },
      ];
  }
}

function drawWire(random: Random): WireOdds {
  return {
    throttled: drawOdds(random, 0.2),
    serverError: drawOdds(random, 0.1),
    lostRequest: drawOdds(random, 0.1),
    lostAnswer: drawOdds(random, 0.2),
    duplicate: drawOdds(random, 0.2),
    slowRequest: drawOdds(random, 0.2),
    slowAnswer: drawOdds(random, 0.2),
    // Ends a worker each time.
    denied: drawOdds(random, 0.03),
  };
}

function drawReads(random: Random): ReadOdds {
  return {
    noIndex: drawOdds(random, 0.5),
    staleIndex: drawOdds(random, 1),
    staleScan: drawOdds(random, 1),
    staleLock: drawOdds(random, 1),
    tornScan: drawOdds(random, 1),
    maxLagMillis: pick(random, [200, 2_000, 10_000]),
  };
}

/** Off in half of the seeds, else from rare to wild. */
function drawOdds(random: Random, wildest: number): number {
  if (chance(random, 0.5)) return 0;
  return wildest * pick(random, [0.02, 0.2, 1]);
}

function drawWeight(random: Random): number {
  return chance(random, 0.5) ? 0 : pick(random, [1, 3, 10]);
}
