import { aborted, linkedController, raceAbort, stayingController } from '../base/abort.ts';
import { type Clock, pause } from '../base/clock.ts';
import { isMillraceError } from '../base/error.ts';
import { type Block, isWorthStarting } from '../block/block.ts';

/** How long work that was told to end is waited for. */
const abortedWorkGraceMillis = 5_000;

/** What ends the dispatching of blocks. */
export interface DispatchSignals {
  /** Aborts when the run is to end at once. */
  readonly run: AbortSignal;
  /** Aborts when the receiver has ended, with every block finished or lost. */
  readonly ended: AbortSignal;
}

/** What {@link BlockLanes.dispatch} works on. */
export interface DispatchOptions {
  readonly blocks: AsyncIterable<Block>;
  /** Processes and finishes a block. The signal aborts when the run ends at once. */
  readonly finish: (block: Block, signal: AbortSignal) => Promise<void>;
  readonly signals: DispatchSignals;
}

/** The work of one shard. */
interface Lane {
  /** What waits to be done, in order. */
  waiting: { readonly job: () => Promise<void>; readonly block?: Block }[];
  /** Resolves when nothing waits any more, and nothing is being done; absent: that is so now. */
  working?: Promise<void>;
}

/**
 * One lane of work for each shard: in a lane one thing after the other, the lanes side by side. A queue from a library would
 * name each job by a symbol, and V8 makes symbols in its old generation (why that matters: {@link stayingController}).
 */
export class BlockLanes {
  readonly #clock: Clock;
  readonly #lanes = new Map<string, Lane>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Queues work of a shard. It must not reject. */
  add(shardId: string, job: () => Promise<void>): void {
    this.#add(shardId, { job });
  }

  #add(shardId: string, work: Lane['waiting'][number]): void {
    const lane = this.#lanes.get(shardId) ?? { waiting: [] };
    this.#lanes.set(shardId, lane);
    lane.waiting.push(work);
    // Not at once: a job may add another, and must find that the lane is being worked off.
    lane.working ??= Promise.resolve(lane).then(workOff);
  }

  /**
   * Leaves a shard's lane to the work that hangs in it: what comes next gets a lane of its own. What it answers is to be called
   * when the lease was given up: work that hangs for ever must not keep the blocks that wait behind it.
   */
  leave(shardId: string): () => void {
    const lane = this.#lanes.get(shardId);
    this.#lanes.delete(shardId);
    return () => {
      if (lane !== undefined) lane.waiting = lane.waiting.filter(({ block }) => block?.signal.aborted !== true);
    };
  }

  /**
   * Has every block finished in its shard's lane, until the blocks end. The first failure ends it.
   * @throws what a block failed with, or the reason of the run's signal
   */
  async dispatch({ blocks, finish, signals }: DispatchOptions): Promise<void> {
    using failed = linkedController(signals.run);
    const runOne = async (block: Block): Promise<void> => {
      if (!isWorthStarting(block)) return;
      try {
        await finish(block, failed.signal);
      } catch (thrown) {
        // Lost leases and ended runs are no failures of the handler; the first real failure ends the run.
        if (!block.signal.aborted && !failed.signal.aborted) failed.abort(thrown);
      }
    };
    const feed = async () => {
      for await (const block of blocks) this.#add(block.shardId, { job: () => runOne(block), block });
      // The receiver ends when every block is finished or lost. Work on lost ones may be deaf to its signal.
      await this.#idleWithin(signals.ended);
    };
    try {
      await raceAbort(feed(), failed.signal);
      failed.signal.throwIfAborted();
    } catch (thrown) {
      // Work that was begun is waited for, so that nothing of the user's runs on unseen behind a settled run; but not
      // for long, and not at all when waiting for it is what took too long.
      if (!isMillraceError(thrown, 'MR_DRAIN_TIMEOUT')) await this.#idleWithin(AbortSignal.abort());
      throw thrown;
    }
  }

  /** Resolves when no lane has work any more, or a grace after the signal aborted. */
  async #idleWithin(signal: AbortSignal): Promise<void> {
    const idle = stayingController();
    const working = Array.from(this.#lanes.values(), (lane) => lane.working ?? Promise.resolve());
    void Promise.all(working).then(() => idle.abort());
    using either = linkedController(idle.signal, signal);
    await aborted(either.signal);
    await pause(this.#clock, abortedWorkGraceMillis, idle.signal);
  }
}

async function workOff(lane: Lane): Promise<void> {
  for (let next = lane.waiting.shift(); next !== undefined; next = lane.waiting.shift()) await next.job();
  delete lane.working;
}
