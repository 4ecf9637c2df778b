import type { Random } from '../../base/random.ts';
import type { Block } from '../../block/block.ts';
import type { BlockLineage, BlockSource, CommitOutcome, DemandLimit } from '../../block/block-source.ts';
import type { Range } from '../../block/range.ts';
import { chance } from '../fork-random.ts';

/** What a reader with a bug, or one that is late, may hand an engine. */
export type BlockFault = 'blockLost' | 'blockRepeated' | 'blockStraddles' | 'blockOfOtherTenure';

/** How likely each is for one block: 0 to 1. */
export type BlockOdds = Readonly<Record<BlockFault, number>>;

/** A reader that hands out each block once, in order. */
export const calmBlocks: BlockOdds = { blockLost: 0, blockRepeated: 0, blockStraddles: 0, blockOfOtherTenure: 0 };

const blockFaults = Object.keys(calmBlocks) as BlockFault[];

/** What a {@link HarmedBlocks} is made with. */
export interface HarmedBlocksOptions {
  readonly source: BlockSource;
  readonly random: Random;
  /** Resolves when the process runs. */
  readonly runs: () => Promise<void>;
  readonly onFault: (fault: BlockFault, block: Block) => void;
  /** Whether other shards want memory now, whatever the budget says: what waits is dropped then, and read again. */
  readonly isShort: () => boolean;
}

/**
 * The blocks of a receiver with faults: one is left out, comes twice, comes together with the one before it, or is said to
 * have been read in another tenure. An engine that judges ranges takes each record once all the same, or begins anew.
 */
export class HarmedBlocks implements BlockSource {
  readonly #options: HarmedBlocksOptions;
  readonly #before = new Map<string, Block>();
  /** The receiver's ranges of blocks that were put together here. */
  readonly #own = new WeakMap<Range, Range>();
  #hasLost = false;
  odds: BlockOdds = calmBlocks;

  constructor(options: HarmedBlocksOptions) {
    this.#options = options;
  }

  /**
   * Whether a block was left out. An engine that noticed has ended its run; it cannot where nothing follows, nor among blocks
   * that it has seen before, and then the receiver waits for what never comes back.
   */
  get hasLost(): boolean {
    return this.#hasLost;
  }

  get blocks(): AsyncIterable<Block> {
    return { [Symbol.asyncIterator]: () => this.#handOut() };
  }

  async *#handOut(): AsyncGenerator<Block, void, undefined> {
    const { source, runs } = this.#options;
    for await (const block of source.blocks) {
      await runs();
      yield* this.#harmed(block);
    }
  }

  #harmed(block: Block): readonly Block[] {
    const { random, onFault } = this.#options;
    const last = this.#before.get(block.shardId);
    const before = last?.tenure === block.tenure ? last : undefined;
    this.#before.set(block.shardId, block);
    const fault = blockFaults.find((one) => chance(random, this.odds[one]));
    const needsBefore = fault === 'blockRepeated' || fault === 'blockStraddles';
    if (fault === undefined || (needsBefore && before === undefined)) return [block];
    onFault(fault, block);
    switch (fault) {
      case 'blockLost':
        this.#hasLost = true;
        return [];
      case 'blockRepeated':
        return [before as Block, block];
      case 'blockStraddles':
        return [this.#together(before as Block, block)];
      case 'blockOfOtherTenure': {
        const tenure = block.tenure - 1;
        return [{ ...block, tenure, range: { ...block.range, tenure } }, block];
      }
    }
  }

  #together(first: Block, second: Block): Block {
    const range: Range = { ...second.range, after: first.range.after };
    this.#own.set(range, second.range);
    return {
      ...second,
      range,
      records: [...first.records, ...second.records],
      bytes: first.bytes + second.bytes,
    };
  }

  ack(range: Range): void {
    this.#options.source.ack(this.#own.get(range) ?? range);
  }

  commit(range: Range, options?: { readonly state?: string }): Promise<CommitOutcome> {
    return this.#options.source.commit(range, options);
  }

  readonly lineage: BlockLineage = {
    isWanted: () => this.#options.isShort(),
    drop: (ranges) => this.#options.source.lineage?.drop(ranges.map((range) => this.#own.get(range) ?? range)) === true,
    read: async (dropped, signal) => {
      const known = dropped.map((one) => ({ ...one, source: this.#own.get(one.source) ?? one.source }));
      return (await this.#options.source.lineage?.read(known, signal)) ?? [];
    },
  };

  demand(limit: DemandLimit): void {
    this.#options.source.demand(limit);
  }
}
