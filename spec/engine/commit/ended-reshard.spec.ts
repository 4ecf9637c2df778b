import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileStore } from '../../../lib/engine/store/file-store.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { syncFiles } from '../store/sync-files.ts';
import { Reshards } from './reshards.ts';

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

  const moves = await reshards.admin.rewind({ to: beforeAll, shards: [upper] });
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

it('a seek that gives state up is refused where a child would need what a parent left, and that is removed', async () => {
  const reshards = new Reshards();
  const { fleet } = reshards;
  const first = await reshards.start();
  await reshards.feed([root], 3);
  const [lower, upper] = fleet.kinesis.split(root);
  await reshards.feed([lower, upper], 3);
  const merged = fleet.kinesis.merge(lower, upper);
  await reshards.feed([merged], async () => (await reshards.kept()).length === 1);
  first.kill();
  const rows = JSON.stringify(fleet.table.rows.map(({ leaseKey, checkpoint }) => [leaseKey, checkpoint.kind]));
  for (const dryRun of [true, false]) {
    await expect(reshards.seek([lower, merged], { dryRun })).rejects.toThrow(
      `MR_SEEK_STATE: shard ${merged} would begin anew with what its parents leave, and what ${upper} left is removed`,
    );
  }
  expect(JSON.stringify(fleet.table.rows.map(({ leaseKey, checkpoint }) => [leaseKey, checkpoint.kind]))).toBe(rows);
  // With both parents it begins with what they leave now.
  await reshards.seek([lower, upper, merged], { dryRun: false });
  reshards.shown.clear();
  await reshards.start();
  const counted = () => [...(reshards.shown.get(merged)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  await fleet.clock.runUntil(() => counted() > 0 && fleet.isCheckpointed, { atMostMillis: 120_000 });
  await fleet.clock.advance(10_000);
  const ofRoot = 3;
  expect(counted()).toBe(reshards.puts - ofRoot);
});
