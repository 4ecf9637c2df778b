import type { MillraceEvent } from '../event/event.ts';

/** The state of a run in three numbers, for a line that a person watches. */
export interface Progress {
  /** Shards that this worker holds. */
  readonly shards: number;
  /** Records read so far. */
  readonly records: number;
  /** How far the shard that is furthest behind is behind the tip; undefined before the first read. */
  readonly millisBehindLatest: number | undefined;
}

/** Folds events into a {@link Progress}. */
export class ProgressFold {
  /** Held shards, with how far each was behind at its last read. */
  readonly #behind = new Map<string, number | undefined>();
  #records = 0;

  /** Takes one event into account. */
  add(event: MillraceEvent): void {
    switch (event.type) {
      case 'lease.gained':
        this.#behind.set(event.leaseKey, undefined);
        return;
      case 'lease.lost':
      case 'lease.released':
        this.#behind.delete(event.leaseKey);
        return;
      case 'shard.read':
        this.#records += event.records;
        // A read may still be on its way when its lease is given up; it does not bring the shard back.
        if (this.#behind.has(event.shardId)) this.#behind.set(event.shardId, event.millisBehindLatest);
        return;
      default:
        return;
    }
  }

  /** The figures now. */
  get current(): Progress {
    const known = [...this.#behind.values()].filter((millis) => millis !== undefined);
    return {
      shards: this.#behind.size,
      records: this.#records,
      millisBehindLatest: known.length === 0 ? undefined : Math.max(...known),
    };
  }
}
