import { aborted, linkedController, raceAbort, stayingController } from '../../base/abort.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { isMillraceError } from '../../base/error.ts';
import type { Block } from '../../block/block.ts';
import type { BlockSource } from '../../block/block-source.ts';
import type { DispatchSignals } from '../block-lanes.ts';
import type { LaneTools } from './lane.ts';
import { ShardLine } from './shard-line.ts';

/** What {@link LambdaWork} needs. */
export interface LambdaWorkOptions extends LaneTools {
  readonly source: Pick<BlockSource, 'blocks' | 'ack'>;
  readonly maxUnackedBlocks: number;
  readonly maxBufferedBytes: number;
  readonly blockIntervalMillis: number;
}

/** How long invocations that are of no more use are waited for. */
const abortedWorkGraceMillis = 5_000;
/** Which part of what may be unfinished makes waiting records go out: reading must never stop for them. */
const pressedShare = 1 / 2;
const shortMemoryShare = 1 / 4;

/** Hands the blocks of all shards to a Lambda handler, a line for each shard, side by side. */
export class LambdaWork {
  readonly #options: LambdaWorkOptions;
  readonly #lines = new Map<string, ShardLine>();
  readonly #runs = new Set<Promise<void>>();

  constructor(options: LambdaWorkOptions) {
    this.#options = options;
  }

  /** The shard drains: nothing of it waits any more. */
  hurry(shardId: string): void {
    this.#lines.get(shardId)?.hurry();
  }

  /** A read has found the tip of the shard; what it brought is sealed within the block interval. */
  sawTip(shardId: string): void {
    this.#lines.get(shardId)?.sawTip(2 * this.#options.blockIntervalMillis);
  }

  /**
   * Runs until the blocks end and are finished.
   * @throws MillraceError `MR_HANDLER_FAILED` by the failure policy; the source's fault; the signal's reason
   */
  async run(signals: DispatchSignals): Promise<void> {
    using life = linkedController(signals.run);
    try {
      await raceAbort(this.#takeAll(life, signals.ended), life.signal);
      life.signal.throwIfAborted();
    } catch (thrown) {
      life.abort(thrown);
      // Invocations that were begun are waited for, but not for long, and not when waiting is what took too long.
      if (!isMillraceError(thrown, 'MR_DRAIN_TIMEOUT')) await this.#idle(AbortSignal.abort());
      throw thrown;
    }
  }

  async #takeAll(life: { readonly signal: AbortSignal; abort(reason: unknown): void }, ended: AbortSignal) {
    for await (const block of this.#options.source.blocks) {
      this.#lineOf(block, life).take(block);
      if (this.#isMemoryShort()) for (const line of this.#lines.values()) line.wake();
    }
    for (const line of this.#lines.values()) line.end();
    await this.#idle(ended);
  }

  #lineOf(block: Block, life: { readonly signal: AbortSignal; abort(reason: unknown): void }): ShardLine {
    const known = this.#lines.get(block.shardId);
    if (known?.tenure === block.tenure) return known;
    const { source, maxUnackedBlocks } = this.#options;
    const line = new ShardLine(
      {
        ...this.#options,
        ack: ({ range }) => source.ack(range),
        mostBlocks: Math.max(1, Math.floor(maxUnackedBlocks * pressedShare)),
        isMemoryShort: () => this.#isMemoryShort(),
      },
      block,
    );
    this.#lines.set(block.shardId, line);
    // The first real failure ends the run; that of a lost lease is none.
    const run = line.run(life.signal).catch((thrown: unknown) => {
      if (!line.isLost && !life.signal.aborted) life.abort(thrown);
    });
    this.#runs.add(run);
    void run.finally(() => {
      this.#runs.delete(run);
      if (this.#lines.get(block.shardId) === line && line.isLost) this.#lines.delete(block.shardId);
    });
    return line;
  }

  #isMemoryShort(): boolean {
    let bytes = 0;
    for (const line of this.#lines.values()) bytes += line.bytes;
    return bytes >= this.#options.maxBufferedBytes * shortMemoryShare;
  }

  /** Resolves when nothing runs any more, or a grace after the signal aborted. */
  async #idle(signal: AbortSignal): Promise<void> {
    const { clock }: { clock: Clock } = this.#options;
    const idle = stayingController();
    void Promise.all(this.#runs).then(() => idle.abort());
    using either = linkedController(idle.signal, signal);
    await aborted(either.signal);
    await pause(clock, abortedWorkGraceMillis, idle.signal);
  }
}
