import { assemble, settingsOfProgram } from '../../lib/app/assembly.ts';
import { BlockLanes } from '../../lib/app/block-lanes.ts';
import type { ConsumerOptions } from '../../lib/app/config/consumer-options.ts';
import { finishByHandler } from '../../lib/app/finish-blocks.ts';
import { runTogether } from '../../lib/app/run-together.ts';
import { startUi } from '../../lib/app/ui.ts';
import { linkedController } from '../../lib/base/abort.ts';
import { sleep, systemClock } from '../../lib/base/clock.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { benchCredentials, benchRegion, looked } from '../read/variant.ts';
import type { ReceiverTarget } from '../receiver/worker.ts';
import type { Recording } from './replay.ts';
import { Watching } from './watching.ts';

// The worker of `npm run bench -- monitor`: one receiver that is watched or not, slice by slice. Its argument is a
// `ReceiverTarget` as JSON; it answers `MonitorQuestion`s and ends with its parent.

/**
 * What the parent asks: to wait until so many shards were read, where the page is, what was published by now, to work for a
 * slice of time, in which alerts are looked for or not.
 */
export type MonitorQuestion =
  | { readonly kind: 'ready'; readonly shards: number }
  | { readonly kind: 'page' }
  | { readonly kind: 'recording' }
  | { readonly kind: 'slice'; readonly isWatched: boolean; readonly isLooked: boolean; readonly millis: number };

/** What a slice took. */
export interface Slice {
  readonly cpuMicros: number;
  readonly records: number;
  readonly bytes: number;
  /** Whether the handler got records meanwhile. */
  readonly isHandled: boolean;
  /** Events that were taken in for the snapshot. */
  readonly events: number;
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
const watching = new Watching(bus, settings);
const page = startUi(watching, { port: 0 });

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

async function answer(question: MonitorQuestion): Promise<Slice | Recording | string | number> {
  switch (question.kind) {
    case 'ready':
      while (seen.size < question.shards) await sleep(systemClock, 100);
      isReady = true;
      return seen.size;
    case 'recording':
      stopRecording();
      return { opening, flow };
    case 'page':
      return (await page).url;
    case 'slice':
      return sliceOf(question);
  }
}

async function sliceOf({ isWatched, isLooked, millis }: Extract<MonitorQuestion, { kind: 'slice' }>): Promise<Slice> {
  watching.set(isWatched);
  const { records, bytes } = read;
  const { events } = watching;
  const looksBefore = looks;
  const before = process.cpuUsage();
  await sleep(systemClock, millis / 2);
  if (isLooked) watching.checkAlerts();
  await sleep(systemClock, millis / 2);
  const { user, system } = process.cpuUsage(before);
  return {
    cpuMicros: user + system,
    isHandled: looks > looksBefore,
    records: read.records - records,
    bytes: read.bytes - bytes,
    events: watching.events - events,
  };
}
