import { MillraceError, isMillraceError, messageOf } from '../base/error.ts';
import { type Partitions, reduceByKey } from './keyed.ts';
import { applyNarrow } from './narrow.ts';
import { type InputNode, type NarrowNode, type NodeHead, type StreamNode, type UnionNode, nameOf } from './node.ts';
import type { Plan } from './plan.ts';

/** What a stream gives at one batch time: nothing (`null`), or partitions, which may hold no items. */
export type Given = Partitions | null;

/** What an evaluation needs beside the plan. */
export interface EvaluationFields {
  readonly plan: Pick<Plan, 'consumers'>;
  /** What each input gives at this batch time. */
  readonly inputOf: (input: InputNode) => Given;
  /** Ends the evaluation between two items of an async function, and between partitions. */
  readonly signal: AbortSignal;
  /** Asked between two partitions; a promise lets other work of the process have its turn first. */
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
      case 'reduceByKey': {
        const given = await this.of(node.parent);
        return given && this.#guard(node, () => reduceByKey(node, given, this.#fields.signal));
      }
    }
  }

  /** Runs a chain of narrow operators in one pass per partition, so that what lies between them is short-lived. */
  async #runChain(last: NarrowNode): Promise<Given> {
    const chain = [last];
    let base = last.parent;
    while (base.tag === 'narrow' && this.#fields.plan.consumers.get(base.id) === 1) {
      chain.unshift(base);
      base = base.parent;
    }
    const given = await this.of(base);
    if (given === null) return null;
    const { signal, breathe } = this.#fields;
    const out: (readonly unknown[])[] = [];
    for (const partition of given) {
      let items = partition;
      for (const step of chain) {
        const before = items;
        const after = this.#guard(step, () => applyNarrow(step, before, signal));
        items = after instanceof Promise ? await after : after;
      }
      out.push(items);
      const turn = breathe?.();
      if (turn !== undefined) await turn;
      signal.throwIfAborted();
    }
    return out;
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
