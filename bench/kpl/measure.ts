import type { ChildProcess } from 'node:child_process';
import { askBenchChild, startBenchChild } from '../child.ts';
import { medianOf, pairedRatio } from '../statistics.ts';
import type { RoundFigures } from './client.ts';
import { type KplShape, preparePage } from './shape.ts';

/** What is measured, and how long. */
export interface KplBenchOptions extends KplShape {
  /** Rounds of each variant that count; two before them warm up. */
  readonly rounds: number;
  /** User records that a round takes out at least. */
  readonly roundRecords: number;
}

/** What one variant took. */
export interface KplVariantFigures {
  readonly name: string;
  /** The median of the rounds. */
  readonly recordsPerCpuSecond: number;
  /** Slowest and fastest round. */
  readonly spreadRecordsPerCpuSecond: readonly [number, number];
}

/** The figures of all variants. */
export interface KplBenchFigures extends KplShape {
  readonly rounds: number;
  readonly variants: readonly KplVariantFigures[];
  /** Millrace over the faster of the two ways to use aws-kinesis-agg: the median of the ratios of the rounds. */
  readonly ratioOverAwsKinesisAgg: number;
  /** Of all fields, the same for every variant that decodes. */
  readonly checksum: string;
}

const peers = ['awsKinesisAgg', 'awsKinesisAggSdk'] as const;
const names = ['millrace', ...peers, 'opensslDigests'] as const;
const warmUps = 2;

type Speeds = Readonly<Record<(typeof names)[number], readonly number[]>>;

/**
 * Measures how many user records one second of CPU time takes out of aggregates: every variant in a process of its own,
 * the rounds in turn. What they bring is summed up and compared before anything is measured.
 */
export async function measureKpl(options: KplBenchOptions): Promise<KplBenchFigures> {
  const { aggregates, records, recordBytes, keys } = options;
  const { checksum } = preparePage(options);
  const clients = new Map(names.map((name) => [name, start([name, aggregates, records, recordBytes, keys])]));
  try {
    for (const [name, client] of clients) {
      const found = await askBenchChild<string>(client, 0);
      if (found !== '' && found !== checksum) throw new Error(`${name} has read ${found}, not ${checksum}`);
    }
    const speeds = await measureInTurn(clients, options);
    const faster = medianOf(speeds.awsKinesisAgg) >= medianOf(speeds.awsKinesisAggSdk) ? peers[0] : peers[1];
    return {
      aggregates,
      records,
      recordBytes,
      keys,
      rounds: options.rounds,
      variants: names.map((name) => figuresOf(name, speeds[name])),
      ratioOverAwsKinesisAgg: pairedRatio(speeds.millrace, speeds[faster]),
      checksum,
    };
  } finally {
    for (const client of clients.values()) if (client.connected) client.disconnect();
  }
}

/** User records per CPU second, round by round. */
async function measureInTurn(clients: ReadonlyMap<string, ChildProcess>, options: KplBenchOptions): Promise<Speeds> {
  const perPage = options.aggregates * options.records;
  const pages = Math.ceil(options.roundRecords / perPage);
  const speeds = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<keyof Speeds, number[]>;
  for (let round = -warmUps; round < options.rounds; round += 1) {
    for (const name of names) {
      const { cpuMicros } = await askBenchChild<RoundFigures>(clients.get(name) as ChildProcess, pages);
      if (round >= 0) speeds[name].push((pages * perPage * 1e6) / Math.max(1, cpuMicros));
    }
  }
  return speeds;
}

function figuresOf(name: string, speeds: readonly number[]): KplVariantFigures {
  const [slowest, fastest] = [Math.min(...speeds), Math.max(...speeds)].map(Math.round) as [number, number];
  return {
    name,
    recordsPerCpuSecond: Math.round(medianOf(speeds)),
    spreadRecordsPerCpuSecond: [slowest, fastest],
  };
}

function start(args: readonly (string | number)[]): ChildProcess {
  return startBenchChild(new URL('./client.ts', import.meta.url), { args: args.map(String) });
}
