import { MillraceError, isMillraceError, messageOf } from '../base/error.ts';
import { KeyReducer, type Partitions } from './keyed.ts';
import { applyNarrow } from './narrow.ts';
import {
  type InputNode,
  type NarrowNode,
  type NodeHead,
  type ReduceByKeyNode,
  type StreamNode,
  type UnionNode,
  nameOf,
} from './node.ts';
import type { Plan } from './plan.ts';

/** What a stream gives at one batch time: nothing (`null`), or partitions, which may hold no items. */
export type Given = Partitions | null;

/** How many items of a partition go through a chain of operators together. */
const itemsAtATime = 256;

/** What an evaluation needs beside the plan. */
export interface EvaluationFields {
  readonly plan: Pick<Plan, 'consumers'>;
  /** What each input gives at this batch time. */
  readonly inputOf: (input: InputNode) => Given;
  /** Ends the evaluation between two items of an async function, and between the steps of a partition. */
  readonly signal: AbortSignal;
  /** Asked every few items; a promise lets other work of the process have its turn first. */
  readonly breathe?: () => Promise<void> | undefined;
}

/**
 * The evaluation of one plan at one batch time. What several read is computed once and kept, also over tries of the
 * same batch, so that every output of a batch sees the same results; what failed is not kept.
 */
export class Evaluation {
  readonly #fields: EvaluationFields;
  readonly #kept = new Map<number, Promise<Given>>();

  constructor(fields: EvaluationFields) {
    this.#fields = fields;
  }

  /**
   * What the stream gives.
   * @throws MillraceError `MR_HANDLER_FAILED` that names the operator whose function threw, with the error as cause;
   * `MR_KEY_INVALID`; `MR_CONFIG_INVALID` for a union where one stream gives nothing
   */
  of(node: StreamNode): Promise<Given> {
    const kept = this.#kept.get(node.id);
    if (kept !== undefined) return kept;
    const computed = this.#compute(node);
    this.#kept.set(node.id, computed);
    computed.catch(() => this.#kept.delete(node.id));
    return computed;
  }

  async #compute(node: StreamNode): Promise<Given> {
    switch (node.tag) {
      case 'input':
        return this.#fields.inputOf(node);
      case 'narrow':
        return this.#runChain(node);
      case 'union':
        return this.#unite(node);
      case 'count': {
        const given = await this.of(node.parent);
        return given && [[given.reduce((sum, partition) => sum + partition.length, 0)]];
      }
      case 'reduceByKey':
        return this.#reduceByKey(node);
    }
  }

  async #runChain(last: NarrowNode): Promise<Given> {
    const out: unknown[][] = [];
    const hasBatch = await this.#passThrough(last, (items, partition) => {
      const kept = out[partition];
      if (kept === undefined) out[partition] = items;
      else for (const item of items) kept.push(item);
    });
    return hasBatch ? out : null;
  }

  async #reduceByKey(node: ReduceByKeyNode): Promise<Given> {
    const { parent } = node;
    const reducer = new KeyReducer(node, this.#fields.signal);
    const add = (items: readonly unknown[]) => this.#guard(node, () => reducer.add(items));
    if (parent.tag === 'narrow' && this.#isReadOnce(parent)) {
      return (await this.#passThrough(parent, add)) ? reducer.result : null;
    }
    const given = await this.of(parent);
    if (given === null) return null;
    for (const partition of given) {
      const added = add(partition);
      if (added !== undefined) await added;
    }
    return reducer.result;
  }

  /**
   * Passes the partitions below a chain of narrow operators through all of it, a few items at a time, so that what
   * lies between the operators stays small and short-lived. Answers `false` when there is no batch.
   */
  async #passThrough(
    last: NarrowNode,
    take: (items: unknown[], partition: number) => void | Promise<void>,
  ): Promise<boolean> {
    const chain = [last];
    let base = last.parent;
    while (base.tag === 'narrow' && this.#isReadOnce(base)) {
      chain.unshift(base);
      base = base.parent;
    }
    const given = await this.of(base);
    if (given === null) return false;
    const { signal, breathe } = this.#fields;
    for (const [index, partition] of given.entries()) {
      for (let from = 0; from === 0 || from < partition.length; from += itemsAtATime) {
        const ran = this.#runSteps(chain, partition.slice(from, from + itemsAtATime));
        const taken = take(ran instanceof Promise ? await ran : ran, index);
        if (taken !== undefined) await taken;
        const turn = breathe?.();
        if (turn !== undefined) await turn;
        signal.throwIfAborted();
      }
    }
    return true;
  }

  /** Runs the operators one after the other over a few items; a promise only when one of their functions is async. */
  #runSteps(chain: readonly NarrowNode[], items: unknown[]): unknown[] | Promise<unknown[]> {
    let done = items;
    for (const [index, step] of chain.entries()) {
      const before = done;
      const after = this.#guard(step, () => applyNarrow(step, before, this.#fields.signal));
      if (after instanceof Promise) return after.then((out) => this.#runSteps(chain.slice(index + 1), out));
      done = after;
    }
    return done;
  }

  /** Whether only one reads the stream, so that nothing of it needs to be kept. */
  #isReadOnce(node: StreamNode): boolean {
    return this.#fields.plan.consumers.get(node.id) === 1;
  }

  async #unite(node: UnionNode): Promise<Given> {
    const parts: Partitions[] = [];
    for (const parent of node.parents) {
      const given = await this.of(parent);
      if (given === null) {
        throw new MillraceError(
          'MR_CONFIG_INVALID',
          `${nameOf(node)} got no batch from ${nameOf(parent)} at a batch time: unite only streams that give one at the same times`,
        );
      }
      parts.push(given);
    }
    return parts.flat();
  }

  /** Calls a user function so that whatever it throws, now or later, comes out naming the operator. */
  #guard<T>(node: NodeHead, action: () => T | Promise<T>): T | Promise<T> {
    try {
      const result = action();
      return result instanceof Promise ? result.catch((thrown: unknown) => this.#rethrow(node, thrown)) : result;
    } catch (thrown) {
      return this.#rethrow(node, thrown);
    }
  }

  #rethrow(node: NodeHead, thrown: unknown): never {
    this.#fields.signal.throwIfAborted();
    throw operatorFault(node, thrown);
  }
}

/** The error of a user function, naming its operator; the engine's own verdict on a key passes as it is. */
export function operatorFault(node: NodeHead, thrown: unknown): MillraceError {
  if (isMillraceError(thrown, 'MR_KEY_INVALID')) return thrown;
  return new MillraceError('MR_HANDLER_FAILED', `${nameOf(node)} failed: ${messageOf(thrown)}`, { cause: thrown });
}
