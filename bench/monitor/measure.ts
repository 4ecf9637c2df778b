import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { sleep, systemClock } from '../../lib/base/clock.ts';
import { askBenchChild, startBenchChild } from '../child.ts';
import { clientEnv } from '../read/measure.ts';
import { type PageShape, arrivalMillis, preparePage } from '../read/page.ts';
import { startBenchServer } from '../server.ts';
import { medianInterval, medianOf, rounded } from '../statistics.ts';
import type { MonitorQuestion, Slice } from './client.ts';
import type { Recording, ReplayQuestion } from './replay.ts';

/** What is measured, and how long. */
export interface MonitorBenchOptions extends PageShape {
  /** Shards of the stream, all behind without end. */
  readonly shards: number;
  /** Rounds that count, each of four slices; one before them warms up. A busy machine may leave time for fewer. */
  readonly rounds: number;
  /** How long a slice is. */
  readonly roundMillis: number;
  readonly codec: 'json' | 'cbor';
  /** Browsers that follow the page, in the process of the bench. */
  readonly browsers: number;
}

/** What was measured. MB are millions of bytes of record data. */
export interface MonitorBenchFigures extends MonitorBenchOptions {
  /** What metrics and page take of the receiver's throughput per CPU second: the median of the rounds. */
  readonly overheadPercent: number;
  /** Where that median lies with 95 % confidence; `null` for fewer than six rounds. */
  readonly intervalPercent: readonly [number, number] | null;
  /** What the interval says of the budget; `unknown` where the budget lies in it. */
  readonly verdict: 'within' | 'over' | 'unknown';
  readonly budgetPercent: number;
  /** A quarter of the rounds is below the first, a quarter above the second. */
  readonly quartilesPercent: readonly [number, number];
  /** The least and the most of the rounds; below 0 the watched slices were the faster ones. */
  readonly spreadPercent: readonly [number, number];
  /**
   * The CPU time that watching takes by itself, of a CPU second of the receiver: its events, published again in a process that
   * does nothing else. So it tells nothing of what the two do to each other's caches, and is exact on a busy machine too.
   */
  readonly alonePercent: number;
  /** Where its median lies with 95 % confidence; `null` for fewer than six rounds. */
  readonly aloneIntervalPercent: readonly [number, number] | null;
  readonly bareMbPerCpuSecond: number;
  readonly watchedMbPerCpuSecond: number;
  /** Events that a watched slice took in, the median. */
  readonly eventsOfSlice: number;
  /** Bytes of changes that a browser was sent, and scrapes of /metrics, over the rounds. */
  readonly followedBytes: number;
  readonly scrapes: number;
}

/** 40 shards of 1 KB records, one browser; two and a half minutes. */
export const defaultMonitorBench: MonitorBenchOptions = {
  shards: 40,
  records: 1_000,
  recordBytes: 1_024,
  rounds: 60,
  roundMillis: 500,
  codec: 'json',
  browsers: 1,
};

/** On a machine that is busy with other things rounds take longer: none begins after so long. */
const mostMillis = 110_000;

/** Metrics and page may take so much of a receiver's throughput. */
export const budgetPercent = 3;

const streamName = 'bench';

/**
 * Measures one receiver, in a process of its own, that is watched and not watched in turn: what a machine or a process does by
 * itself falls on both. While it is watched its events are folded into a snapshot, a browser follows the page, and once in
 * each round, every two seconds, alerts are looked for and `/metrics` is scraped.
 */
export async function measureMonitor(options: MonitorBenchOptions): Promise<MonitorBenchFigures> {
  const page = preparePage(options);
  await using server = await startBenchServer({ tls: false });
  await server.aws.createBulkStream({ streamName, shardCount: options.shards, records: page.records, arrivalMillis });
  const target = {
    kinesisEndpoint: server.endpoint,
    dynamoDBEndpoint: server.endpoint,
    streamName,
    codec: options.codec,
  };
  const child = startBenchChild(new URL('./client.ts', import.meta.url), {
    args: [JSON.stringify(target)],
    env: { ...server.env, ...clientEnv },
  });
  const measured = await measureReading(child, options);
  const alone = await measureAlone(measured, options);
  return { ...measured.figures, ...alone };
}

interface Measured {
  readonly figures: Omit<MonitorBenchFigures, 'alonePercent' | 'aloneIntervalPercent'>;
  readonly recording: Recording;
  /** Of its CPU time. */
  readonly eventsPerSecond: number;
}

async function measureReading(child: ChildProcess, options: MonitorBenchOptions): Promise<Measured> {
  let lookers: Lookers | undefined;
  try {
    await ask(child, { kind: 'ready', shards: options.shards });
    lookers = look(new URL(await ask<string>(child, { kind: 'page' })), options.browsers);
    const { rounds, recording } = await measureRounds(child, options, lookers);
    const slices = rounds.flatMap(({ watched }) => watched);
    const sum = (of: (slice: Slice) => number) => slices.reduce((all, slice) => all + of(slice), 0);
    return {
      figures: figuresOf(rounds, options, lookers),
      recording,
      eventsPerSecond: (1e6 * sum(({ events }) => events)) / sum(({ cpuMicros }) => cpuMicros),
    };
  } finally {
    lookers?.stop();
    // Before its server: a worker that misses it would tell so.
    await ended(child);
  }
}

/** Rounds of watching alone: two slices of a second each, in turn. */
const mostAloneRounds = 12;

async function measureAlone(
  { recording, eventsPerSecond }: Measured,
  { rounds, roundMillis, browsers }: MonitorBenchOptions,
): Promise<Pick<MonitorBenchFigures, 'alonePercent' | 'aloneIntervalPercent'>> {
  const child = startBenchChild(new URL('./replay.ts', import.meta.url));
  const askReplay = <Answer>(question: ReplayQuestion) => askBenchChild<Answer>(child, question);
  let lookers: Lookers | undefined;
  try {
    await askReplay({ kind: 'recording', recording, eventsPerSecond });
    lookers = look(new URL(await askReplay<string>({ kind: 'page' })), browsers);
    const millis = 2 * roundMillis;
    const percents: number[] = [];
    for (let round = -1; round < Math.min(rounds, mostAloneRounds); round += 1) {
      const watchedSlice = askReplay<number>({ kind: 'slice', isWatched: true, isLooked: true, millis });
      await lookers.scrape(millis / 2);
      const watched = await watchedSlice;
      const bare = await askReplay<number>({ kind: 'slice', isWatched: false, isLooked: false, millis });
      if (round >= 0) percents.push(rounded((watched - bare) / (10 * millis), 2));
    }
    return { alonePercent: medianOf(percents), aloneIntervalPercent: medianInterval(percents) ?? null };
  } finally {
    lookers?.stop();
    await ended(child);
  }
}

function ask<Answer>(child: ChildProcess, question: MonitorQuestion): Promise<Answer> {
  return askBenchChild<Answer>(child, question);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.disconnect();
  await exit;
}

interface Round {
  readonly bare: readonly [Slice, Slice];
  readonly watched: readonly [Slice, Slice];
}

interface Rounds {
  readonly rounds: readonly Round[];
  readonly recording: Recording;
}

/**
 * A round is four slices, A B B A, and the next one B A A B: what changes steadily meanwhile cancels out. The one that was
 * watched last leaves nothing to the next but what the garbage collector has not yet done.
 */
async function measureRounds(child: ChildProcess, options: MonitorBenchOptions, lookers: Lookers): Promise<Rounds> {
  const { rounds, roundMillis: millis, recordBytes } = options;
  const slice = async (isWatched: boolean, isLooked: boolean): Promise<Slice> => {
    const told = ask<Slice>(child, { kind: 'slice', isWatched, isLooked, millis });
    if (isLooked) await lookers.scrape(millis / 4);
    const { bytes, records, ...rest } = await told;
    if (bytes !== records * recordBytes) throw new Error('the receiver has read other records');
    return { bytes, records, ...rest };
  };
  const done: Round[] = [];
  let recording: Recording = { opening: [], flow: [] };
  let voids = 0;
  const endMillis = systemClock.monotonicMillis() + Math.max(mostMillis, 4 * (rounds + 1) * millis);
  for (let number = 0; done.length < rounds; number += 1) {
    if (done.length > 0 && systemClock.monotonicMillis() >= endMillis) break;
    const isFirst = number % 2 === 1;
    const one = await slice(isFirst, isFirst);
    const two = await slice(!isFirst, !isFirst);
    const three = await slice(!isFirst, false);
    const four = await slice(isFirst, false);
    if (number === 0) {
      recording = await ask<Recording>(child, { kind: 'recording' });
      continue;
    }
    // A receiver that lost its leases to a machine that stood still has nothing to compare; the round is measured again.
    if ([one, two, three, four].some(({ records }) => records === 0)) {
      voids += 1;
      if (voids > Math.max(rounds, 10))
        throw new Error('the receiver has read nothing in more than half of the rounds');
      continue;
    }
    done.push(isFirst ? { watched: [one, four], bare: [two, three] } : { bare: [one, four], watched: [two, three] });
  }
  if (!done.some(({ bare, watched }) => [...bare, ...watched].some(({ isHandled }) => isHandled))) {
    throw new Error('the handler has got no record');
  }
  return { rounds: done, recording };
}

/** Bytes a microsecond of CPU time, which is MB a second. */
function speedOf([one, other]: readonly [Slice, Slice]): number {
  return (one.bytes + other.bytes) / (one.cpuMicros + other.cpuMicros);
}

function figuresOf(rounds: readonly Round[], options: MonitorBenchOptions, lookers: Lookers): Measured['figures'] {
  const overheads = rounds
    .map(({ bare, watched }) => rounded(100 * (1 - speedOf(watched) / speedOf(bare)), 2))
    .toSorted((a, b) => a - b);
  const at = (part: number) => overheads[Math.min(overheads.length - 1, Math.floor(overheads.length * part))] ?? 0;
  const intervalPercent = medianInterval(overheads) ?? null;
  return {
    ...options,
    rounds: rounds.length,
    overheadPercent: medianOf(overheads),
    intervalPercent,
    verdict: verdictOf(intervalPercent),
    budgetPercent,
    quartilesPercent: [at(0.25), at(0.75)],
    spreadPercent: [at(0), at(1)],
    bareMbPerCpuSecond: rounded(medianOf(rounds.map(({ bare }) => speedOf(bare))), 1),
    watchedMbPerCpuSecond: rounded(medianOf(rounds.map(({ watched }) => speedOf(watched))), 1),
    eventsOfSlice: medianOf(rounds.flatMap(({ watched }) => watched.map(({ events }) => events))),
    followedBytes: lookers.followedBytes,
    scrapes: lookers.scrapes,
  };
}

/** What an interval of the overhead says of the budget. */
export function verdictOf(interval: readonly [number, number] | null): MonitorBenchFigures['verdict'] {
  if (interval === null) return 'unknown';
  const [least, most] = interval;
  if (most < budgetPercent) return 'within';
  return least >= budgetPercent ? 'over' : 'unknown';
}

/** Those who look at the page; what they do costs this process, and not the one that is measured. */
interface Lookers {
  readonly followedBytes: number;
  readonly scrapes: number;
  /** Reads `/metrics` once, after a time. */
  scrape(delayMillis: number): Promise<void>;
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
  return {
    get followedBytes() {
      return told.followedBytes;
    },
    get scrapes() {
      return told.scrapes;
    },
    async scrape(delayMillis) {
      await sleep(systemClock, delayMillis);
      const answer = await fetch(new URL('/metrics', url));
      if ((await answer.text()).includes('millrace_')) told.scrapes += 1;
    },
    stop() {
      for (const stream of streams) stream.destroy();
    },
  };
}
