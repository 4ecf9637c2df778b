import type { Clock } from '../base/clock.ts';
import { linkedController } from '../base/abort.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { Block } from '../block/block.ts';
import type { BlockLineage, DroppedRange } from '../block/block-source.ts';
import type { Range } from '../block/range.ts';
import type { EventSink } from '../event/bus.ts';
import { recordsOf } from './batch-events.ts';
import type { CommitLine } from './commit/commit-line.ts';

/** What a {@link Lineage} needs. */
export interface LineageFields {
  readonly group: string;
  readonly source: BlockLineage;
  readonly commits: CommitLine | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** The end of the run. */
  readonly signal: AbortSignal;
}

/**
 * What the blocks of one shard's line are made of: their ranges. Blocks that wait behind a batch which fails are dropped from
 * memory where another shard waits for it, and are read again when their turn comes. Where all shards wait for the same batch
 * there is nobody to whom memory would be of use; such lines drop nothing.
 */
export class Lineage {
  readonly #fields: LineageFields;

  constructor(fields: LineageFields) {
    this.#fields = fields;
  }

  /** The blocks of one batch without their records, where they may be let go; else as they are. */
  drop(blocks: readonly Block[]): readonly Block[] {
    const { source, events, group } = this.#fields;
    const [first] = blocks;
    if (first === undefined || blocks.some(isDropped) || !source.isWanted(first.range)) return blocks;
    const ranges = blocks.flatMap((block) => this.#sourceRange(block) ?? []);
    // Of a block that was cut, the source may know the range under another part, which still needs its records.
    if (ranges.length !== blocks.length || !source.drop(ranges)) return blocks;
    const dropped = blocks.map((block) => this.#renewed(block, { records: [], droppedRecords: block.records.length }));
    const records = recordsOf(blocks);
    const bytes = blocks.reduce((sum, block) => sum + (block.heldBytes ?? block.bytes), 0);
    events.publish({ type: 'blocks.dropped', group, shardId: first.shardId, blocks: blocks.length, records, bytes });
    return dropped;
  }

  /**
   * The blocks of a batch with their records: what was dropped is read again. A fault that passes is tried again.
   * `undefined` when the tenure has ended meanwhile.
   * @throws MillraceError one that does not pass; the reason of the run's end
   */
  async restore(blocks: readonly Block[], batchTimeMillis: number): Promise<readonly Block[] | undefined> {
    const dropped = blocks.filter(isDropped);
    const [first] = dropped;
    if (first === undefined) return blocks;
    const { source, clock, random, events, group, signal: run } = this.#fields;
    const records = recordsOf(dropped);
    events.publish({ type: 'batch.reread', group, batchTimeMillis, blocks: dropped.length, records });
    const wanted = dropped.map((block): DroppedRange => {
      return {
        source: this.#sourceRange(block) ?? block.range,
        range: block.range,
        records: block.droppedRecords ?? 0,
      };
    });
    using life = linkedController(run, first.signal);
    const { signal } = life;
    try {
      const read = await retryWhilePassing(() => source.read(wanted, signal), { clock, random, signal });
      const renewed = new Map(dropped.map((block, index) => [block, this.#withRecords(block, read[index] ?? [])]));
      return blocks.map((block) => renewed.get(block) ?? block);
    } catch (thrown) {
      run.throwIfAborted();
      if (first.signal.aborted) return undefined;
      throw thrown;
    }
  }

  #withRecords(block: Block, records: Block['records']): Block {
    const { droppedRecords: _, ...rest } = block;
    return this.#noted(block, { ...rest, records });
  }

  #renewed(block: Block, change: Pick<Block, 'records' | 'droppedRecords'>): Block {
    return this.#noted(block, { ...block, ...change });
  }

  #noted(before: Block, block: Block): Block {
    return this.#fields.commits?.replaced(before, block) ?? block;
  }

  #sourceRange(block: Block): Range | undefined {
    const ranges = this.#fields.commits?.finishedRanges(block) ?? [block.range];
    return ranges.length === 1 ? ranges[0] : undefined;
  }
}

function isDropped({ droppedRecords }: Block): boolean {
  return droppedRecords !== undefined;
}
