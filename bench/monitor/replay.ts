import { settingsOfProgram } from '../../lib/app/assembly.ts';
import { sleep, systemClock } from '../../lib/base/clock.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { Watching, type WatchingOptions } from './watching.ts';

// The second worker of `npm run bench -- monitor`: it reads nothing, but publishes what the first one has published, at its
// pace. So the CPU time that it takes is that of watching alone. Its argument is `WatchingOptions` as JSON; it is told a `Recording`,
// answers `ReplayQuestion`s and ends with its parent.

/** What a receiver has published. */
export interface Recording {
  /** Until all its shards were read. */
  readonly opening: readonly MillraceEvent[];
  /** After that. */
  readonly flow: readonly MillraceEvent[];
}

/** What the parent asks: to take a recording, where the pages are, to publish for a slice of time. */
export type ReplayQuestion =
  | { readonly kind: 'recording'; readonly recording: Recording; readonly eventsPerSecond: number }
  | { readonly kind: 'pages' }
  | { readonly kind: 'slice'; readonly isWatched: boolean; readonly millis: number };

const paceMillis = 10;
/** So often is everything published at first, so that the code is compiled by then as it is in a worker that runs for hours. */
const warmUps = 100;

const bus = new EventBus();
const settings = settingsOfProgram({ applicationName: 'bench', streamName: 'bench', region: 'us-east-1' });
const watching = new Watching(bus, settings, JSON.parse(process.argv[2] ?? '{}') as WatchingOptions);
let flow: readonly MillraceEvent[] = [];
let eventsPerSecond = 0;
let next = 0;

process.on('message', (question: ReplayQuestion) => {
  void answer(question).then((told) => process.send?.(told));
});
process.on('disconnect', () => process.exit());

async function answer(question: ReplayQuestion): Promise<readonly string[] | number> {
  switch (question.kind) {
    case 'recording':
      ({ eventsPerSecond } = question);
      ({ flow } = question.recording);
      for (const event of question.recording.opening) bus.publish(event);
      for (let count = 0; count < warmUps; count += 1) {
        for (const event of flow) bus.publish(event);
        watching.look();
      }
      return flow.length;
    case 'pages':
      return watching.pages();
    case 'slice':
      return sliceOf(question);
  }
}

/** CPU microseconds of the slice. */
async function sliceOf({ isWatched, millis }: Extract<ReplayQuestion, { kind: 'slice' }>): Promise<number> {
  watching.set(isWatched);
  const before = process.cpuUsage();
  await Promise.all([watching.pass(millis), publish(millis)]);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function publish(millis: number): Promise<void> {
  const begunMillis = systemClock.monotonicMillis();
  const elapsed = () => systemClock.monotonicMillis() - begunMillis;
  let published = 0;
  while (elapsed() < millis) {
    await sleep(systemClock, paceMillis);
    const due = Math.floor((Math.min(elapsed(), millis) * eventsPerSecond) / 1_000);
    for (; published < due; published += 1) {
      const event = flow[next % flow.length];
      next += 1;
      if (event !== undefined) bus.publish(event);
    }
  }
}
