import type { Partitions } from './given.ts';
import type { CogroupNode, JoinKind } from './node.ts';

/** What one side of a join has of one key. */
type Values = unknown[];

/**
 * Groups pairs of several sides by key, or joins those of two; keys come out in the order in which they were first
 * seen, the first side's before the others', and values in order of arrival. Where a side lacks a key, an outer join
 * gives `undefined` for it. The result is one partition.
 */
export class Cogrouper {
  readonly #kind: JoinKind;
  readonly #sides: number;
  readonly #groups = new Map<unknown, Values[]>();

  constructor(node: CogroupNode) {
    this.#kind = node.kind;
    this.#sides = node.parents.length;
  }

  /** Adds pairs of one side, by its place among the parents. */
  add(side: number, items: readonly unknown[]): void {
    const groups = this.#groups;
    for (const item of items) {
      const [key, value] = item as readonly [unknown, unknown];
      let group = groups.get(key);
      if (group === undefined) {
        if (side > 0 && (this.#kind === 'inner' || this.#kind === 'left')) continue;
        group = Array.from({ length: this.#sides }, () => []);
        groups.set(key, group);
      }
      (group[side] as Values).push(value);
    }
  }

  /** The groups, or the joined pairs. */
  get result(): Partitions {
    if (this.#kind === 'cogroup') return [[...this.#groups]];
    const needsLeft = this.#kind === 'inner' || this.#kind === 'left';
    const needsRight = this.#kind === 'inner' || this.#kind === 'right';
    const out: unknown[] = [];
    for (const [key, [lefts = [], rights = []]] of this.#groups) {
      if ((needsLeft && lefts.length === 0) || (needsRight && rights.length === 0)) continue;
      for (const left of lefts.length === 0 ? missing : lefts) {
        for (const right of rights.length === 0 ? missing : rights) out.push([key, [left, right]]);
      }
    }
    return [out];
  }
}

/** What stands for the values of a side that lacks the key. */
const missing: readonly unknown[] = [undefined];
