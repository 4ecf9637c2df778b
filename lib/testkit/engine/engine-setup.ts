import type { Random } from '../../base/random.ts';
import type { FleetSettings } from '../fleet-options.ts';
import { chance, forkRandom, pick, wholeBetween } from '../fork-random.ts';
import type { PageOdds } from '../kinesis-view.ts';
import type { ReadOdds } from '../table-view.ts';
import type { WireOdds } from '../wire.ts';
import type { BlockOdds } from './block-harm.ts';
import type { StoreOdds } from './store-view.ts';

/** What is done to the processes of an engine, and to its stream. */
export const engineActs = [
  'kill',
  'killAtStep',
  'pause',
  'pauseAtStep',
  'suspend',
  'wallJump',
  'drain',
  'stop',
  'join',
  'cutTable',
  'deafTable',
  'cutStore',
  'deafStore',
  'cutKinesis',
  'split',
  'merge',
] as const;

/** One of {@link engineActs}. */
export type EngineAct = (typeof engineActs)[number];

/** Everything that is drawn from a seed before the simulation of an engine begins. */
export interface EngineSetup {
  readonly seed: number;
  readonly scope: 'shard' | 'application';
  /** Whether a sink needs batches that are repeated with the same records. */
  readonly isPlanned: boolean;
  readonly shards: number;
  readonly maxWorkers: number;
  readonly settings: FleetSettings & { readonly failoverTimeMillis: number };
  readonly batchIntervalMillis: number;
  readonly snapshotIntervalBatches: number;
  readonly retainedVersions: number;
  /** How long faults happen. */
  readonly faultyMillis: number;
  readonly keys: number;
  readonly putEveryMillis: number;
  readonly maxPut: number;
  /** How likely the output of a batch throws: 0 to 1. */
  readonly outputFails: number;
  readonly outputMillis: number;
  readonly maxLatencyMillis: number;
  readonly maxWallSkewMillis: number;
  readonly tableOdds: WireOdds;
  readonly kinesisOdds: WireOdds;
  readonly storeWireOdds: WireOdds;
  readonly storeOdds: StoreOdds;
  readonly blockOdds: BlockOdds;
  readonly reads: ReadOdds;
  readonly pages: PageOdds;
  /** Time between two acts, on average. */
  readonly actEveryMillis: number;
  readonly acts: Readonly<Record<EngineAct, number>>;
  /** Time between two rewinds, on average; absent for none. */
  readonly rewindEveryMillis: number | undefined;
}

/** Draws the setup of an engine's simulation; each fault is off in some seeds and wild in others. */
export function drawEngineSetup(seed: number): EngineSetup {
  const random = forkRandom(seed, 'engine setup');
  const failoverTimeMillis = pick(random, [1_000, 2_000]);
  return {
    seed,
    scope: pick(random, ['shard', 'application']),
    isPlanned: chance(random, 0.5),
    shards: wholeBetween(random, 1, 3),
    maxWorkers: wholeBetween(random, 1, 3),
    settings: {
      failoverTimeMillis,
      leaseDiscoveryIntervalMillis: 500,
      checkpointIntervalMillis: pick(random, [200, Math.floor(failoverTimeMillis / 3)]),
      blockIntervalMillis: pick(random, [50, 200]),
      blockMaxRecords: pick(random, [1, 3, 10_000]),
      maxUnackedBlocks: pick(random, [3, 64]),
    },
    batchIntervalMillis: pick(random, [200, 500, 1_000]),
    snapshotIntervalBatches: pick(random, [1, 2, 4]),
    retainedVersions: pick(random, [1, 2, 5]),
    faultyMillis: wholeBetween(random, 5_000, 12_000),
    keys: pick(random, [1, 5, 30]),
    putEveryMillis: pick(random, [100, 300]),
    maxPut: pick(random, [1, 5]),
    outputFails: pick(random, [0, 0, 0.1]),
    outputMillis: pick(random, [0, 0, 20, 300]),
    maxLatencyMillis: pick(random, [2, 5, 50]),
    maxWallSkewMillis: pick(random, [0, 2_000, 3_600_000]),
    tableOdds: drawWire(random),
    kinesisOdds: drawWire(random),
    storeWireOdds: drawWire(random),
    storeOdds: { tornWrite: drawOdds(random, 0.2), staleListing: drawOdds(random, 1) },
    blockOdds: {
      blockLost: drawOdds(random, 0.02),
      blockRepeated: drawOdds(random, 0.3),
      blockStraddles: drawOdds(random, 0.3),
      blockOfOtherTenure: drawOdds(random, 0.3),
    },
    reads: {
      noIndex: drawOdds(random, 0.3),
      staleIndex: drawOdds(random, 0.5),
      staleScan: drawOdds(random, 0.5),
      staleLock: drawOdds(random, 0.5),
      tornScan: drawOdds(random, 0.5),
      maxLagMillis: pick(random, [200, 2_000]),
    },
    pages: { shortPage: drawOdds(random, 0.3), emptyPage: drawOdds(random, 0.3), expiredIterator: 0, falselyGone: 0 },
    actEveryMillis: pick(random, [400, 1_500, 3_000]),
    acts: Object.fromEntries(engineActs.map((act) => [act, drawWeight(random)])) as Record<EngineAct, number>,
    rewindEveryMillis: chance(random, 0.5) ? undefined : pick(random, [800, 2_000]),
  };
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
    denied: 0,
  };
}

/** Off in half of the seeds, else from rare to wild. */
function drawOdds(random: Random, wildest: number): number {
  if (chance(random, 0.5)) return 0;
  return wildest * pick(random, [0.05, 0.3, 1]);
}

function drawWeight(random: Random): number {
  return chance(random, 0.4) ? 0 : pick(random, [1, 3, 10]);
}
