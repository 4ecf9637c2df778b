import { formatPosition } from '../base/position.ts';
import { isMillraceError, messageOf } from '../base/error.ts';
import type { Clock } from '../base/clock.ts';
import type { Block } from '../block/block.ts';
import type { EventSink } from '../event/bus.ts';
import { type BatchInput, maximumBatchInputs } from '../event/event-words.ts';
import { type NodeHead, nameOf } from './node-head.ts';

/** A batch as its events name it. */
export interface BatchName {
  readonly group: string;
  readonly batchId: number;
  readonly batchTimeMillis: number;
}

/** How many records blocks have together, in memory or not. */
export function recordsOf(blocks: readonly Block[]): number {
  return blocks.reduce((sum, block) => sum + (block.droppedRecords ?? block.records.length), 0);
}

/** The blocks of each shard and tenure as one range: they follow each other without a gap. */
export function inputsOf(blocks: readonly Block[]): BatchInput[] {
  const spans = new Map<string, { first: Block; last: Block; records: number }>();
  for (const block of blocks) {
    const key = `${block.streamName}:${block.shardId}:${block.tenure}`;
    const span = spans.get(key);
    if (span === undefined) spans.set(key, { first: block, last: block, records: block.records.length });
    else {
      span.last = block;
      span.records += block.records.length;
    }
  }
  // Positions are written out for what is told only: a number of 186 bits is no cheap text.
  return Array.from(spans.values())
    .slice(0, maximumBatchInputs)
    .map(({ first, last, records }) => ({
      streamName: first.streamName,
      shardId: first.shardId,
      tenure: first.tenure,
      after: formatPosition(first.range.after),
      through: formatPosition(last.range.through),
      records,
    }));
}

/** Tells that work on a batch has begun. */
export function tellStarted(events: EventSink, name: BatchName, blocks: readonly Block[]): void {
  const { group, batchId, batchTimeMillis } = name;
  events.publish({
    type: 'batch.started',
    group,
    batchId,
    batchTimeMillis,
    records: recordsOf(blocks),
    blocks: blocks.length,
    inputs: inputsOf(blocks),
  });
}

/** Tells that a batch came to nothing: without `thrown` because its lease is lost. */
export function tellDropped(
  events: EventSink,
  name: BatchName,
  ended?: { readonly thrown: unknown; readonly run: AbortSignal },
): void {
  const { group, batchTimeMillis } = name;
  if (ended === undefined) {
    const message = 'its lease was lost; the next owner reads the same records';
    events.publish({ type: 'batch.dropped', group, batchTimeMillis, reason: 'lost', message });
    return;
  }
  const isAborted = ended.run.aborted || isMillraceError(ended.thrown, 'MR_ABORTED');
  const reason = isAborted ? 'aborted' : 'failed';
  events.publish({ type: 'batch.dropped', group, batchTimeMillis, reason, message: messageOf(ended.thrown) });
}

/** Runs one try of an output between its two events. */
export async function toldOutput(
  { events, clock }: { readonly events: EventSink; readonly clock: Clock },
  name: BatchName,
  output: { readonly outputId: number; readonly node: NodeHead; readonly attempt: number },
  action: () => Promise<void>,
): Promise<void> {
  const { outputId, node, attempt } = output;
  const { group, batchId, batchTimeMillis } = name;
  const told = { group, batchId, batchTimeMillis, outputId, name: nameOf(node), attempt };
  const started = clock.monotonicMillis();
  events.publish({ type: 'output.started', ...told });
  const complete = (failure: { readonly failureReason?: string }) =>
    events.publish({
      type: 'output.completed',
      ...told,
      durationMillis: clock.monotonicMillis() - started,
      ...failure,
    });
  try {
    await action();
  } catch (thrown) {
    complete({ failureReason: messageOf(thrown) });
    throw thrown;
  }
  complete({});
}
