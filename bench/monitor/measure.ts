import type { ChildProcess } from 'node:child_process';
import { systemClock } from '../../lib/base/clock.ts';
import { askBenchChild, endBenchChild, startBenchChild } from '../child.ts';
import { clientEnv } from '../read/measure.ts';
import { type PageShape, arrivalMillis, preparePage } from '../read/page.ts';
import { startBenchServer } from '../server.ts';
import { type AloneFigures, type Observed, measureAlone } from './alone.ts';
import type { MonitorQuestion, Slice } from './client.ts';
import { type Round, type RoundFigures, figuresOf } from './figures.ts';
import { type Lookers, look, scrapeMillis } from './lookers.ts';
import type { Recording } from './replay.ts';
import type { WatchingOptions } from './watching.ts';

/**
 * What is measured, and how long. Several watch the one receiver, each with a fold, alerts, metrics and a page of its own, and
 * what they take together is divided by their number: the collector's work differs from slice to slice by many times what one
 * of them takes.
 */
export interface MonitorBenchOptions extends PageShape, WatchingOptions {
  /** Shards of the stream, all behind without end. */
  readonly shards: number;
  /** Rounds that count, each of four slices; one before them warms up. A busy machine may leave time for fewer. */
  readonly rounds: number;
  /** How long a slice is. */
  readonly roundMillis: number;
  readonly codec: 'json' | 'cbor';
  /** Browsers that follow the page of each watcher, in the process of the bench. */
  readonly browsers: number;
}

/** What was measured. */
export interface MonitorBenchFigures extends MonitorBenchOptions, RoundFigures, AloneFigures {
  /** How often `/metrics` of each watcher is scraped. */
  readonly scrapeMillis: number;
  /** Bytes of changes that the browsers were sent, and scrapes of /metrics, over the rounds. */
  readonly followedBytes: number;
  readonly scrapes: number;
}

/** 40 shards of 1 KB records, twenty watchers with a browser each; less than four minutes. */
export const defaultMonitorBench: MonitorBenchOptions = {
  shards: 40,
  records: 1_000,
  recordBytes: 1_024,
  rounds: 20,
  roundMillis: 2_000,
  codec: 'json',
  watchers: 20,
  burnMicros: 0,
  browsers: 1,
};

/** On a machine that is busy with other things rounds take longer: none begins after so long. */
const mostMillis = 110_000;

const streamName = 'bench';

/**
 * Measures one receiver, in a process of its own, that is watched and not watched in turn: what a machine or a process does by
 * itself falls on both. While it is watched its events are folded into snapshots and browsers are told what changes, every
 * second; alerts are looked for and `/metrics` is scraped every five seconds.
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
  const { watchers, burnMicros } = options;
  const child = startBenchChild(new URL('./client.ts', import.meta.url), {
    args: [JSON.stringify(target), JSON.stringify({ watchers, burnMicros })],
    env: { ...server.env, ...clientEnv },
  });
  const { observed, ...figures } = await measureReading(child, options);
  const alone = await measureAlone(observed, options);
  return { ...figures, ...alone };
}

type Measured = Omit<MonitorBenchFigures, keyof AloneFigures> & { readonly observed: Observed };

async function measureReading(child: ChildProcess, options: MonitorBenchOptions): Promise<Measured> {
  let lookers: Lookers | undefined;
  try {
    await ask(child, { kind: 'ready', shards: options.shards });
    lookers = await look(await ask<readonly string[]>(child, { kind: 'pages' }), options.browsers);
    const { rounds, recording } = await measureRounds(child, options, lookers);
    const { followedBytes, scrapes } = lookers;
    return {
      ...options,
      rounds: rounds.length,
      ...figuresOf(rounds, options.watchers),
      scrapeMillis,
      followedBytes,
      scrapes,
      observed: observedOf(rounds, recording, options.roundMillis),
    };
  } finally {
    lookers?.stop();
    // Before its server: a worker that misses it would tell so.
    await endBenchChild(child);
  }
}

function observedOf(rounds: readonly Round[], recording: Recording, roundMillis: number): Observed {
  const perSecond = (slices: readonly Slice[], of: (slice: Slice) => number) =>
    (1_000 * slices.reduce((all, slice) => all + of(slice), 0)) / (slices.length * roundMillis);
  const watched = rounds.flatMap((round) => round.watched);
  const bare = rounds.flatMap((round) => round.bare);
  return {
    recording,
    eventsPerSecond: perSecond(watched, ({ events }) => events),
    cpuMicrosPerSecond: perSecond(bare, ({ cpuMicros }) => cpuMicros),
  };
}

function ask<Answer>(child: ChildProcess, question: MonitorQuestion): Promise<Answer> {
  return askBenchChild<Answer>(child, question);
}

interface Rounds {
  readonly rounds: readonly Round[];
  readonly recording: Recording;
}

/**
 * A round is four slices, A B B A, and the next one B A A B: what changes steadily meanwhile cancels out. A slice is so long
 * that the collector works several times in it, and that what it leaves to the next one is little.
 */
async function measureRounds(child: ChildProcess, options: MonitorBenchOptions, lookers: Lookers): Promise<Rounds> {
  const { rounds, roundMillis: millis, recordBytes } = options;
  const slice = async (isWatched: boolean): Promise<Slice> => {
    const told = ask<Slice>(child, { kind: 'slice', isWatched, millis });
    if (isWatched) await lookers.pass(millis);
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
    const one = await slice(isFirst);
    const two = await slice(!isFirst);
    const three = await slice(!isFirst);
    const four = await slice(isFirst);
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
