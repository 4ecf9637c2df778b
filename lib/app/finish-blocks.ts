import { MillraceError } from '../base/error.ts';
import type { Block } from '../block/block.ts';
import type { KinesisRecord } from '../block/record.ts';
import { runWithPolicy } from '../receiver/handler-runner.ts';
import { standingOf } from '../receiver/stall-watch.ts';
import { ProcessorRun } from '../receiver/processor/processor-run.ts';
import {
  type CheckpointMode,
  type ShardRecordProcessor,
  type ShardRecordProcessorFactory,
  isRecordProcessor,
  isRecordProcessorFactory,
} from '../receiver/processor/record-processor.ts';
import type { Assembly } from './assembly.ts';
import type { BlockLanes } from './block-lanes.ts';
import { stallWatchOf } from './stall-watch-of.ts';

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

/** Processes and finishes one block. */
type FinishBlock = (block: Block, signal: AbortSignal) => Promise<void>;

/**
 * Refuses what cannot be run.
 * @throws MillraceError `MR_CONFIG_INVALID`
 */
export function checkHandler(handler: unknown, checkpointing: unknown): void {
  const isFunction = typeof handler === 'function';
  if (!isFunction && !isRecordProcessor(handler) && !isRecordProcessorFactory(handler)) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `run() needs a function that takes records, an object with processRecords, or one with shardRecordProcessor; it was given ${typeof handler}`,
    );
  }
  if (isFunction && isRecordProcessor((handler as { readonly prototype?: unknown }).prototype)) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `run() was given the class ${handler.name}: give a factory, { shardRecordProcessor: () => new ${handler.name}() }`,
    );
  }
  if (checkpointing !== undefined && checkpointing !== 'automatic' && checkpointing !== 'manual') {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `checkpointing is 'automatic' or 'manual'; it was given ${JSON.stringify(checkpointing)}`,
      { subject: { option: 'checkpointing' } },
    );
  }
  if (isFunction && checkpointing === 'manual') {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      'a function has no checkpointer: leave checkpointing out, or run a record processor',
      { subject: { option: 'checkpointing' } },
    );
  }
}

/** Runs a function over blocks, and acks what it has finished. */
export function finishByHandler(assembly: Assembly, handler: RecordBatchHandler, lanes: BlockLanes): FinishBlock {
  const { receiver, settings, clock, random, events, serviceTimeMillis, retentionMillis } = assembly;
  const watch = stallWatchOf(assembly, { leave: (shardId) => lanes.leave(shardId) });
  return async (block, signal) => {
    const { shardId, millisBehindLatest } = block;
    await runWithPolicy({
      work: block,
      handler: (records, inner) => handler({ records, shardId, block, millisBehindLatest, signal: inner }),
      policy: settings.onFailure,
      clock,
      random,
      events,
      serviceTimeMillis,
      retentionMillis,
      signal,
      onAttempt: (work) => watch.begin(standingOf(work)),
    });
    receiver.ack(block.range);
  };
}

/** Runs record processors over blocks. */
export function finishByProcessors(
  assembly: Assembly,
  processors: ShardRecordProcessor | ShardRecordProcessorFactory,
  mode: CheckpointMode,
  lanes: BlockLanes,
): FinishBlock {
  const { receiver, settings, clock, random, events, serviceTimeMillis, retentionMillis } = assembly;
  const watch = stallWatchOf(assembly, { leave: (shardId) => lanes.leave(shardId) });
  const run = new ProcessorRun({
    onAttempt: (work) => watch.begin(standingOf(work)),
    source: receiver,
    processors,
    mode,
    policy: settings.onFailure,
    clock,
    random,
    events,
    serviceTimeMillis,
    retentionMillis,
    afterWork: (shardId, job) => lanes.add(shardId, job),
  });
  return (block, signal) => run.finish(block, signal);
}
