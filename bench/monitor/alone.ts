import { askBenchChild, endBenchChild, startBenchChild } from '../child.ts';
import { medianInterval, medianOf, rounded } from '../statistics.ts';
import { type Lookers, look } from './lookers.ts';
import type { Recording, ReplayQuestion } from './replay.ts';
import type { WatchingOptions } from './watching.ts';

/** What was seen of a receiver, to be published again. */
export interface Observed {
  readonly recording: Recording;
  readonly eventsPerSecond: number;
  /** CPU time that the receiver takes in a second while nobody watches. */
  readonly cpuMicrosPerSecond: number;
}

/** How watching alone is measured. */
export interface AloneOptions extends WatchingOptions {
  readonly browsers: number;
  readonly rounds: number;
  readonly roundMillis: number;
}

/** What watching takes by itself. */
export interface AloneFigures {
  /**
   * The CPU time that one watcher takes by itself, of the CPU time that the receiver takes meanwhile: the receiver's events,
   * published again at its pace in a process that does nothing else. So it tells nothing of what the two do to each other.
   */
  readonly alonePercent: number;
  /** Where its median lies with 95 % confidence; `null` for fewer than six rounds. */
  readonly aloneIntervalPercent: readonly [number, number] | null;
}

/** Rounds of watching alone: a watched slice and one that is not. */
const mostRounds = 8;
/** Rounds before them, in which the pages' code is compiled. */
const warmUps = 2;

/** Measures watching without a receiver. */
export async function measureAlone(observed: Observed, options: AloneOptions): Promise<AloneFigures> {
  const { recording, eventsPerSecond, cpuMicrosPerSecond } = observed;
  const { watchers, burnMicros, browsers, rounds, roundMillis: millis } = options;
  const child = startBenchChild(new URL('./replay.ts', import.meta.url), {
    args: [JSON.stringify({ watchers, burnMicros })],
  });
  const ask = <Answer>(question: ReplayQuestion) => askBenchChild<Answer>(child, question);
  let lookers: Lookers | undefined;
  try {
    await ask({ kind: 'recording', recording, eventsPerSecond });
    lookers = await look(await ask<readonly string[]>({ kind: 'pages' }), browsers);
    const percents: number[] = [];
    for (let round = -Math.min(rounds, warmUps); round < Math.min(rounds, mostRounds); round += 1) {
      const watchedSlice = ask<number>({ kind: 'slice', isWatched: true, millis });
      await lookers.pass(millis);
      const watched = await watchedSlice;
      const bare = await ask<number>({ kind: 'slice', isWatched: false, millis });
      const ofReceiver = (cpuMicrosPerSecond * millis) / 1_000;
      if (round >= 0) percents.push(rounded((100 * (watched - bare)) / watchers / ofReceiver, 2));
    }
    return { alonePercent: medianOf(percents), aloneIntervalPercent: medianInterval(percents) ?? null };
  } finally {
    lookers?.stop();
    await endBenchChild(child);
  }
}
