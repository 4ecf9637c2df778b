import { linkedController } from '../base/abort.ts';
import { type BackoffOptions, backoffMillis } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError, isMillraceError, messageOf } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { nextTurn } from '../base/turn.ts';
import type { Block } from '../block/block.ts';
import type { BlockSource } from '../block/block-source.ts';
import type { EventSink } from '../event/bus.ts';
import { Batch } from './batch.ts';
import { recordsOf, tellDropped, tellStarted, toldOutput } from './batch-events.ts';
import type { CommitLine } from './commit/commit-line.ts';
import type { Prepared } from './commit/prepared.ts';
import { Evaluation } from './evaluate.ts';
import type { History } from './history.ts';
import { givenByBlocks } from './input-blocks.ts';
import type { Memory } from './memory.ts';
import type { OutputNode, PrintTarget } from './node.ts';
import type { NodeHead } from './node-head.ts';
import { type OutputWork, runOutput } from './output.ts';
import type { Plan } from './plan.ts';
import type { Pace } from './rate/pace.ts';
import { isStuck, unlessStuck } from './stuck.ts';

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
  /** How long a user function may take to settle. */
  readonly stalledAfterMillis: number;
  /** Is told of every batch that is done: watches the load, and says how much may be read. */
  readonly pace: Pick<Pace, 'completed'>;
  /** Where past batches are kept for `slice`. */
  readonly history?: History | undefined;
}

/** One batch of one commit group, with its blocks in order of arrival. */
export interface BatchOrder {
  readonly group: string;
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly blocks: readonly Block[];
  /** In `shard` scope, what tells whether the shard's lease is still held: its last block. A batch may be without blocks. */
  readonly lease?: Pick<Block, 'signal' | 'isHeld'> | undefined;
  /** The time before the first batch of the run. */
  readonly zeroTimeMillis: number;
  /** What the batches of the group before this one left. */
  readonly memory: Memory;
  /** Called before the pause after a try that failed. */
  readonly onPause?: (() => void) | undefined;
  /** Where the batch is written down and committed; absent where no state is kept. */
  readonly commits?: CommitLine | undefined;
}

/** How a batch ended without fault: finished and acknowledged, or left to the next owner of its lease. */
export type BatchOutcome = { readonly tag: 'completed'; readonly memory: Memory } | { readonly tag: 'dropped' };

/** How long the evaluation may keep the process to itself before other work has a turn, milliseconds. */
const turnMillis = 50;

/**
 * Runs a batch: has the operators that remember take their step, writes down what they remember where state is kept,
 * performs the outputs in declaration order, commits, then acknowledges every range. An output that fails does not keep the others from being done; it is tried again after a
 * pause, and those that are done are not done twice. The memory that the batch leaves counts from its end only.
 * @throws MillraceError `MR_HANDLER_FAILED` with operator, batch and group when the tries are used up; `MR_KEY_INVALID`
 * at once; the signal's reason when the run ends. Nothing of the batch is then acknowledged
 */
export async function runBatch(fields: BatchRunFields, order: BatchOrder, signal: AbortSignal): Promise<BatchOutcome> {
  signal.throwIfAborted();
  tellStarted(fields.events, order, order.blocks);
  try {
    const outcome = await work(fields, order, signal);
    if (outcome.tag === 'dropped') tellDropped(fields.events, order);
    return outcome;
  } catch (thrown) {
    tellDropped(fields.events, order, { thrown, run: signal });
    throw thrown;
  }
}

async function work(fields: BatchRunFields, order: BatchOrder, signal: AbortSignal): Promise<BatchOutcome> {
  const { clock, events, plan, source } = fields;
  const { group, batchId, batchTimeMillis, blocks } = order;
  const startedWall = clock.wallMillis();
  const started = clock.monotonicMillis();
  // In shard scope all blocks are of one lease: when it is lost, the whole batch belongs to somebody else.
  const life = linkedController(signal, leaseOf(plan, order)?.signal);
  let { memory } = order;
  try {
    const toDo = outputWork(fields, order, signal);
    const done = await tryOutputs(fields, order, { work: toDo, run: signal, lease: life.signal });
    if (done === undefined) return { tag: 'dropped' };
    if (!(await commitBatch(order, done, signal))) return { tag: 'dropped' };
    memory = toDo.evaluation.nextMemory;
    await remember(fields, toDo);
  } finally {
    life[Symbol.dispose]();
  }
  for (const block of blocks) {
    for (const range of order.commits?.finishedRanges(block) ?? [block.range]) source.ack(range);
  }
  for (const range of order.commits?.takeSeen() ?? []) source.ack(range);
  order.commits?.tell(batchId, 'acknowledged');
  const schedulingDelayMillis = Math.max(0, startedWall - batchTimeMillis);
  const processingDelayMillis = clock.monotonicMillis() - started;
  const records = recordsOf(blocks);
  const figures = { batchTimeMillis, records, blocks: blocks.length, schedulingDelayMillis, processingDelayMillis };
  events.publish({ type: 'batch.completed', group, batchId, ...figures });
  const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
  const timeMillis = clock.monotonicMillis();
  fields.pace.completed({ group, timeMillis, records, bytes, processingDelayMillis, schedulingDelayMillis });
  return { tag: 'completed', memory };
}

/** Commits a batch whose outputs are done, where state is kept; `false` when its holder may not any more. */
async function commitBatch(order: BatchOrder, { prepared }: OutputsDone, signal: AbortSignal): Promise<boolean> {
  const { commits, blocks, batchId } = order;
  if (commits === undefined || prepared === undefined) return true;
  commits.tell(batchId, 'outputsDone');
  return (await commits.commit(prepared, blocks, signal)) === 'committed';
}

/** Notes what the streams gave that are kept for `slice`. */
async function remember({ plan, history }: BatchRunFields, { evaluation, head }: OutputWork): Promise<void> {
  for (const { node, keepMillis } of plan.remembered) {
    const partitions = await evaluation.of(node);
    if (partitions !== null) history?.note(node.id, new Batch({ ...head, partitions }), keepMillis);
  }
}

/** What the tries of one batch have in common. */
interface Trying {
  readonly work: OutputWork;
  /** The end of the run. */
  readonly run: AbortSignal;
  /** The end of the work on this batch: of the run, or of its lease. */
  readonly lease: AbortSignal;
}

/** That every output is done, and what is to be committed now. */
interface OutputsDone {
  readonly tag: 'done';
  readonly prepared: Prepared | undefined;
}

/** What came of the work before the outputs; `lost` when another holder goes on. */
type Advanced = OutputsDone | { readonly tag: 'lost' };

/**
 * Writes down of what the batch is made, where a sink needs that; then takes the steps and writes down what they leave,
 * once: what is tried again are the outputs, so that what is committed is what they saw.
 */
async function advance({ plan }: BatchRunFields, order: BatchOrder, { work, lease }: Trying): Promise<Advanced> {
  const { commits, batchId, batchTimeMillis, blocks } = order;
  if (commits !== undefined && plan.isPlanned) {
    if ((await commits.plan({ batchId, batchTimeMillis, blocks }, lease)) === 'lost') return { tag: 'lost' };
  }
  await work.evaluation.advance();
  if (commits === undefined) return { tag: 'done', prepared: undefined };
  commits.tell(batchId, 'processed');
  const memory = work.evaluation.nextMemory;
  return { tag: 'done', prepared: await commits.prepare({ batchId, batchTimeMillis, blocks, memory }, lease) };
}

/** Tries until every output is done; `undefined` when the lease was lost meanwhile. */
async function tryOutputs(fields: BatchRunFields, order: BatchOrder, trying: Trying): Promise<OutputsDone | undefined> {
  const { evaluation } = trying.work;
  const { clock, stalledAfterMillis } = fields;
  const { outputs } = fields.plan;
  let left = [...outputs.keys()];
  let advanced: Advanced | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const failures: Failure[] = [];
    const attemptOne = async (node: NodeHead | undefined, action: () => Promise<void>) => {
      try {
        await unlessStuck({ clock, evaluation, stalledAfterMillis, node }, trying.run, action);
        return true;
      } catch (thrown) {
        trying.run.throwIfAborted();
        failures.push({ thrown });
        return false;
      }
    };
    evaluation.tryAgain();
    if (advanced === undefined) {
      await attemptOne(undefined, async () => {
        advanced = await advance(fields, order, trying);
      });
    }
    if (isLost(advanced)) return undefined;
    const failed: number[] = [];
    // Where state is kept, no output may show what is not written down yet.
    const toDo = advanced === undefined && order.commits !== undefined ? [] : left;
    for (const index of toDo) {
      const output = outputs[index] as OutputNode;
      if (!isHeld(fields.plan, order)) return undefined;
      const { commits } = order;
      const fenced = commits === undefined ? {} : toldOfCommits(commits);
      const context = { group: order.group, attempt, ...fenced, signal: trying.lease };
      const told = { outputId: index, node: output, attempt };
      const perform = () => runOutput(output, trying.work, context);
      if (await attemptOne(output, () => toldOutput(fields, order, told, perform))) evaluation.release(index);
      else failed.push(index);
    }
    if (toDo === left) left = failed;
    if (failures.length === 0 && advanced !== undefined) return advanced as OutputsDone;
    await afterFailures(fields, order, { failures, attempt }, trying);
    if (trying.lease.aborted) return undefined;
  }
}

/** What an output is told where batches are committed. */
function toldOfCommits({ application, fence, voided }: CommitLine) {
  return { application, fence, ...(voided.length === 0 ? {} : { voided }) };
}

/**
 * Whether the batch's holding is still certain. A process that was paused learns it here, before its outputs; what it does
 * not learn in time, the sinks and the commit refuse.
 */
function isHeld(plan: Plan, order: BatchOrder): boolean {
  return order.commits?.isHeld() !== false && leaseOf(plan, order)?.isHeld?.() !== false;
}

/** Where all shards are of one batch, the loss of one leaves the others to be finished. */
function leaseOf({ scope }: Plan, { blocks, lease }: BatchOrder): BatchOrder['lease'] {
  return scope === 'shard' ? (blocks[0] ?? lease) : undefined;
}

/** In a function of its own, because what a callback assigned is not seen by the types. */
function isLost(advanced: Advanced | undefined): boolean {
  return advanced?.tag === 'lost';
}

interface Failure {
  readonly thrown: unknown;
}

/** Tells of the failures of a try, then either waits for the next one (or for the loss of the lease) or gives the batch up. */
async function afterFailures(
  fields: BatchRunFields,
  order: BatchOrder,
  tried: { readonly failures: readonly Failure[]; readonly attempt: number },
  trying: Trying,
): Promise<void> {
  const { group, batchId } = order;
  const { failures, attempt } = tried;
  for (const message of new Set(failures.map(({ thrown }) => messageOf(thrown)))) {
    fields.events.publish({ type: 'batch.failed', group, batchId, message });
  }
  if (trying.lease.aborted) return;
  const final = failures.find(({ thrown }) => isFinal(thrown));
  if (final !== undefined) throw final.thrown;
  if (fields.maximumRetryAttempts !== -1 && attempt > fields.maximumRetryAttempts) {
    throw givenUp(order, attempt, failures[0]?.thrown);
  }
  order.onPause?.();
  const delayMillis = backoffMillis(fields.retryBackoff, attempt, fields.random);
  try {
    await sleep(fields.clock, delayMillis, trying.lease);
  } catch {
    trying.run.throwIfAborted();
  }
}

/** Mistakes in the program that another try with the same records cannot mend. */
function isFinal(thrown: unknown): boolean {
  if (isStuck(thrown)) return true;
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
  const { plan, clock, printTarget, events } = fields;
  const { group, batchId, batchTimeMillis, blocks, memory, zeroTimeMillis } = order;
  const head = { id: batchId, batchTimeMillis, ranges: blocks.map((block) => block.range) };
  const evaluation = new Evaluation({
    plan,
    head,
    memory,
    zeroTimeMillis,
    signal,
    inputOf: (input) => input.source?.take(batchTimeMillis, signal) ?? givenByBlocks(plan.inputs, input, blocks),
    breathe: breather(clock),
    tell: (note) => events.publish({ ...note, group, batchId }),
  });
  return { evaluation, head, printTarget };
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
