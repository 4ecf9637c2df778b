import { EngineContext } from '../engine/context.ts';
import { Evaluation } from '../engine/evaluate.ts';
import type { Given } from '../engine/given.ts';
import { type Memory, emptyMemory } from '../engine/memory.ts';
import type { InputNode, PrintTarget } from '../engine/node.ts';
import { runOutput } from '../engine/output.ts';
import type { Plan } from '../engine/plan.ts';
import { memoryState } from '../engine/state-store.ts';
import type { DStream } from '../engine/stream.ts';

/** The batches of one input stream: its items per batch time, or `null` where it gives no batch. */
export type InputBatches<T> = readonly (readonly T[] | null)[];

/** What {@link runStream} runs. `Items` lists the item type of each input stream. */
export interface RunStreamOptions<Items extends readonly unknown[], Result> {
  /** The context's batch interval; batch `i`, from 0, has the time (i + 1) x interval. */
  readonly batchIntervalMillis: number;
  /** One array of batches per input stream. Batches beyond an array's end are empty. */
  readonly inputs: readonly [...{ [N in keyof Items]: InputBatches<Items[N]> }];
  /** How many batch times to run. */
  readonly batches: number;
  /** Builds the graph on the input streams, in the order of `inputs`, and returns the stream to observe. */
  readonly build: (context: EngineContext, ...streams: { [N in keyof Items]: DStream<Items[N]> }) => DStream<Result>;
}

/** How many partitions an input batch is cut into, as in Spark's own test suites. */
const inputPartitions = 2;

/**
 * Runs a graph over given batches, without Kinesis and without waiting: the same operators, plan and evaluation as in
 * production. Resolves to what the observed stream gave at each batch time, `null` where it gave none. Outputs that
 * `build` declares are run too, in declaration order; what they print is dropped. Nothing is tried again.
 * @throws MillraceError `MR_HANDLER_FAILED` that names the operator whose function threw, and the errors of building
 */
export async function runStream<Items extends readonly unknown[], Result>(
  options: RunStreamOptions<Items, Result>,
): Promise<(Result[] | null)[]> {
  const { batchIntervalMillis, batches, build } = options;
  const inputs: readonly InputBatches<unknown>[] = options.inputs;
  const context = new EngineContext({ batchIntervalMillis, state: memoryState() });
  const streams = inputs.map((_, index) => context.addInput(`input-${index}`));
  const observed = build(context, ...(streams as { [N in keyof Items]: DStream<Items[N]> }));
  const plan = context.seal([observed]);
  const results: (Result[] | null)[] = [];
  let memory = emptyMemory;
  for (let index = 0; index < batches; index += 1) {
    const inputOf = (input: InputNode) => givenAt(inputs[plan.inputs.indexOf(input)], index);
    const done = await runOne<Result>(plan, observed, { inputOf, index, memory });
    results.push(done.items);
    memory = done.memory;
  }
  context.retire();
  return results;
}

async function runOne<Result>(
  plan: Plan,
  observed: DStream<Result>,
  batch: { readonly inputOf: (input: InputNode) => Given; readonly index: number; readonly memory: Memory },
): Promise<{ readonly items: Result[] | null; readonly memory: Memory }> {
  const { signal } = new AbortController();
  const { inputOf, memory } = batch;
  const id = batch.index + 1;
  const head = { id, batchTimeMillis: id * plan.batchIntervalMillis, ranges: [] };
  const evaluation = new Evaluation({ plan, head, zeroTimeMillis: 0, memory, inputOf, signal });
  const printTarget: PrintTarget = { write: () => {} };
  await evaluation.advance();
  for (const [index, output] of plan.outputs.entries()) {
    await runOutput(output, { evaluation, head, printTarget }, { group: 'application', attempt: 1, signal });
    evaluation.release(index);
  }
  const given = await evaluation.of(observed.node);
  const items = given === null ? null : (given.flat() as Result[]);
  return { items, memory: evaluation.nextMemory };
}

function givenAt(batches: InputBatches<unknown> | undefined, index: number): Given {
  const items = batches?.[index];
  if (items === null) return null;
  if (items === undefined) return [[], []];
  const cut = Math.ceil(items.length / inputPartitions);
  return [items.slice(0, cut), items.slice(cut)];
}
