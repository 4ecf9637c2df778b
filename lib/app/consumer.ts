import PQueue from 'p-queue';
import { aborted, linkedController, raceAbort } from '../base/abort.ts';
import { type Clock, pause } from '../base/clock.ts';
import { MillraceError, isMillraceError } from '../base/error.ts';
import { type Block, isWorthStarting } from '../block/block.ts';
import type { KinesisRecord } from '../block/record.ts';
import { EventBus, type EventListener } from '../event/bus.ts';
import { runWithPolicy } from '../receiver/handler-runner.ts';
import { type Assembly, assemble, settingsOfProgram } from './assembly.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { runTogether } from './run-together.ts';
import { drainWithin } from './shutdown.ts';
import { listenForSignals } from './signals.ts';

/** What a handler is given: the records of one block, or the part of them that is tried again. */
export interface RecordBatch {
  readonly records: readonly KinesisRecord[];
  readonly shardId: string;
  readonly block: Block;
  readonly millisBehindLatest: number;
  /** Aborts when the lease is lost or the run is ended at once: the work is of no more use. */
  readonly signal: AbortSignal;
}

/** Processes records. When it returns or resolves they are finished, and will be checkpointed. */
export type RecordBatchHandler = (batch: RecordBatch) => Promise<void> | void;

/** How a run is ended from outside. */
export interface RunOptions {
  /** Ends the run at once when it aborts; the run then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Signals of the process that drain the run; a second one ends it at once, which means that work deaf to its signal is
   * waited for 5 s more. Default: none is listened for.
   */
  readonly signals?: readonly NodeJS.Signals[];
}

/** A block that is handed to a loop; `ack` says that it is finished. */
export interface AckableBlock extends Block {
  ack(): Promise<void>;
}

/** A member of an application that reads its share of a stream. It runs once, by `run` or by `blocks`. */
export interface Consumer extends AsyncDisposable {
  /**
   * Calls the handler for every block of this worker's shards: one at a time and in order within a shard, shards side
   * by side. Resolves when a bounded run (`until`) is done or a drain has finished.
   * @throws MillraceError what ended the run: `MR_HANDLER_FAILED`, `MR_STREAM_NOT_FOUND`, `MR_DRAIN_TIMEOUT`, ...;
   * `MR_ABORTED` after `stop`
   */
  run(handler: RecordBatchHandler, options?: RunOptions): Promise<void>;
  /**
   * The blocks of this worker's shards. A block that is not acked is read again by the next owner. Leaving the loop
   * gives the leases back after what was acked is checkpointed.
   */
  blocks(options?: RunOptions): AsyncIterable<AckableBlock>;
  /** Ends the run: finishes what was read, checkpoints, releases the leases. At most `shutdownGraceMillis`. */
  drain(): Promise<void>;
  /** Ends the run at once; what is not finished is left to the next owner. */
  stop(): Promise<void>;
  /** Every event of this consumer. */
  readonly events: { subscribe(listener: EventListener): () => void };
}

/**
 * Makes a consumer of a Kinesis stream: the equivalent of KCL's Scheduler. Nothing is sent before it runs.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming every option at fault
 */
export function createConsumer(options: ConsumerOptions): Consumer {
  return new StandaloneConsumer(settingsOfProgram(options));
}

/** How long work that was told to end is waited for. */
const abortedWorkGraceMillis = 5_000;

/** What ends the dispatching of blocks. */
interface DispatchSignals {
  /** Aborts when the run is to end at once. */
  readonly run: AbortSignal;
  /** Aborts when the receiver has ended, with every block finished or lost. */
  readonly ended: AbortSignal;
}

/** Resolves when no lane has work any more, or a grace after the signal aborted. */
async function idleWithin(clock: Clock, lanes: ReadonlyMap<string, PQueue>, signal: AbortSignal): Promise<void> {
  const idle = new AbortController();
  void Promise.all(Array.from(lanes.values(), (lane) => lane.onIdle())).then(() => idle.abort());
  using either = linkedController(idle.signal, signal);
  await aborted(either.signal);
  await pause(clock, abortedWorkGraceMillis, idle.signal);
}

class StandaloneConsumer implements Consumer {
  readonly #settings: ConsumerSettings;
  readonly #bus = new EventBus();
  #assembly: Assembly | undefined;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
  }

  get events(): Consumer['events'] {
    return this.#bus;
  }

  async run(handler: RecordBatchHandler, options: RunOptions = {}): Promise<void> {
    if (typeof handler !== 'function') {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `run() needs a function that takes records; it was given ${typeof handler}`,
      );
    }
    const assembly = this.#begin();
    using life = linkedController(options.signal);
    const unlisten = this.#listen(options, (reason) => life.abort(reason));
    const { receiver } = assembly;
    try {
      const ended = new AbortController();
      const work = this.#dispatch(assembly, handler, { run: life.signal, ended: ended.signal });
      await runTogether(receiver, life, work, () => ended.abort());
    } finally {
      unlisten();
      await assembly[Symbol.asyncDispose]();
    }
  }

  /** Runs the handler over the blocks, with one lane per shard, and acks what is finished. */
  async #dispatch(assembly: Assembly, handler: RecordBatchHandler, signals: DispatchSignals): Promise<void> {
    const { receiver, settings, clock, random, events, serviceTimeMillis } = assembly;
    const lanes = new Map<string, PQueue>();
    using failed = linkedController(signals.run);
    const runOne = async (block: Block): Promise<void> => {
      if (!isWorthStarting(block)) return;
      try {
        await runWithPolicy({
          work: block,
          handler: (records, inner) =>
            handler({
              records,
              shardId: block.shardId,
              block,
              millisBehindLatest: block.millisBehindLatest,
              signal: inner,
            }),
          policy: settings.onFailure,
          clock,
          random,
          events,
          serviceTimeMillis,
          signal: failed.signal,
        });
        receiver.ack(block.range);
      } catch (thrown) {
        // Lost leases and ended runs are no failures of the handler; the first real failure ends the run.
        if (!block.signal.aborted && !failed.signal.aborted) failed.abort(thrown);
      }
    };
    const feed = async () => {
      for await (const block of receiver.blocks) {
        const lane = lanes.get(block.shardId) ?? new PQueue({ concurrency: 1 });
        lanes.set(block.shardId, lane);
        void lane.add(() => runOne(block));
      }
      // The receiver ends when every block is finished or lost. Work on lost ones may be deaf to its signal.
      await idleWithin(clock, lanes, signals.ended);
    };
    try {
      await raceAbort(feed(), failed.signal);
      failed.signal.throwIfAborted();
    } catch (thrown) {
      // Work that was begun is waited for, so that nothing of the user's runs on unseen behind a settled run; but not
      // for long, and not at all when waiting for it is what took too long.
      if (!isMillraceError(thrown, 'MR_DRAIN_TIMEOUT')) await idleWithin(clock, lanes, AbortSignal.abort());
      throw thrown;
    }
  }

  async *blocks(options: RunOptions = {}): AsyncGenerator<AckableBlock, void, undefined> {
    const assembly = this.#begin();
    using life = linkedController(options.signal);
    const unlisten = this.#listen(options, (reason) => life.abort(reason));
    const { receiver, clock, settings } = assembly;
    const run = receiver.run(life.signal);
    run.catch(() => {});
    let exhausted = false;
    try {
      for await (const block of receiver.blocks) {
        yield { ...block, ack: async () => receiver.ack(block.range) };
      }
      exhausted = true;
    } finally {
      unlisten();
      try {
        // Acks may still come from work that the loop has begun; a loop that was left early gets no time.
        if (exhausted) await drainWithin(settings.shutdownGraceMillis, clock, (deadline) => receiver.drain(deadline));
        else await receiver.stop(new MillraceError('MR_ABORTED', 'the loop over the blocks was left')).catch(() => {});
      } finally {
        await assembly[Symbol.asyncDispose]();
      }
    }
  }

  async drain(): Promise<void> {
    const assembly = this.#assembly;
    if (assembly === undefined) return;
    const { clock, receiver, settings } = assembly;
    await drainWithin(settings.shutdownGraceMillis, clock, (deadline) => receiver.drain(deadline));
  }

  async stop(): Promise<void> {
    await this.#assembly?.receiver.stop().catch(() => {});
  }

  /** Drains. A fault of the run is not told again: whoever runs the consumer has it from `run` or from the loop. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain().catch(() => {});
  }

  #begin(): Assembly {
    if (this.#assembly !== undefined) {
      throw new MillraceError('MR_CONFIG_INVALID', 'a consumer runs once; make another one with createConsumer');
    }
    this.#assembly = assemble(this.#settings, this.#bus);
    return this.#assembly;
  }

  #listen(options: RunOptions, abort: (reason: unknown) => void): () => void {
    return listenForSignals(options.signals ?? [], {
      onFirst: () => void this.drain().catch(() => {}),
      onSecond: (signal) => abort(new MillraceError('MR_ABORTED', `a second ${signal} ended the run at once`)),
    });
  }
}
