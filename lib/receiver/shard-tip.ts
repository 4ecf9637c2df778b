import { type Position, comparePositions } from '../base/position.ts';
import type { KinesisRecord } from '../block/record.ts';

/** When one shard was last seen to have nothing after a position. */
export class ShardTip {
  #seen: { readonly through: Position; readonly atMillis: number } | undefined;
  #firstArrivalMillis: number | undefined;
  #lastArrivalMillis: number | undefined;

  /** Records came; they say at which service time they arrived. */
  received(records: readonly Pick<KinesisRecord, 'arrivalTimeMillis'>[]): void {
    const last = records.at(-1);
    if (last === undefined) return;
    this.#firstArrivalMillis ??= records[0]?.arrivalTimeMillis;
    this.#lastArrivalMillis = last.arrivalTimeMillis;
  }

  /**
   * A service time at which nothing can have been after any record of this tenure: the arrival of the first of them. It
   * stands in where the shard was never seen at its tip.
   */
  get firstArrivalMillis(): number | undefined {
    return this.#firstArrivalMillis;
  }

  /** When the last record of this tenure arrived, service time: the shard was open then. */
  get lastArrivalMillis(): number | undefined {
    return this.#lastArrivalMillis;
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
