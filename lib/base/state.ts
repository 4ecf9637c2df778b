import { MillraceError } from './error.ts';

/** A state with its data; the tag says which. */
export interface Tagged {
  readonly tag: string;
}

/** For each state, the states that may follow it. */
export type LegalEdges<S extends Tagged> = { readonly [T in S['tag']]: readonly S['tag'][] };

/**
 * Holds the one state of a thing. Every change goes through `become`, which throws on an edge that the table does
 * not list and tells one observer about every change.
 */
export class StateHolder<S extends Tagged> {
  #current: S;
  readonly #edges: LegalEdges<S>;
  readonly #observer: (next: S, previous: S) => void;

  constructor(initial: S, edges: LegalEdges<S>, observer: (next: S, previous: S) => void = () => {}) {
    this.#current = initial;
    this.#edges = edges;
    this.#observer = observer;
  }

  /** The state now. */
  get current(): S {
    return this.#current;
  }

  /**
   * Changes the state and tells the observer.
   * @throws MillraceError `MR_INTERNAL` when the table does not list the edge
   */
  become(next: S): void {
    const previous = this.#current;
    const allowed = this.#edges[previous.tag as S['tag']];
    if (!allowed.includes(next.tag)) {
      throw new MillraceError('MR_INTERNAL', `illegal change of state: ${previous.tag} -> ${next.tag}`);
    }
    this.#current = next;
    this.#observer(next, previous);
  }
}
