import { SHARD_END, comparePositions } from '../base/position.ts';
import { type Block, isWorthStarting } from '../block/block.ts';
import type { Range } from '../block/range.ts';
import type { EventSink } from '../event/bus.ts';
import type { BatchOrder, BatchOutcome } from './batch-run.ts';
import type { CommitLine } from './commit/commit-line.ts';
import type { PlanGather } from './commit/plan-gather.ts';
import { recordsOf } from './batch-events.ts';
import type { Lineage } from './lineage.ts';
import { type Memory, emptyMemory } from './memory.ts';
import { type OnDowntime, batchTimeFor, missedWhileDown } from './tick-plan.ts';

/**
 * How many formed batches may wait in a line. At the limit ticks form no more: their blocks stay queued and join the
 * next batch, so a line that cannot keep up gets fewer and larger batches.
 */
export const maximumWaitingBatches = 100;

/** What a line needs. */
export interface LineFields {
  readonly group: string;
  readonly batchIntervalMillis: number;
  /** The time before the first batch of the run. */
  readonly zeroTimeMillis: number;
  /** Whether all shards share the line; else it is one shard's. */
  readonly isShared: boolean;
  /** Whether a tick without blocks makes a batch, so that `count` can say 0 and windows move on. */
  readonly emptyBatches: boolean;
  /** Whether inputs that are read in this process hold items that no batch has taken. */
  readonly hasLocalItems?: () => boolean;
  /** The holding whose batches the line runs, where state is kept; the line goes on from its last committed batch. */
  readonly commits?: CommitLine | undefined;
  /** What becomes of the batch times between the last commit and the first tick of this line: `run` unless told otherwise. */
  readonly onDowntime?: OnDowntime | undefined;
  /** Tells the source that a range is finished that was read once more. */
  readonly ack?: (range: Range) => void;
  readonly run: (order: BatchOrder) => Promise<BatchOutcome>;
  /** The batch time of a batch that does not wait for a tick, given the last one of this line. */
  readonly hurriedTime: (lastBatchMillis: number) => number;
  readonly onFault: (thrown: unknown) => void;
  /** Lets blocks that wait be dropped from memory; absent where they cannot be read again, or that is of use to nobody. */
  readonly lineage?: Lineage | undefined;
  /** Hears of the batches that wait, and of those that come to nothing before their work begins. */
  readonly events?: EventSink | undefined;
}

interface Slice {
  readonly batchTimeMillis: number;
  readonly blocks: readonly Block[];
  /** Whether it is the batch of a plan that was found: it is run whole, or not at all in this holding. */
  readonly isFound?: boolean;
}

/**
 * One commit group: its blocks queue here, each tick makes a batch of what has arrived, and the batches run one after
 * the other. Lines do not wait for each other.
 */
export class Line {
  readonly #fields: LineFields;
  #arrived: Block[] = [];
  #waiting: Slice[] = [];
  #lastBatchId = 0;
  #lastBatchMillis = 0;
  #hurried = false;
  #work: Promise<void> | undefined;
  #ended = false;
  /** Whether nothing more may run: a batch has failed, or another line has taken its place. */
  #failed = false;
  #memory: Memory = emptyMemory;
  /** The last block of the shard whose line this is. */
  #latest: Block | undefined;
  /** Whether the batch times since the last commit, in which no process ran the group, are still to be made up for. */
  #wasDown = false;
  /** Puts the batch of a found plan together; until it is whole, no other may be made. */
  #gather: PlanGather | undefined;

  constructor(fields: LineFields) {
    this.#fields = fields;
    const { commits } = fields;
    // A stream gives nothing at a time before the first: were the clock set back between the start and the first batch, what
    // that batch holds would be committed and not counted.
    this.#lastBatchMillis = fields.zeroTimeMillis;
    if (commits === undefined) return;
    this.#lastBatchId = commits.batchId;
    this.#lastBatchMillis = Math.max(this.#lastBatchMillis, commits.batchTimeMillis);
    this.#memory = commits.memory;
    this.#wasDown = commits.batchTimeMillis > 0;
    this.#gather = commits.foundPlan();
    this.#takeFoundBatch();
  }

  /** Runs nothing more: its holding is over. A batch that is under way is refused when it is to be committed. */
  abandon(): void {
    this.#failed = true;
    this.#arrived = [];
    for (const slice of this.#waiting.splice(0)) this.#tellDropped(slice, 'the holding that read it is over');
  }

  /** Whether the last block of its shard is finished, or its holding is over, and nothing is left: it can be forgotten. */
  get isOver(): boolean {
    const hasWork = this.#work !== undefined || this.#arrived.length > 0 || this.#waiting.length > 0;
    return !hasWork && (this.#ended || (this.#failed && this.#fields.commits !== undefined));
  }

  /** The batch of a found plan of which a part was read, or what follows it; it cannot be run, and its blocks not be finished. */
  get partialPlan(): number | undefined {
    const holds = this.#gather !== undefined && (this.#gather.isPartial || this.#arrived.length > 0);
    return holds && !this.#failed ? this.#gather?.plan.batchId : undefined;
  }

  /** Queues a block. A line that has failed takes no more. */
  offer(block: Block): void {
    if (this.#failed) return;
    const { commits, ack } = this.#fields;
    const taken = commits === undefined ? block : commits.admit(block);
    if (taken === undefined) {
      // What is committed already is finished now: in a drain no batch may follow that would tell it.
      for (const range of commits?.takeSeen() ?? []) ack?.(range);
      return;
    }
    this.#noteTenure(taken);
    const rest = this.#gather === undefined ? taken : this.#gather.add(taken);
    if (rest !== undefined) this.#arrived.push(rest);
    if (this.#takeFoundBatch() || this.#hurried) this.#wake();
  }

  /** The batch of a found plan is run as soon as all of it is read: it was due before this holding began. */
  #takeFoundBatch(): boolean {
    const blocks = this.#gather?.blocks;
    if (this.#gather === undefined || blocks === undefined) return false;
    const { batchTimeMillis } = this.#gather.plan;
    this.#gather = undefined;
    this.#waiting.push(this.#submitted({ batchTimeMillis, blocks, isFound: true }));
    this.#lastBatchMillis = Math.max(this.#lastBatchMillis, batchTimeMillis);
    return true;
  }

  /** Makes a batch of what has arrived. */
  tick(batchTimeMillis: number): void {
    if (this.#failed || this.#gather !== undefined) return;
    if (this.#waiting.length >= maximumWaitingBatches) return;
    if (this.#arrived.length === 0 && !this.#makesEmptyBatches) {
      // The batch of a found plan without records waits for nothing but a first turn.
      if (this.#waiting.length > 0) this.#wake();
      return;
    }
    this.#makeUp(batchTimeMillis);
    this.#form(batchTimeMillis);
  }

  /** What has arrived goes into the first of the batches that passed while no process ran the group, as in Spark. */
  #makeUp(tickMillis: number): void {
    const { batchIntervalMillis, onDowntime = 'run', emptyBatches } = this.#fields;
    const wasDown = this.#wasDown;
    this.#wasDown = false;
    if (!wasDown || !emptyBatches) return;
    const nextMillis = batchTimeFor(this.#fields, tickMillis, this.#lastBatchMillis);
    for (const time of missedWhileDown(this.#lastBatchMillis, nextMillis, batchIntervalMillis, onDowntime)) {
      if (this.#waiting.length < maximumWaitingBatches - 1) this.#form(time);
    }
  }

  #form(tickMillis: number): void {
    // Where an earlier process had a clock that ran ahead, batch times still never go back.
    const timeMillis = batchTimeFor(this.#fields, tickMillis, this.#lastBatchMillis);
    this.#waiting.push(this.#submitted({ batchTimeMillis: timeMillis, blocks: this.#arrived }));
    this.#arrived = [];
    this.#lastBatchMillis = timeMillis;
    this.#wake();
  }

  /** From now on what has arrived is run as soon as the line is free, without waiting for ticks. */
  hurry(): void {
    this.#hurried = true;
    this.#wake();
  }

  /** Resolves when the line has nothing to do; faults go to `onFault`. */
  async settled(): Promise<void> {
    while (this.#work !== undefined) await this.#work;
  }

  #wake(): void {
    this.#work ??= this.#runWaiting()
      .catch((thrown: unknown) => this.#fail(thrown))
      .finally(() => {
        this.#work = undefined;
        // A block may have been offered after the last look at the queue and before this line: nobody woke the line.
        if (this.#waiting.length > 0 || (this.#hurried && this.#hasMore)) this.#wake();
      });
  }

  /** After a failed batch nothing of the line may run: the next batch would overtake it. */
  #fail(thrown: unknown): void {
    this.abandon();
    this.#fields.onFault(thrown);
  }

  async #runWaiting(): Promise<void> {
    for (let slice = this.#nextSlice(); slice !== undefined; slice = this.#nextSlice()) {
      const begun = slice.blocks.filter((block) => this.#mayBegin(block));
      const blocks = await this.#inMemory(begun, slice);
      if (this.#failed) {
        this.#tellDropped(slice, 'the holding that read it is over');
        continue;
      }
      const isWhole = blocks.length === slice.blocks.length;
      if (slice.isFound === true && !isWhole) this.abandon();
      if (slice.isFound === true ? !isWhole : blocks.length === 0 && !this.#makesEmptyBatches) {
        this.#tellDropped(slice, 'its lease was lost before its turn');
        continue;
      }
      const batchId = this.#lastBatchId + 1;
      const { group, zeroTimeMillis, commits } = this.#fields;
      const { batchTimeMillis } = slice;
      const memory = this.#memory;
      const lease = this.#latest;
      const onPause = () => this.#dropWaiting();
      const order = { group, batchId, batchTimeMillis, blocks, lease, zeroTimeMillis, memory, commits, onPause };
      const outcome = await this.#fields.run(order);
      if (outcome.tag === 'dropped') {
        // What follows in the same holding would be committed without it.
        if (commits !== undefined) this.abandon();
        continue;
      }
      this.#lastBatchId = batchId;
      // A memory that was reset while the batch ran, because another tenure began, stays reset.
      if (this.#memory === memory) this.#memory = outcome.memory;
      if (!this.#fields.isShared && blocks.some(endsShard)) this.#ended = true;
    }
  }

  /** A batch of the line pauses between two tries: what waits behind it needs no memory that others wait for. */
  #dropWaiting(): void {
    const { lineage } = this.#fields;
    if (lineage === undefined) return;
    this.#waiting = this.#waiting.map((slice) =>
      slice.isFound === true ? slice : { ...slice, blocks: this.#dropped(slice.blocks, lineage) },
    );
    this.#arrived = [...this.#dropped(this.#arrived, lineage)];
  }

  #dropped(blocks: readonly Block[], lineage: Lineage): readonly Block[] {
    const dropped = lineage.drop(blocks);
    // The last block would keep its records in memory.
    const at = this.#latest === undefined ? -1 : blocks.indexOf(this.#latest);
    if (at >= 0) this.#latest = dropped[at];
    return dropped;
  }

  /** What was dropped is read again; nothing when its lease was lost meanwhile. */
  async #inMemory(blocks: readonly Block[], { batchTimeMillis }: Slice): Promise<readonly Block[]> {
    const { lineage } = this.#fields;
    if (lineage === undefined || !blocks.some(({ droppedRecords }) => droppedRecords !== undefined)) return blocks;
    const restored = (await lineage.restore(blocks, batchTimeMillis)) ?? [];
    return restored.filter((block) => this.#mayBegin(block));
  }

  /**
   * What was queued when its lease was lost is left to the next owner, who reads it anew. Where all shards commit together
   * under an epoch, that is the fence: what was accepted stays good.
   */
  #mayBegin(block: Block): boolean {
    const { commits, isShared } = this.#fields;
    return (commits !== undefined && isShared) || isWorthStarting(block);
  }

  get #hasMore(): boolean {
    return (
      !this.#failed &&
      this.#gather === undefined &&
      (this.#arrived.length > 0 || this.#fields.hasLocalItems?.() === true)
    );
  }

  /** A shard's line makes no batch without blocks before its first commit or block, after its last, nor once its lease is lost. */
  get #makesEmptyBatches(): boolean {
    if (!this.#fields.emptyBatches) return false;
    if (this.#fields.isShared) return true;
    if (this.#ended) return false;
    // What an earlier holder committed has timers; without a block, the commit tells whether the lease is held.
    return this.#latest === undefined ? (this.#fields.commits?.batchId ?? 0) > 0 : !this.#latest.signal.aborted;
  }

  /** What was remembered in an earlier tenure may be older than what the owners in between have made of the shard. */
  #noteTenure(block: Block): void {
    if (this.#fields.isShared) return;
    if (this.#latest !== undefined && this.#latest.tenure !== block.tenure) this.#memory = emptyMemory;
    this.#latest = block;
  }

  #nextSlice(): Slice | undefined {
    const formed = this.#waiting.shift();
    if (formed !== undefined) return formed;
    if (!this.#hurried || !this.#hasMore) return undefined;
    const blocks = this.#arrived;
    this.#arrived = [];
    this.#lastBatchMillis = this.#fields.hurriedTime(this.#lastBatchMillis);
    return this.#submitted({ batchTimeMillis: this.#lastBatchMillis, blocks });
  }

  #submitted(slice: Slice): Slice {
    const { group, events } = this.#fields;
    const { batchTimeMillis, blocks } = slice;
    events?.publish({
      type: 'batch.submitted',
      group,
      batchTimeMillis,
      records: recordsOf(blocks),
      blocks: blocks.length,
    });
    return slice;
  }

  #tellDropped({ batchTimeMillis }: Slice, message: string): void {
    const { group, events } = this.#fields;
    events?.publish({ type: 'batch.dropped', group, batchTimeMillis, reason: 'lost', message });
  }
}

function endsShard(block: Block): boolean {
  return comparePositions(block.range.through, SHARD_END) === 0;
}
