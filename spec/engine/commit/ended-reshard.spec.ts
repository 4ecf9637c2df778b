import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createStateAdmin } from '../../../lib/app/state/state-admin.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import { FileStore } from '../../../lib/engine/store/file-store.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { stateTablesOf } from '../../../lib/testkit/engine/state-tables.ts';
import { FakeEpochTable } from '../../../lib/testkit/fake-epoch-table.ts';
import { hashKeyOf } from '../../../lib/testkit/hash-key.ts';
import { syncFiles } from '../store/sync-files.ts';
import { EngineFleet } from './engine-fleet.ts';

const { signal } = new AbortController();
const root = 'shardId-000000000000';
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

const stores = [
  ['memory', async () => new MemoryStore()],
  [
    'a folder',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-reshard-'));
      folders.push(folder);
      return new FileStore(folder, syncFiles);
    },
  ],
] as const;

/** A stream that is resharded while its keys are counted. */
class Reshards {
  readonly fleet = new EngineFleet();
  /** What every group showed last. */
  readonly shown = new Map<string, ReadonlyMap<string, number>>();
  readonly #put = new Map<string, number>();

  readonly program = (stream: DStream<KinesisRecord>): void => {
    stream
      .keyByPartitionKey()
      .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
      .foreachBatch((batch, { group }) => void this.shown.set(group, new Map(batch.collect())));
  };

  start() {
    return this.fleet.startEngine(this.program, { scope: 'shard' });
  }

  /** The shards of which the store has objects. */
  async kept(): Promise<readonly string[]> {
    const names = await this.fleet.store.list('app/', signal);
    return [...new Set(names.map((name) => name.split('/')[1] as string))].toSorted();
  }

  rowOf(shardId: string) {
    return this.fleet.table.rows.find(({ leaseKey }) => leaseKey === shardId);
  }

  /** Puts a record into each of some shards every second, for so many seconds or until it is so. */
  async feed(shardIds: readonly string[], isDone: number | (() => Promise<boolean>)): Promise<void> {
    for (let second = 0; second < 600; second += 1) {
      if (typeof isDone === 'number' ? second >= isDone : await isDone()) return;
      for (const shardId of shardIds) this.#putInto(shardId);
      await this.fleet.clock.advance(1_000);
    }
    throw new Error(`not so after 600 seconds; kept: ${(await this.kept()).join(', ')}`);
  }

  /** What of the records is not counted exactly once by the groups that are read, when all is. */
  async wrong(): Promise<unknown> {
    const differences = () => {
      const open = new Set<string>(this.fleet.kinesis.openShards.map(({ shardId }) => shardId));
      const counts = new Map([...this.shown].flatMap(([group, tally]) => (open.has(group) ? [...tally] : [])));
      return [...this.#put].filter(([key, count]) => counts.get(key) !== count);
    };
    await this.fleet.clock.runUntil(() => differences().length === 0, { atMostMillis: 120_000 }).catch(() => {});
    return differences();
  }

  #putInto(shardId: string): void {
    const shard = this.fleet.kinesis.openShards.find((one) => one.shardId === shardId);
    if (shard === undefined) throw new Error(`${shardId} is not open`);
    for (let number = 0; ; number += 1) {
      const key = `key ${number}`;
      const hash = hashKeyOf(key);
      if (hash < BigInt(shard.startingHashKey) || hash > BigInt(shard.endingHashKey)) continue;
      this.fleet.kinesis.put(key, 'x');
      this.#put.set(key, (this.#put.get(key) ?? 0) + 1);
      return;
    }
  }
}

describe.each(stores)('the state in %s of a stream that is split and merged', (_, open) => {
  it('is that of the shards that are read, and of nothing before', async () => {
    const reshards = new Reshards();
    const { fleet } = reshards;
    fleet.store = await open();
    const first = await reshards.start();
    await reshards.feed([root], 15);
    const [lower, upper] = fleet.kinesis.split(root);
    await reshards.feed([lower, upper], 15);
    // The children stand alone; the row of the parent is deleted at most once a minute.
    expect(reshards.rowOf(root)).toBeDefined();
    expect(await reshards.kept()).toEqual([root, lower, upper]);
    await reshards.feed([lower, upper], async () => !(await reshards.kept()).includes(root));
    expect(reshards.rowOf(root)).toBeUndefined();
    expect(await reshards.wrong()).toEqual([]);

    const merged = fleet.kinesis.merge(lower, upper);
    await reshards.feed([merged], 5);
    first.kill();
    // Whoever goes on knows what the one before had not removed yet.
    const second = await reshards.start();
    await reshards.feed([merged], async () => (await reshards.kept()).length === 1);
    expect(await reshards.kept()).toEqual([merged]);
    const collected = second.eventsOf('state.collected').map(({ shardId }) => shardId);
    expect([...new Set(collected)]).toEqual([lower, upper]);
    second.kill();
    reshards.shown.clear();
    await reshards.start();
    await reshards.feed([merged], 30);
    expect(await reshards.wrong()).toEqual([]);
  });
});

it('what a parent left stays while a child can be taken back to its beginning, and that needs it', async () => {
  const reshards = new Reshards();
  const { fleet } = reshards;
  await reshards.start();
  await reshards.feed([root], 5);
  const [lower, upper] = fleet.kinesis.split(root);
  const beforeAll = new Date(fleet.clock.wallMillis());
  await reshards.feed([lower, upper], 3);
  // One goes on, and one is idle.
  await reshards.feed([lower], 200);
  expect(reshards.rowOf(root)).toBeUndefined();
  expect(await reshards.kept()).toEqual([root, lower, upper]);

  const { streamName } = fleet.kinesis;
  const admin = createStateAdmin({
    tables: stateTablesOf(fleet.table, new FakeEpochTable(fleet.epochPlace)),
    applicationName: 'app',
    streamName,
    store: fleet.store,
    kept: { since: async () => new Map<string, number>() },
    random: seededRandom(7),
    signal,
  });
  const moves = await admin.rewind({ to: beforeAll, shards: [upper] });
  expect(moves).toMatchObject([{ group: upper, applied: true, shards: [{ to: 'TRIM_HORIZON' }] }]);
  reshards.shown.delete(upper);
  expect(await reshards.wrong()).toEqual([]);
  expect(await reshards.kept()).toContain(root);
  // It has begun anew, and is out of reach of that when it has gone on.
  await reshards.feed([upper], async () => !(await reshards.kept()).includes(root));
  expect(await reshards.wrong()).toEqual([]);
});

it('what is left by shards that ended fast goes with what their children leave', async () => {
  const reshards = new Reshards();
  const { fleet } = reshards;
  await reshards.start();
  await reshards.feed([root], 3);
  const [lower, upper] = fleet.kinesis.split(root);
  await reshards.feed([lower, upper], 2);
  const grandchildren = [...fleet.kinesis.split(lower), ...fleet.kinesis.split(upper)];
  await reshards.feed(grandchildren, 2);
  expect(await reshards.kept()).toEqual([root, lower, upper, ...grandchildren].toSorted());
  await reshards.feed(grandchildren, async () => (await reshards.kept()).length === grandchildren.length);
  expect(await reshards.kept()).toEqual(grandchildren.toSorted());
  expect(await reshards.wrong()).toEqual([]);
});
