import { MillraceError } from '../base/error.ts';
import { Batch, type BatchHead } from './batch.ts';
import type { Evaluation } from './evaluate.ts';
import type { Partitions } from './given.ts';
import type { OutputContext, OutputNode, PrintNode, PrintTarget } from './node.ts';
import { renderPrint } from './print.ts';
import { saveBatch } from './save.ts';
import { applicationGroup } from './scope.ts';
import { writeToSink } from './sink/sink-output.ts';

/** The batch that outputs are run for. */
export interface OutputWork {
  readonly evaluation: Evaluation;
  readonly head: BatchHead;
  readonly printTarget: PrintTarget | undefined;
}

/**
 * Evaluates the stream of one output and performs the output. Where the stream gives nothing, nothing is done.
 * @throws MillraceError `MR_HANDLER_FAILED` that names the output, or the operator before it, whose function threw
 */
export async function runOutput(node: OutputNode, work: OutputWork, context: OutputContext): Promise<void> {
  const partitions = await work.evaluation.of(node.parent);
  if (partitions === null) return;
  context.signal.throwIfAborted();
  await work.evaluation.guard(node, async () => {
    if (node.tag === 'print') await print(node, partitions, work);
    else if (node.tag === 'save') {
      const group = context.group === applicationGroup ? undefined : context.group;
      const { batchTimeMillis } = work.head;
      await saveBatch(node, partitions, { batchTimeMillis, group }, context.signal);
    } else if (node.tag === 'sink') {
      const { id: batchId, batchTimeMillis } = work.head;
      await writeToSink(node.sink, partitions, { ...context, batchId, batchTimeMillis });
    } else await node.f(new Batch({ ...work.head, partitions }), context);
  });
}

async function print(node: PrintNode, partitions: Partitions, work: OutputWork): Promise<void> {
  const { head, printTarget } = work;
  if (printTarget === undefined) {
    throw new MillraceError('MR_CONFIG_INVALID', 'print() has nowhere to write: give the context an output');
  }
  const shown = new Batch({ ...head, partitions }).take(node.limit + 1);
  await printTarget.write(renderPrint(head.batchTimeMillis, shown, node.limit));
}
