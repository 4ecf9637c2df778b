/** A counter, its key, and who may move it. */
export interface HeldCounter {
  readonly key: string;
  readonly counter: number;
  /** Who may move the counter. A counter that moved together with its holder proves nothing: somebody else wrote it. */
  readonly holder: string | undefined;
}

/** One counter as last seen. */
export interface SeenCounter extends HeldCounter {
  /** Since when, by this process's monotonic clock, it has stood still. */
  readonly sinceMillis: number;
  /** Whether this process has itself seen the holder move it. */
  readonly hasMoved: boolean;
  /** The look before the one that showed the move: when the holder lived at the earliest. */
  readonly movedAfterMillis: number;
  /** How often in a row the lease was given to somebody by this process without a move of the counter since the last time. */
  readonly silentGifts: number;
  /** The counter with which this process last gave the lease away, until the counter goes beyond it. */
  readonly gift: number | undefined;
}

/**
 * Remembers since when each counter has stood still, by this process's monotonic clock: the only way in which Millrace
 * judges that somebody else is gone (kcl.md 2.2). Clocks of two machines are never compared.
 */
export class CounterAges {
  #seen = new Map<string, SeenCounter>();
  #lookedAtMillis = Number.NEGATIVE_INFINITY;

  /** Notes the counters of a snapshot taken at `nowMillis`; forgets the keys that are gone. */
  observe(counters: Iterable<HeldCounter>, nowMillis: number): void {
    const next = new Map<string, SeenCounter>();
    const looks = { beforeMillis: this.#lookedAtMillis, nowMillis };
    for (const held of counters) next.set(held.key, follow(this.#seen.get(held.key), held, looks));
    this.#seen = next;
    this.#lookedAtMillis = nowMillis;
  }

  /** Notes a counter that this process has written itself, by giving the lease to its holder. */
  noteGiven(held: HeldCounter, nowMillis: number): void {
    const before = this.#seen.get(held.key);
    const isSilent = before?.gift !== undefined && before.counter === before.gift;
    const silentGifts = isSilent ? before.silentGifts + 1 : 0;
    this.#seen.set(held.key, { ...held, ...unmoved, sinceMillis: nowMillis, gift: held.counter, silentGifts });
  }

  /** The counter as last seen. */
  seen(key: string): SeenCounter | undefined {
    return this.#seen.get(key);
  }

  sinceMillis(key: string): number | undefined {
    return this.#seen.get(key)?.sinceMillis;
  }

  /** Whether this process has not yet seen the holder move the counter: it may not know that it was given the lease. */
  isUnanswered(key: string): boolean {
    return this.#seen.get(key)?.hasMoved !== true;
  }

  /** Whether the lease was given away again because the holder before had not moved the counter once. */
  wasSilentWhenGiven(key: string): boolean {
    return (this.#seen.get(key)?.silentGifts ?? 0) > 0;
  }

  /**
   * Whether this process has itself seen the holder move the counter, and within `windowMillis`. Looks that lie far apart
   * prove little: the holder may have moved it right after the first of them, and died.
   */
  hasMoved(key: string, windowMillis: number, nowMillis: number): boolean {
    const seen = this.#seen.get(key);
    return seen?.hasMoved === true && nowMillis - seen.movedAfterMillis <= windowMillis;
  }
}

/**
 * A counter that differs has changed, even downwards: a lease that was deleted and made anew starts at 0. A scan that is not
 * consistent may also show an older value than the one before; that makes a lease look younger than it is, never older,
 * and is no sign of life. Nor is the way back up to what this process has written itself:
 *
 *   1. this process gives a lease away: 5 -> 6
 *   2. a scan shows 5, from a replica that lags
 *   3. the next one shows 6, and still nobody has answered the gift
 */
function follow(
  before: SeenCounter | undefined,
  held: HeldCounter,
  { beforeMillis, nowMillis }: { readonly beforeMillis: number; readonly nowMillis: number },
): SeenCounter {
  const isSameHolder = before?.holder === held.holder;
  if (before?.counter === held.counter) return isSameHolder ? before : { ...before, ...held, ...unmoved };
  if (before?.gift !== undefined && held.counter <= before.gift) {
    const { gift, silentGifts } = before;
    return { ...held, ...unmoved, sinceMillis: nowMillis, gift, silentGifts };
  }
  const hasMoved = before !== undefined && isSameHolder && held.counter > before.counter;
  const move = hasMoved ? { hasMoved, movedAfterMillis: beforeMillis } : unmoved;
  return { ...held, ...move, sinceMillis: nowMillis, gift: undefined, silentGifts: 0 };
}

const unmoved = { hasMoved: false, movedAfterMillis: Number.NEGATIVE_INFINITY };
