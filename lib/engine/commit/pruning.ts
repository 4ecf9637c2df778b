import type { ShardProgress } from './manifest.ts';

/** See `CommitLineOptions.confirmEnded`. */
export type ConfirmEnded = (shards: readonly ShardProgress[], signal: AbortSignal) => Promise<readonly ShardProgress[]>;

/** How many commits lie between two looks at the rows of ended shards. */
const commitsBetweenPrunings = 50;

/** Looks from time to time whether the rows of ended shards say so; then the next manifest leaves them out. */
export class Pruning {
  readonly #confirmEnded: ConfirmEnded | undefined;
  #commitsUntilPruning = 0;

  constructor(confirmEnded: ConfirmEnded | undefined) {
    this.#confirmEnded = confirmEnded;
  }

  /** After a commit of these: those that may be left out. */
  async look(shards: readonly ShardProgress[], signal: AbortSignal): Promise<readonly ShardProgress[]> {
    const ended = shards.filter(({ position }) => position.kind === 'SHARD_END');
    if (this.#confirmEnded === undefined || ended.length === 0) return [];
    this.#commitsUntilPruning -= 1;
    if (this.#commitsUntilPruning > 0) return [];
    this.#commitsUntilPruning = commitsBetweenPrunings;
    return this.#confirmEnded(ended, signal);
  }
}
