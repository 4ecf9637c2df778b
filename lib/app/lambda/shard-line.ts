import { linkedController } from '../../base/abort.ts';
import { type Block, isWorthStarting } from '../../block/block.ts';
import type { KinesisRecord } from '../../block/record.ts';
import { BlockTickets } from './block-tickets.ts';
import { Lane, type LaneShard, type LaneTools } from './lane.ts';

/** What a {@link ShardLine} needs. */
export interface ShardLineOptions extends LaneTools {
  readonly ack: (block: Block) => void;
  /** Blocks of one shard that may be unfinished before nothing of it waits any more. */
  readonly mostBlocks: number;
  /** Whether the shards hold so much back together that nothing should wait. */
  readonly isMemoryShort: () => boolean;
}

/** The blocks of one shard in one tenure, on their way to a Lambda handler: as many lanes as invocations may run at once. */
export class ShardLine {
  readonly tenure: number;
  readonly #options: ShardLineOptions;
  readonly #tickets: BlockTickets;
  readonly #lanes: readonly Lane[];
  readonly #signal: AbortSignal;
  #lastBlock: Block;

  constructor(options: ShardLineOptions, first: Block) {
    this.#options = options;
    this.tenure = first.tenure;
    this.#signal = first.signal;
    this.#lastBlock = first;
    this.#tickets = new BlockTickets(options.ack);
    const shard: LaneShard = {
      shardId: first.shardId,
      signal: first.signal,
      isHeld: () => isWorthStarting(this.#lastBlock),
      isPressed: () => this.#tickets.blocks >= options.mostBlocks || options.isMemoryShort(),
      finish: (records) => this.#tickets.finish(records),
    };
    this.#lanes = Array.from({ length: options.settings.parallelizationFactor }, () => new Lane(options, shard));
  }

  /** Bytes of the blocks that are not finished; none once the lease is lost. */
  get bytes(): number {
    return this.#signal.aborted ? 0 : this.#tickets.bytes;
  }

  /** Whether the lease is lost: nothing of it is worth while any more. */
  get isLost(): boolean {
    return this.#signal.aborted;
  }

  /** Takes a block; its records wait in the lane of their partition key. */
  take(block: Block): void {
    this.#lastBlock = block;
    for (const record of this.#tickets.take(block, this.#options.settings.filter)) this.#laneOf(record).add(record);
    this.wake();
  }

  wake(): void {
    for (const lane of this.#lanes) lane.wake();
  }

  /** Nothing waits any more: the shard drains. */
  hurry(): void {
    for (const lane of this.#lanes) lane.hurry();
  }

  /** No more blocks come. */
  end(): void {
    for (const lane of this.#lanes) lane.end();
  }

  /** A read has found the tip of the shard. */
  sawTip(settleMillis: number): void {
    for (const lane of this.#lanes) lane.sawTip(settleMillis);
  }

  /** Runs all lanes until no more blocks come; see `Lane.run`. Resolves when the lease is lost. */
  async run(signal: AbortSignal): Promise<void> {
    using life = linkedController(signal, this.#signal);
    const running = this.#lanes.map((lane) =>
      lane.run(life.signal).catch((thrown: unknown) => {
        if (!life.signal.aborted) life.abort(thrown);
      }),
    );
    await Promise.all(running);
    if (life.signal.aborted && !this.#signal.aborted) throw life.signal.reason;
  }

  #laneOf(record: KinesisRecord): Lane {
    const count = this.#lanes.length;
    return this.#lanes[count === 1 ? 0 : hashOf(record.partitionKey) % count] as Lane;
  }
}

/** FNV-1a: the same key is always in the same lane. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
