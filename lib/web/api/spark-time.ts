/** A time as Spark's REST API writes it: `2014-08-12T17:14:44.000GMT`; absent for what has not been. */
export function sparkTime(atMillis: number | null): string | undefined {
  return atMillis === null ? undefined : new Date(atMillis).toISOString().replace('Z', 'GMT');
}

/** Leaves out what is not known, as Spark's API does. */
export function known<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as Partial<T>;
}
