import { MillraceError } from '../base/error.ts';
import { StateHolder } from '../base/state.ts';
import { creationSite } from './creation-site.ts';
import { History } from './history.ts';
import type { InputNode, OutputNode, StreamNode } from './node.ts';
import type { NodeHead } from './node-head.ts';

/** Spark's three states of a context: being built, running, over. */
export type ContextState = 'INITIALIZED' | 'ACTIVE' | 'STOPPED';

/**
 * What the streams of one context have in common: the numbering of their nodes, the inputs, the outputs, and whether
 * the graph may still grow.
 */
export class Graph {
  readonly inputs: InputNode[] = [];
  readonly outputs: OutputNode[] = [];
  /** By node, how long its batches are kept for `slice`, milliseconds. */
  readonly remembered = new Map<StreamNode, number>();
  /** What was kept. */
  readonly history = new History();
  readonly #state = new StateHolder<{ readonly tag: ContextState }>(
    { tag: 'INITIALIZED' },
    { INITIALIZED: ['ACTIVE', 'STOPPED'], ACTIVE: ['STOPPED'], STOPPED: [] },
  );
  #nextId = 0;

  get state(): ContextState {
    return this.#state.current.tag;
  }

  become(tag: ContextState): void {
    this.#state.become({ tag });
  }

  /**
   * Numbers a new node and notes the line of the program that made it.
   * @throws MillraceError `MR_CONFIG_INVALID` once the context has started or stopped (Spark's rule)
   */
  head(operator: string): NodeHead {
    if (this.state !== 'INITIALIZED') {
      const when = this.state === 'ACTIVE' ? 'has started' : 'is stopped';
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `${operator} at ${creationSite()} was called after the context ${when}: declare all inputs, operators and outputs before the start`,
      );
    }
    this.#nextId += 1;
    return { id: this.#nextId - 1, operator, site: creationSite() };
  }
}
