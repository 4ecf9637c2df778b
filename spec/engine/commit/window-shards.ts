import { createStateAdmin } from '../../../lib/app/state/state-admin.ts';
import type { StateTables } from '../../../lib/app/state/state-tables.ts';
import { Channel } from '../../../lib/base/channel.ts';
import { type Position, SHARD_END, TRIM_HORIZON, comparePositions } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Block } from '../../../lib/block/block.ts';
import type { BlockSource } from '../../../lib/block/block-source.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import { CommitPlace } from '../../../lib/engine/commit/commit-place.ts';
import { EpochKeeper } from '../../../lib/engine/commit/epoch-keeper.ts';
import { codecsOf } from '../../../lib/engine/commit/plan-codecs.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import { createEngine } from '../../../lib/engine/engine.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { inheritedStates, inheritedText } from '../../../lib/receiver/inherited-state.ts';
import { EpochPlace, FakeEpochTable } from '../../../lib/testkit/fake-epoch-table.ts';
import { FakeLeaseTable } from '../../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

const streamName = 'lines';
const applicationName = 'app';
const batchIntervalMillis = 1_000;
const half = 2n ** 127n;
const rangeOf = (from: bigint, to: bigint) => ({ startingHashKey: String(from), endingHashKey: String(to) });
const ranges = { a: rangeOf(0n, half - 1n), b: rangeOf(half, 2n * half - 1n), child: rangeOf(0n, 2n * half - 1n) };
const { signal } = new AbortController();

/** Two shards, and the one that they are merged into. */
export type ShardId = keyof typeof ranges;

/** A text that a window gave, so many times, and in which batch. */
interface Given {
  readonly group: string;
  readonly batchId: number;
  readonly window: 'whole' | 'reduced';
  readonly text: string;
  readonly times: number;
}

/** One process that reads shards. */
export interface Reading {
  /** Puts a record to a shard, and reads it. */
  readonly put: (text: string, shardId: ShardId) => void;
  readonly end: (shardId: ShardId) => void;
  /** Reads nothing more; resolves when all that was read is committed. */
  readonly close: () => Promise<void>;
}

/** Shards of a program with two windows, read by processes that commit to one store, on virtual time. */
export class WindowShards {
  readonly clock = new VirtualClock({ startWallMillis: 0 });
  given: Given[] = [];
  /** Times of the batches. */
  times: number[] = [];
  /** The rows of the leases. */
  readonly table = new FakeLeaseTable();
  readonly #epochPlace = new EpochPlace();
  readonly #store = new MemoryStore();
  readonly #length: readonly [windowMillis: number, slideMillis: number];
  readonly #records = new Map<ShardId, KinesisRecord[]>();
  #processes = 0;

  constructor(length: readonly [windowMillis: number, slideMillis: number]) {
    this.#length = length;
  }

  /** Rewinds and migrates, as an operator does. */
  get admin() {
    const { table } = this;
    const epochs = new FakeEpochTable(this.#epochPlace);
    const tables: StateTables = {
      leases: async () => table.rows,
      lease: (leaseKey) => table.get(leaseKey, signal),
      writeLease: (write) => table.write(write, signal),
      createLease: (lease) => table.createIfAbsent(lease, signal),
      epochRow: () => epochs.read(signal),
      writeEpoch: (row, seen) => epochs.write(row, seen, signal),
      open: () => epochs.open(signal),
      identityOf: async (scope) => scope,
    };
    const random = seededRandom(99);
    // There is no stream behind these shards that could have trimmed anything.
    const kept = { since: async () => new Map<string, number>() };
    return createStateAdmin({ tables, applicationName, streamName, store: this.#store, kept, random, signal });
  }

  /** In how many windows each text is, by the kind of window, without what was taken back. */
  countsOf(window: Given['window']): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { text, times } of this.given.filter((one) => one.window === window)) {
      counts[text] = (counts[text] ?? 0) + times;
    }
    return counts;
  }

  /** Begins to read shards, each from its row, with what is there already. */
  async begin(shardIds: readonly ShardId[], parents: readonly ShardId[] = [], isApplication = false): Promise<Reading> {
    const { clock } = this;
    const random = seededRandom((this.#processes += 1));
    const context = new EngineContext({ batchIntervalMillis, state: this.#store });
    this.#build(context, isApplication);
    const plan = context.seal();
    const { scope } = plan;
    const codecs = codecsOf(plan);
    const place = new CommitPlace({ store: this.#store, application: applicationName, scope, codecs, random });
    const blocks = new Channel<Block>();
    const source: BlockSource = {
      blocks,
      ack: () => {},
      commit: async ({ shardId, through }, written) => {
        const row = this.#row(shardId as ShardId);
        const isAhead = comparePositions(through, row.checkpoint) > 0;
        const engineState = written?.state;
        this.table.putRow({
          ...row,
          ...(isAhead ? { checkpoint: through } : {}),
          ...(engineState === undefined ? {} : { engineState }),
        });
        return 'committed';
      },
      demand: () => {},
    };
    const events = new EventBus();
    const life = new AbortController();
    const keeper = new EpochKeeper({
      table: new FakeEpochTable(this.#epochPlace),
      applicationName,
      workerIdentifier: `process-${this.#processes}`,
      failoverTimeMillis: 1_000,
      clock,
      random,
      events,
    });
    const epoch = isApplication ? await clock.runUntil(keeper.acquire(life.signal)) : undefined;
    void epoch?.run(life.signal);
    const commits = { place, onKeyNotPlaced: 'OFF', ...(epoch === undefined ? {} : { epoch }) } as const;
    const engine = createEngine({ plan, source, clock, events, random, commits });
    const running = engine.run(life.signal);
    running.catch(() => {});
    const read = new Map<ShardId, Position>();
    const send = (shardId: ShardId, through: Position, records: readonly KinesisRecord[]) => {
      const { tenure = 0 } = this.#row(shardId);
      const after = read.get(shardId) ?? TRIM_HORIZON;
      const range = { shardId, tenure, after, through };
      const sealed = { bytes: 0, sealedAtMillis: 0, millisBehindLatest: 0, signal };
      blocks.send({ id: `${shardId}/${records.length}`, streamName, shardId, tenure, range, records, ...sealed });
      read.set(shardId, through);
    };
    for (const shardId of shardIds) {
      const before = this.#row(shardId);
      const tenure = before.leaseCounter + 1;
      this.table.putRow({ ...before, leaseCounter: tenure, tenure });
      const { checkpoint, engineState } = before;
      // What the owners of parents, or a migration, wrote to the row of their child.
      const left = parents.map((parent) => inheritedText(this.#row(parent), this.#row(parent).engineState as string));
      const inherited = inheritedStates([...left, ...(before.engineInherit ?? [])]);
      const shard = { streamName, shardId, tenure, checkpoint, hashKeyRange: ranges[shardId] };
      const state = engineState === undefined ? {} : { state: engineState };
      const opening = { ...shard, ...state, parentShardIds: parents, inherited };
      const { position } = await clock.runUntil(engine.open(opening, source, signal));
      read.set(shardId, position);
      for (const record of this.#records.get(shardId) ?? []) {
        if (comparePositions(record.position, position) > 0) send(shardId, record.position, [record]);
      }
    }
    return {
      put: (text, shardId) => {
        const record = this.#add(shardId, text);
        send(shardId, record.position, [record]);
      },
      end: (shardId) => send(shardId, SHARD_END, []),
      close: async () => {
        blocks.close();
        await clock.runUntil(running);
        if (epoch !== undefined) await epoch.release(signal);
        life.abort();
      },
    };
  }

  #build(context: EngineContext, isApplication: boolean): void {
    const input = context.addInput<KinesisRecord>(streamName);
    input.foreachBatch((batch) => void this.times.push(batch.batchTimeMillis));
    const texts = input.map((record) => record.text()).window(...this.#length);
    texts.foreachBatch((batch, { group }) => {
      for (const text of batch.collect()) {
        this.given.push({ group, batchId: batch.id, window: 'whole', text, times: 1 });
      }
    });
    const pairs = input.keyByPartitionKey().mapValues(() => 1);
    const add = (x: number, y: number) => x + y;
    const counts = pairs.reduceByKeyAndWindow(add, (x, y) => x - y, ...this.#length);
    counts.foreachBatch((batch, { group }) => {
      for (const [text, times] of batch.collect()) {
        this.given.push({ group, batchId: batch.id, window: 'reduced', text, times });
      }
    });
    if (isApplication) input.count().foreachBatch(() => {});
  }

  #add(shardId: ShardId, text: string): KinesisRecord {
    const records = this.#records.get(shardId) ?? [];
    const sequenceNumber = String(records.length + 1);
    const record = new KinesisRecord({
      data: new TextEncoder().encode(text),
      partitionKey: text,
      sequenceNumber,
      subSequenceNumber: 0,
      shardId,
      streamName,
      arrivalTimeMillis: 0,
    });
    this.#records.set(shardId, [...records, record]);
    return record;
  }

  #row(shardId: ShardId): Lease {
    return (
      this.table.rows.find(({ leaseKey }) => leaseKey === shardId) ?? {
        leaseKey: shardId,
        leaseCounter: 0,
        ownerSwitchesSinceCheckpoint: 0,
        checkpoint: TRIM_HORIZON,
        parentShardIds: [],
        childShardIds: [],
        hashKeyRange: ranges[shardId],
      }
    );
  }
}
