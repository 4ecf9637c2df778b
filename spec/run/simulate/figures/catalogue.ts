import { type Scene, cleanStop, join, leaderCrash, rollingRestart, split, start, workerCrash } from './scenes.ts';
import { unitsPerLeaseHour } from './units.ts';

/** One figure of a scene: its name in what the scene gives, its words, its unit, its budget, and what KCL does. */
export interface FigureOfScene {
  readonly key: string;
  readonly text: string;
  readonly unit: 'ms' | 'moves' | 'moves per lease' | 'records' | 'units';
  /** The budgets of the design: the worst may not pass `worst`, the median not `median`, and so on. */
  readonly budget?: { readonly median?: number; readonly p95?: number; readonly worst?: number };
  /** KCL 3's figure, from its defaults and published numbers. */
  readonly kcl: string;
}

/** A scene with its figures. */
export interface SceneOfTable {
  readonly name: string;
  readonly play: Scene;
  readonly figures: readonly FigureOfScene[];
  /** One of how many seeds plays it: large fleets are slow to simulate. */
  readonly oneOf: number;
  /** It is left out with fewer seeds. */
  readonly leastSeeds?: number;
}

const repeated = (kcl: string): FigureOfScene => ({
  key: 'repeated',
  text: 'records repeated',
  unit: 'records',
  budget: { worst: 0 },
  kcl,
});

const pause = (kcl: string): FigureOfScene => ({
  key: 'pauseMillis',
  text: 'longest pause of a shard',
  unit: 'ms',
  budget: { worst: 2_000 },
  kcl,
});

const units = (leases: number): SceneOfTable => ({
  name: `DynamoDB at ${leases.toLocaleString('en')} leases, per lease-hour`,
  play: (seed) => unitsPerLeaseHour(leases, seed, 60_000),
  oneOf: leases > 1_000 ? 1_000 : 50,
  // Ten thousand readers take some minutes.
  ...(leases > 1_000 ? { leastSeeds: 500 } : {}),
  figures: [
    {
      key: 'writeUnits',
      text: 'write units',
      unit: 'units',
      budget: { worst: 1_155 },
      kcl: '1,095, and one for each checkpoint',
    },
    { key: 'readUnits', text: 'read units', unit: 'units', budget: { worst: 272 }, kcl: '11 to 20' },
  ],
});

/** The table, in the order in which it is printed. F is 10 s everywhere. */
export const scenesOfTable: readonly SceneOfTable[] = [
  {
    name: 'a worker of three crashes',
    play: workerCrash,
    oneOf: 1,
    figures: [
      {
        key: 'takeoverMillis',
        text: 'until its last shard is read again',
        unit: 'ms',
        budget: { median: 11_000, p95: 12_000, worst: 13_000 },
        kcl: '20,000 to 52,000',
      },
    ],
  },
  {
    name: 'the leader of three crashes',
    play: leaderCrash,
    oneOf: 1,
    figures: [
      {
        key: 'takeoverMillis',
        text: 'until its last shard is read again',
        unit: 'ms',
        budget: { median: 19_000, p95: 20_000, worst: 22_000 },
        kcl: '150,000 to 240,000',
      },
    ],
  },
  {
    name: 'a worker of three is stopped',
    play: cleanStop,
    oneOf: 1,
    figures: [pause('20,000 to 50,000'), repeated('a checkpoint interval')],
  },
  {
    name: 'a second worker joins the reader of 100 shards',
    play: join,
    oneOf: 20,
    figures: [
      { key: 'balancedMillis', text: 'until balanced', unit: 'ms', budget: { worst: 30_000 }, kcl: 'minutes' },
      { key: 'moves', text: 'leases moved', unit: 'moves', budget: { worst: 60 }, kcl: 'about 50' },
      pause('up to 14,000'),
      repeated('0, where the processor checkpoints'),
    ],
  },
  {
    name: 'ten workers are restarted one after the other',
    play: rollingRestart,
    oneOf: 20,
    figures: [
      { key: 'movesPerLease', text: 'leases moved', unit: 'moves per lease', kcl: '2 or more' },
      pause('20,000 to 50,000'),
      repeated('a checkpoint interval at each stop'),
    ],
  },
  {
    name: 'ten of 20 shards are split',
    play: split,
    oneOf: 1,
    figures: [
      { key: 'readMillis', text: 'until all children are read', unit: 'ms', kcl: '10,000 and more' },
      repeated('0'),
    ],
  },
  {
    name: 'a new application starts, its table created',
    play: start,
    oneOf: 1,
    figures: [
      {
        key: 'firstRecordMillis',
        text: 'to its first record',
        unit: 'ms',
        budget: { worst: 5_000 },
        kcl: 'about 240,000',
      },
    ],
  },
  units(100),
  units(10_000),
];
