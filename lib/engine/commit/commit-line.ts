import { type Position, comparePositions, formatPosition, isInitialSentinel } from '../../base/position.ts';
import { MillraceError } from '../../base/error.ts';
import type { Block } from '../../block/block.ts';
import type { CommitOutcome } from '../../block/block-source.ts';
import type { Range } from '../../block/range.ts';
import type { ShardHashRange, ShardStart } from '../../block/shard-opening.ts';
import type { EventSink } from '../../event/bus.ts';
import type { BatchStep } from '../../event/event.ts';
import type { Memory } from '../memory.ts';
import type { EndedShards } from './ended-shards.ts';
import { holeError, leaseMoved, positionHole } from './commit-faults.ts';
import type { Fence } from './fence.ts';
import type { GroupLog } from './group-log.ts';
import type { BatchResult, Prepared } from './prepared.ts';
import { judgeRange } from './intake.ts';
import type { KeyPlacement } from './key-placement.ts';
import { type BatchIds, type ShardProgress, progressOf } from './manifest.ts';
import { type BatchName, progressThrough } from './shard-progress.ts';
import { PlanGather, plannedThrough } from './plan-gather.ts';
import { type ConfirmEnded, Pruning } from './pruning.ts';
import { SourceRanges, keyOf, splitBlock } from './source-ranges.ts';

/** What a {@link CommitLine} needs. */
export interface CommitLineOptions {
  readonly application: string;
  readonly group: string;
  readonly log: GroupLog;
  readonly fence: Fence;
  readonly events: EventSink;
  /** For a group that has committed nothing yet: from which time its windows are counted. */
  readonly zeroTimeMillis: number;
  /**
   * The one compare-and-set of a commit, under the fence: the pointer and the positions move together. `ranges` has one for
   * each shard of the batch, without records where the shard had none.
   */
  readonly write: (commit: PointerWrite, signal: AbortSignal) => Promise<CommitOutcome>;
  /** Whether the holding is still certain, where it is not the blocks that tell. */
  readonly isHeld?: () => boolean;
  /**
   * Of shards whose end is committed, those whose lease rows say so too, or are gone: only they may leave the manifest.
   * Absent where the row and the pointer are one.
   */
  readonly confirmEnded?: ConfirmEnded | undefined;
  /** Before the first commit: shards that are past their beginning already. The first commit takes them over. */
  readonly leased?: readonly ShardProgress[] | undefined;
  /** In `shard` scope, of a shard that has parents: what is left in the store by shards that ended before. */
  readonly ended?: EndedShards | undefined;
  /** What becomes of a record whose key is of another shard, where the plan rests on its keys being placed by shard. */
  readonly placement?: KeyPlacement | undefined;
}

/** What {@link CommitLineOptions.write} writes. */
export interface PointerWrite {
  /** `commit`: the batch holds now. `plan`: the batch is planned, and the one before it still is the last. */
  readonly kind: 'commit' | 'plan';
  readonly batchId: number;
  readonly pointer: string;
  readonly ranges: readonly Range[];
}

/** A shard whose reading begins. */
export interface OpenedShard {
  readonly shardId: string;
  readonly streamName: string;
  readonly tenure: number;
  /** Where it is read from when nothing of it was committed. */
  readonly fallback: Position;
  /** Its part of the hash space; absent when nothing tells it. */
  readonly hashKeyRange?: ShardHashRange | undefined;
}

/** A batch to be written down and committed. */
export interface CommitBatch {
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly blocks: readonly Block[];
  readonly memory: Memory;
}

interface OpenShard extends OpenedShard {
  /** Up to where records were accepted. */
  accepted: Position;
  /** Up to where they are committed. */
  committed: Position;
  /** Ranges that were read once more, and are not told as finished yet. */
  seen: Range[];
}

/**
 * One holding of a commit group: which records it takes (each once, in order, only those read in the tenure that it knows),
 * and the commits of its batches. It is made anew for every tenure or epoch, from the last committed version, so that
 * nothing of an earlier holding is carried over.
 */
export class CommitLine {
  readonly #options: CommitLineOptions;
  readonly #shards = new Map<string, OpenShard>();
  /** The ranges that the source knows, for blocks that were cut or put together here. */
  readonly #sources = new SourceRanges();
  /** Ended shards that the manifest need not name any more. */
  readonly #pruned = new Set<string>();
  readonly #pruning: Pruning;
  #housekeeping: Promise<void> = Promise.resolve();

  constructor(options: CommitLineOptions) {
    this.#options = options;
    this.#pruning = new Pruning(options.confirmEnded);
    const { unclaimed, converted } = options.log;
    for (const one of converted) options.events.publish({ type: 'state.converted', group: options.group, ...one });
    if (unclaimed.length > 0) {
      options.events.publish({ type: 'state.unclaimed', group: options.group, operators: unclaimed });
    }
  }

  /** Whose groups these are. */
  get application(): string {
    return this.#options.application;
  }

  /** Whether nothing tells yet that the holding is over: asked before each output, since a process may have been paused. */
  isHeld(): boolean {
    return this.#options.isHeld?.() !== false;
  }

  /** Under what the batches are committed. */
  get fence(): Fence {
    return this.#options.fence;
  }

  /** The last committed batch; 0 before the first. */
  get batchId(): number {
    return this.#options.log.lastBatch?.batchId ?? 0;
  }

  /** The time of the last committed batch; 0 before the first. */
  get batchTimeMillis(): number {
    const { lastBatch, origin } = this.#options.log;
    return (lastBatch ?? origin)?.batchTimeMillis ?? 0;
  }

  /** From which windows and slides are counted. */
  get zeroTimeMillis(): number {
    return this.#options.log.origin?.zeroTimeMillis ?? this.#options.zeroTimeMillis;
  }

  /** The batches that a rewind has taken back. */
  get voided(): readonly BatchIds[] {
    return this.#options.log.last?.voided ?? [];
  }

  /** What the operators remember after the last committed batch. */
  get memory(): Memory {
    return this.#options.log.memory;
  }

  /**
   * The batch that must come first, where an earlier holder planned it and did not commit: what is read is put together
   * to it. Asked once, before any block is offered.
   */
  foundPlan(): PlanGather | undefined {
    const { plan } = this.#options.log;
    if (plan === undefined) return undefined;
    const { events, group } = this.#options;
    const shards = new Set(plan.ranges.map(keyOf)).size;
    const { batchId, batchTimeMillis, ranges } = plan;
    events.publish({ type: 'plan.found', group, batchId, batchTimeMillis, shards, ranges: ranges.length });
    return new PlanGather(plan, this.#sources);
  }

  /** The streams whose records the batch of a found plan is made of; none where no plan was found. */
  get plannedStreams(): readonly string[] {
    return [...new Set(this.#options.log.plan?.ranges.map(({ streamName }) => streamName) ?? [])];
  }

  /** Resolves when the removal of garbage is done that was under way. */
  settled(): Promise<void> {
    return this.#housekeeping;
  }

  /**
   * A shard is about to be read: answers from where, which is what was last committed of it. A shard that comes back within
   * one epoch is read again from there too, and what was accepted of it before is dropped: the receiver may write down where
   * it begins, and a lease row must never be ahead of the commits. Lease lost with (100, 200] accepted; lease gained; row
   * moved to 200; process killed before the commit: the next holder would find 200, and nobody would read (100, 200].
   * Where its lease says another place, somebody else has moved that: it is told, and the commit counts.
   * @throws MillraceError `MR_POSITION_HOLE` for a shard that no commit knows and whose lease is past its beginning
   */
  open(shard: OpenedShard): ShardStart {
    const { last, plan } = this.#options.log;
    const before = this.#shards.get(keyOf(shard));
    const known = last === undefined ? undefined : progressOf(last, shard.shardId, shard.streamName);
    if (before === undefined && last !== undefined) this.#checkLease(shard, known);
    const committed = before?.committed ?? known?.position ?? shard.fallback;
    this.#shards.set(keyOf(shard), { ...shard, accepted: before?.accepted ?? committed, committed, seen: [] });
    const neededThrough = plan && plannedThrough(plan, shard);
    return { position: committed, ...(neededThrough === undefined ? {} : { neededThrough }) };
  }

  /**
   * Takes the records of a block that were not accepted before; `undefined` when there are none, or the block may not be
   * taken.
   * @throws MillraceError `MR_RANGE_HOLE` when records between the last accepted ones and these are missing: reading must
   * begin anew
   */
  admit(block: Block): Block | undefined {
    const shard = this.#shards.get(keyOf(block));
    const { range } = block;
    if (shard === undefined) return this.#refuse(block, 'stale');
    const verdict = judgeRange({ position: shard.accepted, tenure: shard.tenure }, range);
    switch (verdict.tag) {
      case 'stale':
        return this.#refuse(block, 'stale');
      case 'drop':
        shard.seen.push(range);
        return this.#refuse(block, 'seen');
      case 'hole':
        this.#refuse(block, 'hole');
        throw holeError(block, verdict.mark);
      case 'accept':
        this.#options.placement?.check(block.records, shard);
        shard.accepted = range.through;
        return block;
      case 'cut': {
        const tail = this.#cut(block, verdict.after);
        this.#options.placement?.check(tail.records, shard);
        shard.accepted = range.through;
        return tail;
      }
    }
  }

  #checkLease({ shardId, streamName, fallback }: OpenedShard, known: ShardProgress | undefined): void {
    if (known === undefined) {
      if (!isInitialSentinel(fallback)) throw positionHole({ shardId, streamName }, fallback);
      return;
    }
    const order = comparePositions(fallback, known.position);
    // Under an epoch the leases follow as a mirror, which may be behind.
    const isMoved = this.fence.kind === 'tenure' ? order !== 0 : order > 0;
    if (!isMoved) return;
    this.#options.events.publish(leaseMoved({ shardId, streamName }, fallback, known.position));
  }

  /** The ranges that the source handed out and may take back as finished when the block is. */
  finishedRanges(block: Block): readonly Range[] {
    return this.#sources.of(block).finishes;
  }

  /** A block takes the place of another with the same range. */
  replaced(before: Block, block: Block): Block {
    return this.#sources.note(block, this.#sources.of(before));
  }

  /** The ranges that were dropped, and are finished because what was accepted in their place is committed; each once. */
  takeSeen(): readonly Range[] {
    const finished: Range[] = [];
    for (const shard of this.#shards.values()) {
      if (shard.seen.length === 0) continue;
      const isFinished = ({ through }: Range) => comparePositions(through, shard.committed) <= 0;
      finished.push(...shard.seen.filter(isFinished));
      shard.seen = shard.seen.filter((range) => !isFinished(range));
    }
    return finished;
  }

  /**
   * Writes down of what a batch is made, before anything of it is processed: whoever goes on from here runs exactly this
   * batch. Does nothing for a batch whose plan holds already. `lost`: another holder goes on.
   */
  async plan(batch: Omit<CommitBatch, 'memory'>, signal: AbortSignal): Promise<CommitOutcome> {
    const { log, fence, write } = this.#options;
    const { batchId, batchTimeMillis, blocks } = batch;
    if (log.plan?.batchId === batchId) return 'committed';
    const ranges = blocks.map(({ streamName, shardId, range }) => {
      return { streamName, shardId, after: range.after, through: range.through };
    });
    const { zeroTimeMillis, memory } = this;
    const shards = this.#progressAfter([]);
    const begin = { batchTimeMillis: this.batchTimeMillis, zeroTimeMillis, shards, memory, ...this.#toRemove };
    const written = await log.writePlan({ batchId, batchTimeMillis, fence, ranges }, begin, signal);
    const outcome = await write(
      { kind: 'plan', batchId, pointer: written.pointer, ranges: this.#rangesOf([]) },
      signal,
    );
    if (outcome === 'lost') return outcome;
    log.notePlanned(written);
    this.tell(batchId, 'planned');
    return outcome;
  }

  /** Writes a batch down, with the state that it leaves; nothing of it holds before {@link commit}. */
  async prepare(batch: CommitBatch, signal: AbortSignal): Promise<Prepared> {
    const { log, fence } = this.#options;
    const { batchId, batchTimeMillis, memory, blocks } = batch;
    const shards = this.#progressAfter(blocks, { batchId, batchTimeMillis });
    const { zeroTimeMillis } = this;
    const result = { batchId, batchTimeMillis, zeroTimeMillis, fence, shards, memory, ...this.#toRemove };
    const prepared = await log.prepare(result, signal);
    this.tell(batchId, 'stateWritten');
    return prepared;
  }

  /**
   * Commits a prepared batch: afterwards its state and positions hold, or, when `lost`, nothing of it does and another
   * holder goes on from the commit before.
   */
  async commit(prepared: Prepared, blocks: readonly Block[], signal: AbortSignal): Promise<CommitOutcome> {
    const { log, write } = this.#options;
    const { batchId } = prepared.batch;
    const ranges = this.#rangesOf(blocks);
    const outcome = await write({ kind: 'commit', batchId, pointer: prepared.pointer, ranges }, signal);
    if (outcome === 'lost') return outcome;
    for (const block of blocks) {
      const shard = this.#shards.get(keyOf(block));
      if (shard !== undefined) shard.committed = block.range.through;
    }
    this.tell(batchId, 'committed');
    this.#tidy(log.noteCommitted(prepared), signal);
    return outcome;
  }

  get #toRemove(): Pick<BatchResult, 'ended'> {
    const { ended } = this.#options;
    return ended === undefined ? {} : { ended: ended.left };
  }

  /** Tells of a step of the commit order that is done. */
  tell(batchId: number, step: BatchStep): void {
    const { events, group } = this.#options;
    events.publish({ type: 'batch.step', group, batchId, step });
  }

  #progressAfter(blocks: readonly Block[], batch?: BatchName): readonly ShardProgress[] {
    const { log, leased = [] } = this.#options;
    const after = new Map<string, ShardProgress>();
    for (const shard of log.last?.shards ?? leased) after.set(keyOf(shard), shard);
    for (const { shardId, streamName, committed } of this.#shards.values()) {
      const known = after.get(keyOf({ shardId, streamName }));
      const isNew = known === undefined || log.last === undefined;
      if (isNew) after.set(keyOf({ shardId, streamName }), { shardId, streamName, position: committed });
    }
    for (const block of blocks) after.set(keyOf(block), progressThrough(block, after.get(keyOf(block)), batch));
    for (const key of this.#pruned) after.delete(key);
    return [...after.values()];
  }

  /** One range for each shard of the group that is being read: from what is committed through the end of the blocks. */
  #rangesOf(blocks: readonly Block[]): readonly Range[] {
    const ranges = new Map<string, Range>();
    for (const [key, { shardId, tenure, committed }] of this.#shards) {
      ranges.set(key, { shardId, tenure, after: committed, through: committed });
    }
    for (const block of blocks) {
      const known = ranges.get(keyOf(block));
      if (known === undefined) continue;
      const { after } = this.#sources.of(block);
      const isEarlier = comparePositions(after, known.after) < 0;
      ranges.set(keyOf(block), { ...known, after: isEarlier ? after : known.after, through: block.range.through });
    }
    return [...ranges.values()];
  }

  /** Removes garbage beside the work; what fails is found as an orphan later. */
  #tidy(garbage: readonly string[], signal: AbortSignal): void {
    const { log, events } = this.#options;
    const tidy = async () => {
      await log.remove(garbage, signal);
      if (log.isListingDue) await log.remove(await log.findOrphans(signal), signal);
      await this.#prune(signal);
      await this.#options.ended?.tidy(log.isAloneWith(), signal);
    };
    this.#housekeeping = this.#housekeeping.then(tidy).catch((thrown: unknown) => {
      if (signal.aborted || !(thrown instanceof MillraceError)) return;
      const { code, message, subject } = thrown;
      events.publish({ type: 'fault.seen', code, message, subject });
    });
  }

  async #prune(signal: AbortSignal): Promise<void> {
    for (const shard of await this.#pruning.look(this.#options.log.last?.shards ?? [], signal)) {
      this.#pruned.add(keyOf(shard));
      this.#shards.delete(keyOf(shard));
    }
  }

  #cut(block: Block, after: Position): Block {
    const { head, tail } = splitBlock(block, after);
    this.#publishRefusal(block, 'seen', head.records.length);
    return this.#sources.note(tail, this.#sources.of(block));
  }

  #refuse(block: Block, reason: 'seen' | 'stale' | 'hole'): undefined {
    this.#publishRefusal(block, reason, block.records.length);
    return undefined;
  }

  #publishRefusal({ shardId, range }: Block, reason: 'seen' | 'stale' | 'hole', records: number): void {
    const [after, through] = [formatPosition(range.after), formatPosition(range.through)];
    this.#options.events.publish({ type: 'range.refused', shardId, records, reason, after, through });
  }
}
