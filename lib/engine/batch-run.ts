import { linkedController, raceAbort } from '../base/abort.ts';
import { type BackoffOptions, backoffMillis } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError, isMillraceError, messageOf } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { nextTurn } from '../base/turn.ts';
import type { Block } from '../block/block.ts';
import type { BlockSource } from '../block/block-source.ts';
import type { EventSink } from '../event/bus.ts';
import { Evaluation } from './evaluate.ts';
import { givenByBlocks } from './input-blocks.ts';
import type { PrintTarget } from './node.ts';
import { type OutputWork, runOutput } from './output.ts';
import type { Plan } from './plan.ts';

/** What all batches of an engine are run with. */
export interface BatchRunFields {
  readonly plan: Plan;
  readonly source: Pick<BlockSource, 'ack'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  readonly printTarget: PrintTarget | undefined;
  /** Further tries after the first failed; -1 means without end. */
  readonly maximumRetryAttempts: number;
  readonly retryBackoff: BackoffOptions;
}

/** One batch of one commit group, with its blocks in order of arrival. */
export interface BatchOrder {
  readonly group: string;
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly blocks: readonly Block[];
}

/** How a batch ended without fault: finished and acknowledged, or left to the next owner of its lease. */
export type BatchOutcome = 'completed' | 'dropped';

/** How long the evaluation may keep the process to itself before other work has a turn, milliseconds. */
const turnMillis = 50;

/**
 * Runs a batch: evaluates the outputs in declaration order, then acknowledges every range. A failure is tried again
 * after a pause, from the output that failed on; outputs that are done are not done twice.
 * @throws MillraceError `MR_HANDLER_FAILED` with operator, batch and group when the tries are used up; `MR_KEY_INVALID`
 * at once; the signal's reason when the run ends. Nothing of the batch is then acknowledged
 */
export async function runBatch(fields: BatchRunFields, order: BatchOrder, signal: AbortSignal): Promise<BatchOutcome> {
  const { clock, events, plan, source } = fields;
  const { group, batchId, batchTimeMillis, blocks } = order;
  signal.throwIfAborted();
  const startedWall = clock.wallMillis();
  const started = clock.monotonicMillis();
  // In shard scope all blocks are of one lease: when it is lost, the whole batch belongs to somebody else.
  const work = linkedController(signal, plan.scope === 'shard' ? blocks[0]?.signal : undefined);
  try {
    if ((await tryOutputs(fields, order, { run: signal, work: work.signal })) === 'dropped') return 'dropped';
  } finally {
    work[Symbol.dispose]();
  }
  for (const block of blocks) source.ack(block.range);
  events.publish({
    type: 'batch.completed',
    group,
    batchId,
    batchTimeMillis,
    records: blocks.reduce((sum, block) => sum + block.records.length, 0),
    blocks: blocks.length,
    schedulingDelayMillis: Math.max(0, startedWall - batchTimeMillis),
    processingDelayMillis: clock.monotonicMillis() - started,
  });
  return 'completed';
}

/** The end of the run, and the end of the work on one batch. */
interface Signals {
  readonly run: AbortSignal;
  readonly work: AbortSignal;
}

async function tryOutputs(fields: BatchRunFields, order: BatchOrder, signals: Signals): Promise<BatchOutcome> {
  const work = outputWork(fields, order, signals.run);
  let failures = 0;
  for (const output of fields.plan.outputs) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const context = { group: order.group, attempt, signal: signals.work };
        await raceAbort(runOutput(output, work, context), signals.run);
        break;
      } catch (thrown) {
        signals.run.throwIfAborted();
        failures += 1;
        await afterFailure(fields, order, { thrown, failures }, signals);
        if (signals.work.aborted) return 'dropped';
      }
    }
  }
  return 'completed';
}

/** Tells of a failure, then either waits for the next try (or for the loss of the lease) or gives the batch up. */
async function afterFailure(
  fields: BatchRunFields,
  order: BatchOrder,
  failure: { readonly thrown: unknown; readonly failures: number },
  signals: Signals,
): Promise<void> {
  const { group, batchId } = order;
  const { thrown, failures } = failure;
  fields.events.publish({ type: 'batch.failed', group, batchId, message: messageOf(thrown) });
  if (signals.work.aborted) return;
  if (isFinal(thrown)) throw thrown;
  if (fields.maximumRetryAttempts !== -1 && failures > fields.maximumRetryAttempts) {
    throw givenUp(order, failures, thrown);
  }
  const delayMillis = backoffMillis(fields.retryBackoff, failures, fields.random);
  try {
    await sleep(fields.clock, delayMillis, signals.work);
  } catch {
    signals.run.throwIfAborted();
  }
}

/** Mistakes in the program that another try with the same records cannot mend. */
function isFinal(thrown: unknown): boolean {
  return isMillraceError(thrown, 'MR_KEY_INVALID') || isMillraceError(thrown, 'MR_CONFIG_INVALID');
}

function givenUp(order: BatchOrder, failures: number, thrown: unknown): MillraceError {
  const { group, batchId, blocks } = order;
  const shard = blocks[0]?.shardId;
  const cause = isMillraceError(thrown) && thrown.cause !== undefined ? thrown.cause : thrown;
  const reason = messageOf(thrown).replace(/^MR_HANDLER_FAILED: /, '');
  return new MillraceError(
    'MR_HANDLER_FAILED',
    `batch ${batchId} of ${group} was tried ${failures} times, and nothing of it is acknowledged: ${reason}; ` +
      'mend the function, or allow more tries with maximumRetryAttempts',
    { cause, subject: { batch: `${group}/${batchId}`, ...(shard === undefined ? {} : { shard }) } },
  );
}

function outputWork(fields: BatchRunFields, order: BatchOrder, signal: AbortSignal): OutputWork {
  const { plan, clock, printTarget } = fields;
  const { batchId, batchTimeMillis, blocks } = order;
  const evaluation = new Evaluation({
    plan,
    signal,
    inputOf: (input) => givenByBlocks(plan.inputs, input, blocks),
    breathe: breather(clock),
  });
  return { evaluation, batchId, batchTimeMillis, ranges: blocks.map((block) => block.range), printTarget };
}

/** Gives other work of the process a turn when the last one is `turnMillis` ago. */
function breather(clock: Clock): () => Promise<void> | undefined {
  let since = clock.monotonicMillis();
  return () => {
    if (clock.monotonicMillis() - since < turnMillis) return undefined;
    return nextTurn().then(() => {
      since = clock.monotonicMillis();
    });
  };
}
