import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { askBenchChild, startBenchChild } from '../child.ts';
import { clientEnv } from '../read/measure.ts';
import { type PageShape, arrivalMillis, preparePage } from '../read/page.ts';
import type { ReceiverRound, ReceiverTarget } from '../receiver/worker.ts';
import { startBenchServer } from '../server.ts';
import { medianOf, rounded } from '../statistics.ts';

/** What is measured, and how long. */
export interface MonitorBenchOptions extends PageShape {
  /** Shards of the stream, all behind without end. */
  readonly shards: number;
  /** Pairs of rounds that count; one before them warms up. */
  readonly rounds: number;
  /** How long each receiver works in a round, after a quarter as long to empty its buffers. */
  readonly roundMillis: number;
  readonly codec: 'json' | 'cbor';
  /** Browsers that follow the page, in the process of the bench. */
  readonly browsers: number;
}

/** What was measured. MB are millions of bytes of record data. */
export interface MonitorBenchFigures extends MonitorBenchOptions {
  /** What metrics and page take of the receiver's throughput per CPU second: the median of the pairs. */
  readonly overheadPercent: number;
  /** The least and the most of the pairs; below 0 the watched one was the faster of a pair. */
  readonly spreadPercent: readonly [number, number];
  /** A quarter of the pairs is below the first, a quarter above the second. */
  readonly quartilesPercent: readonly [number, number];
  readonly bareMbPerCpuSecond: number;
  readonly watchedMbPerCpuSecond: number;
  /** Bytes of changes that a browser was sent, and scrapes of /metrics, over the rounds. */
  readonly followedBytes: number;
  readonly scrapes: number;
}

/** 40 shards of 1 KB records, one browser. */
export const defaultMonitorBench: MonitorBenchOptions = {
  shards: 40,
  records: 1_000,
  recordBytes: 1_024,
  // Many short ones: what else a machine does then falls on both of a pair.
  rounds: 41,
  roundMillis: 1_000,
  codec: 'json',
  browsers: 1,
};

const streamName = 'bench';
const scrapeMillis = 1_000;

/**
 * Measures a receiver that nobody watches against one with snapshot, alerts, page and metrics, in turn, each in a process of
 * its own. A browser follows the page and its metrics are scraped every second all the while.
 */
export async function measureMonitor(options: MonitorBenchOptions): Promise<MonitorBenchFigures> {
  const page = preparePage(options);
  await using server = await startBenchServer({ tls: false });
  await server.aws.createBulkStream({ streamName, shardCount: options.shards, records: page.records, arrivalMillis });
  const target: ReceiverTarget = {
    kinesisEndpoint: server.endpoint,
    dynamoDBEndpoint: server.endpoint,
    streamName,
    codec: options.codec,
    maxBufferedBytes: 128 * 1024 * 1024,
  };
  const env = { ...server.env, ...clientEnv };
  const start = (way: 'bare' | 'watched') =>
    startBenchChild(new URL('./client.ts', import.meta.url), { args: [JSON.stringify(target), way], env });
  const bare = start('bare');
  const watched = start('watched');
  let looking: Lookers | undefined;
  try {
    for (const child of [bare, watched]) await askBenchChild(child, { kind: 'ready', shards: options.shards });
    looking = look(new URL(await askBenchChild<string>(watched, { kind: 'page' })), options.browsers);
    return figuresOf(await measurePairs(bare, watched, options), options, looking);
  } finally {
    looking?.stop();
    // Before their server: workers that miss it would tell so.
    await Promise.all([bare, watched].map(ended));
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.disconnect();
  await exit;
}

interface Pair {
  readonly bare: ReceiverRound;
  readonly watched: ReceiverRound;
}

/** The one that begins takes turns, so that what a machine does in waves falls on both. */
async function measurePairs(bare: ChildProcess, watched: ChildProcess, options: MonitorBenchOptions): Promise<Pair[]> {
  const { rounds, roundMillis, recordBytes } = options;
  const round = async (child: ChildProcess): Promise<ReceiverRound> => {
    const question = { kind: 'round', warmUpMillis: roundMillis / 4, millis: roundMillis };
    const told = await askBenchChild<ReceiverRound>(child, question);
    if (told.bytes !== told.records * recordBytes) throw new Error('a receiver has handed out other records');
    return told;
  };
  const pairs: Pair[] = [];
  let voids = 0;
  for (let number = 0; pairs.length < rounds; number += 1) {
    const first = number % 2 === 0 ? bare : watched;
    const one = await round(first);
    const other = await round(first === bare ? watched : bare);
    if (number === 0) continue;
    // Whoever lost its leases to a machine that stood still has nothing to compare; the pair is measured again.
    if (one.records === 0 || other.records === 0) {
      voids += 1;
      if (voids > rounds) throw new Error('a receiver has read nothing in more than half of the rounds');
      continue;
    }
    pairs.push(first === bare ? { bare: one, watched: other } : { bare: other, watched: one });
  }
  return pairs;
}

function figuresOf(pairs: readonly Pair[], options: MonitorBenchOptions, looking: Lookers): MonitorBenchFigures {
  const speed = ({ bytes, cpuMicros }: ReceiverRound) => bytes / cpuMicros;
  const overheads = pairs
    .map(({ bare, watched }) => 100 * (1 - speed(watched) / speed(bare)))
    .toSorted((a, b) => a - b)
    .map((percent) => rounded(percent, 2));
  const at = (part: number) => overheads[Math.min(overheads.length - 1, Math.floor(overheads.length * part))] ?? 0;
  return {
    ...options,
    overheadPercent: medianOf(overheads),
    spreadPercent: [at(0), at(1)],
    quartilesPercent: [at(0.25), at(0.75)],
    bareMbPerCpuSecond: rounded(medianOf(pairs.map(({ bare }) => speed(bare))), 1),
    watchedMbPerCpuSecond: rounded(medianOf(pairs.map(({ watched }) => speed(watched))), 1),
    followedBytes: looking.followedBytes,
    scrapes: looking.scrapes,
  };
}

/** Those who look at the page; what they do costs this process, and not the one that is measured. */
interface Lookers {
  readonly followedBytes: number;
  readonly scrapes: number;
  stop(): void;
}

function look(url: URL, browsers: number): Lookers {
  const headers = { authorization: `Bearer ${url.hash.replace('#token=', '')}` };
  const told = { followedBytes: 0, scrapes: 0 };
  const streams = Array.from({ length: browsers }, () =>
    get(new URL('/events', url), { headers }, (answer) => {
      answer.on('data', (data: Buffer) => (told.followedBytes += data.length));
    }).on('error', () => {}),
  );
  const scraping = setInterval(() => {
    fetch(new URL('/metrics', url))
      .then((answer) => answer.text())
      .then((text) => (told.scrapes += text === '' ? 0 : 1))
      .catch(() => {});
  }, scrapeMillis);
  return {
    get followedBytes() {
      return told.followedBytes;
    },
    get scrapes() {
      return told.scrapes;
    },
    stop() {
      clearInterval(scraping);
      for (const stream of streams) stream.destroy();
    },
  };
}
