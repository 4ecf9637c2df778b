import { MillraceError } from '../base/error.ts';
import type { ChildShard, ShardFilter, StartPosition } from '../kinesis/kinesis-api.ts';
import type { Page, ShardReader } from '../kinesis/reader.ts';
import type { InitialPositionSetting } from './config/consumer-settings.ts';

/** A shard that is read: what a listing and the end of a parent tell of it alike. */
export type FollowedShard = ChildShard;

/** What {@link ShardsWork} works with. */
export interface ShardsWorkOptions {
  readonly reader: ShardReader;
  /** Ends all reading; a fault of one shard aborts it. */
  readonly life: { readonly signal: AbortSignal; abort(reason: Error): void };
  /** Takes a page; the next one is not asked for before it resolves. `false` ends the reading of this shard. */
  readonly take: (shard: FollowedShard, page: Page) => Promise<boolean>;
}

/** Reads shards side by side without leases, and their children when they end. A fault of one of them ends all. */
export class ShardsWork {
  readonly #options: ShardsWorkOptions;
  readonly #opened = new Map<string, Promise<void>>();
  readonly #reading = new Set<string>();
  #fault: { readonly thrown: unknown } | undefined;

  constructor(options: ShardsWorkOptions) {
    this.#options = options;
  }

  /** Whether nothing is read any more. */
  get isDone(): boolean {
    return this.#reading.size === 0;
  }

  /** Reads a shard, unless it was opened already. */
  open(shard: FollowedShard, start: StartPosition): void {
    const { shardId } = shard;
    if (this.#opened.has(shardId)) return;
    this.#reading.add(shardId);
    this.#opened.set(shardId, this.#read(shard, start));
  }

  /** Resolves when nothing is read any more; rejects with the fault that ended it. */
  async settled(): Promise<void> {
    let opened: readonly Promise<void>[] = [];
    // Children are opened while their parents are waited for.
    while (opened.length < this.#opened.size) {
      opened = [...this.#opened.values()];
      await Promise.all(opened);
    }
    if (this.#fault !== undefined) throw this.#fault.thrown;
  }

  async #read(shard: FollowedShard, start: StartPosition): Promise<void> {
    const { reader, life, take } = this.#options;
    let children: readonly ChildShard[] = [];
    try {
      for await (const page of reader.open(shard.shardId, start, life.signal)) {
        if (!(await take(shard, page))) break;
        children = page.end?.childShards ?? [];
      }
    } catch (thrown) {
      if (!life.signal.aborted) {
        this.#fault ??= { thrown };
        life.abort(new MillraceError('MR_ABORTED', 'the reading of another shard has failed'));
      }
    }
    this.#reading.delete(shard.shardId);
    if (life.signal.aborted) return;
    for (const child of children) {
      // The second parent of a merge, which may still be read, holds older records of the same keys.
      if (!child.parentShardIds.some((parent) => this.#reading.has(parent))) this.open(child, { type: 'TRIM_HORIZON' });
    }
  }
}

/**
 * The listing that holds the shards which are read from a place on; their children are named by their ends. At a time before
 * the stream was created no shard was open: then it is read from its beginning.
 */
export function filterOf(position: InitialPositionSetting, createdAtMillis: number): ShardFilter {
  switch (position.type) {
    case 'TRIM_HORIZON':
      return { type: 'AT_TRIM_HORIZON' };
    case 'LATEST':
      return { type: 'AT_LATEST' };
    case 'AT_TIMESTAMP':
      return position.timestampMillis < createdAtMillis ? { type: 'AT_TRIM_HORIZON' } : position;
  }
}
