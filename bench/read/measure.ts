import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RoundFigures } from './client.ts';
import { type PageShape, preparePage } from './page.ts';

/** What is measured, and how long. */
export interface ReadBenchOptions extends PageShape {
  /** Names of {@link readVariants}. */
  readonly variants: readonly string[];
  /** Rounds of each variant that count; one before them warms up. */
  readonly rounds: number;
  /** Data that a round reads at least. */
  readonly roundBytes: number;
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
  readonly variants: readonly VariantFigures[];
  /** Of all fields of a page, the same for every variant that decodes. */
  readonly checksum: string;
}

/** 1 KB records, a thousand to a page; the SDK takes about a second for a round. */
export const defaultReadBench: ReadBenchOptions = {
  variants: ['sdk', 'json', 'cbor', 'floor', 'floorCbor'],
  records: 1_000,
  recordBytes: 1_024,
  rounds: 7,
  roundBytes: 64_000_000,
};

/**
 * Measures how much one second of CPU time of the client reads, for each variant: every variant in a process of its own,
 * the rounds in turn, the server in another process. What is read is summed up and compared before anything is measured.
 */
export async function measureReading(options: ReadBenchOptions): Promise<ReadBenchFigures> {
  const page = preparePage(options);
  const started: ChildProcess[] = [];
  try {
    const server = start('./server.ts', [String(options.records), String(options.recordBytes)], started);
    const [port] = (await once(server, 'message')) as [number];
    const clients = new Map<string, ChildProcess>();
    for (const name of options.variants) {
      clients.set(name, start('./client.ts', [name, `http://127.0.0.1:${port}`], started, options.nodeFlags));
    }
    for (const [name, client] of clients) {
      const checksum = await ask<string>(client, 0);
      if (checksum !== '' && checksum !== page.checksum) {
        throw new Error(`${name} has read ${checksum}, not ${page.checksum}`);
      }
    }
    const rounds = await measureInTurn(clients, options);
    const variants = options.variants.map((name) => figuresOf(name, rounds.get(name) ?? [], options));
    const { records, recordBytes } = options;
    return { records, recordBytes, rounds: options.rounds, variants, checksum: page.checksum };
  } finally {
    for (const child of started) if (child.connected) child.disconnect();
  }
}

/**
 * How many times as much a variant reads as another: the median over the rounds, each against the same round of the
 * other, so that a busy minute of the machine counts for both.
 */
export function ratioOf({ variants }: ReadBenchFigures, name: string, over: string): number | undefined {
  const [one, other] = [name, over].map((wanted) => variants.find((variant) => variant.name === wanted));
  if (one === undefined || other === undefined) return undefined;
  const ratios = one.roundsMbPerCpuSecond.map((speed, round) => speed / (other.roundsMbPerCpuSecond[round] ?? 0));
  return Math.round(medianOf(ratios) * 100) / 100;
}

async function measureInTurn(
  clients: ReadonlyMap<string, ChildProcess>,
  options: ReadBenchOptions,
): Promise<Map<string, RoundFigures[]>> {
  const rounds = new Map<string, RoundFigures[]>();
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const [name, client] of clients) {
      const figures = await ask<RoundFigures>(client, callsOf(options));
      if (round > 0) rounds.set(name, [...(rounds.get(name) ?? []), figures]);
    }
  }
  return rounds;
}

function callsOf({ roundBytes, records, recordBytes }: ReadBenchOptions): number {
  return Math.ceil(roundBytes / (records * recordBytes));
}

function figuresOf(name: string, rounds: readonly RoundFigures[], options: ReadBenchOptions): VariantFigures {
  const bytes = callsOf(options) * options.records * options.recordBytes;
  const speeds = rounds.map(({ cpuMicros }) => Math.round((bytes / cpuMicros) * 10) / 10);
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

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function start(
  file: string,
  args: readonly string[],
  started: ChildProcess[],
  nodeFlags: readonly string[] = [],
): ChildProcess {
  const execArgv = ['--import', 'tsx', '--expose-gc', '--no-warnings', ...nodeFlags];
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv });
  started.push(child);
  return child;
}

function ask<T>(child: ChildProcess, calls: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a process of the bench ended with ${code}`));
    if (child.exitCode !== null) {
      onExit(child.exitCode);
      return;
    }
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer as T);
    });
    // A process that has just ended takes no message; its end is heard above.
    child.send(calls, () => {});
  });
}
