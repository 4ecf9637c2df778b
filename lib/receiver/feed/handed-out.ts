import { MillraceError } from '../../base/error.ts';
import { type Position, comparePositions, formatPosition } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import { formatRange } from '../../block/range.ts';
import type { KinesisRecord } from '../../block/record.ts';

/** How far a shard was taken from the source, and how far the engine has finished what it was given of it. */
interface Progress {
  readonly tenure: number;
  taken: Position;
  finished: Position;
}

/**
 * Keeps the ranges that an engine is given without a gap, also where a block is cut in two or some of its records are
 * left out: what comes next then begins where the engine's last range ended, and covers what was left out.
 */
export class HandedOut {
  readonly #shards = new Map<string, Progress>();

  /**
   * Notes a block that has come from the source.
   * @throws MillraceError `MR_INTERNAL` when it does not begin where the last one of its tenure ended
   */
  take({ shardId, tenure, range }: Block): void {
    const known = this.#shards.get(shardId);
    if (known?.tenure !== tenure) {
      this.#shards.set(shardId, { tenure, taken: range.through, finished: range.after });
      return;
    }
    if (comparePositions(known.taken, range.after) !== 0) {
      throw new MillraceError(
        'MR_INTERNAL',
        `range ${formatRange(range)} does not begin at ${formatPosition(known.taken)}, where the last one ended`,
        { subject: { shard: shardId } },
      );
    }
    known.taken = range.through;
  }

  /** The blocks, or the parts of them, that hold these records; in the order of the batch. */
  partsOf(batch: readonly Block[], records: ReadonlySet<KinesisRecord>): readonly Block[] {
    const parts: Block[] = [];
    for (const block of batch) {
      const kept = block.records.filter((record) => records.has(record));
      if (kept.length > 0) parts.push(kept.length === block.records.length ? block : partOf(block, kept));
    }
    return this.following(parts);
  }

  /** The same blocks, where one that does not begin where the engine is begins there: it covers what was left out. */
  following(parts: readonly Block[]): readonly Block[] {
    const ends = new Map<string, Position>();
    return parts.map((part) => {
      const { shardId, range } = part;
      const progress = this.#shards.get(shardId);
      const end = ends.get(shardId) ?? (progress?.tenure === part.tenure ? progress.finished : range.after);
      ends.set(shardId, range.through);
      return comparePositions(end, range.after) < 0 ? { ...part, range: { ...range, after: end } } : part;
    });
  }

  /** Notes that the engine has finished what it was given. */
  finish(parts: readonly Block[]): void {
    for (const { shardId, tenure, range } of parts) {
      const progress = this.#shards.get(shardId);
      if (progress?.tenure === tenure) progress.finished = range.through;
    }
  }

  /** Whether the engine has not been given all of the block. */
  isOpen({ shardId, tenure, range }: Block): boolean {
    const progress = this.#shards.get(shardId);
    return progress?.tenure === tenure && comparePositions(progress.finished, range.through) < 0;
  }
}

/** A block with some of its records; they follow each other unless some in between were left out. */
function partOf(block: Block, records: readonly KinesisRecord[]): Block {
  const first = block.records.indexOf(records[0] as KinesisRecord);
  const last = records.at(-1) as KinesisRecord;
  const after = block.records[first - 1]?.position ?? block.range.after;
  const through = last === block.records.at(-1) ? block.range.through : last.position;
  const bytes = records.reduce((sum, record) => sum + record.byteLength, 0);
  return { ...block, id: `${block.id}+${first}`, records, bytes, range: { ...block.range, after, through } };
}
