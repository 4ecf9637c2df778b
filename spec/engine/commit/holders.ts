import { Channel } from '../../../lib/base/channel.ts';
import { type Position, SHARD_END, TRIM_HORIZON, comparePositions, positionOf } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Block } from '../../../lib/block/block.ts';
import type { BlockSource, CommitOutcome } from '../../../lib/block/block-source.ts';
import type { Range } from '../../../lib/block/range.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import { CommitPlace } from '../../../lib/engine/commit/commit-place.ts';
import { EpochKeeper } from '../../../lib/engine/commit/epoch-keeper.ts';
import { codecsOf } from '../../../lib/engine/commit/plan-codecs.ts';
import { type StateConversion, checkConversions } from '../../../lib/engine/commit/state-conversion.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import { type EngineOptions, createEngine } from '../../../lib/engine/engine.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../lib/engine/store/object-store.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import type { BatchStep, MillraceEvent } from '../../../lib/event/event.ts';
import { EpochPlace, FakeEpochTable } from '../../../lib/testkit/fake-epoch-table.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

const streamName = 'lines';
const failoverTimeMillis = 1_000;

/** A shard, with the row of its lease. */
interface ShardRow {
  readonly records: readonly KinesisRecord[];
  tenure: number;
  checkpoint: Position;
  state: string | undefined;
  /** What was written to the row, in order. */
  readonly writes: ('commit' | 'other')[];
}

/** What outlives the processes: the records, the rows, the objects. */
export class HolderWorld {
  readonly clock = new VirtualClock({ startWallMillis: 0 });
  /** Replaced, it is the place of the same name on another host. */
  store = new MemoryStore();
  readonly epochPlace = new EpochPlace();
  readonly shards = new Map<string, ShardRow>();
  readonly acked: Range[] = [];
  #holders = 0;

  constructor(shards: Readonly<Record<string, readonly string[]>>) {
    for (const [shardId, texts] of Object.entries(shards)) {
      const records = texts.map((text, index) => recordOf(shardId, text, index));
      this.shards.set(shardId, { records, tenure: 0, checkpoint: TRIM_HORIZON, state: undefined, writes: [] });
    }
  }

  /** A process begins to hold everything, and reads in blocks of so many records. */
  async start(build: (stream: DStream<KinesisRecord>) => void, options: HolderOptions): Promise<Holder> {
    this.#holders += 1;
    const holder = new Holder(this, this.#holders, options);
    await holder.begin(build);
    return holder;
  }
}

function recordOf(shardId: string, text: string, index: number): KinesisRecord {
  return new KinesisRecord({
    data: new TextEncoder().encode(text),
    partitionKey: text,
    sequenceNumber: String(100 + index),
    subSequenceNumber: 0,
    shardId,
    streamName,
    arrivalTimeMillis: 0,
  });
}

/** What a holder is told. */
export interface HolderOptions {
  readonly scope: 'shard' | 'application';
  /** Records of a block. */
  readonly blockRecords: number;
  /** Blocks that are read in a batch interval, of each shard. */
  readonly blocksAtOnce: number;
  /** Whether the process dies at an event, before anything else of it happens. */
  readonly diesAt?: (event: MillraceEvent) => boolean;
  /** Of the program: a second unless told otherwise. */
  readonly batchIntervalMillis?: number;
  /** How long the process goes on after the last record was read: 0. */
  readonly lingerMillis?: number;
  readonly engine?: Partial<EngineOptions>;
  /** The store as this process has it, for faults. */
  readonly store?: (store: ObjectStore) => ObjectStore;
  readonly convertState?: Readonly<Record<string, StateConversion>>;
  /** The streams of the program; the shards are those of `lines`, which is the only one if nothing is said. */
  readonly inputs?: readonly [string, ...string[]];
}

/** One process: an engine with all shards. When it is dead, nothing of it reaches the outside any more. */
export class Holder {
  readonly events: MillraceEvent[] = [];
  isDead = false;
  running: Promise<void> = Promise.resolve();
  readonly #world: HolderWorld;
  readonly #number: number;
  readonly #options: HolderOptions;
  readonly #life = new AbortController();
  readonly #blocks = new Channel<Block>();
  readonly #positions = new Map<string, { tenure: number; position: Position; signal: AbortController }>();
  #blockNumber = 0;

  constructor(world: HolderWorld, number: number, options: HolderOptions) {
    this.#world = world;
    this.#number = number;
    this.#options = options;
  }

  /** Throws when the process is dead: a test calls it where its output reaches the outside. */
  readonly reachOutside = (): void => {
    if (this.isDead) throw new Error(`process ${this.#number} is dead`);
  };

  async begin(build: (stream: DStream<KinesisRecord>) => void): Promise<void> {
    const { clock, epochPlace } = this.#world;
    const { scope, convertState = {}, batchIntervalMillis = 1_000 } = this.#options;
    const bus = new EventBus();
    bus.subscribe((event) => {
      if (this.isDead) return;
      this.events.push(event);
      if (this.#options.diesAt?.(event) === true) this.die();
    });
    const random = seededRandom(this.#number);
    const context = new EngineContext({ batchIntervalMillis, state: this.#store(), convertState });
    const [first, ...others] = this.#options.inputs ?? [streamName];
    build(context.addInput<KinesisRecord>(first));
    for (const other of others) context.addInput(other);
    const plan = context.seal();
    const codecs = codecsOf(plan);
    const conversions = checkConversions(convertState, codecs);
    const place = new CommitPlace({ store: this.#store(), application: 'app', scope, codecs, conversions, random });
    const signal = this.#life.signal;
    const keeper = new EpochKeeper({
      table: new FakeEpochTable(epochPlace, { before: () => this.reachOutside() }),
      applicationName: 'app',
      workerIdentifier: `process-${this.#number}`,
      failoverTimeMillis,
      clock,
      random,
      events: bus,
    });
    const epoch = scope === 'application' ? await clock.runUntil(keeper.acquire(signal)) : undefined;
    if (epoch !== undefined) void epoch.run(signal);
    const source: BlockSource = {
      blocks: this.#blocks,
      ack: (range) => void this.#world.acked.push(range),
      commit: (range, written) => this.#commit(range, written?.state),
      demand: () => {},
    };
    const commits = { place, ...(epoch === undefined ? {} : { epoch }) };
    const fields = { plan, source, clock, events: bus, random, commits, ...this.#options.engine };
    const engine = createEngine(fields);
    this.running = engine.run(signal);
    this.running.catch(() => {});
    for (const [shardId, row] of this.#world.shards) {
      row.tenure += 1;
      const { tenure, checkpoint, state } = row;
      const opening = { streamName, shardId, tenure, checkpoint, parentShardIds: [], inherited: [] };
      const given = state === undefined ? opening : { ...opening, state };
      try {
        const { position } = await clock.runUntil(engine.open(given, source, signal));
        this.#positions.set(shardId, { tenure, position, signal: new AbortController() });
      } catch (thrown) {
        if (!this.isDead) throw thrown;
        return;
      }
    }
  }

  /** Reads all there is, interval by interval, and ends the shards. */
  async readAll(): Promise<void> {
    const { batchIntervalMillis = 1_000, lingerMillis = 0, blocksAtOnce } = this.#options;
    const reading = new Set(this.#positions.keys());
    while (reading.size > 0 && !this.isDead) {
      for (const shardId of reading) {
        for (let block = 0; block < blocksAtOnce; block += 1) {
          if (!this.#readBlock(shardId)) reading.delete(shardId);
        }
      }
      await this.#world.clock.advance(batchIntervalMillis);
    }
    if (!this.isDead) await this.#world.clock.advance(lingerMillis);
    if (!this.isDead) this.#blocks.close();
  }

  /** Reads so many blocks of each shard, one in an interval. */
  async readBlocks(count: number): Promise<void> {
    for (let block = 0; block < count && !this.isDead; block += 1) {
      for (const shardId of this.#positions.keys()) this.#readBlock(shardId);
      await this.#world.clock.advance(this.#options.batchIntervalMillis ?? 1_000);
    }
  }

  /** Reads one block of a shard, and stops reading for good. */
  async readOneAndDrain(shardId: string): Promise<void> {
    this.#readBlock(shardId);
    this.#blocks.close();
    await this.#world.clock.advance(1_000);
  }

  /** Ends the process as kill -9 does. */
  die(): void {
    this.isDead = true;
    // Whatever the engine does from here on, it does to nobody; ending it only frees the virtual time.
    queueMicrotask(() => this.#life.abort(new Error('killed')));
  }

  #readBlock(shardId: string): boolean {
    const row = this.#world.shards.get(shardId) as ShardRow;
    const at = this.#positions.get(shardId);
    if (at === undefined || comparePositions(at.position, SHARD_END) === 0) return false;
    const { tenure, position, signal } = at;
    const left = row.records.filter((record) => comparePositions(record.position, position) > 0);
    const records = left.slice(0, this.#options.blockRecords);
    const last = records.at(-1);
    const through = last === undefined ? SHARD_END : positionOf(BigInt(last.sequenceNumber));
    at.position = through;
    this.#blockNumber += 1;
    this.#blocks.send({
      id: `${shardId}@${tenure}/${this.#blockNumber}`,
      streamName,
      shardId,
      tenure,
      range: { shardId, tenure, after: position, through },
      records,
      bytes: records.reduce((sum, record) => sum + record.byteLength, 0),
      sealedAtMillis: 0,
      millisBehindLatest: 0,
      signal: signal.signal,
    });
    return through !== SHARD_END;
  }

  /** The conditional write of a lease row. */
  async #commit(range: Range, state: string | undefined): Promise<CommitOutcome> {
    this.reachOutside();
    const row = this.#world.shards.get(range.shardId) as ShardRow;
    if (row.tenure !== range.tenure) return 'lost';
    const isCommit = comparePositions(range.through, row.checkpoint) > 0;
    row.writes.push(isCommit ? 'commit' : 'other');
    if (isCommit) row.checkpoint = range.through;
    row.state = state;
    return 'committed';
  }

  #store(): ObjectStore {
    const { store = (one: ObjectStore) => one } = this.#options;
    return store(this.#aliveStore());
  }

  #aliveStore(): ObjectStore {
    const { store } = this.#world;
    const alive = this.reachOutside;
    return {
      location: store.location,
      isDurable: true,
      create: async (...args) => {
        alive();
        return store.create(...args);
      },
      read: (...args) => store.read(...args),
      list: (...args) => store.list(...args),
      remove: async (...args) => {
        alive();
        return store.remove(...args);
      },
    };
  }
}

/** For {@link HolderOptions.diesAt}: the n-th event of a step. */
export function atStep(step: BatchStep, times: number): NonNullable<HolderOptions['diesAt']> {
  let left = times;
  return (event) => event.type === 'batch.step' && event.step === step && (left -= 1) === 0;
}
