import type { PairKey } from '../key.ts';

/** When the state of a key was last touched, and when it came to be. */
export interface Touched {
  readonly touchedMillis: number;
  readonly bornMillis: number;
}

/** Keys, newest chunk first; sharing the older ones makes adding to a bucket cheap. */
interface Chunk<K> {
  readonly keys: readonly K[];
  /** For each key, when the state that the item is about came to be: another state under the key has its own item. */
  readonly born: readonly number[];
  readonly rest: Chunk<K> | undefined;
}

interface Bucket<K> {
  readonly startMillis: number;
  readonly items: Chunk<K> | undefined;
}

/** An item to be put into a bucket. */
interface Item<K> {
  readonly key: K;
  readonly atMillis: number;
  readonly bornMillis: number;
}

/** A timeout is cut into about this many buckets; the first is looked through at every batch. */
const bucketsPerTimeout = 512;

/**
 * Knows which keys have not been touched for a timeout, without looking at the others. It never changes; `advance`
 * gives a new one. Touching a key costs nothing here: the key lies in the bucket of some earlier touch, and moves to the
 * bucket of its last one when its turn comes.
 */
export class TimerIndex<K extends PairKey> {
  readonly #widthMillis: number;
  /** In order of time. */
  readonly #buckets: readonly Bucket<K>[];

  private constructor(widthMillis: number, buckets: readonly Bucket<K>[]) {
    this.#widthMillis = widthMillis;
    this.#buckets = buckets;
  }

  /** The index of states that already are. */
  static of<K extends PairKey>(timeoutMillis: number, states: Iterable<readonly [K, Touched]>): TimerIndex<K> {
    const widthMillis = Math.max(1, Math.floor(timeoutMillis / bucketsPerTimeout));
    const items = Array.from(states, ([key, { touchedMillis, bornMillis }]) => ({
      key,
      atMillis: touchedMillis,
      bornMillis,
    }));
    return new TimerIndex<K>(widthMillis, []).#withItems(items);
  }

  /** Notes states that came to be at this time. */
  withBorn(keys: readonly K[], bornMillis: number): TimerIndex<K> {
    if (keys.length === 0) return this;
    return this.#withItems(keys.map((key) => ({ key, atMillis: bornMillis, bornMillis })));
  }

  /** The keys whose last touch lies before the threshold, and the index without them. */
  advance(
    thresholdMillis: number,
    touchedOf: (key: K) => Touched | undefined,
  ): { readonly due: readonly K[]; readonly index: TimerIndex<K> } {
    const reached = this.#buckets.findIndex((bucket) => bucket.startMillis >= thresholdMillis);
    const open = reached === -1 ? this.#buckets : this.#buckets.slice(0, reached);
    if (open.length === 0) return { due: [], index: this };
    const due: K[] = [];
    const moved: Item<K>[] = [];
    for (const bucket of open) {
      for (let chunk = bucket.items; chunk !== undefined; chunk = chunk.rest) {
        for (const [at, key] of chunk.keys.entries()) {
          const touched = touchedOf(key);
          if (touched === undefined || touched.bornMillis !== chunk.born[at]) continue;
          if (touched.touchedMillis < thresholdMillis) due.push(key);
          else moved.push({ key, atMillis: touched.touchedMillis, bornMillis: touched.bornMillis });
        }
      }
    }
    const rest = new TimerIndex<K>(this.#widthMillis, this.#buckets.slice(open.length));
    return { due, index: rest.#withItems(moved) };
  }

  /**
   * Up to `count` keys that came to be first, to the width of a bucket, and the index without them. For states that are
   * not touched after their birth.
   */
  withoutFirst(
    count: number,
    touchedOf: (key: K) => Touched | undefined,
  ): { readonly keys: readonly K[]; readonly index: TimerIndex<K> } {
    const keys: K[] = [];
    const buckets: Bucket<K>[] = [];
    for (const bucket of this.#buckets) {
      let items = keys.length < count ? undefined : bucket.items;
      for (const chunk of keys.length < count ? oldestFirst(bucket.items) : []) {
        let at = 0;
        for (; at < chunk.keys.length && keys.length < count; at += 1) {
          const key = chunk.keys[at] as K;
          if (touchedOf(key)?.bornMillis === chunk.born[at]) keys.push(key);
        }
        // What stays is not looked at: forgetting a few of many must not cost what the many do.
        if (at === 0) items = { ...chunk, rest: items };
        else if (at < chunk.keys.length) {
          items = { keys: chunk.keys.slice(at), born: chunk.born.slice(at), rest: items };
        }
      }
      if (items !== undefined) buckets.push({ startMillis: bucket.startMillis, items });
    }
    return { keys, index: new TimerIndex<K>(this.#widthMillis, buckets) };
  }

  #withItems(items: readonly Item<K>[]): TimerIndex<K> {
    if (items.length === 0) return this;
    const buckets = new Map(this.#buckets.map((bucket) => [bucket.startMillis, bucket.items]));
    const chunks = new Map<number, { readonly keys: K[]; readonly born: number[] }>();
    for (const { key, atMillis, bornMillis } of items) {
      const startMillis = Math.floor(atMillis / this.#widthMillis) * this.#widthMillis;
      const chunk = chunks.get(startMillis) ?? { keys: [], born: [] };
      chunk.keys.push(key);
      chunk.born.push(bornMillis);
      chunks.set(startMillis, chunk);
    }
    for (const [start, chunk] of chunks) buckets.set(start, { ...chunk, rest: buckets.get(start) });
    const sorted = Array.from(buckets, ([startMillis, chunk]) => ({ startMillis, items: chunk }));
    sorted.sort((a, b) => a.startMillis - b.startMillis);
    return new TimerIndex(this.#widthMillis, sorted);
  }
}

function oldestFirst<K>(items: Chunk<K> | undefined): readonly Chunk<K>[] {
  const chunks: Chunk<K>[] = [];
  for (let chunk = items; chunk !== undefined; chunk = chunk.rest) chunks.push(chunk);
  return chunks.toReversed();
}
