/** A duration in the largest unit that leaves a number of at least one, with one decimal below ten. */
export function duration(millis: number): string {
  const units: readonly [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ];
  for (const [size, unit] of units) {
    if (millis >= size) return `${(millis / size).toFixed(millis < size * 10 ? 1 : 0)} ${unit}`;
  }
  return `${Math.round(millis)} ms`;
}
