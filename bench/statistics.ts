/** The middle value, the greater of the two for an even number of them; 0 for none. */
export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** With so many digits behind the point. */
export function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

/**
 * The median over the rounds of one thing's speed over another's in the same round, so that a busy minute of the machine
 * counts for both; with two digits.
 */
export function pairedRatio(speeds: readonly number[], others: readonly number[]): number {
  return rounded(medianOf(speeds.map((speed, round) => speed / (others[round] ?? 0))), 2);
}

/**
 * Between which two of the values the median of all values that there could have been lies, with 95 % confidence, whatever
 * their distribution: by the order statistics of the sign test. Fewer than six values cannot tell; then it is `undefined`.
 */
export function medianInterval(values: readonly number[]): readonly [number, number] | undefined {
  const { length } = values;
  // How many of the values lie below the median is a coin thrown for each of them.
  let chance = 0.5 ** length;
  let below = chance;
  let rank = 0;
  while (below <= 0.025) {
    chance *= (length - rank) / (rank + 1);
    below += chance;
    rank += 1;
  }
  const sorted = values.toSorted((a, b) => a - b);
  const least = sorted[rank - 1];
  const most = sorted[length - rank];
  return least === undefined || most === undefined ? undefined : [least, most];
}
