import { seededRandom } from '../../lib/base/random.ts';
import type { Service } from '../../lib/base/service.ts';
import type { KinesisRecord } from '../../lib/block/record.ts';
import { EngineContext, type EngineContextOptions } from '../../lib/engine/context.ts';
import { type EngineOptions, createEngine } from '../../lib/engine/engine.ts';
import type { DStream } from '../../lib/engine/stream.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { EventOf, EventType, MillraceEvent } from '../../lib/event/event.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { BlockFeed } from './feed.ts';

/** An engine under virtual time, with the feed that fills it. */
export interface Rig {
  readonly feed: BlockFeed;
  readonly clock: VirtualClock;
  readonly engine: Service;
  readonly context: EngineContext;
  readonly running: Promise<void>;
  readonly stopRun: AbortController;
  eventsOf<T extends EventType>(type: T): EventOf<T>[];
}

/** What a rig may be told. */
export interface RigOptions extends Partial<Omit<EngineOptions, 'plan' | 'source' | 'clock' | 'events'>> {
  readonly context?: Partial<EngineContextOptions>;
  readonly startWallMillis?: number;
  /** The streams that the context reads; the builder gets them in this order. */
  readonly inputs?: readonly string[];
}

/** Builds a context on the inputs with batches of one second, and starts an engine on it at the given wall time. */
export function startRig(
  build: (stream: DStream<KinesisRecord>, ...others: DStream<KinesisRecord>[]) => void,
  options: RigOptions = {},
): Rig {
  const { context: contextOptions, startWallMillis = 0, inputs = ['lines'], ...engineOptions } = options;
  const feed = new BlockFeed();
  const clock = new VirtualClock({ startWallMillis });
  const events = new EventBus();
  const seen: MillraceEvent[] = [];
  events.subscribe((event) => seen.push(event));
  const context = new EngineContext({ batchIntervalMillis: 1_000, ...contextOptions });
  const [first, ...others] = inputs.map((name) => context.addInput(name));
  build(first!, ...others);
  const random = seededRandom(1);
  const { history } = context;
  const engine = createEngine({ plan: context.seal(), source: feed, clock, events, random, history, ...engineOptions });
  const stopRun = new AbortController();
  const running = engine.run(stopRun.signal);
  running.catch(() => {});
  return {
    feed,
    clock,
    engine,
    context,
    running,
    stopRun,
    eventsOf: <T extends EventType>(type: T) => seen.filter((event): event is EventOf<T> => event.type === type),
  };
}
