import { linkedController, raceAbort } from '../../base/abort.ts';
import { MillraceError } from '../../base/error.ts';
import type { BatchContext, BatchEngine } from '../../block/batch-engine.ts';
import { type Block, isWorthStarting } from '../../block/block.ts';
import type { BlockSource, DemandLimit } from '../../block/block-source.ts';
import type { KinesisRecord } from '../../block/record.ts';
import { type PolicyPorts, runWithPolicy } from '../handler-runner.ts';
import type { StallWatch } from '../stall-watch.ts';
import { BatchTicks } from './batch-ticks.ts';
import { HandedOut } from './handed-out.ts';

/** Blocks among which those of lost leases are not looked for. */
const leastArrived = 64;

/** What an {@link EngineFeed} needs. */
export interface EngineFeedOptions extends PolicyPorts {
  readonly source: Pick<BlockSource, 'blocks' | 'ack' | 'demand'>;
  readonly engine: BatchEngine;
  /** How often a batch is cut, milliseconds. */
  readonly batchIntervalMillis: number;
  /** Watches over batches that do not settle. */
  readonly stallWatch: Pick<StallWatch, 'begin'>;
}

/**
 * Feeds an engine: collects the blocks that arrive within a batch interval, hands them over as one batch, and acks them
 * when the engine's promise resolves. One batch is under way at a time, so an engine that is slower than the stream gets
 * fewer and larger ones, up to what the receiver may have unfinished; then reading stops.
 */
export class EngineFeed {
  readonly #options: EngineFeedOptions;
  readonly #ticks: BatchTicks;
  readonly #handedOut = new HandedOut();
  #arrived: Block[] = [];
  /** So many may have arrived before those of lost leases among them are let go. */
  #mostArrived = leastArrived;
  #isEnded = false;
  #isHurried = false;

  constructor(options: EngineFeedOptions) {
    this.#options = options;
    this.#ticks = new BatchTicks(options.clock, options.batchIntervalMillis);
  }

  /** Has the next batch cut without waiting for its tick: a shard drains, and somebody waits for its last blocks. */
  hurry(): void {
    this.#isHurried = true;
    this.#ticks.wake();
  }

  /**
   * Runs until the blocks end and all of them are finished. An engine that does not settle is left behind when the signal
   * aborts.
   * @throws MillraceError `MR_HANDLER_FAILED` when the failure policy says STOP, or the dead letter fails; the source's
   * fault; the signal's reason. What was not finished is then not acked
   */
  async run(signal: AbortSignal): Promise<void> {
    using life = linkedController(signal);
    // The fault of the source ends a batch that is under way, too.
    const taking = this.#take(life.signal).catch((thrown: unknown) => life.abort(thrown));
    try {
      for (;;) {
        await this.#untilDue(life.signal);
        life.signal.throwIfAborted();
        const batch = this.#cut();
        if (batch.length > 0) await raceAbort(this.#finish(batch, life.signal), life.signal);
        else if (this.#isEnded) return;
      }
    } finally {
      life.abort(over);
      await taking;
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    const blocks = this.#options.source.blocks[Symbol.asyncIterator]();
    for (;;) {
      const next = await raceAbort(blocks.next(), signal);
      if (next.done === true) break;
      this.#handedOut.take(next.value);
      this.#arrived.push(next.value);
      this.#letGoOfLost();
      if (this.#isHurried) this.#ticks.wake();
    }
    this.#isEnded = true;
    this.#ticks.wake();
  }

  /**
   * An engine may hang for long. Its shards are given up and come back, and what arrives in each of their tenures is read
   * anew in the next.
   */
  #letGoOfLost(): void {
    if (this.#arrived.length < this.#mostArrived) return;
    this.#arrived = this.#arrived.filter(isWorthStarting);
    this.#mostArrived = Math.max(leastArrived, 2 * this.#arrived.length);
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    for (;;) {
      if (signal.aborted || this.#isEnded || (this.#isHurried && this.#arrived.length > 0)) return;
      if (this.#ticks.isDue) {
        this.#ticks.taken();
        if (this.#arrived.length > 0) return;
      }
      await this.#ticks.wait(signal);
    }
  }

  #cut(): readonly Block[] {
    const blocks = this.#arrived;
    this.#arrived = [];
    this.#mostArrived = leastArrived;
    this.#isHurried = false;
    // What was queued when its lease was lost is left to the next owner, who reads it anew.
    return blocks.filter(isWorthStarting);
  }

  /** Has the engine take a batch, under the failure policy, and acks it. */
  async #finish(batch: readonly Block[], signal: AbortSignal): Promise<void> {
    const batchTimeMillis = this.#ticks.batchTime();
    await this.#offer(batch, batchTimeMillis, signal);
    // Blocks without records may be left over when the batch was taken in parts: the engine has to hear of a shard's end.
    const open = batch.filter((block) => block.records.length === 0 && this.#handedOut.isOpen(block));
    if (open.length > 0 && open.length < batch.length) await this.#offer(open, batchTimeMillis, signal);
    for (const block of batch) this.#options.source.ack(block.range);
  }

  async #offer(batch: readonly Block[], batchTimeMillis: number, signal: AbortSignal): Promise<void> {
    const { engine, policy, clock, random, events, serviceTimeMillis, retentionMillis, stallWatch } = this.#options;
    const all = batch.flatMap((block) => block.records);
    const ours = () => batch.filter((block) => !block.signal.aborted);
    await runWithPolicy({
      work: {
        shardId: batch[0]?.shardId ?? '',
        records: all,
        signal,
        isRunWithoutRecords: true,
        isOurs: (shardId) => ours().some((block) => block.shardId === shardId),
      },
      handler: async (records, inner, attempt) => {
        const parts = this.#partsOf(ours(), records, records.length === all.length);
        if (parts.length === 0) return;
        await engine.onBatch(parts, this.#context(batchTimeMillis, attempt, inner));
        this.#handedOut.finish(parts);
      },
      policy,
      clock,
      random,
      events,
      serviceTimeMillis,
      retentionMillis,
      signal,
      // One batch at a time: what has arrived meanwhile stands still, too.
      onAttempt: () => stallWatch.begin(() => (signal.aborted ? undefined : heldShards([...batch, ...this.#arrived]))),
    });
  }

  #partsOf(blocks: readonly Block[], records: readonly KinesisRecord[], isWhole: boolean): readonly Block[] {
    return isWhole ? this.#handedOut.following(blocks) : this.#handedOut.partsOf(blocks, new Set(records));
  }

  #context(batchTimeMillis: number, attempt: number, signal: AbortSignal): BatchContext {
    const { source } = this.#options;
    return { batchTimeMillis, attempt, signal, demand: (limit) => source.demand(checkedDemand(limit)) };
  }
}

/** The shards of these blocks whose leases are held. */
function heldShards(blocks: readonly Block[]): readonly string[] {
  return [...new Set(blocks.filter(({ signal }) => !signal.aborted).map(({ shardId }) => shardId))];
}

/** The reason of the abort that ends what may be left when a run is over. */
const over = new MillraceError('MR_ABORTED', 'the run of the engine is over');

/** @throws MillraceError `MR_CONFIG_INVALID` for a rate that is no number of at least 0 */
export function checkedDemand(limit: DemandLimit): DemandLimit {
  const rate: unknown = (limit as DemandLimit | undefined)?.recordsPerSecond;
  if (rate === undefined) return {};
  if (typeof rate === 'number' && rate >= 0) return { recordsPerSecond: rate };
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `demand() was given recordsPerSecond ${typeof rate === 'number' ? rate : typeof rate}: give a number of at least 0, or no recordsPerSecond for no limit`,
    { subject: { option: 'recordsPerSecond' } },
  );
}
