import { MillraceError } from '../base/error.ts';
import { type InputNode, type OutputNode, type PrintTarget, type StreamNode, parentsOf } from './node.ts';
import type { PacingOptions } from './rate/pacing-options.ts';
import { type Scope, deriveScope } from './scope.ts';
import { needsRepeatableBatches } from './sink/guarantee.ts';
import type { StatefulNode } from './stateful-node.ts';
import { stateKeysOf } from './state-keys.ts';
import { slidesOf } from './timing.ts';
import { validateGraph } from './validate.ts';

/** A sealed graph, ready to be evaluated batch by batch. */
export interface Plan {
  readonly batchIntervalMillis: number;
  /** Where `print()` writes, when the context says. */
  readonly output: PrintTarget | undefined;
  /** How batches are kept in step with what comes in. */
  readonly pacing: PacingOptions;
  readonly inputs: readonly InputNode[];
  /** In declaration order, which is the order in which they run. */
  readonly outputs: readonly OutputNode[];
  /** Every node that the outputs need, in declaration order: parents come before those that read them. */
  readonly nodes: readonly StreamNode[];
  /** The nodes that remember something; they take a step in every batch. */
  readonly keepers: readonly StatefulNode<StreamNode>[];
  /** The streams whose batches are kept for `slice`, and for how long. */
  readonly remembered: readonly Remembered[];
  /** By node id, under which key the memory of a keeper is kept. */
  readonly stateKeys: ReadonlyMap<number, string>;
  /** By node id, how often the stream gives a batch, milliseconds. */
  readonly slides: ReadonlyMap<number, number>;
  /** By node id, how many nodes and outputs read from it; what several read is computed once and kept for the batch. */
  readonly consumers: ReadonlyMap<number, number>;
  /**
   * For each output, by its place, the ids of all nodes that it needs: what no output needs any more is let go. What is
   * observed beside them comes last.
   */
  readonly needs: readonly (readonly number[])[];
  readonly scope: Scope;
  /** Why the plan has this scope, as a sentence for the log. */
  readonly scopeReason: string;
  /** Whether the context has a place for state that outlives the process, so that its batches can be committed. */
  readonly isDurable: boolean;
  /** Whether an output needs a repeated batch to hold the same records: then each is written down before it is processed. */
  readonly isPlanned: boolean;
}

/** A stream whose batches are kept for `slice`. */
export interface Remembered {
  readonly node: StreamNode;
  readonly keepMillis: number;
}

/** What a plan is compiled from. */
export interface PlanFields {
  readonly batchIntervalMillis: number;
  readonly output: PrintTarget | undefined;
  readonly pacing?: PacingOptions;
  readonly inputs: readonly InputNode[];
  readonly outputs: readonly OutputNode[];
  /** Whether the context has a place for state. */
  readonly hasStore: boolean;
  /** Whether that place outlives the process. */
  readonly isDurable?: boolean;
  readonly remembered?: readonly Remembered[];
  /** Streams that somebody wants to look at without an output: a test harness. */
  readonly observed?: readonly StreamNode[];
}

/**
 * Compiles a graph into a plan; pure.
 * @throws MillraceError `MR_CONFIG_INVALID` when nothing is put out, since nothing would then be computed, and for
 * what `validate.ts` lists
 */
export function compilePlan(fields: PlanFields): Plan {
  const { batchIntervalMillis, inputs, outputs, remembered = [] } = fields;
  const observed = [...(fields.observed ?? []), ...remembered.map(({ node }) => node)];
  const roots = [...outputs.map((output) => output.parent), ...observed];
  if (outputs.length === 0 && fields.observed === undefined) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      'no output operation is registered, so there is nothing to run: end a stream with print() or foreachBatch()',
    );
  }
  const nodes = reachable(roots);
  const slides = slidesOf(nodes, batchIntervalMillis);
  validateGraph({ nodes, slides, hasStore: fields.hasStore });
  return {
    batchIntervalMillis,
    output: fields.output,
    pacing: fields.pacing ?? {},
    inputs: [...inputs],
    outputs: [...outputs],
    nodes,
    remembered,
    keepers: nodes.filter((node) => node.tag === 'stateful'),
    stateKeys: stateKeysOf(nodes),
    slides,
    consumers: countConsumers(nodes, roots),
    needs: [...outputs.map((output) => [output.parent]), ...(observed.length === 0 ? [] : [observed])].map((ends) =>
      reachable(ends).map((node) => node.id),
    ),
    ...deriveScope(nodes),
    isDurable: fields.isDurable ?? false,
    isPlanned: outputs.some(needsRepeatableBatches),
  };
}

/** Every node that the roots need, in declaration order. */
function reachable(roots: readonly StreamNode[]): readonly StreamNode[] {
  const found = new Map<number, StreamNode>();
  const left = [...roots];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (found.has(node.id)) continue;
    found.set(node.id, node);
    left.push(...parentsOf(node));
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}

function countConsumers(nodes: readonly StreamNode[], roots: readonly StreamNode[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const read of [...nodes.flatMap((node) => parentsOf(node)), ...roots]) {
    counts.set(read.id, (counts.get(read.id) ?? 0) + 1);
  }
  return counts;
}
