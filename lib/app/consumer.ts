import { linkedController, stayingController } from '../base/abort.ts';
import { MillraceError } from '../base/error.ts';
import type { EventListener } from '../event/bus.ts';
import type {
  CheckpointMode,
  ShardRecordProcessor,
  ShardRecordProcessorFactory,
} from '../receiver/processor/record-processor.ts';
import type { StreamingListener } from '../monitor/listener.ts';
import type { Snapshot } from '../monitor/snapshot/snapshot.ts';
import { type Assembly, settingsOfProgram } from './assembly.ts';
import { BlockLanes, type DispatchSignals } from './block-lanes.ts';
import { type BlockWork, isBlockWork, withRoomFor, workOnBlocks } from './block-work.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import { type RecordBatchHandler, checkHandler, finishByHandler, finishByProcessors } from './finish-blocks.ts';
import { type AckableBlock, PullLoop } from './pull-loop.ts';
import { checkPolicy, checkPulled } from './failure-check.ts';
import { ReadingRun } from './reading-run.ts';
import type { RunOptions } from './run-options.ts';
import { runTogether } from './run-together.ts';
import { stallWatchOf } from './stall-watch-of.ts';

export type { RunOptions } from './run-options.ts';

/** How a run of record processors goes. */
export interface ProcessorRunOptions extends RunOptions {
  /**
   * `'automatic'` (default): when `processRecords` resolves, its records are finished, as with a function. `'manual'`: only
   * what the processor's checkpointer is told is finished, as in KCL; a stop repeats the rest, and `shardEnded` must
   * checkpoint.
   */
  readonly checkpointing?: CheckpointMode;
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
   * The same with KCL's record processors: one object for all shards, or a factory that makes one for each shard and tenure.
   * Processors have a life (`initialize` ... `shardEnded`) and may say themselves what is finished.
   */
  run(processors: ShardRecordProcessor | ShardRecordProcessorFactory, options?: ProcessorRunOptions): Promise<void>;
  /** The same with an existing Kinesis handler of AWS Lambda: see `fromLambda`. */
  run(lambda: BlockWork, options?: RunOptions): Promise<void>;
  /**
   * The blocks of this worker's shards. A block that is not acked is read again by the next owner. Leaving the loop drains:
   * nothing more is read, blocks of earlier rounds may still be acked, what is acked is checkpointed and the leases go back.
   * The block of the round that was left (by `break` or by a throw) is not waited for. A block that is not acked for
   * `stalledAfterMillis`, and a round that does not end for so long, count as stalled (`onStall`).
   * @throws MillraceError `MR_CONFIG_INVALID` where `onFailure` is set: nothing here hears of a failure
   */
  blocks(options?: RunOptions): AsyncIterable<AckableBlock>;
  /** Ends the run: finishes what was read, checkpoints, releases the leases. At most `shutdownGraceMillis`. */
  drain(): Promise<void>;
  /** Ends the run at once; what is not finished is left to the next owner. */
  stop(): Promise<void>;
  /** Has a listener hear what the consumer does, in the shape of Spark's StreamingListener; the returned function ends it. */
  addStreamingListener(listener: StreamingListener): () => void;
  /** What is known of the consumer now, as plain data: health and metrics are made of it. */
  snapshot(): Snapshot;
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

/** Runs a function or record processors over the blocks, with one lane per shard. */
function dispatchTo(
  handler: RecordBatchHandler | ShardRecordProcessor | ShardRecordProcessorFactory,
  assembly: Assembly,
  signals: DispatchSignals,
  checkpointing: CheckpointMode = 'automatic',
): Promise<void> {
  const lanes = new BlockLanes(assembly.clock);
  const finish =
    typeof handler === 'function'
      ? finishByHandler(assembly, handler, lanes)
      : finishByProcessors(assembly, handler, checkpointing, lanes);
  return lanes.dispatch({ blocks: assembly.receiver.blocks, finish, signals });
}

class StandaloneConsumer extends ReadingRun implements Consumer {
  async run(
    handler: RecordBatchHandler | ShardRecordProcessor | ShardRecordProcessorFactory | BlockWork,
    options: ProcessorRunOptions = {},
  ): Promise<void> {
    if (isBlockWork(handler)) {
      checkCheckpointing('a Lambda handler', options);
      handler.check(this.settings);
    } else {
      checkHandler(handler, options.checkpointing);
      checkPolicy(this.settings.onFailure);
    }
    const assembly = this.#begin(isBlockWork(handler) ? handler.longestHoldMillis : 0);
    using life = linkedController(options.signal);
    const unlisten = this.listen(options, life);
    const { receiver } = assembly;
    try {
      await this.serve();
      const ended = stayingController();
      const signals = { run: life.signal, ended: ended.signal };
      const work = isBlockWork(handler)
        ? handler[workOnBlocks](assembly, signals)
        : dispatchTo(handler, assembly, signals, options.checkpointing);
      await runTogether(receiver, life, work, () => ended.abort());
    } finally {
      unlisten();
      await this.end();
    }
  }

  blocks(options: RunOptions = {}): AsyncGenerator<AckableBlock, void, undefined> {
    checkPulled(this.settings);
    checkCheckpointing('a loop over blocks', options);
    return this.#pull(options);
  }

  async *#pull(options: RunOptions): AsyncGenerator<AckableBlock, void, undefined> {
    const assembly = this.#begin();
    using life = linkedController(options.signal);
    const unlisten = this.listen(options, life);
    const { receiver } = assembly;
    try {
      await this.serve();
      receiver.run(life.signal).catch(() => {});
      yield* new PullLoop({
        source: receiver,
        drainWithin: (drain) => this.drainWithin(drain),
        stallWatch: stallWatchOf(assembly),
      }).blocks();
    } finally {
      unlisten();
      await this.end();
    }
  }

  #begin(holdMillis = 0): Assembly {
    return this.begin(
      withRoomFor(this.settings, holdMillis),
      'a consumer runs once; make another one with createConsumer',
    );
  }
}

/** Only record processors say themselves what is finished. */
function checkCheckpointing(what: string, options: ProcessorRunOptions): void {
  if (options.checkpointing === undefined) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `checkpointing has no effect on ${what}: leave it out, or run a record processor`,
    { subject: { option: 'checkpointing' } },
  );
}
