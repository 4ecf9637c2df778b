import { type Position, comparePositions } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import type { Range } from '../../block/range.ts';
import type { KinesisRecord } from '../../block/record.ts';
import type { BatchPlan, PlannedRange } from './batch-plan.ts';
import { type SourceRanges, keyOf, splitBlock, withRecords } from './source-ranges.ts';

/** A range of the plan that is being filled. */
interface Filling {
  /** Its place in the plan. */
  readonly index: number;
  readonly range: PlannedRange;
}

interface ShardName {
  readonly streamName: string;
  readonly shardId: string;
}

interface Collected {
  readonly records: KinesisRecord[];
  readonly finishes: Range[];
  readonly after: Position;
  followsGap: boolean;
}

/** Where the records of a shard end that a planned batch holds; it may be larger than reading may be ahead. Pure. */
export function plannedThrough(plan: BatchPlan, shard: ShardName): Position | undefined {
  return plan.ranges.findLast((range) => keyOf(range) === keyOf(shard))?.through;
}

/**
 * Puts the blocks of a found plan together again from what is read anew: reading cuts the same records into other blocks
 * than it did the first time, and the plan's are what the batch is made of. What was read beyond the plan is handed back.
 */
export class PlanGather {
  readonly plan: BatchPlan;
  readonly #sources: SourceRanges;
  readonly #left = new Map<string, Filling[]>();
  readonly #collected = new Map<string, Collected>();
  readonly #blocks: Block[] = [];
  #missing: number;

  constructor(plan: BatchPlan, sources: SourceRanges) {
    this.plan = plan;
    this.#sources = sources;
    this.#missing = plan.ranges.length;
    for (const [index, range] of plan.ranges.entries()) {
      const key = keyOf(range);
      const ofShard = this.#left.get(key) ?? [];
      this.#left.set(key, ofShard);
      ofShard.push({ index, range });
    }
  }

  /** The blocks of the batch in the order of the plan; `undefined` while some of it has not been read. */
  get blocks(): readonly Block[] | undefined {
    return this.#missing === 0 ? this.#blocks : undefined;
  }

  /** Whether something of the batch was taken, and not all. */
  get isPartial(): boolean {
    return this.#missing > 0 && (this.#collected.size > 0 || this.#blocks.length > 0);
  }

  /** Takes a block; those of a shard come in order. Answers what of it the plan does not have. */
  add(block: Block): Block | undefined {
    const left = this.#left.get(keyOf(block)) ?? [];
    let rest: Block | undefined = block;
    for (let filling = left[0]; filling !== undefined && rest !== undefined; filling = left[0]) {
      const order = comparePositions(rest.range.through, filling.range.through);
      if (order < 0) {
        this.#collect(rest);
        return undefined;
      }
      const part: { readonly head: Block; readonly tail: Block | undefined } =
        order === 0 ? { head: rest, tail: undefined } : this.#split(rest, filling.range.through);
      this.#collect(part.head);
      this.#finish(filling, part.head);
      left.shift();
      rest = part.tail;
    }
    return rest;
  }

  #split(block: Block, at: Position): { readonly head: Block; readonly tail: Block } {
    const { after, finishes } = this.#sources.of(block);
    const { head, tail } = splitBlock(block, at);
    // The source takes the range back as one: it is finished with its tail.
    this.#sources.note(head, { after, finishes: [] });
    this.#sources.note(tail, { after, finishes });
    return { head, tail };
  }

  #collect(block: Block): void {
    const key = keyOf(block);
    const { after, finishes } = this.#sources.of(block);
    const before = this.#collected.get(key) ?? { records: [], finishes: [], after, followsGap: false };
    before.followsGap ||= block.followsGap === true;
    for (const record of block.records) before.records.push(record);
    before.finishes.push(...finishes);
    this.#collected.set(key, before);
  }

  #finish({ index, range }: Filling, last: Block): void {
    const key = keyOf(last);
    const collected = this.#collected.get(key);
    this.#collected.delete(key);
    if (collected === undefined) return;
    const { shardId, tenure } = last;
    const made = withRecords(
      {
        ...last,
        ...(collected.followsGap ? { followsGap: true } : {}),
        id: `${shardId}@${tenure}/plan-${this.plan.batchId}-${index}`,
      },
      { shardId, tenure, after: range.after, through: range.through },
      collected.records,
    );
    this.#blocks[index] = this.#sources.note(made, { after: collected.after, finishes: collected.finishes });
    this.#missing -= 1;
  }
}
