import { type Position, comparePositions } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import type { Range } from '../../block/range.ts';

/** What a block that the engine cut or put together has of the blocks that the source handed out. */
export interface Origin {
  /** Where the earliest of these begins. */
  readonly after: Position;
  /** The ranges, as the source knows them, that are finished when this block is. */
  readonly finishes: readonly Range[];
}

/** Remembers of which blocks of the source a block was made: the source takes back only ranges that it knows. */
export class SourceRanges {
  readonly #origins = new WeakMap<Block, Origin>();

  /** Of a block that came from the source as it is: itself. */
  of(block: Block): Origin {
    return this.#origins.get(block) ?? { after: block.range.after, finishes: [block.range] };
  }

  note(block: Block, origin: Origin): Block {
    this.#origins.set(block, origin);
    return block;
  }
}

/** The records of a block up to a position, and those after it; both keep the block's tenure and signal. */
export function splitBlock(block: Block, at: Position): { readonly head: Block; readonly tail: Block } {
  const cut = block.records.findIndex((record) => comparePositions(record.position, at) > 0);
  const end = cut === -1 ? block.records.length : cut;
  const { followsGap: _, ...whole } = block;
  // What a gap precedes is the first record, wherever that lies.
  const tailOf = end === 0 ? block : whole;
  return {
    head: withRecords(block, { ...block.range, through: at }, block.records.slice(0, end)),
    tail: withRecords(tailOf, { ...block.range, after: at }, block.records.slice(end)),
  };
}

/** A block with another range and the records of it. */
export function withRecords(block: Block, range: Range, records: Block['records']): Block {
  return { ...block, range, records, bytes: records.reduce((sum, record) => sum + record.byteLength, 0) };
}

/** A shard among those of all streams. */
export function keyOf({ streamName, shardId }: { readonly streamName: string; readonly shardId: string }): string {
  return `${streamName}:${shardId}`;
}
