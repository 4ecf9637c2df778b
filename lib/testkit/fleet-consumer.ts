import PQueue from 'p-queue';
import { linkedController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { isMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { Block } from '../block/block.ts';
import type { KinesisRecord } from '../block/record.ts';
import type { EventSink } from '../event/bus.ts';
import type { FailurePolicy } from '../receiver/failure-policy.ts';
import { runWithPolicy } from '../receiver/handler-runner.ts';
import type { Receiver } from '../receiver/receiver.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What a handler under test is given. */
export interface FleetBatch {
  readonly records: readonly KinesisRecord[];
  readonly shardId: string;
  readonly block: Block;
  /** Aborts when the lease is lost or the worker ends at once. */
  readonly signal: AbortSignal;
  /** The worker's time: wait by `sleep(clock, ...)` of it, or time does not pass. */
  readonly clock: Clock;
  /** The worker's `workerIdentifier`. */
  readonly worker: string;
}

/** A handler under test; when it returns or resolves the records are finished. */
export type FleetConsumer = (batch: FleetBatch) => Promise<void> | void;

/** How blocks are finished. */
export interface FinishingOptions {
  /** Blocks of one shard that are processed at the same time: 1, which keeps the order of a shard. */
  readonly blocksAtOnce?: number;
  /** Whether every block is committed with a text, as an engine does, instead of being acked: false. */
  readonly commits?: boolean;
  /** Tried without end unless told otherwise. */
  readonly onFailure?: FailurePolicy;
}

/** What {@link consumeBlocks} needs. */
export interface ConsumeOptions extends FinishingOptions {
  readonly receiver: Receiver;
  readonly consumer: FleetConsumer;
  readonly process: WorkerProcess;
  readonly worker: string;
  readonly random: Random;
  readonly events: EventSink;
  readonly serviceTimeMillis: () => number;
  readonly onBlock: (block: Block) => void;
  readonly onAck: (block: Block) => void;
  readonly onCommitted: (block: Block, outcome: 'committed' | 'lost') => void;
  /** The first failure that ends the worker. */
  readonly onFailed: (thrown: unknown) => void;
}

const retryForEver: FailurePolicy = {
  maximumRetryAttempts: -1,
  maximumRecordAgeInSeconds: -1,
  bisectBatchOnFunctionError: false,
  // oxlint-disable-next-line unicorn/no-thenable -- the name is Lambda's
  then: 'STOP',
};

/**
 * Runs the handler over the blocks of a receiver, as the consumer of production does: in order within a shard, shards side by
 * side, under the failure policy; then acks or commits. Resolves when the blocks have ended and the work on them is over.
 */
export async function consumeBlocks(options: ConsumeOptions): Promise<void> {
  const { receiver, process, onBlock, onFailed } = options;
  const lanes = new Map<string, PQueue>();
  using failed = linkedController();
  try {
    for await (const block of receiver.blocks) {
      await process.runs();
      onBlock(block);
      const lane = lanes.get(block.shardId) ?? new PQueue({ concurrency: options.blocksAtOnce ?? 1 });
      lanes.set(block.shardId, lane);
      void lane.add(async () => {
        try {
          await finish(block, options, failed.signal);
        } catch (thrown) {
          // Lost leases and ended runs are no failures of the handler; the first real failure ends the run.
          if (block.signal.aborted || failed.signal.aborted) return;
          failed.abort(thrown);
          onFailed(thrown);
        }
      });
    }
  } catch (thrown) {
    failed.abort(thrown);
  }
  await Promise.all([...lanes.values()].map((lane) => lane.onIdle()));
}

async function finish(block: Block, options: ConsumeOptions, signal: AbortSignal): Promise<void> {
  const { receiver, consumer, process, random, events, serviceTimeMillis, worker, commits } = options;
  await runWithPolicy({
    work: block,
    handler: async (records, inner) => {
      await consumer({ records, shardId: block.shardId, block, signal: inner, clock: process, worker });
      await process.runs();
    },
    policy: options.onFailure ?? retryForEver,
    clock: process,
    random,
    events,
    serviceTimeMillis,
    retentionMillis: () => receiver.retentionMillis,
    signal,
  });
  options.onAck(block);
  if (commits !== true) {
    receiver.ack(block.range);
    return;
  }
  try {
    options.onCommitted(block, await receiver.commit(block.range, { state: block.id }));
  } catch (thrown) {
    // The lease may be lost between the last record and the commit.
    if (!isMillraceError(thrown, 'MR_LEASE_LOST')) throw thrown;
  }
}
