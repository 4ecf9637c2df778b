import { MillraceError } from '../base/error.ts';
import type { BatchHead } from './batch.ts';
import { Cogrouper } from './cogroup.ts';
import { KeyCombiner } from './combine.ts';
import type { Given, Partitions } from './given.ts';
import type { Memory } from './memory.ts';
import type {
  CogroupNode,
  CombineNode,
  FoldNode,
  InputNode,
  NarrowNode,
  OperatorContext,
  PartitionNode,
  StreamNode,
  TransformNode,
} from './node.ts';
import { type NodeHead, nameOf } from './node-head.ts';
import { operatorFault } from './operator-fault.ts';
import { passThrough } from './pass-through.ts';
import type { Plan } from './plan.ts';
import type { Pulse } from './pulse.ts';
import { Reducer } from './reduce.ts';
import { repartition } from './repartition.ts';
import type { StatefulNode, StepNote } from './stateful-node.ts';
import { isDue } from './timing.ts';
import { batchesFor, partitionFrom, transformed } from './transform.ts';

/** What an evaluation needs beside the plan. */
export interface EvaluationFields {
  readonly plan: Pick<
    Plan,
    'batchIntervalMillis' | 'consumers' | 'keepers' | 'remembered' | 'slides' | 'stateKeys' | 'needs'
  >;
  /** The batch that is computed. */
  readonly head: BatchHead;
  /** The time before the first batch: slides are counted from it. */
  readonly zeroTimeMillis: number;
  /** What the batches before left. */
  readonly memory: Memory;
  /** What each input gives at this batch time. */
  readonly inputOf: (input: InputNode) => Given | Promise<Given>;
  /** Ends the evaluation between two items of an async function, and between the steps of a partition. */
  readonly signal: AbortSignal;
  /** Asked every few items; a promise lets other work of the process have its turn first. */
  readonly breathe?: () => Promise<void> | undefined;
  /** Hears what the steps tell. */
  readonly tell?: (note: StepNote) => void;
}

/**
 * The evaluation of one plan at one batch time. What several read is computed once and kept, also over tries of the
 * same batch, so that every output of a batch sees the same results; each result is let go when the last output that
 * needs it is done. What failed stays failed until `tryAgain`, so that a function that threw is not called again for
 * the next output in the same try.
 */
export class Evaluation {
  /** Grows with every function that settles and every few items that are done: who stands still is stuck. */
  beats = 0;
  /** The operator whose function has been called and has not settled yet. */
  waitingFor: NodeHead | undefined;
  readonly #fields: EvaluationFields;
  readonly #kept = new Map<number, Promise<Given>>();
  readonly #failed = new Set<number>();
  readonly #staged = new Map<string, unknown>();
  /** By node id, how many outputs still need it. */
  readonly #needed = new Map<number, number>();

  constructor(fields: EvaluationFields) {
    this.#fields = fields;
    for (const needs of fields.plan.needs) {
      for (const id of needs) this.#needed.set(id, (this.#needed.get(id) ?? 0) + 1);
    }
  }

  /** The memory that the batch leaves when it is committed. */
  get nextMemory(): Memory {
    const { memory } = this.#fields;
    return this.#staged.size === 0 ? memory : new Map([...memory, ...this.#staged]);
  }

  /**
   * What the stream gives.
   * @throws MillraceError `MR_HANDLER_FAILED` that names the operator whose function threw, with the error as cause;
   * `MR_KEY_INVALID`; `MR_CONFIG_INVALID` where an operator needs a batch of every parent and one gives nothing
   */
  of(node: StreamNode): Promise<Given> {
    const kept = this.#kept.get(node.id);
    if (kept !== undefined) return kept;
    const computed = this.#compute(node);
    this.#kept.set(node.id, computed);
    computed.catch(() => this.#failed.add(node.id));
    return computed;
  }

  /** What all the streams give, for operators that need a batch of each (Spark's rule). */
  async all(node: NodeHead, parents: readonly StreamNode[]): Promise<Partitions[]> {
    const all: Partitions[] = [];
    for (const parent of parents) {
      const given = await this.of(parent);
      if (given === null) {
        throw new MillraceError(
          'MR_CONFIG_INVALID',
          `${nameOf(node)} got no batch from ${nameOf(parent)} at a batch time: use only streams that give one at the same times`,
        );
      }
      all.push(given);
    }
    return all;
  }

  /** Has every operator that remembers take its step, and computes what `slice` may ask for, whether or not an output does. */
  async advance(): Promise<void> {
    const { keepers, remembered } = this.#fields.plan;
    for (const node of keepers) await this.of(node);
    for (const { node } of remembered) await this.of(node);
  }

  /** Lets go what only the output at this place of the plan still needed. */
  release(outputIndex: number): void {
    for (const id of this.#fields.plan.needs[outputIndex] ?? []) {
      const left = (this.#needed.get(id) ?? 1) - 1;
      this.#needed.set(id, left);
      if (left === 0) this.#kept.delete(id);
    }
  }

  /** Forgets what failed, so that it is computed anew. */
  tryAgain(): void {
    for (const id of this.#failed) this.#kept.delete(id);
    this.#failed.clear();
  }

  /** Says that a user function has settled; see {@link Pulse}. */
  readonly pulse: Pulse = () => {
    this.beats += 1;
    this.#fields.signal.throwIfAborted();
  };

  /** Calls a user function so that whatever it throws, now or later, comes out naming the operator. */
  readonly guard = <T>(node: NodeHead, action: () => T | Promise<T>): T | Promise<T> => {
    try {
      const result = action();
      return result instanceof Promise ? this.#await(node, result) : result;
    } catch (thrown) {
      return this.#rethrow(node, thrown);
    }
  };

  async #await<T>(node: NodeHead, result: Promise<T>): Promise<T> {
    const before = this.waitingFor;
    this.waitingFor = node;
    try {
      return await result;
    } catch (thrown) {
      return this.#rethrow(node, thrown);
    } finally {
      this.waitingFor = before;
    }
  }

  #rethrow(node: NodeHead, thrown: unknown): never {
    this.#fields.signal.throwIfAborted();
    throw operatorFault(node, thrown);
  }

  async #compute(node: StreamNode): Promise<Given> {
    // A stateful operator takes its step at every time; the others are not computed at times that are not theirs.
    if (node.tag !== 'stateful' && !this.#isDue(node)) return null;
    switch (node.tag) {
      case 'input':
        return this.guard(node, () => this.#fields.inputOf(node));
      case 'narrow':
        return this.#collect(node);
      case 'partition':
        return this.#byPartition(node);
      case 'union':
        return (await this.all(node, node.parents)).flat();
      case 'repartition': {
        const given = await this.of(node.parent);
        return given && repartition(given, node.partitions);
      }
      case 'fold':
        return this.#fold(node);
      case 'combine':
        return this.#combine(node);
      case 'cogroup':
        return this.#cogroup(node);
      case 'transform':
        return this.#transform(node);
      case 'stateful':
        return this.#step(node);
    }
  }

  async #collect(last: NarrowNode): Promise<Given> {
    const out: unknown[][] = [];
    const take = (items: unknown[], { partition }: OperatorContext) => {
      const kept = out[partition];
      if (kept === undefined) out[partition] = items;
      else for (const item of items) kept.push(item);
    };
    const hasBatch = await this.#through(last.parent, take, last);
    return hasBatch ? out : null;
  }

  async #byPartition(node: PartitionNode): Promise<Given> {
    const given = await this.of(node.parent);
    if (given === null) return null;
    const out: (readonly unknown[])[] = [];
    for (const [partition, items] of given.entries()) {
      const returned = await this.guard(node, () => node.f(items, this.#contextOf(partition)));
      out.push(await this.guard(node, () => partitionFrom(node, returned)));
      await this.#pace();
    }
    return out;
  }

  async #fold(node: FoldNode): Promise<Given> {
    if (node.f === undefined) {
      let count = 0;
      const hasBatch = await this.#through(node.parent, (items) => void (count += items.length));
      return hasBatch ? [[count]] : null;
    }
    const reducer = new Reducer(node.f, this.pulse);
    const add = (items: readonly unknown[]) => this.guard(node, () => reducer.add(items));
    return (await this.#through(node.parent, add)) ? reducer.result : null;
  }

  async #combine(node: CombineNode): Promise<Given> {
    const combiner = new KeyCombiner(node, this.pulse);
    const add = (items: readonly unknown[], context: OperatorContext) =>
      this.guard(node, () => combiner.add(items, context));
    if (!(await this.#through(node.parent, add))) return null;
    return this.guard(node, () => combiner.result(this.#contextOf(0)));
  }

  async #cogroup(node: CogroupNode): Promise<Given> {
    const cogrouper = new Cogrouper(node);
    for (const [side, partitions] of (await this.all(node, node.parents)).entries()) {
      for (const items of partitions) {
        cogrouper.add(side, items);
        await this.#pace();
      }
    }
    return cogrouper.result;
  }

  async #transform(node: TransformNode): Promise<Given> {
    const { head, signal } = this.#fields;
    const batches = batchesFor(head, await this.all(node, node.parents));
    const { batchTimeMillis } = head;
    const returned = await this.guard(node, () => node.f(batches, { batchTimeMillis, signal }));
    return this.guard(node, () => transformed(node, returned));
  }

  async #step(node: StatefulNode<StreamNode>): Promise<Given> {
    const { memory, plan, signal, zeroTimeMillis, head } = this.#fields;
    const given: Given[] = [];
    for (const parent of node.parents) given.push(await this.of(parent));
    const key = plan.stateKeys.get(node.id) ?? nameOf(node);
    const before = memory.has(key) ? memory.get(key) : node.initial();
    const due = this.#isDue(node);
    const context = {
      batchTimeMillis: head.batchTimeMillis,
      batchIntervalMillis: plan.batchIntervalMillis,
      zeroTimeMillis,
      isDue: due,
      signal,
      breathe: () => this.#pace(),
      tell: this.#fields.tell,
    };
    const step = await this.guard(node, () => node.step(before, given, context));
    this.#staged.set(key, step.memory);
    return due ? step.given : null;
  }

  /**
   * Passes what the stream gives to `take`, a few items at a time, through the run of narrow operators that it ends
   * in, as far as nobody else reads what lies between, and then through `last`. Answers `false` when there is no batch.
   */
  async #through(
    from: StreamNode,
    take: (items: unknown[], context: OperatorContext) => void | Promise<void>,
    last?: NarrowNode,
  ): Promise<boolean> {
    const chain: NarrowNode[] = last === undefined ? [] : [last];
    let base = from;
    while (base.tag === 'narrow' && this.#fields.plan.consumers.get(base.id) === 1) {
      chain.unshift(base);
      base = base.parent;
    }
    const given = await this.of(base);
    if (given === null) return false;
    await passThrough(given, {
      chain,
      contextOf: (partition) => this.#contextOf(partition),
      guard: this.guard,
      pulse: this.pulse,
      pace: () => this.#pace(),
      take,
    });
    return true;
  }

  #isDue(node: StreamNode): boolean {
    const { plan, head, zeroTimeMillis } = this.#fields;
    const { batchIntervalMillis } = plan;
    const slideMillis = plan.slides.get(node.id) ?? batchIntervalMillis;
    return isDue({ batchTimeMillis: head.batchTimeMillis, zeroTimeMillis, slideMillis, batchIntervalMillis });
  }

  #contextOf(partition: number): OperatorContext {
    const { head, signal } = this.#fields;
    return { batchTimeMillis: head.batchTimeMillis, partition, signal };
  }

  #pace(): Promise<void> | undefined {
    this.pulse();
    return this.#fields.breathe?.();
  }
}
