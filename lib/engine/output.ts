import { MillraceError } from '../base/error.ts';
import type { Range } from '../block/range.ts';
import { Batch } from './batch.ts';
import { type Evaluation, operatorFault } from './evaluate.ts';
import type { Partitions } from './keyed.ts';
import type { OutputContext, OutputNode, PrintNode, PrintTarget } from './node.ts';
import { renderPrint } from './print.ts';

/** The batch that outputs are run for. */
export interface OutputWork {
  readonly evaluation: Evaluation;
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly ranges: readonly Range[];
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
  try {
    if (node.tag === 'print') await print(node, partitions, work);
    else await node.f(new Batch({ ...work, id: work.batchId, partitions }), context);
  } catch (thrown) {
    throw operatorFault(node, thrown);
  }
}

async function print(node: PrintNode, partitions: Partitions, work: OutputWork): Promise<void> {
  const { batchId: id, batchTimeMillis, ranges, printTarget } = work;
  if (printTarget === undefined) {
    throw new MillraceError('MR_CONFIG_INVALID', 'print() has nowhere to write: give the context an output');
  }
  const shown = new Batch({ id, batchTimeMillis, ranges, partitions }).take(node.limit + 1);
  await printTarget.write(renderPrint(batchTimeMillis, shown, node.limit));
}
