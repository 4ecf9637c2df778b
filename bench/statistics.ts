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
