import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/base/error.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { HeirRow } from '../../../lib/engine/commit/ended-plan.ts';
import { EndedShards } from '../../../lib/engine/commit/ended-shards.ts';
import { groupPrefix, newObjectName } from '../../../lib/engine/commit/object-names.ts';
import { formatPointer } from '../../../lib/engine/commit/pointer.ts';
import { FileStore } from '../../../lib/engine/store/file-store.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../lib/engine/store/object-store.ts';
import type { MillraceEvent } from '../../../lib/event/event.ts';

const { signal } = new AbortController();
const hashKeyRange = { startingHashKey: '0', endingHashKey: '99' };
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

const stores: readonly (readonly [string, () => Promise<ObjectStore>])[] = [
  ['memory', async () => new MemoryStore()],
  [
    'a folder',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-ended-'));
      folders.push(folder);
      return new FileStore(folder);
    },
  ],
];

async function fill(store: ObjectStore, shardId: string, count: number): Promise<string> {
  const prefix = groupPrefix('app', `lines:${shardId}`);
  const random = seededRandom(count);
  for (let batchId = 1; batchId <= count; batchId += 1) {
    const name = newObjectName(prefix, { kind: 'manifest', batchId, fence: { kind: 'tenure', number: 1 } }, random);
    await store.create(name, new Uint8Array([batchId]), signal);
  }
  return prefix;
}

const state = formatPointer({
  batchId: 30,
  manifest: 'app/C/m',
  checksum: 'x',
  store: 's',
  lineage: 0,
  standsAlone: true,
});
const child = { shardId: 'C', parentShardIds: ['P'], childShardIds: [], hashKeyRange, isHeir: true, state };

/** A holder of the child of P, which had a parent G. */
function holder(store: ObjectStore, rows: () => readonly HeirRow[], ended = ['P', 'G']) {
  const events: MillraceEvent[] = [];
  let looks = 0;
  const shards = new EndedShards({
    store,
    application: 'app',
    group: 'lines:C',
    streamName: 'lines',
    parents: ['P'],
    ended: ended.map((shardId) => ({ shardId, hashKeyRange })),
    groupOf: (shardId) => `lines:${shardId}`,
    rows: async (streamName) => {
      expect(streamName).toBe('lines');
      looks += 1;
      return rows();
    },
    events: { publish: (event) => void events.push(event) },
  });
  return { shards, events, looks: () => looks };
}

describe.each(stores)('what ended shards left in %s', (_, open) => {
  it('is removed a few objects after each commit, told of, and not looked for again', async () => {
    const store = await open();
    const [parent, before] = [await fill(store, 'P', 45), await fill(store, 'G', 3)];
    await store.create(`${parent}notes.json`, new Uint8Array([1]), signal);
    const other = await fill(store, 'PP', 2);
    const { shards, events, looks } = holder(store, () => [child]);
    const counts: number[] = [];
    for (let commit = 1; commit <= 3; commit += 1) {
      await shards.tidy(true, signal);
      counts.push((await store.list(parent, signal)).length + (await store.list(before, signal)).length);
    }
    expect(counts).toEqual([29, 9, 1]);
    expect(await store.list(parent, signal)).toEqual([`${parent}notes.json`]);
    expect(await store.list(other, signal)).toHaveLength(2);
    expect(events).toMatchObject([
      { type: 'state.collected', group: 'lines:C', shardId: 'P', removed: 20, left: 25 },
      { shardId: 'P', removed: 20, left: 5 },
      { shardId: 'P', removed: 5, left: 0 },
      { shardId: 'G', removed: 3, left: 0 },
    ]);
    // The next look finds nothing, and is the last.
    for (let commit = 1; commit <= 20; commit += 1) await shards.tidy(true, signal);
    expect(shards.left).toEqual([]);
    expect(looks()).toBe(1);
  });

  it('is removed by the next holder where one was killed in the midst', async () => {
    const store = await open();
    const prefix = await fill(store, 'P', 30);
    await holder(store, () => [child]).shards.tidy(true, signal);
    expect(await store.list(prefix, signal)).toHaveLength(10);
    await holder(store, () => [child]).shards.tidy(true, signal);
    expect(await store.list(prefix, signal)).toEqual([]);
  });

  it('is removed once by two holders at the same time', async () => {
    const store = await open();
    const prefix = await fill(store, 'P', 15);
    const two = [holder(store, () => [child]), holder(store, () => [child])];
    await Promise.all(two.map(({ shards }) => shards.tidy(true, signal)));
    expect(await store.list(prefix, signal)).toEqual([]);
  });
});

describe('what ended shards left', () => {
  it('stays while it is needed, and is looked for more and more rarely', async () => {
    const store = new MemoryStore();
    const prefix = await fill(store, 'P', 3);
    let rows: readonly HeirRow[] = [child, { ...child, shardId: 'P' }];
    const { shards, looks } = holder(store, () => rows, ['P']);
    const at: number[] = [];
    for (let commit = 1; commit <= 200; commit += 1) {
      const before = looks();
      await shards.tidy(true, signal);
      if (looks() > before) at.push(commit);
    }
    expect(at).toEqual([1, 9, 25, 57, 121]);
    expect(await store.list(prefix, signal)).toHaveLength(3);
    expect(shards.left).toHaveLength(1);
    rows = [child];
    for (let commit = 201; commit <= 249; commit += 1) await shards.tidy(true, signal);
    expect(await store.list(prefix, signal)).toEqual([]);
  });

  it('by its parents is not looked for before the group stands alone; what was left before them is', async () => {
    const store = new MemoryStore();
    const [parent, before] = [await fill(store, 'P', 2), await fill(store, 'G', 2)];
    const { shards } = holder(store, () => [child]);
    await shards.tidy(false, signal);
    expect(await store.list(before, signal)).toEqual([]);
    for (let commit = 1; commit <= 100; commit += 1) await shards.tidy(false, signal);
    expect(await store.list(parent, signal)).toHaveLength(2);
    expect(shards.left.map(({ shardId }) => shardId)).toEqual(['P']);
    for (let commit = 1; commit <= 8; commit += 1) await shards.tidy(true, signal);
    expect(await store.list(parent, signal)).toEqual([]);
  });

  it('is what was there before the rows were read: a row that was made anew begins with objects of its own', async () => {
    const store = new MemoryStore();
    const prefix = await fill(store, 'P', 30);
    const made: string[] = [];
    const commitAnew = async () => {
      const fence = { kind: 'tenure', number: 1 } as const;
      const name = newObjectName(prefix, { kind: 'manifest', batchId: 1, fence }, seededRandom(99));
      await store.create(name, new Uint8Array([1]), signal);
      made.push(name);
    };
    const { shards } = holder(store, () => {
      // A scan that has passed the place of the row already.
      void commitAnew();
      return [child];
    });
    for (let commit = 1; commit <= 3; commit += 1) await shards.tidy(true, signal);
    expect(made).toHaveLength(1);
    expect(await store.list(prefix, signal)).toEqual(made);
  });

  it('is removed later where the store or the table fails, and not at all once the lease is lost', async () => {
    const store = new MemoryStore();
    const prefix = await fill(store, 'P', 5);
    let fault: Error | undefined = new MillraceError('MR_STATE_UNREACHABLE', 'not now');
    const failing: ObjectStore = {
      location: 'x',
      isDurable: true,
      create: () => Promise.reject(new Error('never')),
      read: async () => undefined,
      list: (at, inner) => store.list(at, inner),
      remove: async (name, inner) => {
        if (fault !== undefined && name.includes('000000000002')) throw fault;
        await store.remove(name, inner);
      },
    };
    const { shards, events } = holder(failing, () => [child], ['P']);
    await expect(shards.tidy(true, signal)).rejects.toThrow('not now');
    expect(await store.list(prefix, signal)).toHaveLength(2);
    await expect(shards.tidy(true, signal)).rejects.toThrow('not now');
    fault = undefined;
    await expect(shards.tidy(true, AbortSignal.abort(new Error('lost')))).rejects.toThrow('lost');
    expect(await store.list(prefix, signal)).toHaveLength(2);
    await shards.tidy(true, signal);
    expect(await store.list(prefix, signal)).toEqual([]);
    expect(events).toMatchObject([{ type: 'state.collected', removed: 2, left: 0 }]);

    const prefixOfOther = await fill(store, 'Q', 2);
    let asked = 0;
    const other = holder(failing, () => {
      asked += 1;
      if (asked === 1) throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no table');
      return [{ ...child, parentShardIds: ['Q'] }];
    }, ['Q']);
    await expect(other.shards.tidy(true, signal)).rejects.toThrow('no table');
    for (let commit = 1; commit <= 8; commit += 1) await other.shards.tidy(true, signal);
    expect(await store.list(prefixOfOther, signal)).toEqual([]);
  });
});
