import { Channel } from '../../../lib/base/channel.ts';
import { type Position, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import { type Random, seededRandom } from '../../../lib/base/random.ts';
import type { Block } from '../../../lib/block/block.ts';
import type { BlockSource, CommitOutcome } from '../../../lib/block/block-source.ts';
import { type Range, formatRange } from '../../../lib/block/range.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import { CommitPlace } from '../../../lib/engine/commit/commit-place.ts';
import { EpochKeeper } from '../../../lib/engine/commit/epoch-keeper.ts';
import { EngineContext, type EngineContextOptions } from '../../../lib/engine/context.ts';
import { createEngine } from '../../../lib/engine/engine.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../lib/engine/store/object-store.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import type { BatchStep, MillraceEvent } from '../../../lib/event/event.ts';
import { EpochPlace, FakeEpochTable } from '../../../lib/testkit/fake-epoch-table.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

/** What the observed stream gave in one batch of one run. */
export interface Shown {
  readonly run: number;
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly items: readonly unknown[];
  readonly ranges: readonly string[];
}

/** What {@link Restarts} are made with. */
export interface RestartsOptions {
  readonly batchIntervalMillis: number;
  /** The items of each batch, in order: the log that is read anew from the last commit on. */
  readonly log: readonly (readonly unknown[])[];
  readonly store?: ObjectStore;
  readonly seed?: number;
  /** Whether runs after the first read the log in other blocks than the first did, as reading anew does. */
  readonly recut?: boolean;
  readonly context?: Partial<EngineContextOptions>;
  readonly retention?: { readonly snapshotIntervalBatches?: number; readonly retainedVersions?: number };
}

/** How one run of the program goes. */
export interface RunUntil {
  /** Declares the program; what the stream that it returns gives is noted. */
  readonly build: (stream: DStream<never>, context: EngineContext) => DStream<unknown>;
  /** Whether a repeated batch must hold the same records. */
  readonly repeatable?: boolean;
  /** Killed when this step of this batch is done; else it runs to the end of the log and drains. */
  readonly killAt?: { readonly batchId: number; readonly step: BatchStep };
  /** How many batches of the log there are by then: all. */
  readonly available?: number;
}

const lifeMillis = 150;
const shardId = 'shard-0';
const streamName = 'log';

/**
 * A program that is killed and started again, under virtual time, from what the runs before committed: the engine, the
 * epoch and the commits are those of production, the log stands for Kinesis. One batch of the log arrives per interval.
 */
export class Restarts {
  readonly clock = new VirtualClock({ startWallMillis: 0, turnsToSettle: 1 });
  readonly store: ObjectStore;
  readonly shown: Shown[] = [];
  readonly events: MillraceEvent[] = [];
  readonly epochs = new EpochPlace();
  /** What the source was asked to hold back to, in the last run. */
  recordsPerSecond: number | undefined;
  readonly #options: RestartsOptions;
  readonly #random: Random;
  #runs = 0;

  constructor(options: RestartsOptions) {
    this.#options = options;
    this.store = options.store ?? new MemoryStore();
    this.#random = seededRandom(options.seed ?? 7);
  }

  /** The batches that were committed so far. */
  get committed(): number {
    return this.epochs.row?.batchId ?? 0;
  }

  /** Sets the clock back to where the last commit was, as Spark's suites do: no batch time passes without a process. */
  loseNoTime(): void {
    const { batchIntervalMillis } = this.#options;
    this.clock.jumpWall(this.committed * batchIntervalMillis + 0.5 - this.clock.wallMillis());
  }

  /** Runs the program once. Resolves to how many batches it completed. */
  async run({ build, killAt, repeatable = false, available = this.#options.log.length }: RunUntil): Promise<number> {
    const { batchIntervalMillis, retention } = this.#options;
    const { clock, store } = this;
    const random = this.#random;
    const run = (this.#runs += 1);
    const killed = new AbortController();
    const events = new EventBus();
    let completed = 0;
    events.subscribe((event) => {
      this.events.push(event);
      if (event.type === 'batch.completed') completed += 1;
      if (event.type === 'batch.step' && event.batchId === killAt?.batchId && event.step === killAt.step)
        killed.abort(new Error('killed'));
    });
    const context = new EngineContext({ batchIntervalMillis, state: store, ...this.#options.context });
    const records = context.addInput(streamName).map((record) => JSON.parse(record.text()) as never);
    build(records, context).foreachBatch(
      (batch) => {
        const { id: batchId, batchTimeMillis } = batch;
        const ranges = batch.ranges.map((range) => formatRange({ ...range, tenure: 0 }));
        this.shown.push({ run, batchId, batchTimeMillis, items: batch.collect(), ranges });
      },
      { repeatable },
    );
    const plan = context.seal();
    const codecs = new Map(plan.keepers.map((node) => [plan.stateKeys.get(node.id)!, node.persistence]));
    const place = new CommitPlace({ store, application: 'case', scope: 'application', codecs, random, ...retention });
    const keeper = new EpochKeeper({
      table: new FakeEpochTable(this.epochs),
      applicationName: 'case',
      workerIdentifier: `run-${run}`,
      failoverTimeMillis: lifeMillis,
      clock,
      random,
      events,
    });
    const epoch = await clock.runUntil(keeper.acquire(killed.signal));
    const cut = this.#options.recut === true && run > 1 ? 2 : 1;
    const source = new LogSource(this.#options.log, cut, (limit) => {
      this.recordsPerSecond = limit;
    });
    const engine = createEngine({ plan, source, clock, events, random, commits: { place, epoch } });
    const beats = epoch.run(killed.signal);
    const running = engine.run(killed.signal);
    const ended = running.then(
      () => true,
      (thrown: unknown) => {
        if (!killed.signal.aborted) throw thrown;
        return true;
      },
    );
    ended.catch(() => {});
    const opening = { streamName, shardId, tenure: run, checkpoint: TRIM_HORIZON, parentShardIds: [], inherited: [] };
    const isOpen = engine.open(opening, source, killed.signal);
    isOpen.catch(() => {});
    try {
      const start = await clock.runUntil(Promise.race([isOpen, ended.then(() => ({ position: TRIM_HORIZON }))]));
      source.begin(start.position, run);
      while (!killed.signal.aborted && source.next < available) {
        source.send();
        const target = completed + 1;
        // Half a millisecond past its tick, what is sent next belongs to the batch after it.
        await clock.advance(batchIntervalMillis - (clock.wallMillis() % batchIntervalMillis) + 0.5);
        await inRealTime(() => completed >= target || killed.signal.aborted);
      }
      source.blocks.close();
      await clock.runUntil(ended);
    } finally {
      if (!killed.signal.aborted) await epoch.release(killed.signal);
      killed.abort(new Error('over'));
      await clock.runUntil(beats);
    }
    return completed;
  }
}

/** Waits for work outside of the virtual clock, such as files. */
async function inRealTime(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  while (!condition() && performance.now() < giveUpAt) await new Promise((resolve) => setImmediate(resolve));
  if (!condition()) throw new Error('the batch did not end');
}

/** Hands out the batches of a log as blocks, from a position on; its positions are the numbers of the batches. */
class LogSource implements BlockSource {
  readonly blocks = new Channel<Block>();
  readonly #log: readonly (readonly unknown[])[];
  readonly #onDemand: (recordsPerSecond: number | undefined) => void;
  #after: Position = TRIM_HORIZON;
  #tenure = 0;

  readonly #cut: number;

  /** Each batch comes in `cut` blocks. */
  constructor(
    log: readonly (readonly unknown[])[],
    cut: number,
    onDemand: (recordsPerSecond: number | undefined) => void,
  ) {
    this.#log = log;
    this.#cut = cut;
    this.#onDemand = onDemand;
  }

  /** Begins after a position. */
  begin(after: Position, tenure: number): void {
    this.#after = after;
    this.#tenure = tenure;
  }

  /** The batch of the log that comes next. */
  get next(): number {
    return this.#after.kind === 'SEQUENCE' ? Number(this.#after.sequenceNumber) / 1_000 : 0;
  }

  /** Hands out the next batch as blocks, also one without records. */
  send(): void {
    const index = this.next;
    const items = this.#log[index] ?? [];
    const first = this.#cut === 1 || items.length < 2 ? items.length : 1;
    if (first < items.length) this.#sendBlock(index, items.slice(0, first), 0, index * 1_000 + first);
    this.#sendBlock(
      index,
      items.slice(first < items.length ? first : 0),
      first % items.length || 0,
      (index + 1) * 1_000,
    );
  }

  #sendBlock(index: number, items: readonly unknown[], from: number, end: number): void {
    const through = positionOf(BigInt(end));
    const range: Range = { shardId, tenure: this.#tenure, after: this.#after, through };
    const records = items.map(
      (item, at) =>
        new KinesisRecord({
          data: new TextEncoder().encode(JSON.stringify(item)),
          partitionKey: 'key',
          sequenceNumber: String(index * 1_000 + from + at + 1),
          subSequenceNumber: 0,
          shardId,
          streamName,
          arrivalTimeMillis: 0,
        }),
    );
    const bytes = records.reduce((sum, record) => sum + record.byteLength, 0);
    const place = { id: `${shardId}/${end}`, streamName, shardId, tenure: this.#tenure, range };
    const { signal } = new AbortController();
    this.blocks.send({ ...place, records, bytes, sealedAtMillis: 0, millisBehindLatest: 0, signal });
    this.#after = through;
  }

  ack(): void {}

  commit(): Promise<CommitOutcome> {
    return Promise.reject(new Error('the epoch commits'));
  }

  demand({ recordsPerSecond }: { readonly recordsPerSecond?: number | undefined }): void {
    this.#onDemand(recordsPerSecond);
  }
}
