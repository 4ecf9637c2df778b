import type { ChildProcess } from 'node:child_process';
import { askBenchChild, startBenchChild } from '../child.ts';
import { compiled } from '../compiled.ts';
import { clientEnv } from '../read/measure.ts';
import { type PageShape, arrivalMillis, preparePage } from '../read/page.ts';
import { type BenchServer, startBenchServer } from '../server.ts';
import { medianOf, pairedRatio, rounded } from '../statistics.ts';
import type { CodecRound, CodecTarget } from './codec-client.ts';
import type { ReceiverQuestion, ReceiverRound, ReceiverTarget } from './worker.ts';

/** What is measured, and how long. */
export interface ReceiverBenchOptions extends PageShape {
  /** Shards of the stream, all behind without end. */
  readonly shards: number;
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them that do not, in which V8 compiles what a worker of days has long compiled. */
  readonly warmUpRounds: number;
  /** How long the receiver works in a round, after a quarter as long to empty its buffers. */
  readonly roundMillis: number;
  readonly codec: 'json' | 'cbor';
  readonly tls: boolean;
  /** Shards of the stream that memory is measured with. */
  readonly memoryShards: number;
  /** The option of this name; its default is 32 MiB. */
  readonly maxBufferedBytes: number;
  /** How long memory is looked at, for a handler that keeps up and for a slow one. */
  readonly memoryMillis: number;
  /**
   * V8's flag `--heap-growing-percent` for both processes; 0: without it. By itself V8 lets a small heap grow by 8 MB, buffers
   * included, before it goes over all of it again; with 300 it may become four times as large.
   */
  readonly heapGrowingPercent: number;
  /** The receiver's option of this name; its default is early. */
  readonly bufferCollection: 'early' | 'v8';
  /** Whether compiled sources are measured, as users run them, and not processes that also load TypeScript. */
  readonly compiled: boolean;
}

/** What was measured. MB are millions of bytes of record data. */
export interface ReceiverBenchFigures extends PageShape {
  readonly shards: number;
  readonly rounds: number;
  readonly codec: 'json' | 'cbor';
  readonly tls: boolean;
  readonly heapGrowingPercent: number;
  readonly bufferCollection: 'early' | 'v8';
  readonly mbPerCpuSecond: number;
  readonly recordsPerCpuSecond: number;
  readonly spreadMbPerCpuSecond: readonly [number, number];
  /** What the stream gave by the clock: by the pace of Kinesis 2 MB a second and shard at most. */
  readonly mbPerSecond: number;
  readonly codecMbPerCpuSecond: number;
  /**
   * The receiver over its bare codec, which does nothing but GetRecords, on as many shards at once, at the same pace: the
   * median of the rounds' ratios.
   */
  readonly ratioOverCodec: number;
  /** Shards at their full rate of 2 MiB a second that a CPU second of each second carries. */
  readonly fullRateShardsPerCore: number;
  readonly memory: MemoryFigures;
  /** The greater of the two of `memory`. */
  readonly residentMegabytes: number;
  /** Of the first page, as the bare codec read it; the receiver's count of bytes must fit its count of records. */
  readonly checksum: string;
}

/** Memory with all shards behind, in millions of bytes: the most that was resident, unless it says something else. */
export interface MemoryFigures {
  readonly shards: number;
  /** What was resident before anything was read. */
  readonly startMegabytes: number;
  /** With a handler that keeps up. */
  readonly keepingUpMegabytes: number;
  /** With a handler that takes longer for a block than reading it does, so that every buffer fills. */
  readonly slowMegabytes: number;
  /** The most that buffers held with the slow handler when all garbage had just been collected. */
  readonly pinnedMegabytes: number;
}

/** 40 shards of 1 KB records. */
export const defaultReceiverBench: ReceiverBenchOptions = {
  shards: 40,
  records: 1_000,
  recordBytes: 1_024,
  rounds: 9,
  warmUpRounds: 8,
  roundMillis: 2_000,
  codec: 'json',
  tls: false,
  memoryShards: 100,
  maxBufferedBytes: 32 * 1024 * 1024,
  memoryMillis: 10_000,
  heapGrowingPercent: 0,
  bufferCollection: 'early',
  compiled: true,
};

const fullRateBytesPerSecond = 2 * 1024 * 1024;
const slowBlockMillis = 1_000;
const streamName = 'bench';
const memoryStreamName = 'bench-memory';

/** Measures a whole receiver against its codec, in turn, each in a process of its own, and then its memory. */
export async function measureReceiver(options: ReceiverBenchOptions): Promise<ReceiverBenchFigures> {
  const page = preparePage(options);
  await using server = await startBenchServer(options);
  const { records } = page;
  await server.aws.createBulkStream({ streamName, shardCount: options.shards, records, arrivalMillis });
  const env = { ...server.env, ...clientEnv };
  const target: CodecTarget = { ...options, kinesisEndpoint: server.endpoint, streamName };
  const args = [JSON.stringify(target)];
  const programs = programsOf(options);
  const codec = startBenchChild(programs.codec, { args, env, nodeFlags: nodeFlagsOf(options) });
  const receiver = startReceiver(server, options, { stream: streamName, program: programs.receiver });
  try {
    const checksum = await askBenchChild<string>(codec, 0);
    if (checksum !== page.checksum) throw new Error(`the codec has read ${checksum}, not ${page.checksum}`);
    await ask(receiver, { kind: 'ready', shards: options.shards });
    const rounds = await measureInTurn(receiver, codec, options);
    receiver.disconnect();
    const memory = await measureMemory(server, options, { records, program: programs.receiver });
    return { ...figuresOf(rounds, options), memory, residentMegabytes: greaterOf(memory), checksum };
  } finally {
    for (const child of [codec, receiver]) if (child.connected) child.disconnect();
  }
}

interface Round {
  readonly receiver: ReceiverRound;
  readonly codec: CodecRound;
}

async function measureInTurn(
  receiver: ChildProcess,
  codec: ChildProcess,
  options: ReceiverBenchOptions,
): Promise<Round[]> {
  const { rounds, warmUpRounds, roundMillis, recordBytes } = options;
  const done: Round[] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const whole = () => work(receiver, { kind: 'round', warmUpMillis: roundMillis / 4, millis: roundMillis });
    const bare = () => askBenchChild<CodecRound>(codec, roundMillis);
    // Each is the first in every other round, so that a machine that becomes slower is no worse for the one than the other.
    const before = round % 2 === 0 ? undefined : await bare();
    const own = await whole();
    mustFit(own, recordBytes);
    const other = before ?? (await bare());
    if (round >= 0) done.push({ receiver: own, codec: other });
  }
  return done;
}

function figuresOf(rounds: readonly Round[], options: ReceiverBenchOptions) {
  const { shards, records, recordBytes, codec, tls, roundMillis, heapGrowingPercent, bufferCollection } = options;
  const own = rounds.map(({ receiver }) => receiver.bytes / receiver.cpuMicros);
  const bare = rounds.map((round) => round.codec.bytes / round.codec.cpuMicros);
  const speed = medianOf(own);
  return {
    shards,
    records,
    recordBytes,
    rounds: options.rounds,
    codec,
    tls,
    heapGrowingPercent,
    bufferCollection,
    mbPerCpuSecond: rounded(speed, 1),
    recordsPerCpuSecond: Math.round((speed * 1e6) / recordBytes),
    spreadMbPerCpuSecond: [rounded(Math.min(...own), 1), rounded(Math.max(...own), 1)] as const,
    mbPerSecond: rounded(medianOf(rounds.map(({ receiver }) => receiver.bytes)) / 1e3 / roundMillis, 1),
    codecMbPerCpuSecond: rounded(medianOf(bare), 1),
    ratioOverCodec: pairedRatio(own, bare),
    fullRateShardsPerCore: rounded((speed * 1e6) / fullRateBytesPerSecond, 1),
  };
}

/** In a process that has done nothing before. */
async function measureMemory(
  server: BenchServer,
  options: ReceiverBenchOptions,
  { records, program }: { readonly records: ReturnType<typeof preparePage>['records']; readonly program: URL },
): Promise<MemoryFigures> {
  const { memoryShards: shards, memoryMillis: millis } = options;
  await server.aws.createBulkStream({ streamName: memoryStreamName, shardCount: shards, records, arrivalMillis });
  const receiver = startReceiver(server, options, { stream: memoryStreamName, program });
  try {
    const start = (await ask(receiver, { kind: 'resident' })) as number;
    await ask(receiver, { kind: 'ready', shards });
    const keepingUp = await work(receiver, { kind: 'round', warmUpMillis: 0, millis });
    const slow = await work(receiver, { kind: 'slow', millis, blockMillis: slowBlockMillis });
    return {
      shards,
      startMegabytes: Math.round(start),
      keepingUpMegabytes: Math.round(keepingUp.residentMegabytes),
      slowMegabytes: Math.round(slow.residentMegabytes),
      pinnedMegabytes: rounded(slow.pinnedMegabytes ?? 0, 1),
    };
  } finally {
    if (receiver.connected) receiver.disconnect();
  }
}

function greaterOf({ keepingUpMegabytes, slowMegabytes }: MemoryFigures): number {
  return Math.max(keepingUpMegabytes, slowMegabytes);
}

/** A receiver that handed out something else than records of that size has not read what was served. */
function mustFit({ records, bytes }: ReceiverRound, recordBytes: number): void {
  if (records === 0) throw new Error('the receiver has read nothing in a round');
  if (bytes !== records * recordBytes)
    throw new Error(`${records} records have ${bytes} bytes, not ${recordBytes} each`);
}

function startReceiver(
  server: BenchServer,
  options: ReceiverBenchOptions,
  { stream, program }: { readonly stream: string; readonly program: URL },
): ChildProcess {
  const target: ReceiverTarget = {
    kinesisEndpoint: server.endpoint,
    dynamoDBEndpoint: server.endpoint,
    streamName: stream,
    codec: options.codec,
    maxBufferedBytes: options.maxBufferedBytes,
    bufferCollection: options.bufferCollection,
  };
  const env = { ...server.env, ...clientEnv };
  return startBenchChild(program, { args: [JSON.stringify(target)], env, nodeFlags: nodeFlagsOf(options) });
}

function nodeFlagsOf({ heapGrowingPercent }: ReceiverBenchOptions): readonly string[] {
  return heapGrowingPercent === 0 ? [] : [`--heap-growing-percent=${heapGrowingPercent}`];
}

/** The programs of both sides. */
interface Programs {
  readonly receiver: URL;
  readonly codec: URL;
}

/** Compiled once, before any of them runs: nobody may load a file that is being written. */
function programsOf(options: ReceiverBenchOptions): Programs {
  if (!options.compiled) {
    return { receiver: new URL('./client.ts', import.meta.url), codec: new URL('./codec-client.ts', import.meta.url) };
  }
  const codec = 'bench/receiver/codec-client.ts';
  const receiver = compiled('bench/receiver/client.ts', codec, 'lib/app/keeper-thread-main.ts');
  return { receiver, codec: new URL('codec-client.js', receiver) };
}

function ask(receiver: ChildProcess, question: ReceiverQuestion): Promise<unknown> {
  return askBenchChild(receiver, question);
}

function work(
  receiver: ChildProcess,
  question: Extract<ReceiverQuestion, { kind: 'round' | 'slow' }>,
): Promise<ReceiverRound> {
  return askBenchChild<ReceiverRound>(receiver, question);
}
