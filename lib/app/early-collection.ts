import type { Clock } from '../base/clock.ts';
import { nextTurn } from '../base/turn.ts';
import type { CollectYoung } from '../base/young-garbage.ts';
import type { MillraceEvent } from '../event/event.ts';

/** What {@link EarlyCollection} needs. */
export interface EarlyCollectionOptions {
  readonly collect: CollectYoung;
  readonly clock: Clock;
}

/**
 * So many bytes of records are read between two collections at least. Far less than the 8 MB of growth for which V8 goes over
 * all of its heap: it looks right after a collection of young objects, too, when what that has freed is still counted.
 */
export const leastBytes: number = 2 * 1024 * 1024;
/** And so many at most: more, and V8 has long collected by itself. */
export const mostBytes: number = 32 * leastBytes;
/** The part of the time that collections may take before there are fewer of them. */
const costlyShare = 0.1;

/**
 * Has V8 collect young objects whenever some megabytes of records were read. By itself it does so when its room for young
 * objects is full, which is 16 MB on large machines, or 32: the records of 50 MB and more. Meanwhile the buffers of records
 * that were finished long ago are counted as growth, and for each 8 MB of growth V8 goes over its whole heap: a collection of
 * young objects takes a millisecond, one of the whole heap thirty, on several threads.
 *
 * Where collecting takes long, because much that is young is in use, it is done less often; so whoever holds records back for
 * seconds pays little for it.
 */
export class EarlyCollection {
  readonly #collect: CollectYoung;
  readonly #clock: Clock;
  #everyBytes = leastBytes;
  #bytes = 0;
  #lastMillis: number;
  #isAsked = false;
  #isStopped = false;

  constructor({ collect, clock }: EarlyCollectionOptions) {
    this.#collect = collect;
    this.#clock = clock;
    this.#lastMillis = clock.monotonicMillis();
  }

  /** Counts what was read. Collects in a turn of its own, in which few objects are in use. */
  readonly hear = (event: MillraceEvent): void => {
    if (event.type !== 'shard.read') return;
    this.#bytes += event.bytes;
    if (this.#bytes < this.#everyBytes || this.#isAsked) return;
    this.#isAsked = true;
    void nextTurn().then(() => this.#now());
  };

  /** Collects nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  #now(): void {
    this.#isAsked = false;
    this.#bytes = 0;
    if (this.#isStopped) return;
    const before = this.#clock.monotonicMillis();
    this.#collect();
    const after = this.#clock.monotonicMillis();
    const isCostly = after - before > costlyShare * (after - this.#lastMillis);
    this.#lastMillis = after;
    this.#everyBytes = isCostly
      ? Math.min(mostBytes, 2 * this.#everyBytes)
      : Math.max(leastBytes, this.#everyBytes / 2);
  }
}
