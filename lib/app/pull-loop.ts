import { linkedController } from '../base/abort.ts';
import { MillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import type { Block } from '../block/block.ts';
import type { DemandLimit } from '../block/block-source.ts';
import type { Range } from '../block/range.ts';
import type { StallWatch } from '../receiver/stall-watch.ts';

/** A block that is handed to a loop; `ack` says that it is finished. */
export interface AckableBlock extends Block {
  /**
   * Says that the block is finished. Once more does nothing, and neither does it after the lease was lost: the next owner
   * of the shard reads the block again.
   */
  ack(): Promise<void>;
}

/** The receiver, as a loop over its blocks needs it. */
export interface PullSource {
  readonly blocks: AsyncIterable<Block>;
  ack(range: Range): void;
  demand(limit: DemandLimit): void;
  drain(deadline: AbortSignal): Promise<void>;
  stop(reason: unknown): Promise<void>;
  /** The shards with blocks that were sealed and are not acked, handed out or not. */
  readonly unfinishedShards: readonly string[];
}

/** Runs a drain within the grace; see `drainWithin`. */
export type DrainWithin = (drain: (deadline: AbortSignal) => Promise<unknown>) => Promise<void>;

/** What a {@link PullLoop} needs. */
export interface PullLoopOptions {
  readonly source: PullSource;
  readonly drainWithin: DrainWithin;
  readonly stallWatch: Pick<StallWatch, 'begin'>;
}

/**
 * The blocks of a receiver as a loop takes them. A block that is not acked for `stalledAfterMillis` makes its shard stand
 * still, and a round that does not end for so long all shards whose blocks wait for the next one. How the loop ends:
 *
 * - the blocks end (a drain, or the end of a bounded run): whatever was handed out is waited for, within the grace
 * - it is left, by `break`, `return` or a throw: nothing more is read and handed out. The blocks of earlier rounds are
 *   waited for, within the grace, since their work may go on beside the loop. The block of the last round is not: whether
 *   the loop was left because of it cannot be told, so it counts as finished only if it was acked by then
 *
 * Then what is acked is checkpointed, and the leases are given back.
 */
export class PullLoop {
  readonly #source: PullSource;
  readonly #drainWithin: DrainWithin;
  readonly #stallWatch: Pick<StallWatch, 'begin'>;
  readonly #acked = new Notifier();
  /** Blocks handed out and not acked, in order. */
  readonly #open = new Map<string, OpenBlock>();

  constructor({ source, drainWithin, stallWatch }: PullLoopOptions) {
    this.#source = source;
    this.#drainWithin = drainWithin;
    this.#stallWatch = stallWatch;
  }

  /** The blocks; to be iterated once. */
  async *blocks(): AsyncGenerator<AckableBlock, void, undefined> {
    let isExhausted = false;
    let current: Block | undefined;
    try {
      for await (const block of this.#source.blocks) {
        current = block;
        this.#handOut(block);
        const returned = this.#stallWatch.begin(() => this.#waitingShards());
        try {
          yield { ...block, ack: async () => this.#ack(block) };
        } finally {
          returned();
        }
      }
      isExhausted = true;
    } finally {
      if (isExhausted) await this.#drainWithin((deadline) => this.#source.drain(deadline));
      else await this.#leave(current);
    }
  }

  #handOut(block: Block): void {
    const acked = this.#stallWatch.begin(() => {
      if (!block.signal.aborted) return [block.shardId];
      // Lost long ago: the next owner reads it again, and nobody waits for it here.
      this.#open.delete(block.id);
      return undefined;
    });
    this.#open.set(block.id, { block, acked });
  }

  /** The shards whose blocks wait for the loop to come back; one that the loop has a block of is watched by that. */
  #waitingShards(): readonly string[] {
    const handedOut = new Set([...this.#open.values()].map(({ block }) => block.shardId));
    return this.#source.unfinishedShards.filter((shardId) => !handedOut.has(shardId));
  }

  #ack(block: Block): void {
    this.#forget(block);
    this.#source.ack(block.range);
    this.#acked.notify();
  }

  #forget({ id }: Block): void {
    this.#open.get(id)?.acked();
    this.#open.delete(id);
  }

  async #leave(current: Block | undefined): Promise<void> {
    this.#source.demand({ recordsPerSecond: 0 });
    if (current !== undefined) this.#forget(current);
    try {
      await this.#drainWithin((deadline) => this.#settled(deadline));
    } finally {
      await this.#source.stop(new MillraceError('MR_ABORTED', 'the loop over the blocks was left')).catch(() => {});
    }
  }

  /** Resolves when every open block is acked or lost; rejects with the deadline's reason when that comes first. */
  async #settled(deadline: AbortSignal): Promise<void> {
    for (const { block } of this.#open.values()) await this.#ackedOrLost(block, deadline);
  }

  async #ackedOrLost(block: Block, deadline: AbortSignal): Promise<void> {
    using either = linkedController(deadline, block.signal);
    while (this.#open.has(block.id) && !either.signal.aborted) await this.#acked.wait(either.signal);
    deadline.throwIfAborted();
  }
}

/** A block that the loop has, and how to tell its watch that it is finished. */
interface OpenBlock {
  readonly block: Block;
  readonly acked: () => void;
}
