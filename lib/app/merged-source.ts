import { linkedController, stayingController } from '../base/abort.ts';
import { Channel } from '../base/channel.ts';
import { MillraceError } from '../base/error.ts';
import type { Block } from '../block/block.ts';
import type { BlockLineage, BlockSource, CommitOutcome, DemandLimit } from '../block/block-source.ts';
import type { Range } from '../block/range.ts';
import type { Service } from '../base/service.ts';

/** A source of blocks that is run, such as a receiver. */
export type RunningSource = BlockSource & Omit<Service, 'stop'> & { stop(reason?: unknown): Promise<void> };

/**
 * Several sources as one: the blocks of all of them, as they come; each range goes back to the source that it came from.
 * Without any source there are no blocks, and the run lasts until it is drained or stopped. The first source that fails
 * ends the others.
 */
export class MergedSource implements RunningSource {
  readonly blocks = new Channel<Block>();
  readonly #sources: readonly RunningSource[];
  readonly #origins = new WeakMap<Range, RunningSource>();
  readonly #idle = stayingController();

  constructor(sources: readonly RunningSource[]) {
    this.#sources = sources;
  }

  async run(signal: AbortSignal): Promise<void> {
    using life = linkedController(signal);
    // The blocks may end before the runs do: a receiver then waits for what is still to be acked.
    const pumps = Promise.all(this.#sources.map((source) => this.#pump(source)));
    if (this.#sources.length > 0) pumps.then(() => this.blocks.close()).catch(() => {});
    const runs = this.#sources.map((source) => source.run(life.signal));
    if (runs.length === 0) runs.push(untilEither(life.signal, this.#idle.signal));
    for (const run of runs) {
      run.catch((thrown: unknown) => {
        this.blocks.fail(thrown);
        life.abort(thrown);
      });
    }
    for (const outcome of await Promise.allSettled(runs)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
    this.blocks.close();
  }

  /** Rejects as the source's run does, which says why. */
  async #pump(source: RunningSource): Promise<void> {
    for await (const block of source.blocks) {
      this.#origins.set(block.range, source);
      this.blocks.send(block);
    }
  }

  ack(range: Range): void {
    this.#origins.get(range)?.ack(range);
  }

  commit(range: Range, options?: { readonly state?: string }): Promise<CommitOutcome> {
    return this.#origins.get(range)?.commit(range, options) ?? Promise.resolve('lost');
  }

  /** Ranges of one shard are of one source. */
  readonly lineage: BlockLineage = {
    isWanted: (range) => this.#origins.get(range)?.lineage?.isWanted(range) === true,
    drop: (ranges) => this.#lineageOf(ranges[0])?.drop(ranges) === true,
    read: async (dropped, signal) => (await this.#lineageOf(dropped[0]?.source)?.read(dropped, signal)) ?? [],
  };

  #lineageOf(range: Range | undefined): BlockLineage | undefined {
    return range === undefined ? undefined : this.#origins.get(range)?.lineage;
  }

  /** Each source gets the same part of the rate. */
  demand({ recordsPerSecond }: DemandLimit): void {
    for (const source of this.#sources) {
      source.demand(
        recordsPerSecond === undefined ? {} : { recordsPerSecond: recordsPerSecond / this.#sources.length },
      );
    }
  }

  async drain(deadline: AbortSignal): Promise<void> {
    this.#idle.abort();
    if (this.#sources.length === 0) this.blocks.close();
    await Promise.all(this.#sources.map((source) => source.drain(deadline)));
  }

  async stop(reason: unknown = new MillraceError('MR_ABORTED', 'the run was stopped')): Promise<void> {
    this.#idle.abort();
    this.blocks.fail(reason);
    await Promise.all(this.#sources.map((source) => source.stop(reason).catch(() => {})));
  }
}

async function untilEither(ended: AbortSignal, idle: AbortSignal): Promise<void> {
  using either = linkedController(ended, idle);
  await new Promise<void>((resolve) => {
    if (either.signal.aborted) resolve();
    else either.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  if (!idle.aborted) ended.throwIfAborted();
}
