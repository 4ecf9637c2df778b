import type { Partitions } from './given.ts';
import { applyNarrow } from './narrow.ts';
import type { NarrowNode, OperatorContext } from './node.ts';
import type { NodeHead } from './node-head.ts';
import type { Pulse } from './pulse.ts';

/** How many items of a partition go through a chain of operators together. */
const itemsAtATime = 256;

/** Calls a user function on behalf of an operator, so that what it throws names the operator. */
export type Guard = <T>(node: NodeHead, action: () => T | Promise<T>) => T | Promise<T>;

/** What a pass needs. */
export interface Pass {
  /** Operators to be run one after the other; none is fine. */
  readonly chain: readonly NarrowNode[];
  /** Gives the context of the functions for a partition. */
  readonly contextOf: (partition: number) => OperatorContext;
  readonly guard: Guard;
  readonly pulse: Pulse;
  /** Lets other work have its turn when it is time for that, and throws when the batch is given up. */
  readonly pace: () => Promise<void> | undefined;
  /** Takes what comes out, in order; a promise holds the pass up. */
  readonly take: (items: unknown[], context: OperatorContext) => void | Promise<void>;
}

/**
 * Passes partitions through a chain of narrow operators, a few items at a time, so that what lies between the operators
 * stays small and short-lived. An empty partition passes too.
 */
export async function passThrough(partitions: Partitions, pass: Pass): Promise<void> {
  const { take, pace } = pass;
  for (const [index, partition] of partitions.entries()) {
    const context = pass.contextOf(index);
    for (let from = 0; from === 0 || from < partition.length; from += itemsAtATime) {
      const items = partition.slice(from, from + itemsAtATime);
      const ran = runSteps(pass, 0, items, context);
      const taken = take(ran instanceof Promise ? await ran : ran, context);
      if (taken !== undefined) await taken;
      const turn = pace();
      if (turn !== undefined) await turn;
    }
  }
}

/** Runs the operators from `first` on over a few items; a promise only when one of their functions is async. */
function runSteps(
  pass: Pass,
  first: number,
  items: unknown[],
  context: OperatorContext,
): unknown[] | Promise<unknown[]> {
  let done = items;
  for (let index = first; index < pass.chain.length; index += 1) {
    const step = pass.chain[index] as NarrowNode;
    const before = done;
    const after = pass.guard(step, () => applyNarrow(step, before, context, pass.pulse));
    if (after instanceof Promise) return after.then((out) => runSteps(pass, index + 1, out, context));
    done = after;
  }
  return done;
}
