/** Adds to the front of a list that is kept at a length. */
export function pushBounded<T>(list: T[], entry: T, most: number): void {
  list.unshift(entry);
  if (list.length > most) list.length = most;
}

/** Takes out of a map, oldest first, what may be forgotten, until it is no longer than `most`. */
export function forgetBeyond<K, V>(map: Map<K, V>, most: number, mayForget: (value: V) => boolean): void {
  if (map.size <= most) return;
  for (const [key, value] of map) {
    if (!mayForget(value)) continue;
    map.delete(key);
    if (map.size <= most) return;
  }
}
