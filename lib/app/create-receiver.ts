import { linkedController } from '../base/abort.ts';
import { systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { BatchEngine } from '../block/batch-engine.ts';
import type { DemandLimit } from '../block/block-source.ts';
import type { EventListener } from '../event/bus.ts';
import type { StreamingListener } from '../monitor/listener.ts';
import type { Snapshot } from '../monitor/snapshot/snapshot.ts';
import { EngineFeed, checkedDemand } from '../receiver/feed/engine-feed.ts';
import { startOfEngine } from '../receiver/feed/engine-positions.ts';
import { type Assembly, settingsOfProgram } from './assembly.ts';
import { longestTimerMillis } from './config/option-kinds.ts';
import { withRoomFor } from './block-work.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import { checkPolicy } from './failure-check.ts';
import { ReadingRun } from './reading-run.ts';
import type { RunOptions } from './run-options.ts';
import { runTogether } from './run-together.ts';
import { stallWatchOf } from './stall-watch-of.ts';

/** How an engine is fed. */
export interface FeedOptions extends RunOptions {
  /** How often a batch is cut, milliseconds: a whole number of at least 1. Batch times are its multiples. */
  readonly batchIntervalMillis: number;
  /** How much may be read before the engine asks for more or less; default: no limit. */
  readonly demand?: DemandLimit;
}

/** A worker that reads its share of a stream for an engine that is not Millrace's. It runs once. */
export interface EngineReceiver extends AsyncDisposable {
  /**
   * Gives the engine a batch of the blocks of all this worker's shards every `batchIntervalMillis`, one batch at a time;
   * an interval without blocks gives none. A batch is acked, and checkpointed at leisure, when `onBatch` resolves; when it
   * rejects, `onFailure` decides; while it has not settled for `stalledAfterMillis` the shards that wait for it count as
   * stalled (`onStall`). Resolves when a bounded run (`until`) is done or a drain has finished.
   * @throws MillraceError what ended the run: `MR_HANDLER_FAILED`, `MR_POSITION_HOLE`, `MR_DRAIN_TIMEOUT`, ...;
   * `MR_CONFIG_INVALID` for an engine without `onBatch`, an interval that is no whole number, and a second run
   */
  feed(engine: BatchEngine, options: FeedOptions): Promise<void>;
  /** Ends the run: gives the engine what was read, checkpoints, releases the leases. At most `shutdownGraceMillis`. */
  drain(): Promise<void>;
  /** Ends the run at once; what the engine has not finished is left to the next owner. */
  stop(): Promise<void>;
  /** Has a listener hear what the receiver does, in the shape of Spark's StreamingListener; the returned function ends it. */
  addStreamingListener(listener: StreamingListener): () => void;
  /** What is known of the receiver now, as plain data: health and metrics are made of it. */
  snapshot(): Snapshot;
  /** Every event of this receiver. */
  readonly events: { subscribe(listener: EventListener): () => void };
}

/**
 * Makes the receiver of a batch engine of your own: leases, failover, resharding and checkpoints as `createConsumer` has
 * them. Nothing is sent before it is fed from.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming every option at fault
 */
export function createReceiver(options: ConsumerOptions): EngineReceiver {
  return new FeedingReceiver(settingsOfProgram(options));
}

/** How many batch intervals' blocks may wait or be with the engine before reading stops. */
const batchesInMemory = 3;

class FeedingReceiver extends ReadingRun implements EngineReceiver {
  async feed(engine: BatchEngine, options: FeedOptions): Promise<void> {
    checkEngine(engine);
    checkInterval(options.batchIntervalMillis);
    checkPolicy(this.settings.onFailure);
    const demand = checkedDemand(options.demand ?? {});
    const assembly = this.#begin(engine, options.batchIntervalMillis);
    const { receiver, clock, random, events, settings, serviceTimeMillis, retentionMillis } = assembly;
    using life = linkedController(options.signal);
    const unlisten = this.listen(options, life);
    const feed = new EngineFeed({
      source: receiver,
      engine,
      batchIntervalMillis: options.batchIntervalMillis,
      policy: settings.onFailure,
      clock,
      random,
      events,
      serviceTimeMillis,
      retentionMillis,
      stallWatch: stallWatchOf(assembly),
    });
    // The last blocks of a shard that moves or ends are waited for by somebody else than this engine.
    const unsubscribe = events.subscribe((event) => {
      if (event.type === 'shard.changed' && event.to === 'draining') feed.hurry();
    });
    receiver.demand(demand);
    try {
      await this.serve();
      await runTogether(receiver, life, feed.run(life.signal));
    } finally {
      unsubscribe();
      unlisten();
      await this.end();
    }
  }

  #begin(engine: BatchEngine, batchIntervalMillis: number): Assembly {
    // A batch holds the blocks of a whole interval, and the next one's arrive meanwhile: reading must not stop for either.
    const settings = withRoomFor(this.settings, batchesInMemory * batchIntervalMillis);
    const { stalledAfterMillis } = settings;
    return this.begin(settings, 'a receiver is fed from once; make another one with createReceiver', {
      startAt: startOfEngine(engine, { clock: systemClock, stalledAfterMillis }),
    });
  }
}

function checkEngine(engine: Partial<BatchEngine> | null | undefined): void {
  if (typeof engine?.onBatch === 'function') return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `feed() needs an engine, an object with a function onBatch(batch, context); it was given ${engine === null ? 'null' : typeof engine}`,
  );
}

function checkInterval(batchIntervalMillis: number): void {
  if (Number.isInteger(batchIntervalMillis) && batchIntervalMillis >= 1 && batchIntervalMillis <= longestTimerMillis) {
    return;
  }
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `batchIntervalMillis is ${batchIntervalMillis}: give a whole number of milliseconds from 1 to ${longestTimerMillis}`,
    { subject: { option: 'batchIntervalMillis' } },
  );
}
