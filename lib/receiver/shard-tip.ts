import { type Position, comparePositions } from '../base/position.ts';

/** When one shard was last seen to have nothing after a position. */
export class ShardTip {
  #seen: { readonly through: Position; readonly atMillis: number } | undefined;
  #firstArrivalMillis: number | undefined;

  /** Records came; the first of them arrived at this service time. */
  received(arrivalMillis: number): void {
    this.#firstArrivalMillis ??= arrivalMillis;
  }

  /**
   * A service time at which nothing can have been after any record of this tenure: the arrival of the first of them. It
   * stands in where the shard was never seen at its tip.
   */
  get firstArrivalMillis(): number | undefined {
    return this.#firstArrivalMillis;
  }

  /** The shard was read to its tip: at this service time nothing came after the position. */
  saw(through: Position, atMillis: number): void {
    this.#seen = { through, atMillis };
  }

  /** The last service time at which nothing came after the position, as far as that was seen. */
  caughtUpAtMillis(position: Position): number | undefined {
    if (this.#seen === undefined || comparePositions(position, this.#seen.through) < 0) return undefined;
    return this.#seen.atMillis;
  }
}
