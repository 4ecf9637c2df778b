import type { ChildProcess } from 'node:child_process';
import { GetShardIteratorCommand, RegisterStreamConsumerCommand } from '@aws-sdk/client-kinesis';
import { createClients } from '../../lib/app/clients.ts';
import { type BenchServer, startBenchServer } from '../server.ts';
import { askBenchChild, startBenchChild } from '../child.ts';
import { medianOf, pairedRatio, rounded } from '../statistics.ts';
import type { RoundFigures } from './client.ts';
import { type PageShape, arrivalMillis, preparePage } from './page.ts';
import { type ReadTarget, benchCredentials, benchRegion } from './variant.ts';

/** What is measured, and how long. */
export interface ReadBenchOptions extends PageShape {
  /** Names of `readVariants`. */
  readonly variants: readonly string[];
  /** Rounds of each variant that count; one before them warms up. */
  readonly rounds: number;
  /** Data that a round reads at least. */
  readonly roundBytes: number;
  /** Whether the connections are encrypted; then the SDK and Millrace speak HTTP/2. */
  readonly tls: boolean;
  /** Flags of Node for the processes that read. */
  readonly nodeFlags?: readonly string[];
}

/** What one variant took: medians of the rounds. MB are millions of bytes of record data. */
export interface VariantFigures {
  readonly name: string;
  readonly mbPerCpuSecond: number;
  readonly recordsPerCpuSecond: number;
  /** Slowest and fastest round. */
  readonly spreadMbPerCpuSecond: readonly [number, number];
  /** All rounds, in turn with those of the other variants. */
  readonly roundsMbPerCpuSecond: readonly number[];
  readonly peakMegabytes: number;
}

/** The figures of all variants. */
export interface ReadBenchFigures extends PageShape {
  readonly rounds: number;
  readonly tls: boolean;
  readonly variants: readonly VariantFigures[];
  /** Of all fields of a page, the same for every variant that decodes. */
  readonly checksum: string;
}

/** 1 KB records, a thousand to a page; the SDK takes about a second for a round. */
export const defaultReadBench: ReadBenchOptions = {
  variants: ['sdk', 'sdkShared', 'json', 'cbor', 'fanOutSdk', 'fanOut', 'sdk2', 'lifion', 'floor', 'floorCbor'],
  records: 1_000,
  recordBytes: 1_024,
  rounds: 7,
  roundBytes: 64_000_000,
  tls: false,
};

/** The loops of the SDK, among which the fastest is what Millrace is compared with. */
export const sdkVariants = ['sdk', 'sdkShared', 'fanOutSdk'] as const;

const streamName = 'bench';
const shardId = 'shardId-000000000000';

/** Both versions of the SDK keep their notices to themselves; version 2, under lifion-kinesis, keeps its connections. */
export const clientEnv = {
  AWS_NODEJS_CONNECTION_REUSE_ENABLED: '1',
  AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE: '1',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

/**
 * Measures how much one second of CPU time of the client reads, for each variant: every variant in a process of its own,
 * the rounds in turn, the server in another process. What is read is summed up and compared before anything is measured.
 */
export async function measureReading(options: ReadBenchOptions): Promise<ReadBenchFigures> {
  const page = preparePage(options);
  const clients = new Map<string, ChildProcess>();
  await using server = await startBenchServer(options);
  try {
    await server.aws.createBulkStream({ streamName, records: page.records, arrivalMillis });
    const target = await targetOf(server, streamName);
    const env = { ...server.env, ...clientEnv };
    const { nodeFlags = [] } = options;
    for (const name of options.variants) {
      const args = [name, JSON.stringify(target)];
      clients.set(name, startBenchChild(new URL('./client.ts', import.meta.url), { args, env, nodeFlags }));
    }
    for (const [name, client] of clients) {
      const checksum = await askBenchChild<string>(client, 0);
      if (checksum !== '' && checksum !== page.checksum) {
        throw new Error(`${name} has read ${checksum}, not ${page.checksum}`);
      }
    }
    const rounds = await measureInTurn(clients, options);
    const variants = options.variants.map((name) => figuresOf(name, rounds.get(name) ?? [], options));
    const { records, recordBytes, tls } = options;
    return { records, recordBytes, rounds: options.rounds, tls, variants, checksum: page.checksum };
  } finally {
    for (const child of clients.values()) if (child.connected) child.disconnect();
  }
}

/** How many times as much a variant reads as another, round by round; undefined where one of them is missing. */
export function ratioOf({ variants }: ReadBenchFigures, name: string, over: string | undefined): number | undefined {
  const [one, other] = [name, over].map((wanted) => variants.find((variant) => variant.name === wanted));
  if (one === undefined || other === undefined) return undefined;
  return pairedRatio(one.roundsMbPerCpuSecond, other.roundsMbPerCpuSecond);
}

/** The fastest of the {@link sdkVariants} that were measured. */
export function fastestSdk({ variants }: ReadBenchFigures): string | undefined {
  return variants
    .filter(({ name }) => sdkVariants.some((sdk) => sdk === name))
    .toSorted((a, b) => b.mbPerCpuSecond - a.mbPerCpuSecond)[0]?.name;
}

/** Where the clients read the first shard of a stream; asked for over the plain endpoint, whatever they use. */
export async function targetOf({ aws, endpoint }: BenchServer, streamName: string): Promise<ReadTarget> {
  const clients = createClients({ region: benchRegion, credentials: benchCredentials, kinesisEndpoint: aws.endpoint });
  try {
    const start = { ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' } as const;
    const at = await clients.kinesis.send(new GetShardIteratorCommand({ StreamName: streamName, ...start }));
    const StreamARN = `arn:aws:kinesis:${benchRegion}:000000000000:stream/${streamName}`;
    const registered = await clients.kinesis.send(
      new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'bench' }),
    );
    const consumerArn = registered.Consumer?.ConsumerARN ?? '';
    return { endpoint, streamName, shardId, iterator: at.ShardIterator ?? '', consumerArn };
  } finally {
    clients.destroy();
  }
}

async function measureInTurn(
  clients: ReadonlyMap<string, ChildProcess>,
  options: ReadBenchOptions,
): Promise<Map<string, RoundFigures[]>> {
  const rounds = new Map<string, RoundFigures[]>();
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const [name, client] of clients) {
      const figures = await askBenchChild<RoundFigures>(client, pagesOf(options));
      if (round > 0) rounds.set(name, [...(rounds.get(name) ?? []), figures]);
    }
  }
  return rounds;
}

function pagesOf({ roundBytes, records, recordBytes }: ReadBenchOptions): number {
  return Math.ceil(roundBytes / (records * recordBytes));
}

function figuresOf(name: string, rounds: readonly RoundFigures[], options: ReadBenchOptions): VariantFigures {
  const bytes = pagesOf(options) * options.records * options.recordBytes;
  const speeds = rounds.map(({ cpuMicros }) => rounded(bytes / cpuMicros, 1));
  const mbPerCpuSecond = medianOf(speeds);
  return {
    name,
    mbPerCpuSecond,
    recordsPerCpuSecond: Math.round((mbPerCpuSecond * 1e6) / options.recordBytes),
    spreadMbPerCpuSecond: [Math.min(...speeds), Math.max(...speeds)],
    roundsMbPerCpuSecond: speeds,
    peakMegabytes: Math.round(Math.max(...rounds.map(({ peakMegabytes }) => peakMegabytes))),
  };
}
