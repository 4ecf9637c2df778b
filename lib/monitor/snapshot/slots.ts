/** How many whole slots are kept: the talk's statistics go over 100 batches. */
export const keptSlots = 100;

/**
 * Sums by time slot: how much came in each of the last slots. A slot that brought nothing counts as 0 from the first
 * value on. A clock that jumps back counts into the newest slot; one that jumps far ahead forgets the slots between.
 */
export class Slots {
  readonly #slotMillis: number;
  readonly #keep: number;
  /** Slot number of the last entry of `#sums`. */
  #newest: number | undefined;
  #sums: number[] = [];

  constructor(slotMillis: number, keep = keptSlots) {
    this.#slotMillis = slotMillis;
    this.#keep = keep;
  }

  /** Adds an amount at a time. */
  add(amount: number, atMillis: number): void {
    this.#moveTo(atMillis);
    this.#sums[this.#sums.length - 1] = (this.#sums.at(-1) ?? 0) + amount;
  }

  /** The whole slots that have ended by a time, oldest first: `[end of the slot, amount]`. */
  ended(nowMillis: number): readonly (readonly [number, number])[] {
    if (this.#newest === undefined) return [];
    this.#moveTo(nowMillis);
    const first = this.#newest - this.#sums.length + 1;
    return this.#sums.slice(0, -1).map((sum, index) => [(first + index + 1) * this.#slotMillis, sum] as const);
  }

  /** `ended` with amounts a second. */
  rates(nowMillis: number): readonly (readonly [number, number])[] {
    return this.ended(nowMillis).map(([end, sum]) => [end, (sum * 1_000) / this.#slotMillis] as const);
  }

  /** The amount in all kept slots, the one under way included. */
  total(nowMillis: number): number {
    if (this.#newest === undefined) return 0;
    this.#moveTo(nowMillis);
    return this.#sums.reduce((sum, amount) => sum + amount, 0);
  }

  /** The amount a second over the ended slots; 0 before the first has ended. */
  perSecond(nowMillis: number): number {
    if (this.#newest === undefined) return 0;
    this.#moveTo(nowMillis);
    const ended = this.#sums.length - 1;
    if (ended === 0) return 0;
    let sum = 0;
    for (let index = 0; index < ended; index += 1) sum += this.#sums[index] ?? 0;
    return (sum * 1_000) / (ended * this.#slotMillis);
  }

  #moveTo(atMillis: number): void {
    const slot = Math.floor(atMillis / this.#slotMillis);
    if (this.#newest === undefined) this.#sums = [0];
    else {
      const ahead = Math.min(slot - this.#newest, this.#keep + 1);
      for (let step = 0; step < ahead; step += 1) this.#sums.push(0);
      if (this.#sums.length > this.#keep + 1) this.#sums.splice(0, this.#sums.length - this.#keep - 1);
    }
    this.#newest = Math.max(slot, this.#newest ?? slot);
  }
}
