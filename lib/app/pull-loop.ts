import { linkedController } from '../base/abort.ts';
import { MillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import type { Block } from '../block/block.ts';
import type { DemandLimit } from '../block/block-source.ts';
import type { Range } from '../block/range.ts';

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
}

/** Runs a drain within the grace; see `drainWithin`. */
export type DrainWithin = (drain: (deadline: AbortSignal) => Promise<unknown>) => Promise<void>;

/**
 * The blocks of a receiver as a loop takes them. How the loop ends:
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
  readonly #acked = new Notifier();
  /** Blocks handed out and not acked, in order. */
  readonly #open = new Map<string, Block>();

  constructor(source: PullSource, drainWithin: DrainWithin) {
    this.#source = source;
    this.#drainWithin = drainWithin;
  }

  /** The blocks; to be iterated once. */
  async *blocks(): AsyncGenerator<AckableBlock, void, undefined> {
    let isExhausted = false;
    let current: Block | undefined;
    try {
      for await (const block of this.#source.blocks) {
        current = block;
        this.#open.set(block.id, block);
        yield { ...block, ack: async () => this.#ack(block) };
      }
      isExhausted = true;
    } finally {
      if (isExhausted) await this.#drainWithin((deadline) => this.#source.drain(deadline));
      else await this.#leave(current);
    }
  }

  #ack(block: Block): void {
    this.#open.delete(block.id);
    this.#source.ack(block.range);
    this.#acked.notify();
  }

  async #leave(current: Block | undefined): Promise<void> {
    this.#source.demand({ recordsPerSecond: 0 });
    if (current !== undefined) this.#open.delete(current.id);
    try {
      await this.#drainWithin((deadline) => this.#settled(deadline));
    } finally {
      await this.#source.stop(new MillraceError('MR_ABORTED', 'the loop over the blocks was left')).catch(() => {});
    }
  }

  /** Resolves when every open block is acked or lost; rejects with the deadline's reason when that comes first. */
  async #settled(deadline: AbortSignal): Promise<void> {
    for (const block of this.#open.values()) await this.#ackedOrLost(block, deadline);
  }

  async #ackedOrLost(block: Block, deadline: AbortSignal): Promise<void> {
    using either = linkedController(deadline, block.signal);
    while (this.#open.has(block.id) && !either.signal.aborted) await this.#acked.wait(either.signal);
    deadline.throwIfAborted();
  }
}
