import { type LinkedController, linkedController, raceAbort } from '../base/abort.ts';
import type { BackoffOptions } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError, messageOf } from '../base/error.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { type Deferred, type Service, deferred } from '../base/service.ts';
import { StateHolder } from '../base/state.ts';
import type { Block } from '../block/block.ts';
import type { BlockSource } from '../block/block-source.ts';
import type { ShardOpening, ShardStart } from '../block/shard-opening.ts';
import type { EventSink } from '../event/bus.ts';
import { type BatchRunFields, runBatch } from './batch-run.ts';
import { CommitGroups, type EngineCommits } from './commit/commit-groups.ts';
import type { CommitLine } from './commit/commit-line.ts';
import type { History } from './history.ts';
import { inputFor } from './input-blocks.ts';
import { Line } from './line.ts';
import { Lineage } from './lineage.ts';
import type { InputNode, PrintTarget } from './node.ts';
import { Pace } from './rate/pace.ts';
import type { Plan } from './plan.ts';
import { applicationGroup } from './scope.ts';
import { checkOutputs, guaranteesOf } from './sink/guarantee.ts';
import { firstTickState, hurriedTime } from './tick-plan.ts';
import { runTicker } from './ticker.ts';

/** What an engine is made of. */
export interface EngineOptions {
  /** A sealed context: `context.seal()`. */
  readonly plan: Plan;
  /** Where the blocks come from and the acknowledgements go. */
  readonly source: BlockSource;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Jitter of the pauses between tries. */
  readonly random?: Random;
  /** Where `print()` writes when the context does not say. */
  readonly output?: PrintTarget;
  /** Further tries of a batch after the first failed: 3; -1 means without end. */
  readonly maximumRetryAttempts?: number;
  /** The pauses between tries: from 1 s, doubling to 30 s. */
  readonly retryBackoff?: BackoffOptions;
  /** How long a function of the program may take to settle, milliseconds: 300,000. Then the run ends, naming it. */
  readonly stalledAfterMillis?: number;
  /** Where past batches are kept for `slice`: `context.history`. */
  readonly history?: History;
  /** Where state is kept; without it batches are acknowledged and not committed, and state lasts as long as the run. */
  readonly commits?: EngineCommits;
}

/** An engine that runs a plan. */
export interface BatchPlanEngine extends Service {
  /**
   * A tenure of a shard has begun: restores what was committed of it and answers from where it is to be read, and through
   * where at least, if a planned batch waits for that. Where
   * nothing is committed, from the checkpoint of its lease. In `shard` scope its batches are committed at `source`, which asks before it hands out blocks of the tenure.
   * @throws MillraceError `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`, `MR_STATE_NEWER`, `MR_STATE_FOREIGN`
   */
  open(shard: ShardOpening, source: Pick<BlockSource, 'commit'>, signal: AbortSignal): Promise<ShardStart>;
}

/** Further tries of a batch when the options do not say. */
export const defaultRetryAttempts = 3;

/** How long a function may take to settle when the options do not say (KCL has no such limit). */
export const defaultStalledAfterMillis = 300_000;

const defaultBackoff: BackoffOptions = { baseMillis: 1_000, capMillis: 30_000 };

/**
 * Makes the engine that runs a plan over a source of blocks: a service with one `run`. It ends by itself when the
 * source's blocks end. Drain the source at the same time as the engine, or before it: the engine finishes what the
 * source hands out, and its drain is over when the blocks end.
 * @throws MillraceError `MR_CONFIG_INVALID` when the plan prints and there is nowhere to print to, for a
 * `maximumRetryAttempts` that is not a whole number of at least -1, and for an output whose declared guarantee rests on
 * commits that there are not
 */
export function createEngine(options: EngineOptions): BatchPlanEngine {
  return new Engine(options);
}

type EngineState = { readonly tag: 'CREATED' | 'RUNNING' | 'DRAINING' | 'ENDED' };

class Engine implements BatchPlanEngine {
  readonly #fields: BatchRunFields;
  readonly #source: BlockSource;
  readonly #pace: Pace;
  readonly #groups: CommitGroups | undefined;
  /** Aborts when another process has taken the application over. */
  readonly #lost: AbortSignal | undefined;
  readonly #lines = new Map<string, Line>();
  readonly #ended: Deferred<void> = deferred();
  readonly #stopping: LinkedController = linkedController();
  /** Ends all work: by the caller's signal, `stop` or a fault. */
  #runSignal: AbortSignal = this.#stopping.signal;
  /** The time before the first batch. */
  readonly #zeroTimeMillis: number;
  /** What the shards of a plan of `application` scope are opened at. */
  readonly #application: Deferred<CommitLine> = deferred();
  readonly #state = new StateHolder<EngineState>(
    { tag: 'CREATED' },
    { CREATED: ['RUNNING', 'ENDED'], RUNNING: ['DRAINING', 'ENDED'], DRAINING: ['ENDED'], ENDED: [] },
  );

  constructor(options: EngineOptions) {
    const { plan, source, clock, events } = options;
    this.#source = source;
    const { commits } = options;
    this.#lost = commits?.epoch?.lost;
    this.#groups =
      commits === undefined
        ? undefined
        : new CommitGroups({
            ...commits,
            events,
            zeroTimeMillis: () => this.#zeroTimeMillis,
            isPlacedByKey:
              plan.scope === 'shard' && plan.keepers.some(({ sees, partial }) => sees === 'keyed' && !partial),
          });
    this.#pace = new Pace({ plan, source, events });
    this.#fields = {
      plan,
      source,
      clock,
      events,
      random: options.random ?? systemRandom,
      printTarget: plan.output ?? options.output,
      maximumRetryAttempts: checkRetries(options.maximumRetryAttempts ?? defaultRetryAttempts),
      retryBackoff: options.retryBackoff ?? defaultBackoff,
      stalledAfterMillis: options.stalledAfterMillis ?? defaultStalledAfterMillis,
      history: options.history,
      pace: this.#pace,
    };
    this.#zeroTimeMillis = firstTickState(clock.wallMillis(), plan.batchIntervalMillis).lastTickMillis;
    checkPrintTarget(this.#fields);
    checkOutputs(plan, commits !== undefined);
  }

  /**
   * Runs until the blocks end, `drain`, `stop` or a fault.
   * @throws MillraceError `MR_HANDLER_FAILED` when a batch failed for good; the source's fault; the signal's reason
   */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#state.current.tag === 'ENDED') return this.#ended.promise;
    this.#state.become({ tag: 'RUNNING' });
    const run = linkedController(signal, this.#stopping.signal, this.#lost);
    this.#runSignal = run.signal;
    let ticker: Promise<void> | undefined;
    try {
      if (this.#fields.plan.scope === 'application') await this.#beginApplication(run.signal);
      ticker = this.#tick(run.signal);
      this.#startLocalSources(run.signal);
      this.#publishStart();
      this.#pace.begin();
      await raceAbort(this.#takeBlocks(), run.signal);
      this.#beginDrain();
      await raceAbort(this.#localSourcesDrained(), run.signal);
      for (const line of this.#lines.values()) line.hurry();
      await raceAbort(this.#settled(), run.signal);
      for (const [group, line] of this.#lines)
        if (line.partialPlan !== undefined) throw notWhole(group, line.partialPlan);
      this.#end();
    } catch (thrown) {
      this.#end(thrown);
    } finally {
      run.abort(over);
      await ticker;
      run[Symbol.dispose]();
    }
    return this.#ended.promise;
  }

  /** Runs what the source hands out without waiting for ticks, until its blocks end. */
  async drain(deadline: AbortSignal): Promise<void> {
    if (this.#state.current.tag === 'CREATED') this.#end();
    this.#beginDrain();
    const onDeadline = () => this.#fail(drainTimeout(deadline.reason));
    if (deadline.aborted) onDeadline();
    else deadline.addEventListener('abort', onDeadline, { once: true });
    try {
      await this.#ended.promise;
    } finally {
      deadline.removeEventListener('abort', onDeadline);
    }
  }

  /** Drops what is under way: nothing more is acknowledged. */
  async stop(): Promise<void> {
    if (this.#state.current.tag === 'CREATED') this.#end();
    this.#stopping.abort(stopped);
    await this.#ended.promise.catch(() => {});
  }

  #end(thrown?: unknown): void {
    if (this.#state.current.tag === 'ENDED') return;
    this.#state.become({ tag: 'ENDED' });
    if (thrown === undefined || thrown === stopped) this.#ended.resolve();
    else this.#ended.reject(thrown);
    this.#application.reject(thrown ?? stopped);
  }

  #fail(thrown: unknown): void {
    this.#stopping.abort(thrown);
  }

  async #takeBlocks(): Promise<void> {
    for await (const block of this.#source.blocks) {
      if (this.#runSignal.aborted) return;
      this.#lineOf(block)?.offer(block);
    }
  }

  #tick(signal: AbortSignal): Promise<void> {
    const { plan, clock } = this.#fields;
    const onTick = (batchTimeMillis: number) => {
      if (this.#state.current.tag !== 'RUNNING') return;
      for (const [group, line] of this.#lines) {
        if (line.isOver) this.#forget(group);
        else line.tick(batchTimeMillis);
      }
    };
    return runTicker(
      { clock, intervalMillis: plan.batchIntervalMillis, onDowntime: plan.pacing.onDowntime ?? 'run', onTick },
      signal,
    );
  }

  #forget(group: string): void {
    this.#lines.delete(group);
    this.#pace.forget(group);
  }

  #localSources(): readonly InputNode[] {
    return this.#fields.plan.nodes.filter((node) => node.tag === 'input' && node.source !== undefined) as InputNode[];
  }

  #startLocalSources(signal: AbortSignal): void {
    const { clock, events } = this.#fields;
    for (const input of this.#localSources()) {
      const onFault = (thrown: unknown, delayMillis: number) =>
        events.publish({ type: 'input.failed', input: input.name, message: messageOf(thrown), delayMillis });
      input.source?.start?.({ clock, signal, onFault });
    }
  }

  async #localSourcesDrained(): Promise<void> {
    await Promise.all(this.#localSources().map(async (input) => input.source?.drain?.()));
  }

  /** From now on ticks make no batches: what arrives is run at once. */
  #beginDrain(): void {
    if (this.#state.current.tag !== 'RUNNING') return;
    this.#state.become({ tag: 'DRAINING' });
    for (const line of this.#lines.values()) line.hurry();
  }

  async #settled(): Promise<void> {
    await Promise.all(Array.from(this.#lines.values(), (line) => line.settled()));
  }

  /** The line that takes a block; none for a block of a tenure that the engine was not told of, or that is over. */
  #lineOf(block: Block): Line | undefined {
    const { plan } = this.#fields;
    if (inputFor(plan.inputs, block) === undefined) {
      throw new MillraceError(
        'MR_INTERNAL',
        `block ${block.id} is of stream ${JSON.stringify(block.streamName)}, which no input of the context reads`,
        { subject: { stream: block.streamName, shard: block.shardId } },
      );
    }
    const group = this.#groupOf(block);
    const known = this.#lines.get(group);
    return known === undefined && this.#groups === undefined ? this.#newLine(group, undefined) : known;
  }

  #groupOf({ streamName, shardId }: Pick<Block, 'streamName' | 'shardId'>): string {
    const { plan } = this.#fields;
    if (plan.scope === 'application') return applicationGroup;
    return plan.inputs.length === 1 ? shardId : `${streamName}:${shardId}`;
  }

  async open(shard: ShardOpening, source: Pick<BlockSource, 'commit'>, signal: AbortSignal): Promise<ShardStart> {
    const { shardId, streamName, tenure, checkpoint, hashKeyRange } = shard;
    if (this.#groups === undefined) return { position: checkpoint };
    const opened = { shardId, streamName, tenure, fallback: checkpoint, hashKeyRange };
    if (this.#fields.plan.scope === 'application') return (await this.#application.promise).open(opened);
    const group = this.#groupOf(shard);
    // What an earlier tenure left unfinished in this process is void: other owners may have gone on from before it.
    this.#lines.get(group)?.abandon();
    const commits = await this.#groups.ofShard(group, shard, source, signal);
    const start = commits.open(opened);
    this.#newLine(group, commits);
    return start;
  }

  /** The one line of a plan of `application` scope, which goes on from the last commit of the application. */
  async #beginApplication(signal: AbortSignal): Promise<void> {
    const commits = await this.#groups?.ofApplication(applicationGroup, signal);
    this.#newLine(applicationGroup, commits);
    if (commits !== undefined) this.#application.resolve(commits);
  }

  #newLine(group: string, commits: CommitLine | undefined): Line {
    const { plan, clock } = this.#fields;
    for (const streamName of commits?.plannedStreams ?? []) checkIsRead(plan, group, streamName);
    const lineage = this.#lineageOf(group, commits);
    const { batchIntervalMillis } = plan;
    const grid = { batchIntervalMillis, zeroTimeMillis: commits?.zeroTimeMillis ?? this.#zeroTimeMillis };
    const line = new Line({
      ...grid,
      group,
      commits,
      lineage,
      hasLocalItems: () => this.#localSources().some((input) => input.source?.hasItems?.() === true),
      isShared: plan.scope === 'application',
      onDowntime: plan.pacing.onDowntime,
      emptyBatches: plan.scope === 'application' || plan.keepers.length > 0,
      ack: (range) => this.#source.ack(range),
      run: (order) => runBatch(this.#fields, order, this.#runSignal),
      hurriedTime: (last) => hurriedTime(grid, clock.wallMillis(), last),
      onFault: (thrown) => this.#fail(thrown),
      events: this.#fields.events,
    });
    this.#lines.set(group, line);
    if (this.#state.current.tag === 'DRAINING') line.hurry();
    return line;
  }

  /** Where shards do not wait for each other, one that waits may let others have its memory. */
  #lineageOf(group: string, commits: CommitLine | undefined): Lineage | undefined {
    const { plan, clock, random, events } = this.#fields;
    const source = this.#source.lineage;
    if (plan.scope !== 'shard' || source === undefined) return undefined;
    return new Lineage({ group, source, commits, clock, random, events, signal: this.#runSignal });
  }

  #publishStart(): void {
    const { events, plan } = this.#fields;
    const { batchIntervalMillis, scope, scopeReason: reason } = plan;
    const outputs = guaranteesOf(plan, this.#groups !== undefined);
    events.publish({ type: 'engine.started', batchIntervalMillis, scope, reason, outputs });
  }
}

/** The reason of an abort that was asked for by `stop()`, which is no fault. */
const stopped = new MillraceError(
  'MR_ABORTED',
  'the engine was stopped; what was under way is repeated by the next run',
);

/** The reason of the abort that ends what may be left when a run is over. */
const over = new MillraceError('MR_ABORTED', 'the run of the engine is over');

/** Nobody can wait for the rest of a planned batch once reading has stopped: what was read of it would never be finished. */
function notWhole(group: string, batchId: number): MillraceError {
  return new MillraceError(
    'MR_DRAIN_TIMEOUT',
    `batch ${batchId} of ${group} was planned by an earlier run, and reading stopped before all of it was there; nothing of it is acknowledged, and the next run goes on with it`,
    { subject: { batch: `${group}/${batchId}` } },
  );
}

function drainTimeout(cause: unknown): MillraceError {
  return new MillraceError(
    'MR_DRAIN_TIMEOUT',
    'the last batches did not finish before the deadline; they are not acknowledged, and the next run repeats them',
    { cause },
  );
}

/** A planned batch is run as it was planned, or not at all; it must not wait for ever for what nobody reads. */
function checkIsRead({ inputs }: Plan, group: string, streamName: string): void {
  if (inputFor(inputs, { streamName }) !== undefined) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `the next batch of ${group} was planned with records of stream ${JSON.stringify(streamName)}, which the program reads no more: run the program that reads it until that batch is committed`,
    { subject: { stream: streamName, batch: group } },
  );
}

function checkRetries(attempts: number): number {
  if (Number.isInteger(attempts) && attempts >= -1) return attempts;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `maximumRetryAttempts is ${attempts}: give a whole number of at least 0, or -1 for no limit`,
    { subject: { option: 'maximumRetryAttempts' } },
  );
}

function checkPrintTarget(fields: BatchRunFields): void {
  const print = fields.plan.outputs.find((output) => output.tag === 'print');
  if (print === undefined || fields.printTarget !== undefined) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `print at ${print.site} has nowhere to write: give the context an output, for example { output: process.stdout }`,
    { subject: { option: 'output' } },
  );
}
