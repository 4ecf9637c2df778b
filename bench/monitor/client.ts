import { assemble, settingsOfProgram } from '../../lib/app/assembly.ts';
import { BlockLanes } from '../../lib/app/block-lanes.ts';
import type { ConsumerOptions } from '../../lib/app/config/consumer-options.ts';
import { finishByHandler } from '../../lib/app/finish-blocks.ts';
import { runTogether } from '../../lib/app/run-together.ts';
import { linkedController } from '../../lib/base/abort.ts';
import { sleep, systemClock } from '../../lib/base/clock.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { benchCredentials, benchRegion, looked } from '../read/variant.ts';
import type { ReceiverTarget } from '../receiver/worker.ts';
import type { Recording } from './replay.ts';
import { mainThreadMicros } from './thread-cpu.ts';
import { type Heard, Watching, type WatchingOptions, heardBetween } from './watching.ts';

// The worker of `npm run bench -- monitor`: one receiver that is watched or not, slice by slice. Its arguments are a
// `ReceiverTarget` and `WatchingOptions` as JSON; it answers `MonitorQuestion`s and ends with its parent.

/**
 * What the parent asks: to wait until so many shards were read, where the pages are, what was published by now, to work for a
 * slice of time.
 */
export type MonitorQuestion =
  | { readonly kind: 'ready'; readonly shards: number }
  | { readonly kind: 'pages' }
  | { readonly kind: 'recording' }
  | { readonly kind: 'slice'; readonly isWatched: boolean; readonly millis: number };

/** What a slice took. */
export interface Slice extends Heard {
  /** Of all threads of the process. */
  readonly cpuMicros: number;
  /** Of the main thread alone, where that is known. */
  readonly mainMicros?: number;
  readonly records: number;
  readonly bytes: number;
  /** Whether the handler got records meanwhile. */
  readonly isHandled: boolean;
}

const target = JSON.parse(process.argv[2] ?? '{}') as ReceiverTarget;
const options: ConsumerOptions = {
  applicationName: `bench-${process.pid}`,
  region: benchRegion,
  credentials: benchCredentials,
  ...target,
};
const seen = new Set<string>();
let looks = 0;
let isReady = false;
/** Records are counted as they are read, page by page: blocks are so large that a slice would have a few more or less. */
const read = { records: 0, bytes: 0 };
const settings = settingsOfProgram(options);
const bus = new EventBus();
const opening: MillraceEvent[] = [];
const flow: MillraceEvent[] = [];
/** So many events are enough for a replay. */
const mostEvents = 5_000;
const stopRecording = bus.subscribe((event) => {
  const part = isReady ? flow : opening;
  if (part.length < mostEvents) part.push(event);
});
bus.subscribe((event) => {
  if (event.type !== 'shard.read') return;
  read.records += event.records;
  read.bytes += event.bytes;
});
const watching = new Watching(bus, settings, JSON.parse(process.argv[3] ?? '{}') as WatchingOptions);

process.on('message', (question: MonitorQuestion) => {
  void answer(question).then((told) => process.send?.(told));
});
process.on('disconnect', () => process.exit());
void run();

/** What `consumer.run` does, without what watches it. */
async function run(): Promise<void> {
  const assembly = assemble(settings, bus);
  using life = linkedController();
  const ended = new AbortController();
  const lanes = new BlockLanes(assembly.clock);
  const work = lanes.dispatch({
    blocks: assembly.receiver.blocks,
    finish: finishByHandler(assembly, lookAt, lanes),
    signals: { run: life.signal, ended: ended.signal },
  });
  await runTogether(assembly.receiver, life, work, () => ended.abort());
}

function lookAt({ records, shardId }: { readonly records: readonly { readonly data: Uint8Array }[]; shardId: string }) {
  seen.add(shardId);
  for (const { data } of records) looks += looked(data);
}

async function answer(question: MonitorQuestion): Promise<Slice | Recording | readonly string[] | number> {
  switch (question.kind) {
    case 'ready':
      while (seen.size < question.shards) await sleep(systemClock, 100);
      isReady = true;
      return seen.size;
    case 'recording':
      stopRecording();
      return { opening, flow };
    case 'pages':
      return watching.pages();
    case 'slice':
      return sliceOf(question);
  }
}

async function sliceOf({ isWatched, millis }: Extract<MonitorQuestion, { kind: 'slice' }>): Promise<Slice> {
  watching.set(isWatched);
  const { records, bytes } = read;
  const { heard } = watching;
  const looksBefore = looks;
  const mainBefore = mainThreadMicros();
  const before = process.cpuUsage();
  await watching.pass(millis);
  const { user, system } = process.cpuUsage(before);
  const mainAfter = mainThreadMicros();
  return {
    cpuMicros: user + system,
    ...(mainBefore === undefined || mainAfter === undefined ? {} : { mainMicros: mainAfter - mainBefore }),
    isHandled: looks > looksBefore,
    records: read.records - records,
    bytes: read.bytes - bytes,
    ...heardBetween(heard, watching.heard),
  };
}
