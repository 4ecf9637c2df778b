import { isMillraceError, messageOf } from '../../base/error.ts';
import type { Block } from '../../block/block.ts';
import type { Range } from '../../block/range.ts';
import type { EventSink } from '../../event/bus.ts';
import type { FailurePolicy } from '../failure-policy.ts';
import { type PolicyRun, runWithPolicy } from '../handler-runner.ts';
import type { DrainHook, ShardTenure } from '../shard-tenure.ts';
import { ProcessorSession } from './processor-session.ts';
import {
  type CheckpointMode,
  type ShardRecordProcessor,
  type ShardRecordProcessorFactory,
  isRecordProcessorFactory,
} from './record-processor.ts';

/** The receiver, as processors need it. */
export interface ProcessorSource {
  ack(range: Range): void;
  tenureOf(block: Block): ShardTenure | undefined;
  beforeLastCheckpoint(hook: DrainHook): void;
}

/** What a {@link ProcessorRun} needs. */
export interface ProcessorRunOptions extends Omit<PolicyRun, 'work' | 'handler' | 'signal' | 'onFinished'> {
  readonly source: ProcessorSource;
  /** One processor for all shards, or what makes one for each shard and tenure. */
  readonly processors: ShardRecordProcessor | ShardRecordProcessorFactory;
  readonly mode: CheckpointMode;
  readonly events: EventSink;
  /** Does something about a shard when the work on its blocks that was begun is over. */
  readonly afterWork: (shardId: string, job: () => Promise<void>) => void;
}

/** Runs record processors over the blocks of a receiver: one session for each shard and tenure. */
export class ProcessorRun {
  readonly #options: ProcessorRunOptions;
  readonly #sessions = new Map<string, ProcessorSession>();

  constructor(options: ProcessorRunOptions) {
    this.#options = options;
    options.source.beforeLastCheckpoint((tenure, signal) => this.#shutDown(tenure, signal));
  }

  /**
   * Processes one block, under the failure policy, and finishes it: in automatic mode by an ack; in manual mode the
   * processor says what is finished.
   * @throws what {@link runWithPolicy} does
   */
  async finish(block: Block, signal: AbortSignal): Promise<void> {
    const { source, mode } = this.#options;
    const session = this.#sessionOf(block);
    if (session === undefined) return;
    const run = { ...this.#options, signal };
    await runWithPolicy({
      ...run,
      work: block,
      handler: (records, inner) => session.process(block, records, inner),
    });
    const isEnd = block.range.through.kind === 'SHARD_END';
    if (isEnd) {
      const { shardId, signal: lost } = block;
      await runWithPolicy({
        ...run,
        policy: mode === 'manual' ? untilCheckpointed(run.policy) : run.policy,
        work: { shardId, records: [], signal: lost, isRunWithoutRecords: true },
        handler: (_, inner) => session.end(inner),
      });
    }
    if (isEnd) this.#sessions.delete(keyOf(block.shardId, block.tenure));
    // With automatic checkpoints an end that the policy skipped is an end.
    if (mode === 'automatic' || isEnd) source.ack(block.range);
    else source.tenureOf(block)?.processed(block.range);
  }

  #sessionOf(block: Block): ProcessorSession | undefined {
    const { source, processors, mode } = this.#options;
    const key = keyOf(block.shardId, block.tenure);
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const tenure = source.tenureOf(block);
    if (tenure === undefined) return undefined;
    const { shardId, streamName } = block;
    const processor = isRecordProcessorFactory(processors)
      ? processors.shardRecordProcessor({ shardId, streamName })
      : processors;
    const session = new ProcessorSession(processor, tenure, mode);
    this.#sessions.set(key, session);
    const onOver = () => {
      this.#options.afterWork(shardId, async () => {
        this.#sessions.delete(key);
        if (isMillraceError(block.signal.reason, 'MR_LEASE_LOST')) await this.#tell(shardId, () => session.lose());
      });
    };
    if (block.signal.aborted) onOver();
    else block.signal.addEventListener('abort', onOver, { once: true });
    return session;
  }

  async #shutDown({ leaseKey, tenure }: ShardTenure, signal: AbortSignal): Promise<void> {
    const session = this.#sessions.get(keyOf(leaseKey, tenure));
    if (session !== undefined) await this.#tell(leaseKey, () => session.shutdown(signal));
  }

  /** What these calls throw changes nothing any more: it is told, and the stop or the handoff goes on. */
  async #tell(shardId: string, call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (thrown) {
      const code = isMillraceError(thrown) ? thrown.code : 'MR_HANDLER_FAILED';
      const message = `the record processor of shard ${shardId} failed in its last call: ${messageOf(thrown)}`;
      this.#options.events.publish({
        type: 'fault.seen',
        code,
        message: `${code}: ${message}`,
        subject: { shard: shardId },
      });
    }
  }
}

/**
 * The policy for the end of a shard that the processor must checkpoint. There is nothing to leave out: without the checkpoint
 * what it has not checkpointed before would count as finished. So `shardEnded` is called until it does, as KCL does, unless
 * the policy ends the run.
 */
function untilCheckpointed(policy: FailurePolicy): FailurePolicy {
  return policy.then === 'STOP' ? policy : { ...policy, maximumRetryAttempts: -1 };
}

const keyOf = (shardId: string, tenure: number) => `${shardId}@${tenure}`;
