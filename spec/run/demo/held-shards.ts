import type { MillraceEvent } from '../../../lib/index.ts';

/** The shards that a worker holds, and how far its last reads of them were behind the tip. */
export class HeldShards {
  readonly #behind = new Map<string, number | undefined>();

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
        // A read may still be on its way when its lease is given up; it does not bring the shard back.
        if (this.#behind.has(event.shardId)) this.#behind.set(event.shardId, event.millisBehindLatest);
        return;
      default:
        return;
    }
  }

  /** The shards in order, and the greatest distance; none is told before the first read. */
  get current(): { readonly held: readonly string[]; readonly behindMillis?: number } {
    const known = [...this.#behind.values()].filter((millis) => millis !== undefined);
    return {
      held: [...this.#behind.keys()].sort(),
      ...(known.length === 0 ? {} : { behindMillis: Math.max(...known) }),
    };
  }
}
